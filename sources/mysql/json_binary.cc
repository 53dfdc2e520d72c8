#include "sources/mysql/json_binary.h"

#include <cstring>

namespace rowtide::mysql {
namespace {

// Whether a value of this type stands in the directory itself.
bool is_inline(JsonType type, bool large) {
  switch (type) {
    case JsonType::kLiteral:
    case JsonType::kInt16:
    case JsonType::kUint16:
      return true;
    case JsonType::kInt32:
    case JsonType::kUint32:
      return large;
    default:
      return false;
  }
}

}  // namespace

std::optional<JsonContainer> JsonContainer::open(const JsonView& value) {
  JsonContainer container;
  container.large_ = value.type == JsonType::kLargeObject || value.type == JsonType::kLargeArray;
  container.is_object_ = value.is_object();
  const std::size_t word = container.large_ ? 4 : 2;
  if ((!value.is_object() && !value.is_array()) || value.bytes.size() < 2 * word) {
    return std::nullopt;
  }
  container.bytes_ = value.bytes;
  container.count_ = container.offset_at(0);
  const std::size_t size_bytes = container.offset_at(word);
  const std::size_t key_bytes = container.is_object_ ? word + 2 : 0;
  container.values_at_ = 2 * word + container.count_ * key_bytes;
  container.directory_bytes_ = container.values_at_ + container.count_ * (1 + word);
  if (size_bytes > value.bytes.size() || container.directory_bytes_ > size_bytes) {
    return std::nullopt;
  }
  container.bytes_ = value.bytes.substr(0, size_bytes);
  return container;
}

std::uint32_t JsonContainer::offset_at(std::size_t at) const {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes_.data() + at, large_ ? 4 : 2);
  return value;
}

std::optional<std::string_view> JsonContainer::key(std::uint32_t index) const {
  const std::size_t word = large_ ? 4 : 2;
  const std::size_t at = 2 * word + index * (word + 2);
  const std::size_t offset = offset_at(at);
  std::uint16_t length = 0;
  std::memcpy(&length, bytes_.data() + at + word, sizeof(length));
  if (offset < directory_bytes_ || offset > bytes_.size() || length > bytes_.size() - offset) {
    return std::nullopt;
  }
  return bytes_.substr(offset, length);
}

std::optional<JsonView> JsonContainer::value(std::uint32_t index) const {
  const std::size_t word = large_ ? 4 : 2;
  const std::size_t at = values_at_ + index * (1 + word);
  const auto type = static_cast<JsonType>(static_cast<unsigned char>(bytes_[at]));
  if (is_inline(type, large_)) {
    return JsonView{type, bytes_.substr(at + 1, word)};
  }
  const std::size_t offset = offset_at(at + 1);
  if (offset < directory_bytes_ || offset > bytes_.size()) {
    return std::nullopt;
  }
  return JsonView{type, bytes_.substr(offset)};
}

JsonView json_root(std::string_view document) {
  constexpr std::string_view kNullLiteral("\0", 1);
  if (document.empty()) {
    return {JsonType::kLiteral, kNullLiteral};
  }
  return {static_cast<JsonType>(static_cast<unsigned char>(document.front())), document.substr(1)};
}

}  // namespace rowtide::mysql
