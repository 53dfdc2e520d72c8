#include "offsets/rocks_options.h"

#include <algorithm>
#include <limits>

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/table.h>

namespace rowtide {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

bool has_lz4() {
  const auto supported = rocksdb::GetSupportedCompressions();
  return std::ranges::find(supported, rocksdb::kLZ4Compression) != supported.end();
}

void set_small(rocksdb::DBOptions& options, int most_open_files) {
  options.max_open_files = most_open_files;
  options.max_background_jobs = 2;
  options.max_manifest_file_size = kMiB;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 2;
  options.max_log_file_size = kMiB;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
}

}  // namespace

rocksdb::Options state_options() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  // A torn tail after a power loss drops the last commits whole: positions move back, which the
  // sinks' markers mend. Holes in the middle are refused.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.track_and_verify_wals_in_manifest = true;

  options.write_buffer_size = kMiB;
  options.max_write_buffer_number = 2;
  options.target_file_size_base = kMiB;
  options.max_bytes_for_level_base = 4 * kMiB;
  options.compression = rocksdb::kNoCompression;
  set_small(options, 16);
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kMiB / 4, 0);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::DBOptions spill_database_options() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.avoid_flush_during_shutdown = true;
  options.db_write_buffer_size = 24 * kMiB;
  options.bytes_per_sync = kMiB;
  set_small(options, 64);
  return options;
}

rocksdb::ColumnFamilyOptions spill_family_options() {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = 8 * kMiB;
  options.max_write_buffer_number = 3;
  // Blocks are written once, read once and dropped by the area: compacting them would be work for
  // nothing, and no number of files may slow a write.
  options.disable_auto_compactions = true;
  options.level0_slowdown_writes_trigger = std::numeric_limits<int>::max();
  options.level0_stop_writes_trigger = std::numeric_limits<int>::max();
  options.soft_pending_compaction_bytes_limit = 0;
  options.hard_pending_compaction_bytes_limit = 0;
  options.compression = has_lz4() ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  rocksdb::BlockBasedTableOptions table;
  table.block_size = 64 << 10;
  table.no_block_cache = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace rowtide
