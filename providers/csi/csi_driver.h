// CsiDriver: a CSI driver's controller service, asked by messages and deadlines; what it is and can do, found
// out at first use. What all calls of the provider share. Private to providers/csi: it brings protobuf's
// headers in.
//
// Loop thread only. Each call ends in exactly one callback, never from inside the call. What it knows of the
// driver's capabilities is forgotten when the driver is not reached, and at each look at everything: another
// one may come up there.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "model/result.h"
#include "providers/csi/csi_config.h"
#include "providers/csi/csi_ports.h"
#include "providers/csi/rpc_channel.h"
#include "providers/csi/rpc_status.h"
#include "providers/csi/seen_volumes.h"

namespace extvold::providers::csi {

template <typename Response>
using Replied = tl::expected<Response, RpcProblem>;

using SecretTexts = google::protobuf::Map<std::string, std::string>;

class CsiDriver {
 public:
  // `config` must outlive it.
  CsiDriver(const CsiConfig& config, const std::string& endpoint, CsiPorts ports);

  Instant now() const { return ports_.clock(); }
  const CsiConfig& config() const { return config_; }
  void defer(std::function<void()> closure) { channel_.defer(std::move(closure)); }

  // `method`: "/csi.v1.Controller/CreateVolume".
  template <typename Response, typename Request>
  void call(const std::string& method, const Request& request, Instant until,
            std::function<void(Replied<Response>)> done) {
    send(method, request.SerializeAsString(), until,
         [method, done = std::move(done)](Replied<std::string> bytes) {
           if (!bytes) return done(tl::make_unexpected(std::move(bytes).error()));
           Response response;
           if (response.ParseFromString(*bytes)) return done(std::move(response));
           done(tl::make_unexpected(unreadable(method)));
         });
  }

  // The same, with what `place` holds as the request's secrets. A secret that a driver repeats in its error
  // is not passed on.
  template <typename Response, typename Request>
  void call(const std::string& method, Request request, const SecretTexts& secrets, Instant until,
            std::function<void(Replied<Response>)> done) {
    *request.mutable_secrets() = secrets;
    call<Response>(method, request, until, [secrets, done = std::move(done)](Replied<Response> reply) {
      if (!reply) hide(secrets, reply.error());
      done(std::move(reply));
    });
  }

  // What the file `place` holds; empty place: none. Errors: permission or invalid, nothing was sent.
  Result<SecretTexts> secrets(const std::string& place) const;

  // Whether it has a volume of this id, by ValidateVolumeCapabilities, which every driver has: what it
  // confirms of it does not matter. Errors of the secrets come from inside the call.
  void validate(const std::string& id, Instant until,
                std::function<void(Result<Replied<pb::ValidateVolumeCapabilitiesResponse>>)> done);

  // What it is and can do is asked for anew.
  void forget() { known_.reset(); }
  // For a driver that validates anything: what it was told to remove, and said OK. Until the next start.
  void note_removed(const std::string& id) { removed_.insert(id); }
  bool is_removed(const std::string& id) const { return removed_.contains(id); }

  // Errors say what the driver lacks that the configuration counts on, and what to do.
  void discover(Instant until, std::function<void(Result<DriverCapabilities>)> done);

 private:
  struct Discovery;

  static RpcProblem unreadable(const std::string& method);
  static void hide(const SecretTexts& secrets, RpcProblem& problem);
  void send(const std::string& method, const std::string& request, Instant until,
            std::function<void(Replied<std::string>)> done);
  void probe(const std::shared_ptr<Discovery>& found);
  void ask_name(const std::shared_ptr<Discovery>& found);
  void ask_plugin(const std::shared_ptr<Discovery>& found);
  void ask_controller(const std::shared_ptr<Discovery>& found);
  void ask_about_nothing(const std::shared_ptr<Discovery>& found);
  void end(const std::shared_ptr<Discovery>& found);
  Status check(const DriverCapabilities& can) const;

  const CsiConfig& config_;
  CsiPorts ports_;
  RpcChannel channel_;
  std::optional<DriverCapabilities> known_;
  std::set<std::string> removed_;
};

}  // namespace extvold::providers::csi
