#include "offsets/keys.h"

#include "engine/base/cursor.h"

namespace rowtide {
namespace {

void put_name(std::string& key, std::string_view name) {
  key.append(name);
  key.push_back('\0');
}

void put_u64(std::string& key, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    key.push_back(static_cast<char>(value >> static_cast<unsigned>(shift) & 0xFFU));
  }
}

std::string prefix(char kind, std::string_view pipeline) {
  std::string key(1, kind);
  put_name(key, pipeline);
  return key;
}

}  // namespace

std::string epoch_key(std::string_view pipeline) {
  return prefix('e', pipeline);
}
std::string lane_prefix(std::string_view pipeline) {
  return prefix('l', pipeline);
}
std::string schema_prefix(std::string_view pipeline) {
  return prefix('s', pipeline);
}
std::string backfill_prefix(std::string_view pipeline) {
  return prefix('b', pipeline);
}

std::string captured_key(std::string_view pipeline) {
  return prefix('t', pipeline);
}

std::string backfill_key(std::string_view pipeline, std::string_view id) {
  auto key = backfill_prefix(pipeline);
  put_name(key, id);
  return key;
}

std::string lane_key(std::string_view pipeline, std::string_view sink) {
  auto key = lane_prefix(pipeline);
  put_name(key, sink);
  return key;
}

std::string schema_key(std::string_view pipeline, std::uint64_t table_id) {
  auto key = schema_prefix(pipeline);
  put_u64(key, table_id);
  return key;
}

std::optional<std::string> name_of_key(std::string_view prefix_text, std::string_view key) {
  Cursor in(key.substr(prefix_text.size()));
  const auto name = in.c_string();
  if (!in.ok() || in.remaining() != 0) {
    return std::nullopt;
  }
  return std::string(name);
}

std::optional<std::uint64_t> table_of_schema_key(std::string_view prefix_text,
                                                 std::string_view key) {
  Cursor in(key.substr(prefix_text.size()));
  const auto table_id = in.u64_be();
  if (!in.ok() || in.remaining() != 0) {
    return std::nullopt;
  }
  return table_id;
}

std::string spill_key(std::string_view pipeline, std::uint64_t transaction,
                      std::uint64_t sequence) {
  std::string key;
  put_name(key, pipeline);
  put_u64(key, transaction);
  put_u64(key, sequence);
  return key;
}

std::string spill_end_key(std::string_view pipeline, std::uint64_t transaction) {
  // One byte more than the last block's key can have.
  auto key = spill_key(pipeline, transaction, UINT64_MAX);
  key.push_back('\0');
  return key;
}

}  // namespace rowtide
