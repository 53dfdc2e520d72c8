#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"

namespace rowtide::mysql {

// One MariaDB GTID: "domain-server-sequence".
struct MariaDbGtid {
  std::uint32_t domain = 0;
  std::uint32_t server = 0;
  std::uint64_t sequence = 0;

  friend bool operator==(const MariaDbGtid&, const MariaDbGtid&) = default;
};

std::string to_text(const MariaDbGtid& gtid);

// A place in MariaDB's binary logs: the last GTID of each domain.
class MariaDbGtidState {
 public:
  // "0-1-8,1-2-77", as @@gtid_slave_pos has it. Empty = before everything. Of a domain that is
  // named twice (as in @@gtid_binlog_state) the highest counts. Code::kData else.
  static Result<MariaDbGtidState> parse(std::string_view text);

  // False, and no change, when its sequence number is not above its domain's last.
  bool add(const MariaDbGtid& gtid);
  std::optional<MariaDbGtid> last(std::uint32_t domain) const;
  // Whether `other` has come at least as far in each domain that this one names.
  bool is_covered_by(const MariaDbGtidState& other) const;
  // Sum of the sequence numbers: grows with each GTID, and is the same on each server of a
  // replication setup.
  std::uint64_t weight() const noexcept { return weight_; }
  bool empty() const noexcept { return gtids_.empty(); }

  // Sorted by domain: equal states have equal texts. Valid until the state changes.
  std::string_view text() const;

  friend bool operator==(const MariaDbGtidState& a, const MariaDbGtidState& b) {
    return a.gtids_ == b.gtids_;
  }

 private:
  std::vector<MariaDbGtid> gtids_;  // by domain
  std::uint64_t weight_ = 0;
  mutable std::string text_;
  mutable bool text_fresh_ = false;
};

}  // namespace rowtide::mysql
