#include "daemon/cli/cli.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "daemon/cli/commands.h"
#include "daemon/cli/run.h"

namespace extvold::daemon::cli {
namespace {

constexpr const char* kAbout =
    "extvold: attaches, detaches, formats and guards the external volumes of a Mesos cluster.";

constexpr const char* kFooter = R"(Where to begin:
  extvold config check                what is wrong with the configuration, and how to mend it
  extvold reconcile --dry-run         what would be done, why, and what is blocked on whom
  extvold release --all               a new ledger only watches; from here on it acts
  extvold status                      the daemon, the master, the providers, what is unresolved
  extvold explain VOLUME              why a volume is where it is, or why it is not
  extvold history VOLUME              what was done with it, by which rule, on which evidence

Exit status: 0 done; 1 refused or failed (standard error says why); 2 with --detailed-exitcode: there is
something to do; 3 the command needs a running daemon; 4 wrong usage or configuration.

The daemon is asked over its socket. Where none runs, questions are answered from the ledger as of its last
commit, and orders are committed to the ledger for the next daemon. The ledger can be read at any time:
  sqlite3 /var/lib/extvold/ledger.db 'select * from volume_status')";

// The commands of the command line: makes the arguments, and remembers which command to run.
class CommandLine {
 public:
  explicit CommandLine(Context& context) : context_(context), app_(kAbout, "extvold") {
    app_.footer(kFooter);
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.get_formatter()->column_width(34);
    app_.add_option("--config", context_.config_file, "Configuration file")
        ->type_name("FILE")
        ->envname("EXTVOLD_CONFIG")
        ->capture_default_str();
    app_.add_option("--output", output_, "How answers are written: table or json")
        ->check(CLI::IsMember({"table", "json"}))
        ->type_name("")
        ->capture_default_str();
    add_serve();
    add_reconcile();
    add_volume();
    add_looks();
    add_providers();
    add_holds();
    add_fence();
    add_agent();
    add_reservation();
    add_ledger();
    add_own();
  }

  std::vector<CommandName> names() { return names_below(app_, ""); }

  int run(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      const int code = app_.exit(error, context_.io().out, context_.io().err);
      return code == 0 ? 0 : static_cast<int>(Exit::usage);
    }
    context_.output = *from_text<Output>(output_);
    return static_cast<int>(action_());
  }

 private:
  static std::vector<CommandName> names_below(CLI::App& app, const std::string& above) {
    std::vector<CommandName> out;
    for (CLI::App* one : app.get_subcommands([](CLI::App*) { return true; })) {
      const std::string path = above + one->get_name();
      std::vector<CommandName> below = names_below(*one, path + " ");
      if (below.empty()) {
        CommandName& name = out.emplace_back();
        name.path = path;
        for (const CLI::Option* option : one->get_options()) {
          if (!option->get_lnames().empty() && option->get_lnames().front() != "help")
            name.options.push_back("--" + option->get_lnames().front());
        }
      }
      std::move(below.begin(), below.end(), std::back_inserter(out));
    }
    return out;
  }

  CLI::App* command(CLI::App& parent, const char* name, const char* about, std::function<Exit()> action) {
    CLI::App* out = parent.add_subcommand(name, about);
    out->fallthrough();
    out->callback([this, action = std::move(action)] { action_ = action; });
    return out;
  }

  CLI::App* group(const char* name, const char* about) {
    CLI::App* out = app_.add_subcommand(name, about);
    out->require_subcommand(1);
    out->fallthrough();
    return out;
  }

  void add_serve() {
    command(app_, "serve", "Run the daemon in the foreground", [this] { return serve(context_); })
        ->footer(
            "Logs structured lines to standard error and tells systemd when it is ready. SIGTERM ends it: no "
            "operation is\n"
            "started any more, and those that run are waited for. SIGHUP reads the configuration again.");
  }

