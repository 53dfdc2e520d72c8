if(ROWTIDE_WITH_MYSQL)
  rowtide_test(unit_mysql_rows
    SRCS
      mysql_rows_images.cc
      mysql_rows_shapes.cc
      mysql_rows_values.cc
      mysql_rows_wire.cc
    DEPS rowtide::source_mysql)
endif()
