rowtide_test(config_test
  SRCS config_bad_table.cc config_bad_test.cc config_change_test.cc config_fake_schemas.cc config_good_test.cc
       config_parts_test.cc config_schema_test.cc
  DEPS rowtide::config nlohmann_json::nlohmann_json)
rowtide_test(table_filter_test SRCS table_filter_test.cc DEPS rowtide::model)
