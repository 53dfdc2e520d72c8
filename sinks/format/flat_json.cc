#include "sinks/format/flat_json.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/base/assert.h"
#include "engine/model/digits.h"
#include "sinks/format/civil_text.h"
#include "sinks/format/json_writer.h"
#include "sinks/format/utf8.h"

namespace rowtide {
namespace {

// The parts of an event's text that depend on the table's shape alone.
class TableTexts {
 public:
  TableTexts(std::string_view pipeline_json, SchemaPtr schema) : schema_(std::move(schema)) {
    TextWriter out(text_);
    out.put(",\"pipeline\":");
    out.put(pipeline_json);
    out.put(",\"schema\":");
    put_json_string(out, schema_->schema);
    out.put(",\"table\":");
    put_json_string(out, schema_->table);
    out.put(",\"key\":");
    name_starts_.push_back(out.size());
    for (const auto& column : schema_->columns) {
      out.put(',');
      put_json_string(out, column.name);
      out.put(':');
      name_starts_.push_back(out.size());
    }
  }

  const TableSchema& schema() const { return *schema_; }
  // `,"pipeline":..,"schema":..,"table":..,"key":`
  std::string_view head() const { return std::string_view(text_).substr(0, name_starts_[0]); }
  // `,"name":`
  std::string_view member(std::size_t column) const {
    return std::string_view(text_).substr(name_starts_[column],
                                          name_starts_[column + 1] - name_starts_[column]);
  }
  // `,"name"`
  std::string_view item(std::size_t column) const {
    const auto text = member(column);
    return text.substr(0, text.size() - 1);
  }

 private:
  // Keeps the address of the schema, by which the texts are found, from being used again.
  SchemaPtr schema_;
  std::string text_;
  std::vector<std::size_t> name_starts_;
};

// A stream of schema changes must not grow the cache for ever.
constexpr std::size_t kMostTables = 4096;

class FlatJsonEncoder final : public Encoder {
 public:
  FlatJsonEncoder(const std::string& pipeline, const ValueJsonOptions& options)
      : options_(options) {
    TextWriter out(pipeline_json_);
    put_json_string(out, pipeline);
  }

  void encode(const Batch& batch, const Event& event, std::string& text) override {
    TextWriter out(text);
    out.put("{\"op\":\"");
    out.put(op_letter(event.op));
    out.put('"');
    if (event.op == Op::kMessage) {
      put_message(out, event);
    } else {
      put_table_event(out, texts_of(batch, event.schema), event);
    }
    put_tail(out, batch.transactions()[event.transaction], event);
  }

 private:
  const TableTexts& texts_of(const Batch& batch, const TableSchema* schema) {
    if (last_texts_ != nullptr && &last_texts_->schema() == schema) [[likely]] {
      return *last_texts_;
    }
    auto found = tables_.find(schema);
    if (found == tables_.end()) {
      if (tables_.size() >= kMostTables) {
        tables_.clear();
      }
      const auto shared = std::ranges::find(batch.schemas(), schema, &SchemaPtr::get);
      ROWTIDE_ASSERT(shared != batch.schemas().end());
      found = tables_.try_emplace(schema, pipeline_json_, *shared).first;
    }
    last_texts_ = &found->second;
    return *last_texts_;
  }

  void put_table_event(TextWriter& out, const TableTexts& texts, const Event& event) const {
    out.put(texts.head());
    put_key(out, texts, event);
    out.put(",\"before\":");
    if (event.before_image == BeforeImage::kNone || event.before.empty()) {
      out.put("null");
    } else {
      put_cells(out, texts, event.before);
    }
    out.put(",\"after\":");
    if (event.after.empty()) {
      out.put("null,\"unchanged\":[]");
    } else if (put_cells(out, texts, event.after)) {
      put_unchanged(out, texts, event.after);
    } else {
      out.put(",\"unchanged\":[]");
    }
    if (event.op == Op::kSchema) {
      put_columns(out, texts.schema());
    }
  }

  void put_key(TextWriter& out, const TableTexts& texts, const Event& event) const {
    const auto& keys = texts.schema().key_columns;
    if (keys.empty() || (event.before.empty() && event.after.empty())) {
      return out.put("null");
    }
    char separator = '{';
    for (const auto column : keys) {
      const bool in_after = !event.after.empty() && event.after[column].is_known();
      if (!in_after && (event.before.empty() || !event.before[column].is_known())) {
        continue;
      }
      out.put(separator);
      separator = ',';
      out.put(texts.member(column).substr(1));
      put_value_json(out, key_cell(event, column), options_);
    }
    out.put(separator == '{' ? "{}" : "}");
  }

