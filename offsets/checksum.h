#pragma once

#include <cstdint>
#include <string_view>

namespace rowtide {

// CRC-32C (Castagnoli, reflected, RFC 3720 appendix B.4). `seed` is the result for the bytes
// before.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0) noexcept;

}  // namespace rowtide