  void add_reconcile() {
    CLI::App* one = command(app_, "reconcile", "Say what is to be done (--dry-run), or do it once",
                            [this] { return reconcile(context_, reconcile_); });
    one->add_flag("--dry-run", reconcile_.dry_run,
                  "Look at everything, print the plan, change nothing anywhere");
    one->add_flag("--of-daemon", reconcile_.of_daemon,
                  "With --dry-run: the running daemon's own state and plan");
    one->add_flag("--detailed-exitcode", reconcile_.detailed_exitcode,
                  "Exit 2 if there is something to do, 1 if not everything was seen");
    one->add_option("--record", reconcile_.record,
                    "With --dry-run: write what the plan was made from into this new folder")
        ->type_name("DIR");
    one->add_option("--wait", reconcile_.wait, "How long to wait for a complete view")
        ->type_name("TIME")
        ->capture_default_str();
    one->footer(
        "The plan has one line an operation: what, why, after which other one, what it waits for; then what "
        "is blocked,\n"
        "why, and who must act; then when it is looked at next.\n"
        "Without --dry-run, a running daemon is told to look at everything at once.\n\n"
        "Examples:\n"
        "  extvold reconcile --dry-run\n"
        "  extvold reconcile --dry-run --output json | jq '.blocked[] | select(.owner == \"operator\")'\n"
        "  extvold reconcile --dry-run --record /tmp/case   # a folder for a bug report; names of the "
        "cluster are in it");
  }

  void add_volume() {
    CLI::App& volume = *group("volume", "Make, list, place and remove volumes");
    add_volume_making(volume);
    CLI::App* list = command(volume, "list", "All volumes", [this] {
      return foreign_ ? volume_list_foreign(context_) : volume_list(context_, removed_too_);
    });
    list->add_flag("--removed", removed_too_, "Also those that are gone");
    list->add_flag("--foreign", foreign_,
                   "What the providers have that is no volume of extvold's: with the keys for `volume adopt`")
        ->excludes("--removed");
    name(command(volume, "show", "Everything that is recorded of one",
                 [this] { return volume_show(context_, volume_); }));
    host(name(command(volume, "attach", "Order it to a host, ahead of any task",
                      [this] { return volume_attach(context_, volume_); })));
    host(name(command(volume, "detach", "Take back such an order",
                      [this] { return volume_detach(context_, volume_); })))
        ->footer(
            "It is detached once nothing else claims it there. There is no forced detach: see `extvold "
            "fence`.");
    mean(name(command(volume, "remove", "Move it to the trash, for 7 days", [this] {
      return volume_remove(context_, volume_);
    })))->footer("Refused while any task claims it, any host has it, or an operation is uncertain.");
    name(command(volume, "restore", "Take it out of the trash",
                 [this] { return volume_restore(context_, volume_); }));
    mean(name(command(volume, "purge", "Delete it for good, out of the trash", [this] {
      return volume_purge(context_, volume_);
    })))->add_flag("--now", volume_.now, "Before its 7 days are over");
    CLI::App* resize = name(command(volume, "resize", "Make it larger; nothing makes it smaller",
                                    [this] { return volume_resize(context_, volume_); }));
    resize->add_option("--size", volume_.size, "Its size then, rounded up to what the provider can")
        ->required()
        ->type_name("SIZE");
    resize->footer(
        "The device grows, with its data, while it is in use where the provider can. The filesystem on it "
        "is grown by whoever\n"
        "has it mounted, on that host: xfs_growfs MOUNTPOINT, or resize2fs DEVICE.\n"
        "The size that it has takes back an order that was not carried out yet.");
    CLI::App* format = mean(name(command(volume, "format", "Try a refused format again",
                                         [this] { return volume_format(context_, volume_); })));
    format->add_option("--reason", volume_.reason, "Why; it is recorded")->required();
    format->footer(
        "Only a volume that extvold made itself. It is probed again all the same, and formatted only if "
        "blank.");
  }

