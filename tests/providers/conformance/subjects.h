// All providers that the conformance suite runs against.
#pragma once

#include "tests/providers/conformance/subject_docker.h"
#include "tests/providers/conformance/subject_local.h"
#include "tests/providers/conformance/subject_scaleio.h"

#define EXTVOLD_SUBJECTS                                                                 \
  extvold::tests::conformance::LocalSubject, extvold::tests::conformance::DockerSubject, \
      extvold::tests::conformance::ScaleioSubject
