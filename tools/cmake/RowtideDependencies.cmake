# Every library that Rowtide links, found once. tools/setup installs them.

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
find_package(CLI11 REQUIRED)

# Debian's RocksDB package carries a CMake file that asks for the headers of every compression
# library, so the library is found directly.
find_library(ROCKSDB_LIBRARY rocksdb REQUIRED)
find_path(ROCKSDB_INCLUDE rocksdb/db.h REQUIRED)
add_library(rocksdb_shared INTERFACE)
target_link_libraries(rocksdb_shared INTERFACE ${ROCKSDB_LIBRARY})
target_include_directories(rocksdb_shared SYSTEM INTERFACE ${ROCKSDB_INCLUDE})

if(ROWTIDE_WITH_MYSQL)
  pkg_check_modules(LIBMARIADB REQUIRED IMPORTED_TARGET libmariadb)
  find_package(OpenSSL REQUIRED)
  pkg_check_modules(LIBZSTD REQUIRED IMPORTED_TARGET libzstd)
  pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
  # Connector/C++ 1.1 comes with neither a CMake file nor one for pkg-config.
  find_library(MYSQLCPPCONN_LIBRARY mysqlcppconn REQUIRED)
  find_path(MYSQLCPPCONN_INCLUDE cppconn/driver.h REQUIRED)
  add_library(mysqlcppconn_shared INTERFACE)
  target_link_libraries(mysqlcppconn_shared INTERFACE ${MYSQLCPPCONN_LIBRARY})
  target_include_directories(mysqlcppconn_shared SYSTEM INTERFACE ${MYSQLCPPCONN_INCLUDE})
endif()

if(ROWTIDE_WITH_POSTGRES)
  pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)
endif()

if(ROWTIDE_WITH_DUCKDB)
  set(ROWTIDE_DUCKDB_DIR "${PROJECT_SOURCE_DIR}/build/deps/duckdb" CACHE PATH
      "Folder with duckdb.h and libduckdb.so, made by tools/setup")
  find_path(DUCKDB_INCLUDE duckdb.h PATHS ${ROWTIDE_DUCKDB_DIR} NO_DEFAULT_PATH REQUIRED)
  find_library(DUCKDB_LIBRARY duckdb PATHS ${ROWTIDE_DUCKDB_DIR} NO_DEFAULT_PATH REQUIRED)
  add_library(duckdb_shared SHARED IMPORTED)
  set_target_properties(duckdb_shared PROPERTIES
    IMPORTED_LOCATION ${DUCKDB_LIBRARY}
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${DUCKDB_INCLUDE}
    INTERFACE_INCLUDE_DIRECTORIES ${DUCKDB_INCLUDE})
endif()

if(ROWTIDE_TESTS)
  find_package(GTest REQUIRED)
endif()
if(ROWTIDE_BENCH)
  find_package(benchmark REQUIRED)
endif()
