#include "sinks/format/format_config.h"

#include <utility>
#include <vector>

#include "sinks/format/flat_json.h"

namespace rowtide {

void describe(config::ObjectSpec& spec, FormatConfig& config, bool optional) {
  std::vector<std::pair<std::string, FormatKind>> formats{{"flat-json", FormatKind::kFlatJson}};
  if (optional) {
    formats.insert(formats.begin(), {"none", FormatKind::kNone});
  }
  spec.choice(
      "format", config.format, std::move(formats),
      optional ? "How each event is encoded; none = not at all." : "How each event is encoded.");
  spec.choice("decimals", config.values.decimals,
              {{"string", DecimalJson::kString}, {"number", DecimalJson::kNumber}},
              "Decimals as strings, which every reader takes without loss, or as numbers.");
  spec.choice("timestamps", config.values.timestamps,
              {{"iso", TimestampJson::kIso}, {"epoch_us", TimestampJson::kEpochUs}},
              "Timestamps as ISO 8601 text or as microseconds since 1970-01-01.");
}

std::unique_ptr<Encoder> make_encoder(const std::string& pipeline, const FormatConfig& config) {
  switch (config.format) {
    case FormatKind::kNone:
      return nullptr;
    case FormatKind::kFlatJson:
      return make_flat_json(pipeline, config.values);
  }
  return nullptr;
}

}  // namespace rowtide
