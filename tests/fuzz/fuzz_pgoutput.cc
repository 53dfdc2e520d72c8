// A connection of a hostile server: every message parser, and rows of the relations that its
// messages describe, in text and in binary, from the stream and from COPY.
//
// Input: a byte of flags (1 = begin inside a streamed block), then messages, each an Int16 length
// and that many bytes. A message that begins with 0x01 is a COPY tuple of the relation seen last.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/cursor.h"
#include "engine/batch/batch.h"
#include "sources/postgres/pgoutput_messages.h"
#include "sources/postgres/row_decoder.h"

namespace rowtide::postgres {
namespace {

// Types of every kind that is not builtin, with the oids that the seeds use and with some that lead
// into themselves.
TypeCatalog known_types() {
  TypeCatalog catalog;
  const auto add = [&catalog](std::uint32_t type_oid, std::string name, TypeKind kind,
                              std::uint32_t element,
                              std::vector<std::pair<std::string, std::uint32_t>> attributes = {}) {
    TypeInfo type;
    type.oid = type_oid;
    type.schema = "fx";
    type.name = std::move(name);
    type.kind = kind;
    type.element = element;
    type.attributes = std::move(attributes);
    catalog.add(std::move(type));
  };
  for (const std::uint32_t first : {56346u, 56368u}) {
    add(first, "_mood", TypeKind::kArray, first + 1);
    add(first + 1, "mood", TypeKind::kEnum, 0);
    add(first + 7, "comp", TypeKind::kComposite, 0, {{"x", oid::kInt4}, {"y", oid::kText}});
    add(first + 9, "posint", TypeKind::kDomain, oid::kInt4);
  }
  add(20001, "_comp", TypeKind::kArray, 56353);
  add(20002, "nested", TypeKind::kComposite, 0, {{"a", 20001}, {"r", 3904}});
  add(20003, "trange", TypeKind::kRange, oid::kText);
  add(20004, "tmultirange", TypeKind::kMultirange, 20003);
  add(20005, "selfish", TypeKind::kComposite, 0, {{"me", 20005}});
  add(20006, "loop", TypeKind::kDomain, 20006);
  add(20007, "citext", TypeKind::kBase, 0);
  return catalog;
}

// Reads every byte that a cell points to, so that a sanitizer sees a view that left its arena.
std::uint64_t touch(std::span<const Value> cells) {
  std::uint64_t sum = 0;
  for (const Value& cell : cells) {
    sum += static_cast<std::uint64_t>(cell.kind());
    if (cell.has_bytes()) {
      for (const char c : cell.bytes()) {
        sum += static_cast<unsigned char>(c);
      }
    }
  }
  return sum;
}

class Connection {
 public:
  explicit Connection(const TypeCatalog& catalog, bool in_stream)
      : catalog_(catalog), in_stream_(in_stream) {
    builder_.begin_transaction({});
  }

  std::uint64_t sum() const { return sum_; }

  void receive(std::string_view message) {
    if (message.starts_with('\x01')) {
      copy_tuple(message.substr(1));
      return;
    }
    const auto type = message_type(message);
    if (!type) {
      return;
    }
    switch (*type) {
      case MessageType::kRelation:
        relation(message);
        break;
      case MessageType::kInsert:
      case MessageType::kUpdate:
      case MessageType::kDelete:
        row(message);
        break;
      case MessageType::kStreamStart:
        in_stream_ = in_stream_ || parse_stream_start(message).has_value();
        break;
      case MessageType::kStreamStop:
        in_stream_ = in_stream_ && !parse_stream_stop(message).has_value();
        break;
      default:
        control(*type, message);
    }
  }

 private:
  void relation(std::string_view message) {
    const auto parsed = parse_relation(message, in_stream_);
    if (!parsed) {
      return;
    }
    auto decoder = RelationDecoder::create(*parsed, catalog_);
    if (decoder) {
      last_ = parsed->relation_id;
      decoders_[last_] = std::move(*decoder);
    }
  }

  void row(std::string_view message) {
    const auto parsed = parse_row(message, in_stream_);
    const auto decoder = parsed ? decoders_.find(parsed->relation_id) : decoders_.end();
    if (decoder == decoders_.end()) {
      return;
    }
    Event event;
    if (decoder->second->decode_row(*parsed, builder_, event)) {
      sum_ += touch(event.before) + touch(event.after);
    }
  }

  void copy_tuple(std::string_view tuple) {
    const auto decoder = decoders_.find(last_);
    if (decoder == decoders_.end()) {
      return;
    }
    const std::span<Value> cells =
        builder_.allocate_cells(decoder->second->schema()->columns.size());
    if (decoder->second->decode_copy_tuple(tuple, builder_.arena(), cells)) {
      sum_ += touch(cells);
    }
  }

  void control(MessageType type, std::string_view message) {
    switch (type) {
      case MessageType::kBegin:
        sum_ += parse_begin(message).has_value();
        break;
      case MessageType::kCommit:
        sum_ += parse_commit(message).has_value();
        break;
      case MessageType::kOrigin:
        sum_ += parse_origin(message).has_value();
        break;
      case MessageType::kType:
        sum_ += parse_type(message, in_stream_).has_value();
        break;
      case MessageType::kTruncate:
        sum_ += parse_truncate(message, in_stream_).has_value();
        break;
      case MessageType::kLogicalMessage:
        sum_ += parse_logical_message(message, in_stream_).has_value();
        break;
      case MessageType::kStreamCommit:
        sum_ += parse_stream_commit(message).has_value();
        break;
      case MessageType::kStreamAbort:
        sum_ += parse_stream_abort(message).has_value();
        break;
      case MessageType::kBeginPrepare:
        sum_ += parse_begin_prepare(message).has_value();
        break;
      case MessageType::kPrepare:
      case MessageType::kStreamPrepare:
        sum_ += parse_prepare(message).has_value();
        break;
      case MessageType::kCommitPrepared:
        sum_ += parse_commit_prepared(message).has_value();
        break;
      case MessageType::kRollbackPrepared:
        sum_ += parse_rollback_prepared(message).has_value();
        break;
      default:
        break;
    }
  }

  const TypeCatalog& catalog_;
  std::map<std::uint32_t, std::unique_ptr<RelationDecoder>> decoders_;
  BatchBuilder builder_{{}, nullptr};
  std::uint32_t last_ = 0;
  std::uint64_t sum_ = 0;
  bool in_stream_;
};

}  // namespace
}  // namespace rowtide::postgres

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rowtide::postgres;
  static const TypeCatalog catalog = known_types();
  rowtide::Cursor input(reinterpret_cast<const char*>(data), size);
  Connection connection(catalog, (input.u8() & 1) != 0);
  while (input.remaining() > 0) {
    const std::size_t length = input.u16_be();
    // A copy of its own size, so that a sanitizer sees a read past the message's end.
    const std::string_view bytes = input.take(std::min(length, input.remaining()));
    const std::vector<char> message(bytes.begin(), bytes.end());
    connection.receive({message.data(), message.size()});
  }
  // The sum is used, so the compiler cannot leave out the reads.
  return connection.sum() == UINT64_MAX ? -1 : 0;
}