  void add_volume_making(CLI::App& volume) {
    CLI::App* create =
        command(volume, "create", "Make a volume", [this] { return volume_create(context_, create_); });
    create->add_option("NAME", create_.order.name, "Its name, unique in the cluster")->required();
    create->add_option("--pool", create_.pool, "type~instance~pool")->required()->type_name("POOL");
    create
        ->add_option("--size", create_.size,
                     "Size, rounded up to what the provider can; MB is 2^20 bytes, GB 2^30. Of a copy: as "
                     "its source, if left out")
        ->type_name("SIZE");
    create
        ->add_option("--fs", create_.filesystem,
                     "ext4, xfs or none: made once, when the volume is made. Left out: none; of a copy, what "
                     "its source has")
        ->type_name("FS");
    create
        ->add_option("--access", create_.access,
                     "rw: one host at a time; ro: many readers; shared: many writers")
        ->type_name("ACCESS")
        ->capture_default_str();
    create
        ->add_option("--iops", create_.order.iops, "Guaranteed operations a second, counted against the pool")
        ->type_name("N");
    create
        ->add_option("--from", create_.order.from,
                     "Copy this volume of the same provider; a copy is never formatted")
        ->type_name("VOLUME");
    create
        ->add_option("--mount-point", create_.order.mount_point,
                     "Where a host is to mount it; else it is only attached")
        ->type_name("PATH");
    create
        ->add_option("--profile", create_.order.profile,
                     "[profiles.NAME] of the configuration: when and how a host that keeps it is fenced")
        ->type_name("NAME");
    create->footer("Example:\n  extvold volume create pgdata --pool local~laptop~hdd --size 10GB --fs ext4");
    CLI::App* adopt = command(volume, "adopt", "Take over one that exists at the provider",
                              [this] { return volume_adopt(context_, adopt_); });
    adopt->add_option("NAME", adopt_.order.name, "Its name from now on")->required();
    adopt->add_option("--pool", adopt_.pool, "type~instance~pool")->required()->type_name("POOL");
    adopt->add_option("--key", adopt_.order.provider_key, "Its name at the provider")
        ->required()
        ->type_name("KEY");
    adopt->add_option("--fs", adopt_.filesystem, "What is on it: ext4, xfs or none")
        ->type_name("FS")
        ->capture_default_str();
    adopt->add_option("--access", adopt_.access, "rw, ro or shared")
        ->type_name("ACCESS")
        ->capture_default_str();
    adopt->footer(
        "It is never formatted and never deleted by extvold. Where it is attached, somebody may be using it: "
        "that\n"
        "claim stays `unknown` until it is proven otherwise.");
  }

  void add_looks() {
    command(app_, "status", "The daemon, its view of Mesos, the providers",
            [this] { return status(context_); });
    CLI::App* one = command(app_, "history", "What was done, why, and who asked",
                            [this] { return history(context_, history_); });
    one->add_option("VOLUME", history_.volume, "Only of this volume");
    one->add_option("--host", history_.host, "Only of this host")->type_name("HOST");
    one->add_option("--task", history_.task, "Only of this task")->type_name("TASK");
    one->add_option("--framework", history_.framework, "Only of this framework's id")->type_name("ID");
    one->add_option("--since", history_.since, "From this time on: \"2026-01-31T12:00:00Z\" or \"2h\"")
        ->type_name("TIME");
    one->add_option("--limit", history_.limit, "The newest so many")
        ->type_name("N")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    one->footer(
        "Examples:\n"
        "  extvold history pgdata --since 1d\n"
        "  extvold history --output json | jq -r '.history[] | select(.user_uid != null) | [.at, .user_uid, "
        ".text] | @tsv'");
    CLI::App* why = command(app_, "explain", "Why a volume is as it is, and who must act",
                            [this] { return explain(context_, target_); });
    why->add_option("VOLUME", target_, "Its name")->required();
  }

  void add_providers() {
    CLI::App& provider = *group("provider", "Storage providers: what they can do, and whether they answer");
    command(provider, "list",
            "Each with its pools, what it can and cannot do, and the difference to the ledger",
            [this] { return provider_list(context_); });
    CLI::App* check = command(provider, "check", "Ask one now, as the daemon would; changes nothing",
                              [this] { return provider_check(context_, target_); });
    check->add_option("NAME", target_, "As in [providers.NAME], or TYPE~NAME")->required();
    check->footer(
        "It proves that the configuration, the credentials and the tools do. Exit status 1: its list is not "
        "whole.");
  }

  // A forgotten argument must not mean everything.
  Exit target_or_all(Exit (*order)(Context&, const std::string&)) {
    if (!target_.empty() || all_) return order(context_, target_);
    context_.io().err << "say what: a host, a volume, or --all\n";
    return Exit::usage;
  }

