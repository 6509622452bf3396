// The fields of each model struct that is written as JSON, listed once and used in both directions: what is
// listed is written and read, and a listing that misses a member does not compile.
//
// The JSON name of a field is the member's name. Types only; no data, any thread.
#pragma once

#include <cstddef>
#include <string_view>
#include <tuple>
#include <utility>

#include "model/cluster.h"
#include "model/observed.h"
#include "model/plan.h"
#include "model/policy.h"

namespace extvold::daemon::record {

template <typename T, typename M>
struct Field {
  std::string_view name;
  M T::*member;
};

template <typename T, typename M>
constexpr Field<T, M> field(std::string_view name, M T::*member) {
  return {name, member};
}

template <typename T>
struct Fields;  // specialised below for each struct

template <typename T>
concept Listed = requires {
  Fields<T>::list;
};

// How many members an aggregate has: the most initializers that it takes.
struct Anything {
  template <typename T>
  constexpr operator T() const {  // NOLINT(google-explicit-constructor): it has to fit every member
    return T{};
  }
};

template <typename T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), Anything{})...}; };
}

template <typename T, std::size_t N = 40>
constexpr std::size_t member_count() {
  if constexpr (N == 0) {
    return 0;
  } else if constexpr (takes<T>(std::make_index_sequence<N>{})) {
    return N;
  } else {
    return member_count<T, N - 1>();
  }
}

// Calls visit(name, reference to member) for each field, in order.
template <typename T, typename Visit>
constexpr void for_each_field(T& value, Visit&& visit) {
  std::apply([&](const auto&... one) { (visit(one.name, value.*(one.member)), ...); },
             Fields<std::remove_const_t<T>>::list);
}

}  // namespace extvold::daemon::record

