#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/api/source.h"
#include "engine/api/state_store.h"
#include "engine/base/runtime.h"
#include "sources/postgres/delivered_transactions.h"
#include "sources/postgres/postgres_config.h"
#include "sources/postgres/read_pacer.h"
#include "sources/postgres/relation_cache.h"
#include "sources/postgres/replication_connection.h"
#include "sources/postgres/server_monitor.h"
#include "sources/postgres/stream_assembler.h"

namespace rowtide::postgres {

// The logical replication stream of one PostgreSQL slot. See Source for threads and lifecycle.
// Makes publication and slot when they are missing, chooses protocol version and options from the
// server's version, falls back from binary to text when a column needs it, and tells the server
// only what is durable and was received.
class PostgresSource final : public Source {
 public:
  // `config` and `store` outlive the source. `schemas`: what was announced to the sinks before.
  static Result<std::unique_ptr<Source>> create(const PostgresSourceConfig& config,
                                                const std::string& pipeline, SpillStore& store,
                                                std::map<std::uint64_t, TableSchema> schemas,
                                                const Runtime& runtime);

  Result<void> open(const StreamStart& start) override;
  Result<PollOutcome> poll(BatchBuilder& out, Deadline until) override;
  Result<void> acknowledge(const std::optional<ResumePoint>& durable) override;
  std::unique_ptr<ChunkReader> chunk_reader() override;
  SourceStatus status() const override;
  void close() noexcept override;

 private:
  PostgresSource(const PostgresSourceConfig& config, const std::string& pipeline,
                 TablePatterns patterns, SpillStore& store,
                 std::map<std::uint64_t, TableSchema> schemas, const Runtime& runtime);

  Result<std::uint64_t> start_lsn(const StreamStart& start, std::uint64_t slot_lsn);
  Result<bool> choose_binary(int server_version);
  // Takes in what is here. False when the socket is empty, true when the builder is full.
  Result<bool> drain(BatchBuilder& out, std::size_t& drained_bytes);
  void on_keepalive(const Frame& frame, BatchBuilder& out);
  Result<void> check_stream_health();
  void publish_status();

  const PostgresSourceConfig& config_;
  const Names names_;
  const Runtime runtime_;
  NoticeBoard notices_;
  ServerMonitor monitor_;
  ReplicationConnection replication_;
  RelationCache relations_;
  const std::shared_ptr<DeliveredTransactions> delivered_ =
      std::make_shared<DeliveredTransactions>();
  StreamAssembler assembler_;
  ReadPacer pacer_;
  MonotonicTime filling_since_{};

  bool text_forced_ = false;
  bool binary_ = false;
  std::uint64_t acknowledged_lsn_ = 0;
  // The furthest that any lane had been delivered when the stream was opened.
  std::uint64_t known_lsn_ = 0;
  std::uint64_t pending_wal_end_ = 0;
  MonotonicTime next_status_{};
  MonotonicTime next_reply_{};
  MonotonicTime next_advance_{};
  std::chrono::milliseconds status_interval_{10'000};
  bool reply_due_ = false;

  mutable std::mutex mutex_;
  SourceStatus status_;  // guarded by mutex_
  MonotonicTime next_publish_{};
};

// The LSN of a token "<system id>:<timeline>:<LSN>".
Result<StreamIdentity> parse_token(std::string_view token);

}  // namespace rowtide::postgres
