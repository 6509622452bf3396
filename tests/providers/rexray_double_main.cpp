// A double of the program `rexray`, in all of its dialects, over volumes that a JSON file holds. It prints
// what was recorded of a 0.12 (tests/data/rexray) and what the sources of the older tags print; it is as
// strict about words and flags as they are, and as treacherous: unknown ones end with status 0.
//
// REXRAY_DOUBLE names the file, which also says which dialect is spoken and on which host this runs; a test
// that wants a fault writes it there: {"dialect":"4","host":"a1","device":"/dev/xvda","fault":"",
// "stage":"look","next":0,"volumes":[{"id","name","size","attachments":[HOST,…]}]}
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

using Json = nlohmann::ordered_json;

Json state;
std::string out;
std::string dialect;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

void save() {
  const std::string path = std::getenv("REXRAY_DOUBLE");
  std::ofstream(path + ".new") << state.dump(1);
  std::rename((path + ".new").c_str(), path.c_str());
}

// How a call ends that was to go wrong after it was done. `stage` is of the commands that change or look.
void end(bool changes, int status) {
  const std::string fault = state["stage"] == (changes ? "change" : "look") ? state["fault"] : Json("");
  if (changes && fault != "disabled") save();  // as create.disable and remove.disable do
  if (fault == "lost_answer") ::kill(::getpid(), SIGKILL);
  if (fault == "garbage") out = std::string("\x01\xff<html>}{", 9) + std::string(200, '\n');
  if (fault == "cut_short") out.resize(out.size() / 2);
  if (fault == "oversize") out.assign(70U << 20U, 'x');
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fflush(stdout);
  // One that was cut off or drowned did not end by itself.
  if (fault == "cut_short" || fault == "oversize") ::kill(::getpid(), SIGKILL);
  std::exit(status);
}

[[noreturn]] void fatal(const std::string& text) {
  if (dialect == "1")
    std::fprintf(stderr, "2015/06/05 12:00:00 %s\n", text.c_str());
  else
    std::fprintf(stderr, "time=\"2026-11-23T02:12:14Z\" level=fatal msg=\"%s\" \n", text.c_str());
  std::exit(1);
}

[[noreturn]] void usage(const std::string& why) {
  std::fprintf(stderr, "Error: unknown %s\nUsage: \n  rexray [flags]\n", why.c_str());
  std::exit(0);
}

bool is_newest() { return dialect[0] == '4'; }

// It cannot start, as without its libStorage server (cli/cli.go: preRun): the error to stderr, its help to
// stdout.
[[noreturn]] void oops() {
  std::fputs(
      "Oops, an error occured!\n\n  dial tcp 127.0.0.1:7979: connection refused\nTo correct the error please "
      "review:\n\n  - Debug output by using the flag \"-l debug\"\n  - The REX-ray website at "
      "https://github.com/rexray/rexray\n  - The online help below\n",
      stderr);
  std::fputs("\nList volumes\n\nUsage: \n  rexray volume ls [flags]\n", stdout);
  std::exit(1);
}

// As go-yaml writes a text that would mean something else as it stands.
std::string yaml(const std::string& text) {
  return text.find(": ") == std::string::npos ? text : "'" + text + "'";
}

// libStorage's shape (dialects 3 and 4), as the host named `state["host"]` is told it.
Json shown(const Json& volume, bool attachments, bool own_only) {
  const std::string host = state["host"];
  Json row = Json::object();
  int attached = volume["attachments"].empty() ? 3 : 4;
  if (attachments) {
    for (const std::string held : volume["attachments"]) {
      if (held == host) attached = 2;
      if (own_only && held != host) continue;
      row["attachments"].push_back({{"deviceName", state["device"]},
                                    {"instanceID", {{"id", held}, {"driver", "vfs"}, {"service", "vfs"}}},
                                    {"status", "attached"},
                                    {"volumeID", volume["id"]}});
    }
    if (is_newest()) row["attachmentState"] = attached;  // 0.4 and 0.5 have no such field
  }
  row["name"] = volume["name"];
  row["size"] = volume["size"];
  row["id"] = volume["id"];
  row["type"] = "";
  return row;
}

