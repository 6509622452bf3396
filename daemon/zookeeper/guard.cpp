#include "daemon/zookeeper/guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace extvold::daemon::zookeeper {
namespace {

constexpr Duration kTryLater = seconds(2);
constexpr std::size_t kSequenceDigits = 10;
constexpr std::string_view kPrefix = "guard-";
constexpr std::string_view kActedPrefix = "acted-";

// "guard-<session>-0000000012", as ZooKeeper numbers it. Whoever made the node, its number counts.
// "acted-<ledger>-0000000012": that ledger's daemon acted under the guard of that number.
std::optional<std::int64_t> sequence_of(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || name.size() <= prefix.size() + kSequenceDigits) return std::nullopt;
  const std::string_view digits = name.substr(name.size() - kSequenceDigits);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// Written by another daemon, or by anybody.
std::string holder_text(std::string_view data, const std::string& name) {
  const auto json = nlohmann::json::parse(data, nullptr, /*allow_exceptions=*/false);
  const auto host = json.is_object() ? json.find("host") : json.end();
  const auto* text = host == json.end() ? nullptr : host->get_ptr<const std::string*>();
  const bool plain = text != nullptr && !text->empty() && text->size() <= 255 &&
                     std::all_of(text->begin(), text->end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!plain) return fmt::format("an unknown daemon (node {})", name);
  const auto pid = json.find("pid");
  const auto* number = pid == json.end() ? nullptr : pid->get_ptr<const nlohmann::json::number_integer_t*>();
  return number == nullptr ? fmt::format("host {}", *text) : fmt::format("host {} (pid {})", *text, *number);
}

}  // namespace

std::string guard_node_prefix(std::int64_t session_id) {
  return fmt::format("{}{:016x}-", kPrefix, static_cast<std::uint64_t>(session_id));
}

ActedBefore acted_before(const std::vector<std::string>& names, std::string_view ledger) {
  ActedBefore out;
  std::int64_t newest = -1;
  std::int64_t newest_own = -1;
  const std::string own = fmt::format("{}{}-", kActedPrefix, ledger);
  for (const std::string& name : names) {
    const auto sequence = sequence_of(name, kActedPrefix);
    if (!sequence) continue;
    const bool is_own =
        !ledger.empty() && name.starts_with(own) && name.size() == own.size() + kSequenceDigits;
    if (!is_own) out.others = true;
    if (*sequence > newest) {
      newest = *sequence;
      out.newest_is_other = !is_own;
    }
    if (!is_own) continue;
    if (*sequence < newest_own) {
      out.own_older.push_back(name);
      continue;
    }
    if (!out.own.empty()) out.own_older.push_back(std::move(out.own));
    out.own = name;
    newest_own = *sequence;
  }
  return out;
}

Guard::Guard(uv::Loop& loop, const Clock& clock, Session& session, std::string path, GuardIdentity identity,
             std::function<void()> changed)
    : clock_(clock),
      session_(session),
      path_(std::move(path)),
      identity_(std::move(identity)),
      changed_(std::move(changed)),
      retry_(loop),
      lapse_(loop) {
  if (session_.connected()) make_path(1);
}

// Two thirds: the servers may end the session after three, counted from the same moment.
Instant Guard::held_until() const {
  const Instant confirmed = session_.confirmed_at();
  return confirmed == Instant{} ? Instant{} : confirmed + Duration{session_.timeout().ns / 3 * 2};
}

std::string Guard::reason(Instant now) const {
  if (acting(now)) return {};
  if (!error_.empty()) return fmt::format("extvold's guard {} in ZooKeeper: {}", path_, error_);
  if (!session_.connected() || lapsed_ || (lowest_ && now >= held_until())) {
    return fmt::format("extvold's guard {} is not held for certain: {}", path_,
                       session_.error().empty() ? "ZooKeeper does not answer" : session_.error());
  }
  if (!holder_.empty())
    return fmt::format("{} acts for this cluster: it holds the guard {} in ZooKeeper", holder_, path_);
  return fmt::format("extvold's guard {} in ZooKeeper is being asked for", path_);
}

