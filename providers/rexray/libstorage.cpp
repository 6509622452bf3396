#include "providers/rexray/libstorage.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "providers/foreign_text.h"
#include "providers/rexray/error_class.h"
#include "providers/rexray/volume_answers.h"

namespace extvold::providers::rexray {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kListBytesMax = 64U << 20U;
constexpr std::size_t kAnswerBytesMax = 4U << 20U;
constexpr Duration kLastWord = milliseconds(100);  // less time is too short for another request
constexpr Duration kShortest = milliseconds(1);

// Which thing a 404 is about; empty: it is no 404 of libStorage's.
std::string missing_resource(const JsonAnswer& answer) {
  if (answer.status != 404 || !answer.body.is_object()) return {};
  const auto error = answer.body.find("error");
  return error == answer.body.end() ? std::string() : text_of(*error, "resourceID");
}

std::string said(const JsonAnswer& answer) {
  const std::string message = text_of(answer.body, "message");
  return fmt::format(
      "HTTP status {}: {}", answer.status,
      message.empty() ? (answer.shown.empty() ? "without a word" : answer.shown) : in_one_line(message));
}

// What an answer that is no success means. Errc::uncertain: it may have happened.
Error refusal(const JsonAnswer& answer, const std::string& resource, const std::string& service) {
  const std::string text = said(answer);
  switch (answer.status) {
    case 400:
      return {Errc::invalid, text};
    case 401:
    case 403:
      return {Errc::permission, text + "; see the token in token_file"};
    case 404: {
      const std::string missing = missing_resource(answer);
      if (missing.empty()) return {Errc::invalid, text + "; it is no libStorage server that answers there"};
      if (missing == service)
        return {Errc::not_found, fmt::format("{}: the server has no service {}", text, service)};
      if (missing == resource) return {Errc::not_found, text};
      // A hook of the server may say so of the volume that it has just made.
      return {Errc::uncertain, fmt::format("{} ({})", text, in_one_line(missing, 80))};
    }
    case 429:
      return {Errc::throttled, text, answer.retry_after};
    case 500: {
      const std::optional<Errc> known = class_of_error(text_of(answer.body, "message"));
      return {known.value_or(Errc::uncertain), text};
    }
    default:
      return {Errc::uncertain, text};
  }
}

// The EBS driver's word for a list without volumes; others say it of other things.
bool is_empty_list(const RexrayConfig& config, const JsonAnswer& answer) {
  const bool says_so = config.driver == "ebs" || config.driver == "ec2" || config.driver == "fittedcloud";
  return says_so && answer.status == 500 && text_of(answer.body, "message") == "no volume returned";
}

Error look_refusal(const JsonAnswer& answer, const std::string& service) {
  if (answer.status == 408 || answer.status == 202)
    return {Errc::unavailable, "the server takes longer than its exeTimeout to tell what there is"};
  if (answer.status == 200) return {Errc::unavailable, "an answer that makes no sense: " + answer.shown};
  Error error = look_error(refusal(answer, {}, service));
  if (answer.status == 400 && error.message.find("missing instance ID") != std::string::npos)
    error.message += "; its driver answers nobody: name an instance with look_identity";
  return error;
}

// {"id":0,"queueTime":…,"state":"running"}. None: it is no task.
std::optional<std::int64_t> task_of(const JsonAnswer& answer) {
  if (!answer.body.is_object() || !answer.body.contains("queueTime")) return std::nullopt;
  const auto id = answer.body.find("id");
  if (id == answer.body.end() || !id->is_number_unsigned()) return std::nullopt;
  const auto value = id->get<std::uint64_t>();
  if (value > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

Error task_error(const JsonAnswer& answer) {
  const auto error = answer.body.find("error");
  std::string text;
  if (error != answer.body.end()) {
    const std::string* plain = error->get_ptr<const std::string*>();
    text = plain == nullptr ? text_of(*error, "message") : *plain;
  }
  return {
      class_of_error(text).value_or(Errc::uncertain),
      text.empty() ? "its task ended with an error that says nothing: " + answer.shown : in_one_line(text)};
}

}  // namespace

Libstorage::Libstorage(const RexrayConfig& config, RexrayPorts ports)
    : config_(config), ports_(std::move(ports)) {}

std::string Libstorage::volumes_path() const { return "/volumes/" + path_segment(config_.service); }

void Libstorage::ask(const Question& question, Duration deadline,
                     std::function<void(Result<JsonAnswer>)> done) {
  HttpRequest request;
  request.method = question.method;
  request.url = config_.url + question.path;
  request.tls = config_.tls;
  request.deadline = std::max(deadline, kShortest);
  const bool looks = question.method == "GET";
  request.response_bytes_max = looks ? kListBytesMax : kAnswerBytesMax;
  if (!question.host.empty()) {
    std::string value = config_.driver + "=" + question.host;
    char separator = ',';
    for (const auto& [key, field] : config_.instance_fields) {
      value += separator + key + "=" + field;
      separator = '&';
    }
    request.headers.emplace_back("Libstorage-Instanceid", std::move(value));
  }
  if (question.has_body) {
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = json_text(question.body);
  }
  if (!config_.token_place.empty()) {
    Result<std::string> token = ports_.read_secret(config_.token_place);
    if (!token) {
      ports_.after({}, [error = token.error(), done = std::move(done)] {
        done(fail(Errc::permission, "no token: {}", error.message));
      });
      return;
    }
    request.headers.emplace_back("Authorization", "Bearer " + *token);
  }
  ports_.http.request(std::move(request),
                      [who = "libStorage " + config_.url, done = std::move(done)](
                          const Result<HttpResponse>& ended) { done(json_answer(ended, who)); });
}

void Libstorage::list(Duration deadline, std::function<void(Result<StorageList>)> done) {
  Question question;
  question.path = volumes_path() + "?attachments=1";
  question.host = config_.look_identity;
  ask(question, deadline, [this, done = std::move(done)](const Result<JsonAnswer>& answer) {
    if (!answer) return done(tl::make_unexpected(look_error(answer.error())));
    if (is_empty_list(config_, *answer)) return done(StorageList{});
    Result<StorageList> list =
        answer->status == 200
            ? read_volume_map(answer->body)
            : Result<StorageList>(tl::make_unexpected(look_refusal(*answer, config_.service)));
    if (answer->status == 200 && !list) list = tl::make_unexpected(look_refusal(*answer, config_.service));
    done(std::move(list));
  });
}

void Libstorage::find(std::string id, Duration deadline,
                      std::function<void(Result<std::optional<StorageVolume>>)> done) {
  using Found = Result<std::optional<StorageVolume>>;
  Question question;
  question.path = volumes_path() + "/" + path_segment(id) + "?attachments=1";
  question.host = config_.look_identity;
  const Instant end_at = ports_.clock() + deadline;
  ask(question, deadline,
      [this, id = std::move(id), end_at, done = std::move(done)](const Result<JsonAnswer>& answer) mutable {
        if (!answer) return done(tl::make_unexpected(look_error(answer.error())));
        if (missing_resource(*answer) == id) return done(Found(std::nullopt));
        if (answer->status == 500) {
          // Some drivers have no better word for an id that is not there. A list shows what is.
          const Duration left = end_at - ports_.clock();
          return list(left, [id = std::move(id), done = std::move(done)](Result<StorageList> list) {
            if (!list) return done(tl::make_unexpected(list.error()));
            if (!list->unreadable.empty()) return done(fail(Errc::unavailable, "{}", list->unreadable));
            const auto found = std::find_if(list->volumes.begin(), list->volumes.end(),
                                            [&](const StorageVolume& one) { return one.id == id; });
            done(found == list->volumes.end() ? Found(std::nullopt) : Found(std::move(*found)));
          });
        }
        if (answer->status != 200) return done(tl::make_unexpected(look_refusal(*answer, config_.service)));
        Result<StorageVolume> volume = read_volume(answer->body, StateField::needed);
        if (!volume && answer->body.is_object())
          return done(fail(Errc::unavailable, "it cannot be read: {}", volume.error().message));
        if (!volume || volume->id != id)
          return done(tl::make_unexpected(look_refusal(*answer, config_.service)));
        done(Found(*std::move(volume)));
      });
}

void Libstorage::change(const Question& question, std::string resource, Duration deadline,
                        std::function<void(Status)> done) {
  auto change = std::make_shared<Change>();
  change->resource = std::move(resource);
  change->end_at = ports_.clock() + deadline;
  change->done = std::move(done);
  ask(question, deadline, [this, change](const Result<JsonAnswer>& answer) { end_change(change, answer); });
}

void Libstorage::end_change(const std::shared_ptr<Change>& change, const Result<JsonAnswer>& answer) {
  if (!answer) {
    Error error = answer.error();
    if (error.code == Errc::exhausted) error.code = Errc::uncertain;  // it was done, and told at length
    return change->done(tl::make_unexpected(std::move(error)));
  }
  if (answer->status == 202 || answer->status == 408) {
    const std::optional<std::int64_t> task = task_of(*answer);
    if (!task) return change->done(fail(Errc::uncertain, "{}", said(*answer)));
    return poll_task(change, *task);
  }
  if (answer->status >= 200 && answer->status < 300) return change->done({});
  change->done(tl::make_unexpected(refusal(*answer, change->resource, config_.service)));
}

void Libstorage::poll_task(const std::shared_ptr<Change>& change, std::int64_t task) {
  const Duration left = change->end_at - ports_.clock();
  if (left < config_.task_poll + kLastWord)
    return change->done(fail(Errc::uncertain, "its task {} at the server is still at work", task));
  ports_.after(config_.task_poll, [this, change, task] {
    Question question;
    question.path = fmt::format("/tasks/{}", task);
    ask(question, std::max(change->end_at - ports_.clock(), kLastWord),
        [this, change, task](const Result<JsonAnswer>& answer) { end_poll(change, task, answer); });
  });
}

void Libstorage::end_poll(const std::shared_ptr<Change>& change, std::int64_t task,
                          const Result<JsonAnswer>& answer) {
  // Whatever comes between us and the server does not end the task.
  if (!answer && answer.error().code == Errc::unavailable) return poll_task(change, task);
  if (!answer) return change->done(fail(Errc::uncertain, "its task {}: {}", task, answer.error().message));
  if (answer->status != 200 || task_of(*answer) != task)
    return change->done(
        fail(Errc::uncertain, "its task {} is not told of any more: {}", task, said(*answer)));
  const std::string state = text_of(answer->body, "state");
  if (state == "success") return change->done({});
  if (state == "error") return change->done(tl::make_unexpected(task_error(*answer)));
  if (state.empty() || state == "queued" || state == "running") return poll_task(change, task);
  change->done(
      fail(Errc::uncertain, "its task {} is in a state unknown here: {}", task, in_one_line(state, 80)));
}

void Libstorage::create(NewVolume volume, Duration deadline, std::function<void(Status)> done) {
  Question question;
  question.method = "POST";
  question.path = volumes_path();
  question.host = config_.look_identity;
  question.has_body = true;
  question.body = {{"name", volume.name}, {"size", volume.size_gb}, {"opts", Json::object()}};
  if (volume.iops > 0) question.body["iops"] = volume.iops;
  if (!volume.type.empty()) question.body["type"] = volume.type;
  if (!volume.availability_zone.empty()) question.body["availabilityZone"] = volume.availability_zone;
  change(question, {}, deadline, std::move(done));
}

void Libstorage::attach_as(const std::string& id, const std::string& host, const std::string& device,
                           Duration deadline, std::function<void(Status)> done) {
  Question question;
  question.method = "POST";
  question.path = volumes_path() + "/" + path_segment(id) + "?attach";
  question.host = host;
  question.has_body = true;
  question.body = {{"force", false}};
  if (!device.empty()) question.body["nextDeviceName"] = device;
  change(question, id, deadline, std::move(done));
}

void Libstorage::attach(std::string id, std::string host, Duration deadline,
                        std::function<void(Status)> done) {
  if (config_.device_names.empty()) return attach_as(id, host, {}, deadline, std::move(done));
  // Which names the host has free. Another attach at the same moment may take the same one: the driver then
  // refuses the second.
  const Instant end_at = ports_.clock() + deadline;
  list(deadline, [this, id = std::move(id), host = std::move(host), end_at,
                  done = std::move(done)](const Result<StorageList>& list) mutable {
    if (!list) return done(tl::make_unexpected(list.error()));
    if (!list->unreadable.empty()) return done(fail(Errc::unavailable, "{}", list->unreadable));
    std::set<std::string> taken;
    for (const StorageVolume& volume : list->volumes) {
      for (const StorageAttachment& one : volume.attachments) {
        if (one.host == host) taken.insert(one.device);
      }
    }
    const auto free = std::find_if(config_.device_names.begin(), config_.device_names.end(),
                                   [&](const std::string& name) { return !taken.contains(name); });
    if (free == config_.device_names.end())
      return done(fail(Errc::exhausted, "{} has all of device_names in use", host));
    const Duration left = end_at - ports_.clock();
    if (left < kLastWord) return done(fail(Errc::unavailable, "the time was up before it could be attached"));
    attach_as(id, host, *free, left, std::move(done));
  });
}

void Libstorage::detach(std::string id, std::string host, Duration deadline,
                        std::function<void(Status)> done) {
  Question question;
  question.method = "POST";
  question.path = volumes_path() + "/" + path_segment(id) + "?detach";
  question.host = std::move(host);
  question.has_body = true;
  question.body = {{"force", false}};
  change(question, id, deadline, std::move(done));
}

void Libstorage::remove(std::string id, Duration deadline, std::function<void(Status)> done) {
  Question question;
  question.method = "DELETE";
  question.path = volumes_path() + "/" + path_segment(id);
  question.host = config_.look_identity;
  change(question, id, deadline, std::move(done));
}

}  // namespace extvold::providers::rexray
