// Table: aligned columns of text, for people. Values; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/enum_text.h"

namespace extvold::daemon::cli {

EXTVOLD_ENUM(Paint, plain, good, attention, bad, faint)

struct Cell {
  std::string text;
  Paint paint = Paint::plain;

  Cell(std::string t, Paint p = Paint::plain)
      : text(std::move(t)), paint(p) {}  // NOLINT(google-explicit-constructor)
  Cell(std::string_view t, Paint p = Paint::plain)
      : text(t), paint(p) {}                                          // NOLINT(google-explicit-constructor)
  Cell(const char* t, Paint p = Paint::plain) : text(t), paint(p) {}  // NOLINT(google-explicit-constructor)
};

// Whether colours are used is decided once, for a terminal that wants them.
std::string painted(std::string_view text, Paint paint, bool colours);

// One line of printable text whatever was in it: control characters (of a task's name, say)
// and those that turn text around become \xNN.
std::string printable(std::string_view text);

class Table {
 public:
  // A title that begins with '>' is a column of numbers, aligned to the right.
  explicit Table(std::vector<std::string_view> titles);

  void add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  std::string text(bool colours) const;  // nothing but the titles if there is no row

 private:
  std::vector<std::string> titles_;
  std::vector<bool> right_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace extvold::daemon::cli