void Guard::on_session(SessionState state) {
  ++round_;
  retry_.stop();
  if (state == SessionState::connected) {
    if (node_.empty()) return make_path(1);
    return list();
  }
  if (state == SessionState::lost) {
    node_.clear();  // it is gone, or goes with the session
    lapsed_ = false;
    set_lowest(false, 0, {}, {});
  }
  changed_();  // the reason is another one
}

void Guard::on_confirmed() {
  if (lowest_) {
    lapse_.start(held_until() - clock_.now(), [this] { lapse(); });
    changed_();  // acting() may have become true again before lapse_ came
  } else if (session_.connected() && !node_.empty() && std::exchange(lapsed_, false)) {
    list();
  }
}

// Nobody has confirmed the session for too long: it may be about to end.
void Guard::lapse() {
  if (clock_.now() < held_until()) {
    lapse_.start(held_until() - clock_.now(), [this] { lapse(); });
    return;
  }
  ++round_;
  lapsed_ = true;
  set_lowest(false, 0, {}, {});
}

// /extvold, /extvold/mesos: one after the other; who comes second finds them. Looked for first, because
// ZooKeeper answers "not allowed" also for what exists.
void Guard::make_path(std::size_t from) {
  ++round_;
  if (from > path_.size()) return look_for_own();
  const std::size_t end = std::min(path_.find('/', from), path_.size());
  const std::string part = path_.substr(0, end);
  session_.exists(part, nullptr, in_this_round([this, part, end](const Result<bool>& exists) {
                    if (!exists) return failed(exists.error());
                    if (*exists) return make_path(end + 1);
                    make_part(part, end);
                  }));
}

void Guard::make_part(const std::string& part, std::size_t end) {
  session_.create(part, "", NodeKind::permanent, in_this_round([this, end](const Result<std::string>& made) {
                    if (!made && made.error().code != Errc::conflict) return failed(made.error());
                    make_path(end + 1);
                  }));
}

// A create whose answer got lost may have made the node all the same.
void Guard::look_for_own() {
  session_.children(
      path_, [] {}, in_this_round([this](const Result<std::vector<std::string>>& names) {
        if (!names) return failed(names.error());
        const auto own = std::find_if(names->begin(), names->end(),
                                      [&](const auto& name) { return name.starts_with(own_prefix()); });
        if (own == names->end()) return create();
        node_ = *own;
        list();
      }));
}

std::string Guard::node_data() const {
  const nlohmann::json data = {{"host", identity_.host}, {"pid", identity_.pid}};
  return data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void Guard::create() {
  session_.create(fmt::format("{}/{}", path_, own_prefix()), node_data(), NodeKind::ephemeral_sequential,
                  in_this_round([this](const Result<std::string>& made) {
                    if (!made) return failed(made.error());
                    node_ = made->substr(made->rfind('/') + 1);
                    list();
                  }));
}

void Guard::list() {
  ++round_;
  retry_.stop();
  session_.children(path_, in_this_round([this] { list(); }),
                    in_this_round([this](const Result<std::vector<std::string>>& names) {
                      if (!names) return failed(names.error());
                      on_members(*names);
                    }));
}

void Guard::on_members(const std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), node_) == names.end()) {  // somebody has removed it
    node_.clear();
    set_lowest(false, 0, {}, "our node was removed; a new one comes last");
    return make_path(1);
  }
  const std::string* lowest = nullptr;
  std::int64_t lowest_sequence = 0;
  for (const std::string& name : names) {
    const auto sequence = sequence_of(name, kPrefix);
    if (!sequence || (lowest != nullptr && *sequence >= lowest_sequence)) continue;
    lowest = &name;
    lowest_sequence = *sequence;
  }
  if (lowest_ && *lowest == node_) {  // what was asked about who acted before may be lost
    if (takes_over_) wait_is_over_ ? end_takeover() : judge_former();
    return;
  }
  if (*lowest != node_) set_lowest(false, 0, fmt::format("an unknown daemon (node {})", *lowest), {});
  read_lowest(*lowest);
}

