#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace rowtide::mysql {

// The binary form in which MySQL stores and logs a JSON document.

enum class JsonType : std::uint8_t {
  kSmallObject = 0,
  kLargeObject = 1,
  kSmallArray = 2,
  kLargeArray = 3,
  kLiteral = 4,
  kInt16 = 5,
  kUint16 = 6,
  kInt32 = 7,
  kUint32 = 8,
  kInt64 = 9,
  kUint64 = 10,
  kDouble = 11,
  kString = 12,
  kOpaque = 15,
};

// The server's own limit.
inline constexpr int kMaxJsonDepth = 100;

// One value inside a document: a view.
struct JsonView {
  JsonType type = JsonType::kLiteral;
  // From the value's first byte on, to the end of what may belong to it.
  std::string_view bytes;

  bool is_object() const {
    return type == JsonType::kSmallObject || type == JsonType::kLargeObject;
  }
  bool is_array() const { return type == JsonType::kSmallArray || type == JsonType::kLargeArray; }
};

// The elements of an object or an array.
class JsonContainer {
 public:
  // Nothing when the bytes are no container: too few, or more elements than they can hold.
  static std::optional<JsonContainer> open(const JsonView& value);

  std::uint32_t size() const { return count_; }
  // Bytes of the directory in front of the elements.
  std::size_t directory_bytes() const { return directory_bytes_; }
  // Of an object; nothing when it leaves the container.
  std::optional<std::string_view> key(std::uint32_t index) const;
  std::optional<JsonView> value(std::uint32_t index) const;

 private:
  JsonContainer() = default;
  std::uint32_t offset_at(std::size_t at) const;

  std::string_view bytes_;
  std::uint32_t count_ = 0;
  std::size_t directory_bytes_ = 0;
  std::size_t values_at_ = 0;
  bool is_object_ = false;
  bool large_ = false;
};

// An empty document is the JSON null.
JsonView json_root(std::string_view document);

}  // namespace rowtide::mysql
