#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace rowtide {

// Appends to a string through a bare pointer, which spares the row loop one capacity check and one
// length update per fragment. While a writer lives, the string is its own: its size is only right
// again once the writer is gone. One thread; the string must outlive the writer.
class TextWriter {
 public:
  explicit TextWriter(std::string& out) : out_(out) {
    const std::size_t used = out.size();
    expose(out.capacity(), used);
  }
  ~TextWriter() { out_.resize(size()); }
  TextWriter(const TextWriter&) = delete;
  TextWriter& operator=(const TextWriter&) = delete;

  std::size_t size() const noexcept { return static_cast<std::size_t>(at_ - out_.data()); }

  // Makes room for `count` bytes at cursor(); advance() then says how many were written.
  void reserve(std::size_t count) {
    if (static_cast<std::size_t>(end_ - at_) < count) [[unlikely]] {
      grow(count);
    }
  }
  char* cursor() noexcept { return at_; }
  void advance_to(char* position) noexcept { at_ = position; }

  void put(char c) {
    reserve(1);
    *at_++ = c;
  }
  void put(std::string_view text) {
    if (text.empty()) {
      return;  // its pointer may be null, which memcpy does not take
    }
    reserve(text.size());
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  template <class Integer>
  void put_integer(Integer value) {
    reserve(20);
    at_ = std::to_chars(at_, at_ + 20, value).ptr;
  }

 private:
  void expose(std::size_t total, std::size_t used) {
    out_.resize_and_overwrite(total, [](char*, std::size_t n) { return n; });
    at_ = out_.data() + used;
    end_ = out_.data() + total;
  }
  void grow(std::size_t count) {
    const std::size_t used = size();
    const std::size_t wanted = used + count;
    const std::size_t doubled = 2 * out_.size();
    // The string may only copy what was written, not the bytes behind it.
    out_.resize(used);
    expose(wanted > doubled ? wanted : doubled, used);
  }

  std::string& out_;
  char* at_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace rowtide