void Guard::read_lowest(const std::string& name) {
  session_.get(fmt::format("{}/{}", path_, name), in_this_round([this, name](const Result<Node>& node) {
                 if (!node && node.error().code == Errc::not_found) return;  // the watch tells of it
                 if (!node) return failed(node.error());
                 const bool own = name == node_ && node->ephemeral_owner == session_.id();
                 std::string holder = holder_text(node->data, name);
                 if (!own && holder == holder_text(node_data(), name))
                   holder = "an earlier session of this daemon, which ends by itself,";
                 know_nothing_of_former();
                 set_lowest(own, own ? node->created_zxid : 0, std::move(holder), {});
                 if (own) judge_former();
               }));
}

void Guard::set_ledger(std::string ledger) {
  if (ledger == ledger_) return;
  ledger_ = std::move(ledger);
  know_nothing_of_former();
  if (lowest_) judge_former();
}

void Guard::know_nothing_of_former() {
  others_acted_ = takes_over_ = true;
  wait_is_over_ = false;
}

// Asked anew: who acted last may have left its node after our list of members.
void Guard::judge_former() {
  if (ledger_.empty()) return;
  session_.children(path_, nullptr, while_held([this](const Result<std::vector<std::string>>& names) {
                      if (!names) return failed(names.error());
                      on_former(acted_before(*names, ledger_));
                    }));
}

void Guard::on_former(const ActedBefore& before) {
  others_acted_ = before.others;
  if (before.newest_is_other) return changed_();
  record_acted(before);
}

// Before anything is attached: whoever comes next has to know.
void Guard::record_acted(const ActedBefore& before) {
  const auto over = [this, before] {
    takes_over_ = false;
    for (const std::string& name : before.own_older) session_.remove(fmt::format("{}/{}", path_, name));
    changed_();
  };
  if (!before.own.empty() && !before.newest_is_other) return over();
  const std::string name =
      fmt::format("{}{}-{}", kActedPrefix, ledger_, node_.substr(node_.size() - kSequenceDigits));
  session_.create(fmt::format("{}/{}", path_, name), "", NodeKind::permanent,
                  while_held([this, over](const Result<std::string>& made) {
                    if (!made && made.error().code != Errc::conflict) return failed(made.error());
                    over();
                  }));
}

void Guard::end_takeover() {
  if (!lowest_ || !takes_over_ || ledger_.empty()) return;
  wait_is_over_ = true;
  session_.children(path_, nullptr, while_held([this](const Result<std::vector<std::string>>& names) {
                      if (!names) return failed(names.error());
                      record_acted(acted_before(*names, ledger_));
                    }));
}

void Guard::set_lowest(bool lowest, std::int64_t epoch, std::string holder, std::string error) {
  lapse_.stop();
  const bool same = lowest == lowest_ && epoch == epoch_ && holder == holder_ && error == error_;
  lowest_ = lowest;
  epoch_ = epoch;
  holder_ = std::move(holder);
  error_ = std::move(error);
  if (lowest_) lapse_.start(held_until() - clock_.now(), [this] { lapse(); });
  if (!same) changed_();
}

// What the session's end or return does not settle by itself is tried again after a while.
void Guard::failed(const Error& error) {
  ++round_;
  if (!session_.connected()) return;
  std::string text = error.message;
  if (error.code == Errc::permission)
    text +=
        ": give extvold's user in ZooKeeper the right to create nodes there, or name another path with "
        "[daemon] guard";
  set_lowest(false, 0, {}, std::move(text));
  retry_.start(kTryLater, [this] {
    if (!session_.connected()) return;
    if (node_.empty()) return make_path(1);
    list();
  });
}

}  // namespace extvold::daemon::zookeeper