// The shape of 0.1 to 0.3: a list of volumes as YAML, or as JSON with the names of the Go fields.
void print_older(const std::vector<const Json*>& volumes, bool json) {
  if (volumes.empty()) return;
  Json all = Json::array();
  for (const Json* volume : volumes) {
    const std::string id = (*volume)["id"];
    const std::string name = (*volume)["name"];
    const std::string size = std::to_string(std::int64_t{(*volume)["size"]});
    Json attachments;
    out += "- name: " + yaml(name) + "\n  volumeid: " + id + "\n  availabilityzone: us-east-1d\n  status: " +
           ((*volume)["attachments"].empty() ? "available" : "in-use") +
           "\n  volumetype: standard\n  iops: 0\n  size: \"" + size +
           "\"\n  networkname: \"\"\n  attachments:";
    out += (*volume)["attachments"].empty() ? " []\n" : "\n";
    for (const std::string host : (*volume)["attachments"]) {
      out += "  - volumeid: " + id + "\n    instanceid: " + host +
             "\n    devicename: " + std::string(state["device"]) + "\n    status: attached\n";
      attachments.push_back(
          {{"VolumeID", id}, {"InstanceID", host}, {"DeviceName", state["device"]}, {"Status", "attached"}});
    }
    all.push_back({{"Name", name},
                   {"VolumeID", id},
                   {"AvailabilityZone", "us-east-1d"},
                   {"Status", "available"},
                   {"VolumeType", "standard"},
                   {"IOPS", 0},
                   {"Size", size},
                   {"NetworkName", ""},
                   {"Attachments", attachments}});
  }
  if (json) out = all.dump();
  if (dialect != "1") out += "\n";
}

struct Words {
  std::vector<std::string> plain;
  std::map<std::string, std::string> flags;
};

// `--name=value`, `--name value` and `--name`; a flag that is not in `known` is refused.
Words split(const std::vector<std::string>& words, const std::vector<std::string>& known) {
  Words got;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i].rfind("--", 0) != 0) {
      got.plain.push_back(words[i]);
      continue;
    }
    const std::size_t equals = words[i].find('=');
    const std::string name = words[i].substr(2, equals == std::string::npos ? equals : equals - 2);
    if (std::find(known.begin(), known.end(), name) == known.end()) usage("flag: --" + name);
    const bool is_switch =
        name == "force" || name == "idempotent" || name == "dryRun" || name == "overwritefs";
    if (equals != std::string::npos)
      got.flags[name] = words[i].substr(equals + 1);
    else
      got.flags[name] = is_switch || i + 1 == words.size() ? "" : words[++i];
  }
  return got;
}

std::string flag(const Words& words, const std::string& name) {
  const auto found = words.flags.find(name);
  return found == words.flags.end() ? "" : found->second;
}

Json& add(const std::string& name, std::int64_t size) {
  const int next = state["next"];
  state["next"] = next + 1;
  std::string id = std::to_string(next);
  id = (is_newest() ? "vfs-" : "vol-425e94") + std::string(3 - std::min<std::size_t>(id.size(), 3), '0') + id;
  state["volumes"].push_back({{"id", id}, {"name", name}, {"size", size}, {"attachments", Json::array()}});
  return state["volumes"].back();
}

Json& by_id(const Words& words) {
  const std::string id = flag(words, "volumeid");
  if (id.empty()) fatal("missing --volumeid");
  for (Json& volume : state["volumes"]) {
    if (volume["id"] == id) return volume;
  }
  fatal("resource not found");
}

void attach_here(Json& volume, bool force) {
  if (!volume["attachments"].empty() && !force)
    fatal(volume["attachments"][0] == state["host"] ? "volume already attached to instance"
                                                    : "volume already attached to another host");
  volume["attachments"].push_back(state["host"]);
}

void remove(const Json& volume) {
  const std::string id = volume["id"];
  for (std::size_t i = 0; i < state["volumes"].size(); ++i) {
    if (state["volumes"][i]["id"] == id) return state["volumes"].erase(i);
  }
}

void detach_here(Json& volume) {
  Json left = Json::array();
  for (const Json& host : volume["attachments"]) {
    if (host != state["host"]) left.push_back(host);
  }
  if (left.size() == volume["attachments"].size() && !is_newest()) fatal("Volume not attached");
  volume["attachments"] = left;
}

// `format-device` of 0.1: whatever is on the device, but for the filesystems that it knows. Nothing of
// extvold may ever start it.
[[noreturn]] void format_device(const Words& words) {
  if (flag(words, "devicename").empty()) fatal("Missing --devicename");
  state["formatted"].push_back(flag(words, "devicename"));
  end(true, 0);
  std::abort();
}

