#include "sinks/jsonl/jsonl_config.h"

namespace rowtide {

Result<void> JsonlConfig::validate() const {
  if (path.empty()) {
    return fail(operator_error(Code::kConfig, "path is empty",
                               "Set path to the directory that the files go to"));
  }
  return {};
}

void describe(config::ObjectSpec& spec, JsonlConfig& config) {
  using std::chrono::milliseconds;
  spec.text("path", config.path, "The directory of the files; made where it is missing.")
      .required();
  spec.size_bytes("rotate_bytes", config.rotate_bytes, 1024, std::uint64_t{1} << 40,
                  "A new file begins before one grows beyond this.");
  spec.duration("flush_interval", config.flush_interval, milliseconds(1), milliseconds(3'600'000),
                "The longest that an event waits to be made durable.");
  spec.size_bytes("buffer_bytes", config.buffer_bytes, 64 << 10, std::uint64_t{1} << 30,
                  "Events are made durable earlier once they take this many bytes.");
  spec.integer("split_transaction_rows", config.split_transaction_rows, 1, INT64_MAX,
               "A transaction of at least this many rows may become durable in parts.");
  describe(spec, config.format);
}

}  // namespace rowtide
