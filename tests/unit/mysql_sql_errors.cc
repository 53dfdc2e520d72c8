#include <string>

#include <gtest/gtest.h>

#include "sources/mysql/server_error.h"

// The words of real servers; where a flavour or a version has words of its own, they are all here.

namespace rowtide::mysql {
namespace {

struct Row {
  unsigned number;
  const char* text;
  Code code;
  Disposition disposition;
};

constexpr auto kRetry = Disposition::kRetry;
constexpr auto kOperator = Disposition::kOperator;

TEST(ServerError, IsJudgedByItsNumber) {
  for (const Row& row : {
           Row{1045, "Access denied for user 'x'@'h' (using password: YES)", Code::kAuthentication,
               kOperator},
           Row{1227, "Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s)",
               Code::kPermission, kOperator},
           Row{1142, "SELECT command denied to user 'x'@'h' for table 't'", Code::kPermission,
               kOperator},
           Row{1049, "Unknown database 'x'", Code::kNotFound, kOperator},
           Row{2003, "Can't connect to server on 'h' (111)", Code::kConnection, kRetry},
           Row{2005, "Unknown server host 'h' (-2)", Code::kConnection, kRetry},
           Row{2013, "Lost connection to server during query", Code::kConnection, kRetry},
           Row{2006, "Server has gone away", Code::kConnection, kRetry},
           Row{1040, "Too many connections", Code::kConnection, kRetry},
           Row{1053, "Server shutdown in progress", Code::kConnection, kRetry},
           Row{1205, "Lock wait timeout exceeded", Code::kTimeout, kRetry},
           Row{1213, "Deadlock found", Code::kConflict, kRetry},
           Row{1290, "The MariaDB server is running with the --read-only option", Code::kReadOnly,
               kRetry},
           Row{1772, "Malformed GTID set specification 'x'", Code::kConfig, kOperator},
           Row{1773, "Malformed GTID set encoding.", Code::kProtocol, Disposition::kFatal},
           Row{3159,
               "Connections using insecure transport are prohibited while "
               "--require_secure_transport=ON.",
               Code::kAuthentication, kOperator},
           Row{4031,
               "Connections using insecure transport are prohibited while "
               "--require_secure_transport=ON.",
               Code::kAuthentication, kOperator},
           Row{4052, "A slave with the same server_uuid/server_id is already connected",
               Code::kConflict, kOperator},
           Row{6, "Error on delete of '/tmp/#sql-temptable-1-2-3.MAD' (Errcode: 2)",
               Code::kInternal, kRetry},
           Row{20, "Disk full (/tmp/#sql); waiting for someone to free some space...",
               Code::kInternal, kRetry},
           Row{9999, "Something new", Code::kInternal, kOperator},
       }) {
    const Error error = server_error(row.number, row.text);
    EXPECT_EQ(error.code, row.code) << row.number << ' ' << row.text;
    EXPECT_EQ(error.disposition, row.disposition) << row.number << ' ' << row.text;
    EXPECT_TRUE(error.disposition != kOperator || !error.remedy.empty()) << row.number;
    EXPECT_NE(error.message.find("(error " + std::to_string(row.number) + ")"), std::string::npos);
  }
}

TEST(ServerError, JudgesFailedDumpsByTheirWords) {
  for (const Row& row : {
           Row{1236,
               "Cannot replicate because the source purged required binary logs. Replicate the "
               "missing transactions from elsewhere, or provision a new replica from backup.",
               Code::kPositionLost, kOperator},
           Row{1236,
               "The slave is connecting using CHANGE MASTER TO MASTER_AUTO_POSITION = 1, but the "
               "master has purged binary logs containing GTIDs that the slave requires.",
               Code::kPositionLost, kOperator},
           Row{1236,
               "Could not find GTID state requested by slave in any binlog files. Probably the "
               "slave state is too old and required binlog files have been purged.",
               Code::kPositionLost, kOperator},
           Row{1236, "Could not find first log file name in binary log index file",
               Code::kPositionLost, kOperator},
           Row{1236,
               "Replica has more GTIDs than the source has, using the source's SERVER_UUID. This "
               "may indicate that the end of the binary log was truncated",
               Code::kPositionLost, kOperator},
           Row{1236, "Slave has more GTIDs than the master has, using the master's SERVER_UUID.",
               Code::kPositionLost, kOperator},
           Row{1236,
               "Error: connecting slave requested to start from GTID 0-1-100, which is not in the "
               "master's binlog",
               Code::kPositionLost, kOperator},
           Row{1236, "Client requested master to start replication from position > file size",
               Code::kPositionLost, kOperator},
           Row{1236,
               "A replica with the same server_uuid/server_id as this replica has connected to the "
               "source; the first event '' at 4",
               Code::kConflict, kOperator},
           Row{1236, "Binary log is not open", Code::kUnsupported, kOperator},
           Row{1236,
               "The replication sender thread cannot start in AUTO_POSITION mode: this server has "
               "GTID_MODE = OFF instead of ON.",
               Code::kUnsupported, kOperator},
           Row{1236,
               "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source",
               Code::kData, kOperator},
           Row{1236,
               "binlog truncated in the middle of event; consider out of disk space on source",
               Code::kCorrupt, kOperator},
           // The server began to write checksums after the dump was asked for.
           Row{1236,
               "Slave can not handle replication events with the checksum that master is "
               "configured to log",
               Code::kConnection, kRetry},
           Row{1236, "something that nobody has seen", Code::kInternal, kOperator},
       }) {
    const Error error = server_error(row.number, row.text);
    EXPECT_EQ(error.code, row.code) << row.text;
    EXPECT_EQ(error.disposition, row.disposition) << row.text;
    EXPECT_TRUE(error.disposition != kOperator || !error.remedy.empty()) << row.text;
  }
}

TEST(ServerError, TellsARefusedCertificateFromABrokenHandshake) {
  EXPECT_EQ(
      server_error(2026, "TLS/SSL error: Validation of SSL server certificate failed").disposition,
      kOperator);
  EXPECT_EQ(server_error(2026, "SSL connection error: self-signed certificate").disposition,
            kOperator);
  EXPECT_EQ(server_error(2026, "TLS/SSL error: no such file").disposition, kOperator);
  EXPECT_EQ(server_error(2026, "TLS/SSL error: No such file or directory (2)").disposition,
            kOperator);
  for (const char* none : {"SSL connection error: Server doesn't support SSL",
                           "TLS/SSL error: SSL is required, but the server does not support it"}) {
    EXPECT_NE(server_error(2026, none).remedy.find("mode: prefer"), std::string::npos) << none;
  }
  EXPECT_EQ(server_error(2026, "TLS/SSL error: unexpected eof while reading").disposition, kRetry);
}

TEST(ServerError, IsOnOneLine) {
  const Error error = server_error(1236, "the set is 'a:1,\nb:2'.\n");
  EXPECT_EQ(error.message, "the set is 'a:1, b:2' (error 1236)");
}

TEST(DumpEnded, IsAReasonToConnectAgain) {
  EXPECT_EQ(dump_ended_error().disposition, kRetry);
  EXPECT_EQ(dump_ended_error().code, Code::kConnection);
}

}  // namespace
}  // namespace rowtide::mysql
