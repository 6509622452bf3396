// All providers that the conformance suite runs against. That on a real Ceph is a program of its own.
#pragma once

#ifdef EXTVOLD_SUBJECTS_RBD
#include "tests/providers/rbd/subject_rbd.h"

#define EXTVOLD_SUBJECTS extvold::tests::conformance::RbdSubject
#define EXTVOLD_ATTACHING_SUBJECTS EXTVOLD_SUBJECTS
#else
#include "tests/providers/conformance/subject_csi.h"
#include "tests/providers/conformance/subject_docker.h"
#include "tests/providers/conformance/subject_local.h"
#include "tests/providers/conformance/subject_rexray_cli.h"
#include "tests/providers/conformance/subject_rexray_rest.h"
#include "tests/providers/conformance/subject_scaleio.h"

#define EXTVOLD_SUBJECTS                                                                                  \
  extvold::tests::conformance::LocalSubject, extvold::tests::conformance::CsiSubject,                     \
      extvold::tests::conformance::DockerSubject, extvold::tests::conformance::ScaleioSubject,            \
      extvold::tests::conformance::PowerflexSubject, extvold::tests::conformance::RexrayRestSubject,      \
      extvold::tests::conformance::RexrayCli1Subject, extvold::tests::conformance::RexrayCli2YamlSubject, \
      extvold::tests::conformance::RexrayCli2Subject, extvold::tests::conformance::RexrayCli3Subject,     \
      extvold::tests::conformance::RexrayCli4Subject

// Of those that attach only to the host on which something of theirs runs, also one for which it does.
#define EXTVOLD_ATTACHING_SUBJECTS                                                                           \
  EXTVOLD_SUBJECTS, extvold::tests::conformance::DockerHostSubject,                                          \
      extvold::tests::conformance::RexrayCliHostSubject<extvold::tests::conformance::RexrayCli1Subject>,     \
      extvold::tests::conformance::RexrayCliHostSubject<extvold::tests::conformance::RexrayCli2YamlSubject>, \
      extvold::tests::conformance::RexrayCliHostSubject<extvold::tests::conformance::RexrayCli2Subject>,     \
      extvold::tests::conformance::RexrayCliHostSubject<extvold::tests::conformance::RexrayCli3Subject>,     \
      extvold::tests::conformance::RexrayCliHostSubject<extvold::tests::conformance::RexrayCli4Subject>
#endif
