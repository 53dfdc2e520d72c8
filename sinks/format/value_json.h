#pragma once

#include "engine/model/value.h"
#include "sinks/format/text_writer.h"

namespace rowtide {

enum class DecimalJson { kString, kNumber };
enum class TimestampJson { kIso, kEpochUs };

struct ValueJsonOptions {
  // kString keeps the scale ("12.50") through readers that turn every number into a double.
  DecimalJson decimals = DecimalJson::kString;
  // kEpochUs: timestamps with and without zone as a number of microseconds since 1970-01-01.
  TimestampJson timestamps = TimestampJson::kIso;
};

// A known value (NULL included) as JSON. Integers are numbers with all their digits; bytes are
// base64; dates, times, uuids and literals are strings; json is embedded.
// Precondition: value.is_known().
void put_value_json(TextWriter& out, const Value& value, const ValueJsonOptions& options);

}  // namespace rowtide
