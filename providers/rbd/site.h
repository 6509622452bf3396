// Site: what the verbs of the rbd provider work on: its configuration, the programs, the clock. References
// only; loop thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model/call.h"
#include "model/fence.h"
#include "model/observation.h"
#include "model/provider_info.h"
#include "providers/rbd/image_looks.h"
#include "providers/rbd/own_clients.h"

namespace extvold::providers::rbd {

struct Site {
  const RbdConfig& config;
  const ProviderInfo& info;
  CephTools& tools;
  ImageLooks& looks;
  OwnClients& own;
  const std::function<Instant()>& clock;
  const std::function<void(std::function<void()>)>& defer;  // runs it later, from the loop
};

// Each ends in exactly one callback, never from inside the call.
using CallDone = std::function<void(OperationResult)>;
void create_image(const Site& site, OperationCall call, CallDone done);
void remove_image(const Site& site, OperationCall call, CallDone done);
void resize_image(const Site& site, OperationCall call, CallDone done);
void change_host_fence(const Site& site, FenceCall call, std::function<void(FenceResult)> done);
void check_host_fence(const Site& site, FenceCall call, std::function<void(FenceResult)> done);
// Everything, or with a key that image alone. `seen` has its provider, key and sent_at already.
void observe_images(const Site& site, ProviderObservation seen,
                    std::function<void(ProviderObservation)> done);

// Who has an image of the pools open for writing.
struct OpenImages {
  struct Client {
    std::string image;  // "pool/image"
    AddressRange address;
  };
  std::vector<Client> clients;
  std::string why_incomplete;  // empty: every image was looked at
};
void look_who_has_open(const Site& site, Instant deadline_at, std::function<void(const OpenImages&)> done);

// As whom the operator's table knows that address; else the address itself.
std::string identity_of_client(const ProviderInfo& info, const AddressRange& address);
// Who has the image open, as hosts, in order, once each.
std::vector<std::string> identities_of(const ProviderInfo& info, const std::vector<ClientAddress>& clients);

}  // namespace extvold::providers::rbd
