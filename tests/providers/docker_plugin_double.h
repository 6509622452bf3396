// DockerPluginDouble: a Docker volume plugin as a state machine. It answers byte for byte as the recordings
// of a real one do (tests/data/docker-plugin, a REX-Ray with the vfs driver), and is as strict and as lax as
// it: a volume that is mounted can be removed, a name may be there twice, Create of what exists is silent,
// Mount and Unmount are counted for a name, whatever their ID says. The switches make other plugins of it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/ports.h"
#include "tests/providers/conformance/subject.h"

namespace extvold::tests {

struct DoubleVolume {
  std::string name;
  std::map<std::string, std::string> options;
  std::vector<std::string> users;  // ids of Mount
  bool was_unmounted = false;
};

struct DockerPluginDouble {
  std::vector<DoubleVolume> volumes;
  bool old_errors = false;  // 200 with Err, as plugins did before the Go kit
  bool shows_mounts = true;
  bool shows_mount_in_path_only = true;  // a REX-Ray asks for no attachments in Get and List
  bool always_shows_mountpoint = false;  // as sshfs and local-persist do, mounted or not
  // After an Unmount, Path does not find what Get shows: a REX-Ray looks then for what is attached to its
  // host.
  bool loses_path = true;
  bool counts_calls = true;  // else by ID: a Mount that comes twice is one user
  bool knows_capabilities = true;
  std::string missing_text;  // what Get says of a missing name, before that name
  std::string scope = "global";
  std::string implements = "VolumeDriver";
  std::string get_error;     // what Get says of everything
  std::string change_error;  // what Create, Mount, Unmount and Remove say, after doing it if `does_it_first`
  bool does_it_first = false;
  std::vector<std::string> left_out_of_list;

  HttpResponse answer(const HttpRequest& request);
  DoubleVolume* find(const std::string& name);

 private:
  HttpResponse change(const std::string& method, const std::string& name, const std::string& body);
};

bool is_docker_change(const HttpRequest& request);
HttpResponse docker_refusal(conformance::Fault fault, const HttpRequest& request);

// "HTTP/1.1 200 OK" and so on: what a recording holds below its "---".
struct RecordedCall {
  std::string path;
  std::string request_body;
  HttpResponse response;
};
RecordedCall recorded_docker_call(const std::string& name);

}  // namespace extvold::tests
