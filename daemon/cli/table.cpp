#include "daemon/cli/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/check.h"

namespace extvold::daemon::cli {
namespace {

// Characters, not bytes: each UTF-8 sequence counts one.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string_view code_of(Paint paint) {
  switch (paint) {
    case Paint::plain:
      return {};
    case Paint::good:
      return "\x1b[32m";
    case Paint::attention:
      return "\x1b[33m";
    case Paint::bad:
      return "\x1b[31m";
    case Paint::faint:
      return "\x1b[2m";
  }
  return {};
}

}  // namespace

std::string painted(std::string_view text, Paint paint, bool colours) {
  if (!colours || paint == Paint::plain || text.empty()) return std::string(text);
  return fmt::format("{}{}\x1b[0m", code_of(paint), text);
}

namespace {

// What UTF-8 has of control characters beyond ASCII, and what turns a line around or breaks it: how many
// bytes it takes. 0: another character.
std::size_t hidden_bytes(std::string_view text) {
  const auto starts = [&](std::string_view with) { return text.starts_with(with); };
  const auto third = text.size() < 3 ? 0U : static_cast<unsigned char>(text[2]);
  if (text.size() >= 2 && starts("\xc2") && static_cast<unsigned char>(text[1]) < 0xA0) return 2;  // C1
  if (starts("\xe2\x80") && ((third >= 0x8B && third <= 0x8F) || (third >= 0xA8 && third <= 0xAE))) return 3;
  return starts("\xe2\x81") && third >= 0xA6 && third <= 0xA9 ? 3 : 0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  std::size_t hidden = 0;  // bytes of one that is not shown
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (hidden == 0) hidden = hidden_bytes(text.substr(i));
    if (hidden > 0) {
      --hidden;
      out += fmt::format("\\x{:02x}", byte);
      continue;
    }
    if (byte < 0x20 || byte == 0x7F) {
      out += c == '\n' ? std::string(" ") : fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

Table::Table(std::vector<std::string_view> titles) {
  for (std::string_view title : titles) {
    right_.push_back(title.starts_with('>'));
    if (right_.back()) title.remove_prefix(1);
    titles_.emplace_back(title);
  }
}

void Table::add(std::vector<Cell> row) {
  EXTVOLD_CHECK(row.size() == titles_.size());
  for (Cell& cell : row) {
    cell.text = printable(cell.text);
    if (cell.text.empty()) cell = Cell("-", Paint::faint);
  }
  rows_.push_back(std::move(row));
}

std::string Table::text(bool colours) const {
  std::vector<std::size_t> widths;
  for (const std::string& title : titles_) widths.push_back(width_of(title));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i].text));
  }
  std::string out;
  const auto line = [&](const std::vector<Cell>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string pad(widths[i] - width_of(cells[i].text), ' ');
      const bool last = i + 1 == cells.size();
      if (right_[i]) out += pad;
      out += painted(cells[i].text, cells[i].paint, colours);
      if (!right_[i] && !last) out += pad;
      if (!last) out += "  ";
    }
    out += '\n';
  };
  std::vector<Cell> head;
  for (const std::string& title : titles_) head.emplace_back(title, Paint::faint);
  line(head);
  for (const auto& row : rows_) line(row);
  return out;
}

}  // namespace extvold::daemon::cli