// ---- Dialects 1 to 3. `verb`: get, map, new, attach, detach, remove.

void run_older(const std::string& verb, const Words& words) {
  const bool json = flag(words, "format") == "json";
  const bool libstorage = dialect == "3";
  if (verb == "get" || verb == "map") {
    std::vector<const Json*> all;
    Json rows = Json::array();
    for (const Json& volume : state["volumes"]) {
      all.push_back(&volume);
      rows.push_back(shown(volume, verb == "map", true));
    }
    if (!libstorage)
      print_older(all, json);
    else if (!all.empty())
      out = rows.dump() + "\n";
    end(false, 0);
  }
  if (verb == "new") {
    if (flag(words, "size").empty()) fatal("missing --size");
    const Json& made = add(flag(words, "volumename"), std::stoll(flag(words, "size")));
    if (libstorage)
      out = shown(made, false, false).dump() + "\n";
    else
      print_older({&made}, json);
    end(true, 0);
  }
  Json& volume = by_id(words);
  if (verb == "attach") {
    attach_here(volume, words.flags.count("force") > 0);
    if (libstorage) out = shown(volume, true, false).dump() + "\n";
  } else if (verb == "detach") {
    detach_here(volume);
  } else {
    if (!volume["attachments"].empty()) fatal("error removing volume: it is in use");
    remove(volume);
  }
  end(true, 0);
}

// ---- Dialect 4

bool begins(const Json& text, const std::string& start) { return lower(text).rfind(lower(start), 0) == 0; }

// All whose id or name is `word`, or begins with it.
std::vector<std::string> matches(const std::string& word, bool exact_only, const std::string& filter) {
  std::vector<std::string> exact;
  std::vector<std::string> partial;
  for (const Json& volume : state["volumes"]) {
    const int seen = shown(volume, true, false)["attachmentState"];
    if (filter == "unattached" && seen != 3) continue;
    if (filter == "mine" && seen != 2) continue;
    if (filter == "mine or unattached" && seen == 4) continue;
    if (lower(volume["id"]) == lower(word) || lower(volume["name"]) == lower(word))
      exact.push_back(volume["id"]);
    else if (begins(volume["id"], word) || begins(volume["name"], word))
      partial.push_back(volume["id"]);
  }
  if (!exact_only && partial.size() == 1) exact.push_back(partial.front());
  return exact;
}

Json& of_id(const std::string& id) {
  for (Json& volume : state["volumes"]) {
    if (volume["id"] == id) return volume;
  }
  std::abort();
}

void run_newest(const std::string& verb, const Words& words) {
  const bool force = words.flags.count("force") > 0;
  Json rows = Json::array();
  if (verb == "ls") {
    for (const Json& volume : state["volumes"]) {
      const bool wanted = words.plain.empty() || begins(volume["id"], words.plain[0]) ||
                          begins(volume["name"], words.plain[0]);
      // 0.6.0 did not ask for attachments.
      if (wanted) rows.push_back(shown(volume, dialect != "4old", false));
    }
    out =
        rows.empty() && !words.plain.empty() ? "null" : rows.dump(flag(words, "format") == "jsonp" ? 2 : -1);
    end(false, 0);
  }
  if (words.plain.size() != 1) usage("number of volumes");
  const std::string& word = words.plain[0];
  if (verb == "create") {
    if (words.flags.count("dryRun") > 0) {
      const Json row = {{"name", word}, {"size", std::stoll(flag(words, "size"))}, {"id", ""}, {"type", ""}};
      out = Json::array({row}).dump();
      end(false, 0);
    }
    rows.push_back(
        shown(add(word, flag(words, "size").empty() ? 16 : std::stoll(flag(words, "size"))), true, false));
    out = rows.dump();
    end(true, 0);
  }
  const std::string filter = verb == "attach" && !force
                                 ? (words.flags.count("idempotent") > 0 ? "mine or unattached" : "unattached")
                             : verb == "detach" && !force ? "mine"
                                                          : "";
  const std::vector<std::string> ids = matches(word, verb == "rm", filter);
  if (ids.empty()) fatal("no volumes found");
  for (const std::string& id : ids) {
    Json& volume = of_id(id);
    if (verb == "rm") {
      rows.push_back(word);
      remove(volume);
      continue;
    }
    const bool attaches = verb == "attach";
    const bool already = attaches && shown(volume, true, false)["attachmentState"] == 2;
    if (attaches && !already) volume["attachments"].push_back(state["host"]);
    if (!attaches) detach_here(volume);
    Json only = volume;
    only["attachments"] = attaches ? Json::array({state["host"]}) : Json::array();
    rows.push_back(shown(only, true, false));
  }
  out = rows.dump();
  end(true, 0);
}