#define EXTVOLD_PARENS ()
#define EXTVOLD_EXPAND(...) EXTVOLD_EXPAND3(EXTVOLD_EXPAND3(EXTVOLD_EXPAND3(__VA_ARGS__)))
#define EXTVOLD_EXPAND3(...) EXTVOLD_EXPAND2(EXTVOLD_EXPAND2(EXTVOLD_EXPAND2(__VA_ARGS__)))
#define EXTVOLD_EXPAND2(...) EXTVOLD_EXPAND1(EXTVOLD_EXPAND1(EXTVOLD_EXPAND1(__VA_ARGS__)))
#define EXTVOLD_EXPAND1(...) __VA_ARGS__
#define EXTVOLD_EACH_FIELD(Type, name, ...) \
  field(#name, &Type::name) __VA_OPT__(, EXTVOLD_EACH_AGAIN EXTVOLD_PARENS(Type, __VA_ARGS__))
#define EXTVOLD_EACH_AGAIN() EXTVOLD_EACH_FIELD

// The members of Type, in the order of its declaration.
#define EXTVOLD_FIELDS(Type, ...)                                                                        \
  template <>                                                                                            \
  struct Fields<Type> {                                                                                  \
    static constexpr auto list = std::make_tuple(EXTVOLD_EXPAND(EXTVOLD_EACH_FIELD(Type, __VA_ARGS__))); \
  };                                                                                                     \
  static_assert(std::tuple_size_v<decltype(Fields<Type>::list)> == member_count<Type>(),                 \
                "a member of " #Type " is not listed")

namespace extvold::daemon::record {

// ---- rows of the ledger
EXTVOLD_FIELDS(LedgerIdentity, id, incarnation, began_at);
EXTVOLD_FIELDS(MesosView, epoch, master_id, elected_time, master_version);
EXTVOLD_FIELDS(Counters, next_host, next_volume, next_claim, next_evidence, next_generation, next_fence);
EXTVOLD_FIELDS(Host, id, name, boot_id, hold, quarantined, quarantine_reason, quarantine_fence, fence_held);
EXTVOLD_FIELDS(AgentFact, source, since);
EXTVOLD_FIELDS(Agent, id, host, hostname, address, version, state, active, deactivated, drain_state,
               resources_hash, attributes, maintenance, maintenance_start, state_fact, drain_fact,
               deactivated_fact, maintenance_fact);
EXTVOLD_FIELDS(Framework, id, name, principal, active, connected, checkpoint, removed);
EXTVOLD_FIELDS(ReservationRecord, agent, role, resource, persistence_id, container_path, disk_source,
               amount_milli, labels);
EXTVOLD_FIELDS(Pool, name, capacity_mb, free_mb, iops, observed_at);
EXTVOLD_FIELDS(Volume, id, name, key, provider_ref, pool, size_mb, wanted_size_mb, iops, filesystem, access,
               mount_point, profile, origin, state, format, hold, source, created_generation, created_at,
               purge_after);
EXTVOLD_FIELDS(Attachment, volume, host, state, origin, generation, read_only, mounted, device, host_identity,
               fence_addresses, boot_id, read_back, changed_at, detached_sequence, unexplained_use, gone_at);
EXTVOLD_FIELDS(Mount, volume, host, path);
EXTVOLD_FIELDS(VolumeReference, spelling, driver, name, container_path, read_only);
EXTVOLD_FIELDS(Claim, id, volume, host, agent, framework, task, executor, container, reference, liveness_why,
               evidence, first_seen_sequence, began_sequence, user_uid, last_event_at, listed_in_view,
               listed_alive, kind, unresolved, containerizer, task_state, wanted, liveness);
EXTVOLD_FIELDS(Evidence, id, kind, volume, host, attachment_generation, agent, claim, container, view_epoch,
               recorded_sequence, request_sent_at, user_uid, detail, grade, fence, void_reason);
EXTVOLD_FIELDS(Operation, id, kind, state, outcome, volume, host, generation, attempt, claim, evidence, rule,
               cause, error_code, error, recorded_at, ended_at, call_ended_at);
EXTVOLD_FIELDS(MesosRequest, role, resource, amount_milli, principal, labels, persistence_id, container_path,
               grace_seconds, mark_gone, before_milli);
EXTVOLD_FIELDS(MesosOperation, id, kind, state, outcome, agent, generation, request, user_uid, reason,
               error_code, error, recorded_at, ended_at, call_ended_at);
EXTVOLD_FIELDS(Fence, id, key, rung, state, host, provider, volume, target, fence_addresses, generation,
               cooperative, claim, cause, seen, error_code, error, user_uid, recorded_at, held_at, ended_at,
               expires_at);
EXTVOLD_FIELDS(BlockedRow, volume, host, reason, owner, text, since, next_look);

// ---- what was seen in a run
EXTVOLD_FIELDS(AgentView, registered, added_at, launched_at, api_read_sent_at, api_error, registry_asked_at,
               destroy_errors);
EXTVOLD_FIELDS(AttachmentView, host, mounted, open);
EXTVOLD_FIELDS(RetryView, kind, host, at, failures);
EXTVOLD_FIELDS(FenceClock, host, ran, since);
EXTVOLD_FIELDS(VolumeView, sent_at, acted_at, direct, idle_since, present, call_running, attachments, retries,
               clocks);
EXTVOLD_FIELDS(FenceView, checked_at, good_until, error);
EXTVOLD_FIELDS(FenceTry, host, rung, provider, volume, at, failures, why);
EXTVOLD_FIELDS(Budget, learned_milli, free_at, paused_until, grows_at, complaints);
EXTVOLD_FIELDS(ProviderView, listed_at, why_incomplete, volumes_listed, budget);
EXTVOLD_FIELDS(MasterCallView, answered_at, failed_at, failures, error);
EXTVOLD_FIELDS(Observed, view_complete, view_incomplete_why, master_calls, agents, volumes, providers, fences,
               fence_tries, leader_host, former_calls_until);

// ---- what the configuration decides
EXTVOLD_FIELDS(Capabilities, create, clone, shows_created, formatting, attach_to_named_host, list_attachments,
               detach_enforced, exclusive_attach, fence_volume, fence_host, fence_verifiable,
               fence_cooperative, fence_bars_late_calls, shows_running_calls, host_reports, keeps_tags,
               resize, resize_attached);
EXTVOLD_FIELDS(HostIdentity, host, identity);
EXTVOLD_FIELDS(ProviderInfo, name, capabilities, pools, reach_all, format_host, settle_time,
               fence_settle_time, size_step_mb, size_min_mb, calls_max, calls_per_second, host_identities,
               hosts_by_name);
EXTVOLD_FIELDS(DriverMapping, driver, provider, attach_by, accept_executor_terminal_after);
EXTVOLD_FIELDS(HostRule, by, attribute);
EXTVOLD_FIELDS(FencePolicy, when, after, ladder, accept_cooperative, tell_mesos);
EXTVOLD_FIELDS(FenceRule, provider, profile, policy);
EXTVOLD_FIELDS(Policy, providers, drivers, observe_only, others_acted, takes_over, has_master, host_by,
               agents_use_linux_launcher, agents_api_unfiltered, mesos_calls, detach_linger, agent_poll_min,
               agent_poll_max, master_poll, master_poll_min, provider_list, observation_age_max, audit,
               retry_min, retry_max, operation_deadline, detach_storm_max, detach_storm_percent,
               detach_storm_window, fences, power_hosts, never_fence, masters, fence_storm_max,
               fence_storm_percent, fence_storm_window, fence_check, fence_retry, fence_margin);

// ---- the plan
EXTVOLD_FIELDS(PlannedOperation, operation, after, waits_for);
EXTVOLD_FIELDS(ObserveWish, volume, agent);
EXTVOLD_FIELDS(Plan, based_on, operations, mesos_operations, fences, blocked, observe, next_look);

}  // namespace extvold::daemon::record
