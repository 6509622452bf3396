// Fencing: what stands, what is about to, and what a person says of it.
#include "daemon/cli/commands.h"

namespace extvold::daemon::cli {
namespace {

// All hosts are meant only where that is said.
bool says_which(Context& context, const FenceArgs& args) {
  if (!args.host.empty() || args.all) return true;
  context.io().err << "say what: a host, or --all\n";
  return false;
}

}  // namespace

Exit fence_list(Context& context) {
  return context.show(context.ask({"GET", {"fences"}, {}, nullptr}), render_fences);
}

Exit fence_show(Context& context, const FenceArgs& args) {
  return context.show(context.ask({"GET", {"fences", args.host}, {}, nullptr}), render_fences_of_host);
}

Exit fence_confirm(Context& context, const FenceArgs& args) {
  const auto typed = context.typed(
      args.yes_i_mean,
      fmt::format(
          "You state that {0} cannot write to any volume any more: it is off, or cut from the storage.\n"
          "If that is wrong, data will be destroyed. Type the name of the host ({0}): ",
          args.host));
  if (!typed) return context.fail(typed.error());
  return context.order({"POST",
                        {"fence", "confirm"},
                        {},
                        {{"host", args.host}, {"typed_host", *typed}, {"reason", args.reason}}});
}

Exit fence_hold(Context& context, const FenceArgs& args) {
  if (!says_which(context, args)) return Exit::usage;
  return context.order({"POST", {"fence", "hold"}, {}, {{"host", args.host}, {"reason", args.reason}}});
}

Exit fence_release(Context& context, const FenceArgs& args) {
  if (!says_which(context, args)) return Exit::usage;
  if (args.host.empty() && (args.only_hold || args.forget)) {
    context.io().err << (args.forget ? "--forget" : "--only-hold") << " needs a host\n";
    return Exit::usage;
  }
  return context.order({"POST",
                        {"fence", "release"},
                        {},
                        {{"host", args.host},
                         {"reason", args.reason},
                         {"only_hold", args.only_hold},
                         {"forget", args.forget}}});
}

}  // namespace extvold::daemon::cli