  void add_holds() {
    CLI::App* held = command(app_, "hold", "Change nothing any more: everything, a host, or a volume",
                             [this] { return target_or_all(hold); });
    CLI::App* released = command(app_, "release", "Let it act: everything, a host, or a volume",
                                 [this] { return target_or_all(release); });
    for (CLI::App* one : {held, released}) {
      CLI::Option* target = one->add_option("TARGET", target_, "A host or a volume");
      CLI::Option* all = one->add_flag("--all", all_, "Everything");
      target->excludes(all);
    }
    released->footer(
        "A new, restored or copied ledger only observes: look at `extvold reconcile --dry-run` first. --all "
        "also\n"
        "releases the storm guard. What is held by name stays held.");
  }

  void add_fence() {
    CLI::App& fence = *group("fence", "Hosts that are cut off from storage, and what you know of them");
    command(fence, "list", "Fences that stand, hosts that are quarantined or held, clocks that run",
            [this] { return fence_list(context_); });
    CLI::App* show = command(fence, "show", "All that is known of one host's fences",
                             [this] { return fence_show(context_, fence_); });
    show->add_option("HOST", fence_.host, "Its name")->required();
    show->footer(
        "Its fences with what each proves, those that ended, its quarantine, the clocks that run for it, and "
        "what was\ntried and failed. `extvold explain VOLUME` says the same from the volume's side.");
    CLI::App* confirm = command(fence, "confirm", "State that a host cannot write to any volume any more",
                                [this] { return fence_confirm(context_, fence_); });
    confirm->add_option("HOST", fence_.host, "Its name")->required();
    confirm->add_option("--reason", fence_.reason, "How you know; it is recorded with your uid")->required();
    confirm->add_option("--yes-i-mean", fence_.yes_i_mean, "The host's name once more, for scripts")
        ->type_name("HOST");
    confirm->footer(
        "Make sure first: power it off, or cut it from the storage. extvold takes your word for it: the "
        "volumes that are\n"
        "attached there may go to other hosts. The host is quarantined until `extvold fence release`.\n\n"
        "Example:\n  extvold fence confirm a1 --reason 'powered off by hand, ticket 4711'");
    add_fence_orders(fence);
  }

  void add_fence_orders(CLI::App& fence) {
    CLI::App* hold = command(fence, "hold", "Fence this host, or any, only when a person says so",
                             [this] { return fence_hold(context_, fence_); });
    CLI::App* release = command(fence, "release", "A host is clean: lift its fences, end its quarantine",
                                [this] { return fence_release(context_, fence_); });
    for (CLI::App* one : {hold, release}) {
      CLI::Option* host = one->add_option("HOST", fence_.host, "Its name");
      CLI::Option* all = one->add_flag("--all", fence_.all, "Fencing as a whole");
      host->excludes(all);
    }
    hold->add_option("--reason", fence_.reason, "Why; it is recorded with your uid");
    hold->footer(
        "--all: no host is fenced by itself any more. What stands already stays. `extvold fence release` "
        "ends "
        "it.");
    release->add_flag("--only-hold", fence_.only_hold,
                      "It may be fenced again after `fence hold HOST`; nothing is said of its leftovers");
    release
        ->add_flag("--forget", fence_.forget,
                   "End the fences that a release could not take back: what made them is gone for good")
        ->excludes("--only-hold");
    release->add_option("--reason", fence_.reason, "How you know; it is recorded with your uid")->required();
    release->footer(
        "HOST: make sure first that nothing of it still writes: rebooted, or no stale mount left. Its fences "
        "are lifted one\nby one, each read back; only then it gets volumes again. Refused while a volume "
        "that was taken from it is still\nattached there; and while a host that is quarantined is also held "
        "by `fence hold HOST`: end that first, by --only-hold.\n"
        "--all: hosts are fenced again after `fence hold`, or after the storm guard stopped it. Those held "
        "by name stay held.\n\n"
        "Examples:\n  extvold fence release a1 --reason 'rebooted, nothing mounted'\n"
        "  extvold fence release --all --reason 'a rack lost its power, these hosts are off'");
  }

