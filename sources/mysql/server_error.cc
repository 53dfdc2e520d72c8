#include "sources/mysql/server_error.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

namespace rowtide::mysql {
namespace {

// What an error means, and what is done about it.
struct Judgement {
  Code code;
  Disposition disposition;
  std::string_view remedy;
};

struct NumberRule {
  unsigned number;
  Judgement judgement;
};

struct TextRule {
  std::string_view part;
  Judgement judgement;
};

constexpr auto kRetry = Disposition::kRetry;
constexpr auto kOperator = Disposition::kOperator;

constexpr std::string_view kCheckLogin = "Check the user and the password in the configuration";
constexpr std::string_view kGrantReplication =
    "GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT ON *.* TO the user of the pipeline";
constexpr std::string_view kBackfillAgain =
    "Remove the pipeline's position and let it begin with a snapshot; keep binary logs longer "
    "(binlog_expire_logs_seconds)";
constexpr std::string_view kSkipAndBackfill =
    "Set a position behind it (rowtide offsets set) and backfill the tables that it touched";
constexpr std::string_view kOtherHistory =
    "The server has another history: connect to the server that has these transactions, or begin "
    "anew with a snapshot";
constexpr std::string_view kAskForTls = "Set source.tls: {mode: require}";

// The numbers of the servers and, from 2000 to 2999, of the client library.
constexpr std::array kByNumber = std::to_array<NumberRule>({
    {1021, {Code::kDiskFull, kRetry, "Free disk space on the server"}},
    {1040, {Code::kConnection, kRetry, "Raise max_connections, or end connections"}},
    {1044, {Code::kPermission, kOperator, kGrantReplication}},
    {1045,
     {Code::kAuthentication, kOperator,
      "Check the user and the password in the configuration; for an account that REQUIREs SSL set "
      "source.tls: {mode: require}"}},
    {1049, {Code::kNotFound, kOperator, "Correct the database in the url"}},
    {1053, {Code::kConnection, kRetry, ""}},
    {1114, {Code::kDiskFull, kRetry, "Free disk space on the server"}},
    {1129, {Code::kConnection, kOperator, "Run FLUSH HOSTS on the server"}},
    {1130,
     {Code::kAuthentication, kOperator,
      "Create the user for this host: CREATE USER 'name'@'host' .."}},
    {1142, {Code::kPermission, kOperator, "Grant the privilege that the message names"}},
    {1143, {Code::kPermission, kOperator, "Grant the privilege that the message names"}},
    {1146, {Code::kNotFound, kOperator, "Create the table that the message names"}},
    {1193, {Code::kUnsupported, kOperator, "Use MySQL 8.0 or MariaDB 10.6, or a later one"}},
    {1203, {Code::kConnection, kRetry, "Raise max_user_connections"}},
    {1205, {Code::kTimeout, kRetry, ""}},
    {1213, {Code::kConflict, kRetry, ""}},
    {1226, {Code::kConnection, kRetry, "Raise the account's limits with ALTER USER"}},
    {1227, {Code::kPermission, kOperator, kGrantReplication}},
    {1251, {Code::kAuthentication, kOperator, "Use another authentication plugin for the user"}},
    {1290, {Code::kReadOnly, kRetry, "The server is read-only: connect to the primary"}},
    {1317, {Code::kCancelled, kRetry, ""}},
    {1370, {Code::kPermission, kOperator, "Grant the privilege that the message names"}},
    {1381,
     {Code::kUnsupported, kOperator,
      "Start the server with log_bin (my.cnf: [mysqld] log_bin=binlog server_id=1)"}},
    // The table was changed after the snapshot that reads it was taken.
    {1412, {Code::kConflict, kRetry, ""}},
    {1524,
     {Code::kAuthentication, kOperator,
      "ALTER USER to a plugin that this server has, such as caching_sha2_password"}},
    {1698, {Code::kAuthentication, kOperator, kCheckLogin}},
    {1772, {Code::kConfig, kOperator, "Correct the GTID set"}},
    {1773, {Code::kProtocol, Disposition::kFatal, "Report this as an error in Rowtide"}},
    {1820, {Code::kAuthentication, kOperator, "Set a new password with ALTER USER"}},
    {1862, {Code::kAuthentication, kOperator, "Set a new password with ALTER USER"}},
    {1927, {Code::kConnection, kRetry, ""}},
    {1969, {Code::kTimeout, kRetry, ""}},
    {2001, {Code::kConnection, kRetry, "Check source.url, and that the server runs"}},
    {2002, {Code::kConnection, kRetry, "Check source.url, and that the server runs"}},
    {2003, {Code::kConnection, kRetry, "Check source.url, and that the server runs"}},
    {2004, {Code::kConnection, kRetry, ""}},
    {2005, {Code::kConnection, kRetry, "Correct the host in source.url"}},
    {2006, {Code::kConnection, kRetry, ""}},
    {2012, {Code::kConnection, kRetry, ""}},
    {2013, {Code::kConnection, kRetry, ""}},
    {2027, {Code::kProtocol, kRetry, ""}},
    {2055, {Code::kConnection, kRetry, ""}},
    {2058, {Code::kAuthentication, kOperator, "Install the plugins of libmariadb3"}},
    {2059, {Code::kAuthentication, kOperator, "Use caching_sha2_password for the user"}},
    {3024, {Code::kTimeout, kRetry, ""}},
    {3118, {Code::kAuthentication, kOperator, "ALTER USER .. ACCOUNT UNLOCK"}},
    {3159, {Code::kAuthentication, kOperator, kAskForTls}},
    {3169, {Code::kConnection, kRetry, ""}},
    {4052,
     {Code::kConflict, kOperator,
      "End the other reader, or give this pipeline a source.server_id of its own"}},
    {4151, {Code::kAuthentication, kOperator, "ALTER USER .. ACCOUNT UNLOCK"}},
});

static_assert(std::ranges::is_sorted(kByNumber, {}, &NumberRule::number));

// 1236: the dump cannot begin or go on. The words differ between flavours and versions (master,
// source; slave, replica); these parts do not.
constexpr unsigned kDumpFailed = 1236;
constexpr std::array kByDumpText = std::to_array<TextRule>({
    {"same server_uuid/server_id",
     {Code::kConflict, kOperator,
      "End the other reader, or give this pipeline a source.server_id of its own"}},
    {"more GTIDs than the",
     {Code::kPositionLost, kOperator,
      "The server has lost transactions that were delivered, or is another one: connect to the "
      "server with the full history, or begin anew with a snapshot"}},
    {"not in the master's binlog", {Code::kPositionLost, kOperator, kOtherHistory}},
    // MariaDB with gtid_strict_mode, of a hole in its own history.
    {"is missing the GTID", {Code::kPositionLost, kOperator, kOtherHistory}},
    {"purged", {Code::kPositionLost, kOperator, kBackfillAgain}},
    {"Could not find first log file name", {Code::kPositionLost, kOperator, kBackfillAgain}},
    {"Could not find GTID state", {Code::kPositionLost, kOperator, kBackfillAgain}},
    {"could not find next log", {Code::kPositionLost, kOperator, kBackfillAgain}},
    {"position > file size", {Code::kPositionLost, kOperator, kBackfillAgain}},
    {"position < 4", {Code::kPositionLost, kOperator, kBackfillAgain}},
    {"Binary log is not open",
     {Code::kUnsupported, kOperator,
      "Start the server with log_bin (my.cnf: [mysqld] log_bin=binlog server_id=1)"}},
    {"max_allowed_packet",
     {Code::kData, kOperator,
      // A dump has a limit of 1 GiB of its own, which no packet size changes, but this does.
      "Start the server with a binlog_row_event_max_size above the size of the event (my.cnf: "
      "[mysqld] binlog_row_event_max_size = 2G), then rowtide restart; or set a position behind it "
      "(rowtide offsets set) and backfill the tables that it touched"}},
    {"truncated in the middle of event",
     {Code::kCorrupt, kOperator,
      "The server's disk was full or its log is damaged: see the server's log"}},
    {"event read from binlog did not pass crc",
     {Code::kCorrupt, kOperator, "The server's log is damaged: see the server's log"}},
    {"GTID_MODE",
     {Code::kUnsupported, kOperator,
      "Switch the server to gtid_mode = ON, or set source.position: file"}},
    {"gtid_mode",
     {Code::kUnsupported, kOperator,
      "Switch the server to gtid_mode = ON, or set source.position: file"}},
    // It began to write checksums after the dump was asked for; the next one takes them.
    {"with the checksum", {Code::kConnection, kRetry, ""}},
    {"memory", {Code::kConnection, kRetry, ""}},
});

constexpr Judgement kUnknown{Code::kInternal, kOperator, "See the server's log"};

// Numbers below are of the library through which a server uses files and memory of its own. What
// is short or gone at one moment, such as a temporary table's file, may be there at the next.
constexpr unsigned kFirstOfServer = 1000;
constexpr Judgement kServersFiles{Code::kInternal, kRetry,
                                  "The server could not use a file or memory of its own: see its "
                                  "log, tmpdir and free space"};

constexpr unsigned kTlsFailed = 2026;
// What a certificate that is not accepted and a server without TLS are told by.
constexpr std::array kRefusedTls =
    std::to_array<std::string_view>({"ertificate", "verif", "Verif", "ingerprint", "self-signed",
                                     "self signed", "o such file", "PEM", "key values mismatch"});
// A server without TLS, in the words of the library's versions.
constexpr std::array kNoTls =
    std::to_array<std::string_view>({"support SSL", "the server does not support it"});

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Judgement judge_tls(std::string_view text) {
  const auto says = [&](std::string_view part) { return has(text, part); };
  const bool refused = std::ranges::any_of(kRefusedTls, says);
  if (std::ranges::any_of(kNoTls, says)) {
    return {Code::kAuthentication, kOperator,
            "Give the server a certificate (ssl_cert, ssl_key), or set source.tls: {mode: prefer}"};
  }
  if (refused) {
    return {Code::kAuthentication, kOperator,
            "Correct source.tls: the CA, the host name that the certificate is for, or the "
            "fingerprint"};
  }
  return {Code::kConnection, kRetry, ""};
}

Judgement judge(unsigned number, std::string_view text) {
  if (number == kTlsFailed) {
    return judge_tls(text);
  }
  // MariaDB and MySQL number this one differently.
  if (has(text, "require_secure_transport")) {
    return {Code::kAuthentication, kOperator, kAskForTls};
  }
  if (number == kDumpFailed) {
    const auto rule =
        std::ranges::find_if(kByDumpText, [&](const TextRule& one) { return has(text, one.part); });
    return rule == kByDumpText.end() ? kUnknown : rule->judgement;
  }
  if (number > 0 && number < kFirstOfServer) {
    return kServersFiles;
  }
  const auto rule = std::ranges::lower_bound(kByNumber, number, {}, &NumberRule::number);
  return rule != kByNumber.end() && rule->number == number ? rule->judgement : kUnknown;
}

// The words of the server, on one line and without a full stop at the end.
std::string tidy(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  while (!out.empty() && (out.back() == ' ' || out.back() == '.')) {
    out.pop_back();
  }
  return out;
}

}  // namespace

Error server_error(unsigned number, std::string_view text) {
  const Judgement judgement = judge(number, text);
  return Error{judgement.code, judgement.disposition,
               fmt::format("{} (error {})", tidy(text), number), std::string(judgement.remedy)};
}

Error event_too_large(std::size_t size_bytes, std::size_t limit_bytes) {
  return operator_error(
      Code::kUnsupported,
      fmt::format("an event of the binary log has {} bytes or more; {} is the most", size_bytes,
                  limit_bytes),
      std::string(kSkipAndBackfill));
}

Error dump_ended_error() {
  return retry_error(Code::kConnection,
                     "the server ended the dump: it shuts down, or the connection was killed");
}

}  // namespace rowtide::mysql
