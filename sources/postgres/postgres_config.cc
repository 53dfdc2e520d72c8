#include "sources/postgres/postgres_config.h"

#include <charconv>

#include <fmt/format.h>

#include "sources/postgres/table_patterns.h"

namespace rowtide::postgres {
namespace {

// NAMEDATALEN - 1 of every stock server.
constexpr std::size_t kMaxNameBytes = 63;

bool is_slot_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

Error config_error(std::string message, std::string remedy) {
  return operator_error(Code::kConfig, std::move(message), std::move(remedy));
}

}  // namespace

void describe(config::ObjectSpec& spec, PostgresSourceConfig& config) {
  const std::vector<std::pair<std::string, Choice>> choices = {
      {"auto", Choice::kAuto}, {"on", Choice::kOn}, {"off", Choice::kOff}};
  using std::chrono::milliseconds;
  spec.text(
          "url", config.url,
          "Where the database is: postgresql://user@host:port/database or key=value words of libpq")
      .required();
  spec.secret("password", config.password,
              "The role's password; wins over one in the url and in backfill_url");
  spec.text(
      "backfill_url", config.backfill_url,
      "Where backfills read tables: a physical standby of the server of url, in the same form; "
      "empty = where url is");
  spec.text_list("tables", config.tables,
                 "schema.table patterns with * and ?; a leading ! excludes; empty = every table");
  spec.text("slot", config.slot, "Replication slot; empty = rowtide_<pipeline>");
  spec.text("publication", config.publication, "Publication; empty = rowtide_<pipeline>");
  spec.text(
      "start", config.start,
      "Where a pipeline without a position begins: latest, earliest (all that an existing slot "
      "holds), or an LSN such as 0/16B3748");
  spec.boolean("create", config.create,
               "Create publication and slot when missing and add wanted tables to the publication");
  spec.choice("binary", config.binary, choices,
              "Values in binary form; auto = on from PostgreSQL 14");
  spec.choice("streaming", config.streaming, choices,
              "Receive large transactions while they still run; auto = on from PostgreSQL 14");
  spec.choice("failover", config.failover, choices,
              "Create the slot as a failover slot; auto = on from PostgreSQL 17 on a primary");
  spec.boolean("two_phase", config.two_phase,
               "Deliver prepared transactions when they are prepared; permanent for the slot");
  spec.choice(
      "origin", config.origin,
      std::vector<std::pair<std::string, Origin>>{{"any", Origin::kAny}, {"none", Origin::kNone}},
      "none leaves out changes that another replication brought in (PostgreSQL 16)");
  spec.boolean("messages", config.messages, "Deliver pg_logical_emit_message() messages");
  spec.boolean("publish_via_partition_root", config.publish_via_partition_root,
               "Changes of partitions carry the name of the partitioned table");
  spec.boolean("generated_columns", config.generated_columns,
               "Capture stored generated columns (PostgreSQL 18)");
  spec.duration("wal_sender_timeout", config.wal_sender_timeout, milliseconds(0),
                std::chrono::hours(24), "Of our connection; 0s = the server's setting");
  spec.size_bytes("logical_decoding_work_mem", config.logical_decoding_work_mem_bytes, 0,
                  std::uint64_t{1} << 40,
                  "Server memory for decoding on our connection; 0KiB = the server's setting");
  spec.duration("connect_timeout", config.connect_timeout, milliseconds(1000),
                std::chrono::hours(1), "How long one connection attempt may take");
  spec.duration("slot_timeout", config.slot_timeout, milliseconds(1000), std::chrono::hours(24),
                "How long creating the slot may wait for running transactions");
}

Result<void> PostgresSourceConfig::validate() const {
  if (url.empty()) {
    return fail(config_error("url is empty", "Write postgresql://user@host:port/database"));
  }
  if (slot.size() > kMaxNameBytes) {
    return fail(
        config_error(fmt::format("slot \"{}\" is longer than {} bytes", slot, kMaxNameBytes),
                     "Choose a shorter name"));
  }
  for (const char c : slot) {
    if (!is_slot_character(c)) {
      return fail(
          config_error(fmt::format("slot \"{}\" has a character that slot names cannot have", slot),
                       "Use lower-case letters, digits and underscores"));
    }
  }
  if (publication.size() > kMaxNameBytes) {
    return fail(config_error(
        fmt::format("publication \"{}\" is longer than {} bytes", publication, kMaxNameBytes),
        "Choose a shorter name"));
  }
  if (start != "latest" && start != "earliest" && !parse_lsn(start)) {
    return fail(config_error(fmt::format("start \"{}\" is not a place in the stream", start),
                             "Write latest, earliest or an LSN such as 0/16B3748"));
  }
  if (auto parsed = TablePatterns::parse(tables); !parsed) {
    return fail(std::move(parsed).error());
  }
  return {};
}

Names effective_names(const PostgresSourceConfig& config, std::string_view pipeline) {
  std::string made = "rowtide_";
  for (const char c : pipeline) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    made.push_back(is_slot_character(lower) ? lower : '_');
  }
  made.resize(std::min(made.size(), kMaxNameBytes));
  return Names{config.slot.empty() ? made : config.slot,
               config.publication.empty() ? made : config.publication};
}

Result<std::uint64_t> parse_lsn(std::string_view text) {
  const auto bad = [&] {
    return fail(config_error(fmt::format("\"{}\" is not an LSN", text),
                             "Write two hexadecimal numbers with a slash, such as 0/16B3748"));
  };
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return bad();
  }
  const auto half = [](std::string_view part, std::uint32_t& out) {
    const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), out, 16);
    return !part.empty() && code == std::errc() && end == part.data() + part.size();
  };
  std::uint32_t high = 0;
  std::uint32_t low = 0;
  if (!half(text.substr(0, slash), high) || !half(text.substr(slash + 1), low)) {
    return bad();
  }
  return (std::uint64_t{high} << 32) | low;
}

void append_lsn(std::string& out, std::uint64_t lsn) {
  // Once per transaction on the row's road, so without a format string.
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  char text[17];
  char* start = text + sizeof(text);
  const auto prepend_hex = [&start](std::uint32_t number) {
    do {
      *--start = kDigits[number & 0xFU];
      number >>= 4U;
    } while (number != 0);
  };
  prepend_hex(static_cast<std::uint32_t>(lsn));
  *--start = '/';
  prepend_hex(static_cast<std::uint32_t>(lsn >> 32));
  out.append(start, text + sizeof(text));
}

std::string lsn_text(std::uint64_t lsn) {
  std::string text;
  append_lsn(text, lsn);
  return text;
}

}  // namespace rowtide::postgres
