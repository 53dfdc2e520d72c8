#include "sinks/warehouse/settings.h"

namespace rowtide::warehouse {

void describe(config::ObjectSpec& spec, Settings& settings) {
  using std::chrono::milliseconds;
  spec.choice("mode", settings.mode, {{"mirror", Mode::kMirror}, {"history", Mode::kHistory}},
              "mirror keeps each table as it is in the source; history appends every change as a "
              "row, with _op, _position, _tx, _row, _committed_at and _unchanged");
  spec.duration("flush_interval", settings.flush_interval, milliseconds(1),
                std::chrono::minutes(10),
                "how long a complete transaction may wait for others to share its commit");
  spec.size_bytes("flush_bytes", settings.flush_bytes, std::uint64_t{64} << 10,
                  std::uint64_t{4} << 30,
                  "changes collected at most before they are written, bounded by what the "
                  "pipeline's memory allows");
  spec.integer("split_transaction_rows", settings.split_transaction_rows, 1, INT64_MAX,
               "a source transaction with more rows than this is committed in parts");
}

}  // namespace rowtide::warehouse
