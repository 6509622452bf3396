// The yardstick of the ingest benchmark: the rows of a finished ledger, put into an empty one of the same
// schema by bare SQLite.
#pragma once

#include <cstdint>
#include <string>

namespace extvold::bench {

struct BareInsert {
  double seconds = 0;
  std::int64_t rows = 0;
};

// `from`: the ledger. `to`: a new file; WAL, synchronous=FULL, transactions of `rows_a_transaction`.
BareInsert bare_insert(const std::string& from, const std::string& to, std::int64_t rows_a_transaction);

}  // namespace extvold::bench