  // Says whether there was an unchanged cell.
  bool put_cells(TextWriter& out, const TableTexts& texts, std::span<const Value> cells) const {
    bool unchanged = false;
    bool first = true;
    out.put('{');
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (!cells[i].is_known()) [[unlikely]] {
        unchanged = unchanged || cells[i].kind() == ValueKind::kUnchanged;
        continue;
      }
      out.put(texts.member(i).substr(first ? 1 : 0));
      first = false;
      put_value_json(out, cells[i], options_);
    }
    out.put('}');
    return unchanged;
  }

  static void put_unchanged(TextWriter& out, const TableTexts& texts,
                            std::span<const Value> cells) {
    out.put(",\"unchanged\":[");
    bool first = true;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (cells[i].kind() == ValueKind::kUnchanged) {
        out.put(texts.item(i).substr(first ? 1 : 0));
        first = false;
      }
    }
    out.put(']');
  }

  static void put_columns(TextWriter& out, const TableSchema& schema) {
    out.put(",\"columns\":[");
    for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
      const auto& column = schema.columns[i];
      out.put(i == 0 ? "{\"name\":" : ",{\"name\":");
      put_json_string(out, column.name);
      out.put(",\"type\":");
      put_json_string(out, to_string(column.type));
      out.put(",\"source_type\":");
      put_json_string(out, column.source_type);
      const bool is_key = std::ranges::find(schema.key_columns, i) != schema.key_columns.end();
      out.put(is_key ? ",\"key\":true}" : ",\"key\":false}");
    }
    out.put(']');
  }

  void put_message(TextWriter& out, const Event& event) const {
    out.put(",\"pipeline\":");
    out.put(pipeline_json_);
    out.put(
        ",\"schema\":null,\"table\":null,\"key\":null,\"before\":null,\"after\":null,"
        "\"unchanged\":[],\"prefix\":");
    put_json_string(out, event.message_prefix);
    out.put(",\"content\":");
    if (is_valid_utf8(event.message_content)) {
      put_json_string(out, event.message_content);
      out.put(",\"content_encoding\":\"utf8\"");
    } else {
      out.put('"');
      put_base64(out, event.message_content);
      out.put("\",\"content_encoding\":\"base64\"");
    }
  }

  void put_tail(TextWriter& out, const Transaction& transaction, const Event& event) {
    if (!same_transaction(transaction)) {
      remember(transaction);
    }
    out.put(position_text_);
    put_row_hex(out, event.row);
    out.put(tx_text_);
    out.put_integer(row_number(event.row));
    out.put(committed_text_);
    out.put(event.op == Op::kRead ? ",\"snapshot\":true}" : ",\"snapshot\":false}");
  }

  // The last ten digits of a position's text.
  static void put_row_hex(TextWriter& out, std::uint64_t row) {
    constexpr std::size_t kDigits = 10;
    out.reserve(kDigits);
    out.advance_to(put_hex_digits(out.cursor(), row, kDigits));
  }

  bool same_transaction(const Transaction& transaction) const {
    return !position_text_.empty() && commit_ == transaction.commit &&
           timeline_ == transaction.timeline && committed_at_us_ == transaction.committed_at_us &&
           id_ == transaction.id;
  }

  void remember(const Transaction& transaction) {
    commit_ = transaction.commit;
    timeline_ = transaction.timeline;
    committed_at_us_ = transaction.committed_at_us;
    id_ = transaction.id;
    position_text_ = ",\"position\":\"";
    append_position(position_text_, transaction.position_at(0));
    position_text_.resize(position_text_.size() - 10);
    tx_text_.clear();
    {
      TextWriter out(tx_text_);
      out.put("\",\"tx\":");
      put_json_string(out, transaction.id);
      out.put(",\"row\":");
    }
    committed_text_.clear();
    TextWriter out(committed_text_);
    out.put(",\"committed_at\":\"");
    put_timestamp(out, committed_at_us_, {.separator = 'T', .zone = "Z"});
    out.put('"');
  }

  const ValueJsonOptions options_;
  std::string pipeline_json_;
  std::unordered_map<const TableSchema*, TableTexts> tables_;
  const TableTexts* last_texts_ = nullptr;

  // The transaction of the last event and the texts that all of its events share.
  std::uint64_t commit_ = 0;
  std::uint32_t timeline_ = 0;
  std::int64_t committed_at_us_ = 0;
  std::string id_;
  std::string position_text_;
  std::string tx_text_;
  std::string committed_text_;
};

}  // namespace

std::unique_ptr<Encoder> make_flat_json(const std::string& pipeline,
                                        const ValueJsonOptions& options) {
  return std::make_unique<FlatJsonEncoder>(pipeline, options);
}

}  // namespace rowtide