  CLI::App* asks(CLI::App& parent, const char* name, const char* about, MesosOperationKind kind) {
    CLI::App* one = command(parent, name, about, [this, kind] { return agent_ask(context_, kind, agent_); });
    one->add_option("AGENT", agent_.agent, "Its id, or its hostname")->required();
    one->add_option("--reason", agent_.reason, "Why; it is recorded");
    one->add_flag("--dry-run", agent_.dry_run, "Say what would be asked of the master, and do not ask");
    return one;
  }

  void add_agent() {
    CLI::App& agent = *group("agent", "The agents of the cluster, and what the master is to do with them");
    command(agent, "list", "All that are known, with their state", [this] { return agent_list(context_); });
    asks(agent, "deactivate", "No more offers of it; its tasks run on", MesosOperationKind::deactivate_agent);
    asks(agent, "reactivate", "Offer it again", MesosOperationKind::reactivate_agent);
    CLI::App* drain =
        asks(agent, "drain", "End its tasks, offer it no more", MesosOperationKind::drain_agent);
    drain
        ->add_option("--grace", agent_.grace,
                     "At most so long for a task to end; default: as the task has it")
        ->type_name("TIME");
    drain->add_flag("--mark-gone", agent_.mark_gone, "And mark it gone when the last has ended");
    CLI::App* gone = asks(agent, "mark-gone", "State that it never comes back under its id",
                          MesosOperationKind::mark_agent_gone);
    for (CLI::App* one : {drain, gone}) {
      one->add_option("--yes-i-mean", agent_.yes_i_mean, "The agent once more, for scripts")
          ->type_name("AGENT");
    }
    gone->footer(
        "It proves nothing about what runs there: no volume is detached because of it. See `extvold fence`.\n"
        "Each of these has to be allowed by [mesos] operations in the configuration.");
  }

  CLI::App* asks_of_resources(CLI::App& parent, const char* name, const char* about,
                              MesosOperationKind kind) {
    CLI::App* one =
        command(parent, name, about, [this, kind] { return reservation_ask(context_, kind, reservation_); });
    one->add_option("AGENT", reservation_.agent, "Its id, or its hostname")->required();
    one->add_option("--role", reservation_.request.role, "Whose reservation it is")
        ->required()
        ->type_name("ROLE");
    one->add_option("--reason", reservation_.reason, "Why; it is recorded");
    one->add_flag("--dry-run", reservation_.dry_run, "Say what would be asked of the master, and do not ask");
    return one;
  }
  void labels(CLI::App* one) {
    one->add_option("--label", reservation_.labels, "Label of the reservation, may be repeated")
        ->type_name("KEY=VALUE");
  }

  void add_reservation() {
    CLI::App& reservation = *group("reservation", "Dynamic reservations and persistent volumes of agents");
    command(reservation, "list", "All that the agents have, as the master lists them",
            [this] { return reservation_list(context_); });
    CLI::App* reserve = asks_of_resources(reservation, "reserve", "Reserve a part of a resource",
                                          MesosOperationKind::reserve_resources);
    CLI::App* unreserve = asks_of_resources(reservation, "unreserve", "Give back a part of a reservation",
                                            MesosOperationKind::unreserve_resources);
    for (CLI::App* one : {reserve, unreserve}) {
      one->add_option("RESOURCE", reservation_.request.resource, "Its name, as disk or ext-storage-inst1")
          ->required();
      one->add_option("AMOUNT", reservation_.amount, "How much, in its own unit (disk: MB)")->required();
      labels(one);
    }
    CLI::App* create =
        asks_of_resources(reservation, "create-volume", "Make a persistent volume of reserved disk",
                          MesosOperationKind::create_volumes);
    CLI::App* destroy = asks_of_resources(reservation, "destroy-volume", "Destroy a persistent volume",
                                          MesosOperationKind::destroy_volumes);
    for (CLI::App* one : {create, destroy})
      one->add_option("ID", reservation_.request.persistence_id, "Its persistence id")->required();
    create->add_option("SIZE", reservation_.size, "MB is 2^20 bytes, GB 2^30")->required();
    create->add_option("--path", reservation_.request.container_path, "Where containers see it")
        ->required()
        ->type_name("PATH");
    labels(create);
    for (CLI::App* one : {reserve, unreserve, create}) {
      one->add_option("--principal", reservation_.request.principal,
                      "Whose reservation; default: when one is made, the one that extvold is to the master")
          ->type_name("NAME");
    }
    destroy->add_option("--yes-i-mean", reservation_.yes_i_mean, "Its id once more, for scripts")
        ->type_name("ID");
    reserve->footer(
        "These are Mesos' own reservations and volumes on the agents' disks; extvold's are under `extvold "
        "volume`.\n"
        "Each of these has to be allowed by [mesos] operations in the configuration.\n\n"
        "Example:\n  extvold reservation reserve a1 ext-storage-inst1 10240 --role db --label "
        "extvold.volume=pgdata");
  }

