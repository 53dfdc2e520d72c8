// The least that a reader of logical replication can do: it takes the messages out of libpq and
// counts rows. What it reaches is what the server can send; the daemon is measured against it.
//
// usage: rowtide_raw_reader CONNINFO SLOT PUBLICATION ROWS PAUSE_US text|binary whole|streaming
//
// A reader with a pause sleeps after each drain that brought 8 KiB or more, so that the socket
// fills and the server sends in larger pieces. Never acknowledges, so the slot stays where it is.
// Prints one line of JSON.

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <libpq-fe.h>
#include <poll.h>
#include <sys/resource.h>

namespace {

constexpr int kDrainedMuchBytes = 8 * 1024;
// Length of the XLogData header: type, start, end, clock.
constexpr int kHeaderBytes = 1 + 8 + 8 + 8;

struct Options {
  const char* conninfo;
  std::string slot;
  std::string publication;
  std::int64_t rows = 0;
  std::int64_t pause_us = 0;
  bool binary = false;
  bool streaming = false;
};

struct ConnectionDeleter {
  void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};
using Connection = std::unique_ptr<PGconn, ConnectionDeleter>;

int complain(PGconn* connection, const char* what) {
  std::fprintf(stderr, "raw_reader: %s: %s", what, PQerrorMessage(connection));
  return 1;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string start_sql(const Options& options) {
  std::string sql = "START_REPLICATION SLOT \"" + options.slot + "\" LOGICAL 0/0 (proto_version '" +
                    (options.streaming ? "2" : "1") + "', publication_names '\"" +
                    options.publication + "\"'";
  if (options.binary) {
    sql += ", binary 'on'";
  }
  if (options.streaming) {
    sql += ", streaming 'on'";
  }
  return sql + ")";
}

// Takes every complete message that libpq holds; -1 = the stream has ended.
int drain(PGconn* connection, std::int64_t& rows) {
  int bytes = 0;
  for (;;) {
    char* buffer = nullptr;
    const int size = PQgetCopyData(connection, &buffer, 1);
    if (size == 0) {
      return bytes;
    }
    if (size < 0) {
      return -1;
    }
    if (buffer[0] == 'w' && size > kHeaderBytes) {
      const char type = buffer[kHeaderBytes];
      if (type == 'I' || type == 'U' || type == 'D') {
        ++rows;
      }
    }
    PQfreemem(buffer);
    bytes += size;
  }
}

int read_rows(PGconn* connection, const Options& options) {
  std::int64_t rows = 0;
  while (rows < options.rows) {
    if (PQconsumeInput(connection) == 0) {
      return complain(connection, "reading");
    }
    const int bytes = drain(connection, rows);
    if (bytes < 0) {
      return complain(connection, "the stream ended");
    }
    if (options.pause_us > 0) {
      if (bytes < kDrainedMuchBytes) {
        std::this_thread::sleep_for(std::chrono::microseconds(options.pause_us));
      }
    } else if (bytes == 0) {
      pollfd descriptor{PQsocket(connection), POLLIN, 0};
      ::poll(&descriptor, 1, 1000);
    }
  }
  return 0;
}

bool parse(char** arguments, Options& options) {
  const auto number = [](std::string_view text, std::int64_t& out) {
    return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc();
  };
  options.conninfo = arguments[1];
  options.slot = arguments[2];
  options.publication = arguments[3];
  options.binary = std::string_view(arguments[6]) == "binary";
  options.streaming = std::string_view(arguments[7]) == "streaming";
  return number(arguments[4], options.rows) && number(arguments[5], options.pause_us);
}

}  // namespace

int main(int count, char** arguments) {
  Options options;
  if (count != 8 || !parse(arguments, options)) {
    std::fprintf(stderr,
                 "usage: rowtide_raw_reader CONNINFO SLOT PUBLICATION ROWS PAUSE_US text|binary "
                 "whole|streaming\n");
    return 64;
  }
  const char* keys[] = {"dbname", "replication", "client_encoding", nullptr};
  const char* values[] = {options.conninfo, "database", "UTF8", nullptr};
  const Connection connection(PQconnectdbParams(keys, values, 1));
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    return complain(connection.get(), "connecting");
  }
  const auto started = std::chrono::steady_clock::now();
  PGresult* result = PQexec(connection.get(), start_sql(options).c_str());
  const bool copying = PQresultStatus(result) == PGRES_COPY_BOTH;
  PQclear(result);
  if (!copying) {
    return complain(connection.get(), "START_REPLICATION");
  }
  if (const int failed = read_rows(connection.get(), options); failed != 0) {
    return failed;
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started;
  std::printf("{\"seconds\": %.6f, \"cpu_s\": %.6f}\n", elapsed.count(), cpu_seconds());
  return 0;
}
