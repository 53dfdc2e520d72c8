#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/api/source.h"
#include "engine/api/state_store.h"
#include "engine/base/runtime.h"
#include "sources/mysql/binlog_connection.h"
#include "sources/mysql/binlog_event.h"
#include "sources/mysql/catalog.h"
#include "sources/mysql/delivered_state.h"
#include "sources/mysql/mysql_config.h"
#include "sources/mysql/schema_announcements.h"
#include "sources/mysql/sql_session.h"
#include "sources/mysql/start_position.h"
#include "sources/mysql/stream_assembler.h"
#include "sources/mysql/table_shape.h"

namespace rowtide::mysql {

// The binary log of one MySQL or MariaDB server. See Source for threads and lifecycle. What is not
// read stays with the server, and so does nothing that was delivered: a server is told nothing of
// what is durable, it keeps its files for as long as it is configured to.
class MysqlSource final : public Source {
 public:
  // `config` and `store` outlive the source. `schemas`: what was announced to the sinks before.
  static Result<std::unique_ptr<Source>> create(const MysqlSourceConfig& config,
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
  // The catalog over a connection that is made when it is needed, and again when it broke.
  class Catalog final : public ColumnCatalog {
   public:
    explicit Catalog(const ConnectOptions& options) : options_(options) {}
    Result<SqlSession*> session();
    Result<TableColumns> columns(std::string_view database, std::string_view table) override;
    void close() noexcept { session_.reset(); }

   private:
    const ConnectOptions& options_;
    std::unique_ptr<SqlSession> session_;
  };

  MysqlSource(const MysqlSourceConfig& config, const std::string& pipeline, ConnectOptions connect,
              CapturedTables captured, SpillStore& store,
              std::map<std::uint64_t, TableSchema> schemas, const Runtime& runtime);

  Result<void> check_stored(const ServerHistory& history, const StreamPosition& position);
  Result<void> check_same_server(const ServerHistory& history) const;
  Result<void> note_opened(const StreamStart& start, Flavour flavour);
  ShapeCache& shapes_of(const ServerVersion& server);
  // Takes in what is here. False when nothing more is at hand, true when the builder is full.
  Result<bool> drain(BatchBuilder& out, Deadline until);
  void publish_status();

  const MysqlSourceConfig& config_;
  const std::string pipeline_;
  const ConnectOptions connect_;
  const CapturedTables captured_;
  const Runtime runtime_;
  const std::map<std::uint64_t, TableSchema> known_schemas_;
  Catalog catalog_;
  BinlogConnection connection_;
  EventFramer framer_;
  SchemaAnnouncements announcements_;
  std::optional<ShapeCache> shapes_;
  std::string shapes_server_;  // that shapes_ is for
  StreamAssembler assembler_;
  const std::shared_ptr<DeliveredState> delivered_ = std::make_shared<DeliveredState>();

  // The furthest that any lane had been delivered when the stream was opened.
  Position known_;
  Position acknowledged_;
  bool caught_up_ = false;
  // Since when the server lacks transactions that were delivered.
  std::optional<MonotonicTime> ahead_since_;

  mutable std::mutex mutex_;
  SourceStatus status_;  // guarded by mutex_
  MonotonicTime next_publish_{};
};

}  // namespace rowtide::mysql
