#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/batch/batch.h"

namespace rowtide {

// Turns events into the bytes of one message each. Independent of any sink. Thread: one lane; an
// encoder keeps caches (column names escaped once per schema) and is not shared.
class Encoder {
 public:
  virtual ~Encoder() = default;
  // Appends the encoding of `event`, without a separator. Never fails: every value has an encoding.
  virtual void encode(const Batch& batch, const Event& event, std::string& out) = 0;
};

}  // namespace rowtide
