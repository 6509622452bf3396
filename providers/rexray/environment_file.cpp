#include "providers/rexray/environment_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "model/ascii.h"

namespace extvold::providers::rexray {
namespace {

constexpr std::size_t kFileBytesMax = 64U << 10U;
constexpr unsigned kOfOthers = S_IRWXG | S_IRWXO;

std::string_view key_of(std::string_view line) { return line.substr(0, line.find('=')); }

bool is_key(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !text.empty() && letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// Why a line says nothing that a program could be given. Empty: it does.
std::string_view fault_of(std::string_view line, const std::set<std::string_view>& keys) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos || !is_key(key_of(line))) return "is not KEY=VALUE";
  if (line.find('\0') != std::string_view::npos) return "holds a zero byte";
  const std::string_view value = line.substr(equals + 1);
  if (value.starts_with('"') || value.starts_with('\'')) return "has its value in quotes: write it without";
  if (keys.contains(key_of(line))) return "has a key that is there already";
  return {};
}

Result<std::string> read_text(int fd, const std::string& path) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return fail(Errc::unavailable, "{}: {}", path, std::strerror(errno));
  if (!S_ISREG(st.st_mode)) return fail(Errc::invalid, "{}: is no file", path);
  if ((st.st_mode & kOfOthers) != 0)
    return fail(Errc::permission, "{}: others may use it (mode {:04o}): chmod 600 {}", path,
                st.st_mode & 07777U, path);
  std::string text(kFileBytesMax + 1, '\0');
  const ssize_t length = ::read(fd, text.data(), text.size());
  if (length < 0) return fail(Errc::unavailable, "{}: {}", path, std::strerror(errno));
  if (static_cast<std::size_t>(length) > kFileBytesMax) return fail(Errc::invalid, "{}: too large", path);
  text.resize(static_cast<std::size_t>(length));
  return text;
}

}  // namespace

Result<std::vector<std::string>> parse_environment(std::string_view text) {
  std::vector<std::string> out;
  std::set<std::string_view> keys;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (trimmed(line).empty() || line.starts_with('#')) continue;
    if (const std::string_view fault = fault_of(line, keys); !fault.empty())
      return fail(Errc::invalid, "line {} {}", number, fault);
    keys.insert(key_of(line));
    out.emplace_back(line);
  }
  return out;
}

Result<std::vector<std::string>> read_environment_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail(Errc::unavailable, "{}: {}", path, std::strerror(errno));
  const Result<std::string> text = read_text(fd, path);
  ::close(fd);
  if (!text) return tl::make_unexpected(text.error());
  Result<std::vector<std::string>> environment = parse_environment(*text);
  if (!environment) return wrap(environment.error(), path);
  return environment;
}

std::vector<std::string> merged_environment(std::vector<std::string> base, std::vector<std::string> more) {
  std::erase_if(base, [&](const std::string& line) {
    return std::any_of(more.begin(), more.end(),
                       [&](const std::string& one) { return key_of(one) == key_of(line); });
  });
  base.insert(base.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  return base;
}

}  // namespace extvold::providers::rexray
