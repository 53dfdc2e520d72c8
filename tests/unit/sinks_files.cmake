rowtide_test(unit_sinks_files
  SRCS sinks_jsonl_disk.cc sinks_jsonl_kill.cc sinks_jsonl.cc sinks_stdout.cc
  DEPS rowtide::sink_jsonl rowtide::sink_stdout rowtide::sink_blackhole rowtide::test_support
       nlohmann_json::nlohmann_json
  TIMEOUT 120)
