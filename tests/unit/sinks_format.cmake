rowtide_test(unit_sinks_format
  SRCS sinks_format_json_writer.cc sinks_format_value.cc sinks_format_flat_json.cc
       sinks_format_civil.cc
  DEPS rowtide::sink_format rowtide::test_support nlohmann_json::nlohmann_json)
