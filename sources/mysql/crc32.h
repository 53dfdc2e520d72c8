#pragma once

#include <cstdint>
#include <string_view>

namespace rowtide::mysql {

// CRC-32 as every binary log event ends in it: that of zlib, several times faster for the short
// events that most transactions are made of. `before` is the CRC of the bytes in front.
std::uint32_t crc32_of(std::string_view bytes, std::uint32_t before = 0) noexcept;

namespace crc32 {

// The two ways, for tests; crc32_of() chooses. `carryless` needs a processor that multiplies
// without carries (can_multiply) and at least 64 bytes.
bool can_multiply() noexcept;
std::uint32_t by_tables(std::string_view bytes, std::uint32_t before) noexcept;
std::uint32_t carryless(std::string_view bytes, std::uint32_t before) noexcept;

}  // namespace crc32
}  // namespace rowtide::mysql
