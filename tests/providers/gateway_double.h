// GatewayDouble: a ScaleIO gateway and the MDM behind it as a state machine, as strict as the real one: a
// login and its token, the API version named in every request, numbers and booleans of requests as texts, ids
// in hexadecimal digits, names of at most 31 characters, 8 GiB steps, `null` for an empty list of mappings.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/ports.h"
#include "tests/providers/conformance/subject.h"
#include "tests/providers/gateway_logins.h"

namespace extvold::tests {

struct DoubleMapping {
  std::string sdc_id;
  std::int64_t limit_iops = 0;
  std::string access = "ReadWrite";
  std::int64_t limit_mb = 0;
};

struct GatewayDouble {
  struct Volume {
    std::string id;
    std::string name;
    std::string pool_id = "92fd353300000000";
    std::string ancestor_id;
    std::int64_t size_kb = 8388608;
    bool to_all = false;
    bool to_scsi = false;
    bool read_only = false;   // accessModeLimit
    std::int64_t writes = 0;  // in the newest sample
    std::vector<DoubleMapping> mappings;
  };
  struct Sdc {
    std::string id;
    std::string guid;  // as the MDM shows it: the case differs between versions
    bool approved = true;
  };

  GatewayDouble();

  HttpResponse answer(const HttpRequest& request);
  Volume* by_id(const std::string& id);
  Volume* by_name(const std::string& name);
  Volume& add(const std::string& name);

  std::vector<Volume> volumes;
  std::vector<Sdc> sdcs;
  GatewayLogins logins;
  std::string version = "3.6";
  bool takes_versions = true;
  int version_refusal = 404;
  std::string forbids;     // requests that end so, whoever asks
  std::string page_after;  // requests that end so are done and answered with a page
  std::function<void(const std::string& path)> before;  // each request
  int done = 0;                                         // changes that were
  bool html = false;                                    // as a gateway of 4.x answers
  bool unmaps = true;                                   // false: it says so and does not
  bool tells_writes = true;
  bool snapshots_are_read_only = false;  // as since 3.5
  bool errors_as_pages = false;          // as some of 4.x are
  bool tells_mappings = true;            // false: without the key
  bool pools_are_erasure_coded = false;  // as "generation 2" of 5.x
  std::string change_error;              // {"message": …} of every change
  std::string change_error_action;       // of this one only
  int change_error_number = 0;

 private:
  HttpResponse answer_to(const HttpRequest& request, const std::string& path);
  bool takes(const std::string& media_type) const;
  HttpResponse get(const std::string& path);
  HttpResponse create(const nlohmann::json& body);
  HttpResponse act(Volume& volume, const std::string& action, const nlohmann::json& body);
  HttpResponse add_mapping(Volume& volume, const nlohmann::json& body);
  HttpResponse snapshot(const nlohmann::json& body);
  HttpResponse pools() const;
  HttpResponse set_limits(DoubleMapping& mapping, const nlohmann::json& body);
  nlohmann::json show(const Volume& volume) const;

  std::uint64_t next_id_ = 0x2f93fa7700000000;
};

bool is_gateway_change(const HttpRequest& request);
HttpResponse gateway_refusal(conformance::Fault fault, const HttpRequest& request);

}  // namespace extvold::tests
