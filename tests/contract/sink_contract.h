#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "engine/api/sink.h"
#include "engine/base/runtime.h"

namespace rowtide::test {

// What a destination can be asked for after delivery.
enum class Keeps {
  kNothing,  // it cannot be read back
  kEvents,   // every change, in delivery order
  kRows,     // the current rows of each table
};

// One destination, empty when made and wiped when destroyed. It outlives the sinks made over it, as
// a real destination outlives a killed daemon.
class SinkSubject {
 public:
  virtual ~SinkSubject() = default;

  // A new sink over this destination, as after a restart of the daemon. The sink made before has
  // been closed or, to play a crash, only destroyed.
  virtual Result<SinkHandle> make(const Runtime& runtime) = 0;

  // What the destination holds, as canonical text, one line per change or row:
  //   kEvents: "<op letter> <position text> <row>" for c, u, d and r, in delivery order
  //   kRows:   "<row>", sorted as text
  // where <row> is "public.orders|id=1|customer=Ann|amount=12.50|paid=t|note=NULL": every column in
  // the order of the table, values as value_text.h writes them. The row of a `d` line has the key
  // columns only. row_line() builds it. Only durable content counts: the sink may still be open.
  virtual std::vector<std::string> read_back() = 0;
};

// A sink under contract: one entry per sink (and per mode of it) in sink_subjects.cc.
struct SinkEntry {
  std::string name;  // letters, digits and '_': it names the tests
  Keeps keeps = Keeps::kNothing;
  // A restarted sink returns the position that it holds (guarantees transactional and idempotent).
  bool keeps_marker = false;
  // An empty destination, or nullptr where it cannot exist on this machine; then `why_not` is
  // filled and the tests are skipped with that reason.
  std::function<std::unique_ptr<SinkSubject>(std::string& why_not)> create;
};

inline void PrintTo(const SinkEntry& entry, std::ostream* out) {
  *out << entry.name;
}

// Every entry of this build.
std::vector<SinkEntry> sink_entries();

// "public.orders|id=1|note=NULL" from names and texts; nullopt is SQL NULL.
std::string row_line(const std::string& qualified_table,
                     const std::vector<std::pair<std::string, std::optional<std::string>>>& cells);

}  // namespace rowtide::test
