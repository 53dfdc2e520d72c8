#pragma once

#include <cstdint>
#include <string_view>

#include <libpq-fe.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"

namespace rowtide::postgres {

// The prefix of the messages that mark the end of a chunk in the stream, which delivers none of
// them.
inline constexpr std::string_view kWatermarkPrefix = "rowtide.watermark";

// A place in the log at or above the commit of everything that is visible now, and one that the
// stream reaches even when nothing else is written.
class Watermark {
 public:
  // A standby is not written to.
  explicit Watermark(bool standby) : standby_(standby), may_write_(!standby) {}

  bool is_of_standby() const noexcept { return standby_; }
  // On a connection outside of a transaction.
  Result<std::uint64_t> lsn(PGconn* connection, const Clock& clock);

 private:
  bool standby_;
  bool may_write_;
};

}  // namespace rowtide::postgres
