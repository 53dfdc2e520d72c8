#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"

namespace rowtide::mysql {

// The 16 bytes of a server's uuid.
using Uuid = std::array<std::uint8_t, 16>;

// "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", in lower case.
std::string to_text(const Uuid& uuid);
// With or without dashes and braces, as servers read it.
Result<Uuid> parse_uuid(std::string_view text);

// The most that a server gives.
inline constexpr std::int64_t kMaxGno = INT64_MAX - 1;
inline constexpr std::size_t kMaxTagBytes = 32;

// A set of MySQL GTIDs, tags included: for each (uuid, tag) sorted, disjoint, merged intervals. The
// order is the server's: by uuid, without a tag first. Adding the next number of a run, and the
// text after it, take the same time however large the set is.
class GtidSet {
 public:
  // The server's notation: "uuid:1-5:7,uuid:1:tag:1-3". White space, empty parts and unsorted or
  // overlapping intervals are allowed. Code::kData else.
  static Result<GtidSet> parse(std::string_view text);
  // What PREVIOUS_GTIDS holds, in the plain and the tagged form.
  static Result<GtidSet> decode(std::string_view bytes);

  // False when it was there already. Precondition: 1 <= gno <= kMaxGno.
  bool add(const Uuid& uuid, std::string_view tag, std::int64_t gno);
  bool contains(const Uuid& uuid, std::string_view tag, std::int64_t gno) const;
  bool is_subset_of(const GtidSet& other) const;
  // How many GTIDs there are.
  std::uint64_t count() const noexcept { return count_; }
  bool empty() const noexcept { return entries_.empty(); }

  // Canonical, without white space: equal sets have equal texts. Valid until the set changes.
  std::string_view text() const;
  // As COM_BINLOG_DUMP_GTID takes it: the tagged form only where there is a tag.
  std::string encode() const;

  friend bool operator==(const GtidSet& a, const GtidSet& b) { return a.text() == b.text(); }

 private:
  struct Interval {
    std::int64_t first = 0;
    std::int64_t last = 0;
    // Where `last` stands in text_, while text_ is fresh; digits stay where they are as long as
    // their number does.
    mutable std::uint32_t text_at = 0;
    mutable std::uint32_t text_digits = 0;
  };
  struct Entry {
    Uuid uuid{};
    std::string tag;
    std::vector<Interval> intervals;  // never empty
  };

  std::size_t lower_bound(const Uuid& uuid, std::string_view tag) const;
  const Entry* find(const Uuid& uuid, std::string_view tag) const;
  bool add_to(Entry& entry, std::int64_t gno);
  void add_range(const Uuid& uuid, std::string_view tag, std::int64_t first, std::int64_t last);
  void extend(Interval& interval);

  std::vector<Entry> entries_;
  std::uint64_t count_ = 0;
  std::size_t last_ = 0;  // the entry that was added to last
  mutable std::string text_;
  mutable bool text_fresh_ = false;
};

}  // namespace rowtide::mysql