[[noreturn]] void print_version() {
  if (dialect == "1") {
    std::puts("\nRexray Version: 0.1.150605");
    std::exit(0);
  }
  const std::string rexray = dialect == "2y"  ? "0.2.0"
                             : dialect == "2" ? "0.3.3"
                             : dialect == "4" ? "0.12.0"
                             : is_newest()    ? "0.6.0"
                                              : "0.4.2";
  const std::string own =
      "Binary: /usr/bin/rexray\nSemVer: " + rexray + "\nOsArch: Linux-x86_64\nBranch: master\n";
  if (dialect[0] == '2')
    std::fputs(own.c_str(), stdout);
  else
    std::printf("REX-Ray\n-------\n%s\nlibStorage\n----------\nSemVer: 0.1.3\n", own.c_str());
  std::exit(0);
}

// 0.1 is set up by its environment: a test that wants that says which KEY=VALUE has to be there.
void check_environment() {
  if (!state.contains("wants")) return;
  const std::string wanted = state["wants"];
  const std::size_t equals = wanted.find('=');
  const char* const value = std::getenv(wanted.substr(0, equals).c_str());
  if (value == nullptr || value != wanted.substr(equals + 1)) fatal("no storage driver");
}

void run(std::vector<std::string> words) {
  dialect = state["dialect"];
  if (!words.empty() && words[0] == "version") print_version();
  std::string verb;
  const std::vector<std::string> older = {"volumeid",   "volumename",       "size",      "iops",
                                          "volumetype", "availabilityzone", "instanceid"};
  if (dialect == "1") {
    check_environment();
    if (!words.empty() && words[0] == "format-device")
      format_device(split({words.begin() + 1, words.end()}, {"devicename", "fstype", "overwritefs"}));
    const std::map<std::string, std::string> verbs = {{"get-volume", "get"},
                                                      {"new-volume", "new"},
                                                      {"attach-volume", "attach"},
                                                      {"detach-volume", "detach"},
                                                      {"remove-volume", "remove"}};
    const auto found = words.empty() ? verbs.end() : verbs.find(words[0]);
    if (found == verbs.end()) usage("command");
    verb = found->second;
    words.erase(words.begin());
  } else {
    if (words.size() < 2 || words[0] != "volume") usage("command");
    verb = words[1];
    words.erase(words.begin(), words.begin() + 2);
    const std::vector<std::string> verbs =
        is_newest() ? std::vector<std::string>{"ls", "create", "attach", "detach", "rm"}
                    : std::vector<std::string>{"get", "map", "new", "attach", "detach", "remove"};
    if (std::find(verbs.begin(), verbs.end(), verb) == verbs.end()) usage("command");
  }
  const bool changes = verb != "ls" && verb != "get" && verb != "map";
  const std::string fault = state["stage"] == (changes ? "change" : "look") ? state["fault"] : Json("");
  if (fault == "steal") {  // somebody attached it since we looked
    for (Json& volume : state["volumes"]) volume["attachments"] = Json::array({"thief"});
    save();
  }
  if (fault == "hang") ::execl("/bin/sleep", "sleep", "600", nullptr);
  if (fault == "oops") oops();
  if (fault == "refused") fatal("volume size too small");
  if (is_newest())
    return run_newest(verb, split(words, {"format", "size", "iops", "volumeType", "availabilityZone", "force",
                                          "idempotent", "dryRun", "config", "service"}));
  std::vector<std::string> known = older;
  if (dialect == "1") known.emplace_back("Config");  // taken, and read by nobody
  if (dialect == "2" || dialect == "3") {
    known.emplace_back("config");
    known.emplace_back("format");
    known.emplace_back("force");
  }
  run_older(verb, split(words, known));
}

}  // namespace

int main(int argc, char** argv) {
  const char* path = std::getenv("REXRAY_DOUBLE");
  if (path == nullptr) return 3;
  std::ifstream file(path);
  state = Json::parse(file, nullptr, false);
  if (state.is_discarded()) return 3;
  run(std::vector<std::string>(argv + 1, argv + argc));
  return 3;
}