  void add_ledger() {
    CLI::App& ledger = *group("ledger", "Check, back up and restore the ledger");
    CLI::App* check = command(ledger, "check", "Check its invariants and its pages; a daemon may run",
                              [this] { return ledger_check(context_, full_); });
    check->add_flag("--full", full_, "Compare every index with its table too; slow");
    command(ledger, "backup", "Copy it into one file; a daemon may run",
            [this] { return ledger_backup(context_, target_); })
        ->add_option("FILE", target_, "A file that is not there yet")
        ->required();
    CLI::App* restore = command(ledger, "restore", "Put a backup in its place; no daemon may run",
                                [this] { return ledger_restore(context_, target_); });
    restore->add_option("FILE", target_, "Made by `extvold ledger backup`")->required();
    restore->footer(
        "The restored ledger only observes, all evidence is void, and what was attached is uncertain until "
        "it was seen.\n"
        "Copying the file in any other way is noticed and treated the same.");
  }

  void add_own() {
    CLI::App& config = *group("config", "The configuration file");
    command(config, "check", "Say all that is wrong with it, and how to mend it",
            [this] { return config_check(context_); });
    command(app_, "version", "The version of this program", [this] { return version(context_); });
  }

  CLI::App* name(CLI::App* one) {
    one->add_option("NAME", volume_.name, "The volume")->required();
    return one;
  }
  CLI::App* host(CLI::App* one) {
    one->add_option("HOST", volume_.host, "The host's name")->required();
    return one;
  }
  CLI::App* mean(CLI::App* one) {
    one->add_option("--yes-i-mean", volume_.yes_i_mean, "The volume's name once more, for scripts")
        ->type_name("NAME");
    return one;
  }

  Context& context_;
  CLI::App app_;
  std::string output_ = "table";
  std::function<Exit()> action_;
  ReconcileArgs reconcile_;
  VolumeCreateArgs create_;
  VolumeAdoptArgs adopt_;
  VolumeArgs volume_;
  HistoryArgs history_;
  FenceArgs fence_;
  AgentArgs agent_;
  ReservationArgs reservation_;
  std::string target_;
  bool all_ = false;
  bool removed_too_ = false;
  bool foreign_ = false;
  bool full_ = false;
};

std::optional<std::string> ask_terminal(const std::string& prompt) {
  if (::isatty(STDIN_FILENO) == 0) return std::nullopt;
  std::cerr << prompt << std::flush;
  std::string line;
  if (!std::getline(std::cin, line)) return std::nullopt;
  return line;
}

bool wants_colours() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) != 0 && (no_color == nullptr || *no_color == '\0') &&
         (term == nullptr || std::string_view(term) != "dumb");
}

}  // namespace

int run(int argc, const char* const* argv, Io& io) {
  Context context(io);
  return CommandLine(context).run(argc, argv);
}

std::vector<CommandName> command_names() {
  Io io{std::cout, std::cerr, ask_terminal, 0, false};
  Context context(io);
  return CommandLine(context).names();
}

int run(int argc, const char* const* argv) {
  Io io{std::cout, std::cerr, ask_terminal, ::getuid(), wants_colours()};
  const int code = run(argc, argv, io);
  std::cout.flush();
  return code;
}

}  // namespace extvold::daemon::cli
