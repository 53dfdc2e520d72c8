#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "engine/api/source.h"
#include "engine/api/state_store.h"
#include "engine/base/runtime.h"

namespace rowtide::test {

// One session that writes to the database. Statements are plain SQL of one kind each, with several
// rows to a VALUES where there are many; a statement that fails fails the test.
class WriterSession {
 public:
  virtual ~WriterSession() = default;
  virtual void run(const std::string& sql) = 0;
  // Puts a message into the log as part of the open transaction; false where the database has none.
  virtual bool message(const std::string& prefix, const std::string& content) = 0;
};

// One database with five empty tables of the shape (id BIGINT key, note text):
//   orders, items, sentinels   read by the source
//   unwanted                   the server sends it, the configuration leaves it out
//   elsewhere                  the server does not send it, or the source has no use for it
// It is wiped with the subject and outlives the sources made over it, as a real database outlives a
// daemon. At most one of them is open at a time.
class SourceSubject {
 public:
  enum class Variant : std::uint8_t {
    kUsual,
    // Whatever an operator may change between two starts without changing a position: another
    // protocol mode, and `unwanted` is read as well.
    kOther,
    // As kUsual, and a stream without a position begins with what is committed from then on where
    // the source can be told to.
    kLatest,
  };
  virtual ~SourceSubject() = default;

  // A new source over this database, as after a restart of the daemon; `schemas` is what was
  // announced before. It may refer to the subject.
  virtual Result<std::unique_ptr<Source>> make(const Runtime& runtime, SpillStore& store,
                                               std::map<std::uint64_t, TableSchema> schemas,
                                               Variant variant) = 0;
  virtual std::unique_ptr<WriterSession> session() = 0;

  // The end of the server's log, up to where the server was told that all is durable, and what it
  // holds once `point` was acknowledged, on one scale.
  virtual std::uint64_t log_end() = 0;
  virtual std::uint64_t confirmed() = 0;
  virtual std::uint64_t confirmed_by(const ResumePoint& point) = 0;
  // A number that grows each time that the server hears of the source, in microseconds of the
  // source's clock; 0 while no stream is up.
  virtual std::int64_t last_heard_us() = 0;
  // Names the connection of the stream, another one for each; empty while there is none.
  virtual std::string connection() = 0;
  // Streams opened from now on are cut off by the server once it has heard nothing for so long.
  virtual void cut_off_after(std::chrono::milliseconds silence) = 0;

  // Ends the connection of the stream on the server's side.
  virtual void kill_connection() = 0;
  // A crash, and an orderly shutdown, which waits for the source to let go.
  virtual void crash_server() = 0;
  virtual void shut_server_down() = 0;
  virtual void start_server() = 0;

  // With no stream open: the server forgets what it kept for the source; something of another kind
  // takes its place; the server goes on without the source, up to the end of its log.
  virtual void lose_position() = 0;
  virtual void misuse_position() = 0;
  virtual void skip_position() = 0;
};

// A source under contract: one entry per source (and per mode of it) in source_subjects.cc.
struct SourceEntry {
  std::string name;  // letters, digits and '_': it names the tests
  // The server sends a transaction of some hundred kilobytes before its commit.
  bool sends_before_commit = false;
  // The server hears what is durable and keeps its log from there on. One that hears nothing is
  // never asked for confirmed(), last_heard_us() and skip_position(), and what only they can show
  // is skipped.
  bool server_is_told = true;
  // TRUNCATE ends the transaction that is open and is one of its own.
  bool truncate_commits = false;
  // An empty database, or nullptr where it cannot exist on this machine; then `why_not` is filled
  // and the tests are skipped with that reason.
  std::function<std::unique_ptr<SourceSubject>(std::string& why_not)> create;
};

inline void PrintTo(const SourceEntry& entry, std::ostream* out) {
  *out << entry.name;
}

// Every entry of this build.
std::vector<SourceEntry> source_entries();

}  // namespace rowtide::test
