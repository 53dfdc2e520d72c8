#include "sources/mysql/crc32.h"

#include <array>
#include <cstddef>
#include <cstring>

#include <immintrin.h>

namespace rowtide::mysql {
namespace crc32 {
namespace {

// The polynomial, lowest bit first.
constexpr std::uint32_t kPolynomial = 0xEDB88320;
// Bytes that the tables take at a time.
constexpr std::size_t kStride = 16;
constexpr std::size_t kCarrylessBytes = 64;

using Table = std::array<std::uint32_t, 256>;

// kTables[n][b] is what byte b does to the CRC when n zero bytes follow it.
constexpr std::array<Table, kStride> make_tables() {
  std::array<Table, kStride> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    }
    tables[0][byte] = crc;
  }
  for (std::size_t n = 1; n < kStride; ++n) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const auto crc = tables[n - 1][byte];
      tables[n][byte] = (crc >> 8) ^ tables[0][crc & 0xFF];
    }
  }
  return tables;
}
constexpr auto kTables = make_tables();

// Four bytes, behind which `behind` more of the same stride follow.
inline std::uint32_t look_up(std::uint32_t word, std::size_t behind) {
  return kTables[behind + 3][word & 0xFF] ^ kTables[behind + 2][(word >> 8) & 0xFF] ^
         kTables[behind + 1][(word >> 16) & 0xFF] ^ kTables[behind][word >> 24];
}

__attribute__((target("pclmul,sse4.1"))) inline __m128i fold(__m128i folded, __m128i factors,
                                                             __m128i next) {
  return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(folded, factors, 0x00),
                                     _mm_clmulepi64_si128(folded, factors, 0x11)),
                       next);
}

inline __m128i load(const char* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

}  // namespace

bool can_multiply() noexcept {
  static const bool can =
      __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
  return can;
}

std::uint32_t by_tables(std::string_view bytes, std::uint32_t before) noexcept {
  std::uint32_t crc = ~before;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kStride; left -= kStride, at += kStride) {
    std::array<std::uint32_t, 4> words;
    std::memcpy(words.data(), at, kStride);
    crc = look_up(words[0] ^ crc, 12) ^ look_up(words[1], 8) ^ look_up(words[2], 4) ^
          look_up(words[3], 0);
  }
  for (; left >= 4; left -= 4, at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, at, sizeof(word));
    crc = look_up(word ^ crc, 0);
  }
  for (; left > 0; --left, ++at) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<unsigned char>(*at)) & 0xFF];
  }
  return ~crc;
}

// Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction": four
// streams of 16 bytes are folded over each other, then into one, and that is reduced. The factors
// are powers of x modulo the polynomial, bits reflected.
__attribute__((target("pclmul,sse4.1"))) std::uint32_t carryless(std::string_view bytes,
                                                                 std::uint32_t before) noexcept {
  const __m128i by_64_bytes = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  const __m128i by_16_bytes = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  const __m128i by_8_bytes = _mm_set_epi64x(0, 0x0163cd6124);
  // The polynomial and its reciprocal.
  const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);
  const __m128i low_words = _mm_setr_epi32(-1, 0, -1, 0);

  const char* at = bytes.data();
  std::size_t left = bytes.size();
  __m128i a = _mm_xor_si128(load(at), _mm_cvtsi32_si128(static_cast<int>(~before)));
  __m128i b = load(at + 16);
  __m128i c = load(at + 32);
  __m128i d = load(at + 48);
  for (at += 64, left -= 64; left >= 64; at += 64, left -= 64) {
    a = fold(a, by_64_bytes, load(at));
    b = fold(b, by_64_bytes, load(at + 16));
    c = fold(c, by_64_bytes, load(at + 32));
    d = fold(d, by_64_bytes, load(at + 48));
  }
  a = fold(a, by_16_bytes, b);
  a = fold(a, by_16_bytes, c);
  a = fold(a, by_16_bytes, d);
  for (; left >= 16; at += 16, left -= 16) {
    a = fold(a, by_16_bytes, load(at));
  }
  // 128 bits to 64, to 32, to what is left of them modulo the polynomial.
  a = _mm_xor_si128(_mm_srli_si128(a, 8), _mm_clmulepi64_si128(a, by_16_bytes, 0x10));
  a = _mm_xor_si128(_mm_srli_si128(a, 4),
                    _mm_clmulepi64_si128(_mm_and_si128(a, low_words), by_8_bytes, 0x00));
  __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(a, low_words), barrett, 0x10);
  quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low_words), barrett, 0x00);
  const auto crc = ~static_cast<std::uint32_t>(_mm_extract_epi32(_mm_xor_si128(a, quotient), 1));
  return left > 0 ? by_tables({at, left}, crc) : crc;
}

}  // namespace crc32

std::uint32_t crc32_of(std::string_view bytes, std::uint32_t before) noexcept {
  return bytes.size() >= crc32::kCarrylessBytes && crc32::can_multiply()
             ? crc32::carryless(bytes, before)
             : crc32::by_tables(bytes, before);
}

}  // namespace rowtide::mysql
