# The compile flags of every target, and the one function that declares a library.

add_library(rowtide_flags INTERFACE)
target_compile_options(rowtide_flags INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor
  -Woverloaded-virtual -Wunused-result -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these inside its own std::string and std::expected, with no fault in our code.
  target_compile_options(rowtide_flags INTERFACE
    -Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds)
endif()
target_include_directories(rowtide_flags INTERFACE ${PROJECT_SOURCE_DIR})
if(ROWTIDE_SANITIZE)
  target_compile_options(rowtide_flags INTERFACE -fsanitize=${ROWTIDE_SANITIZE}
    -fno-sanitize-recover=all)
  target_link_options(rowtide_flags INTERFACE -fsanitize=${ROWTIDE_SANITIZE})
endif()
if(ROWTIDE_FUZZ)
  target_compile_options(rowtide_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# rowtide_library(NAME SRCS ... DEPS ... PRIVATE_DEPS ...) makes the static library rowtide_NAME,
# also called rowtide::NAME. Sources are listed by hand, so a file nobody builds is seen at once.
function(rowtide_library NAME)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SRCS;DEPS;PRIVATE_DEPS")
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "rowtide_library(${NAME}): unknown arguments ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  add_library(rowtide_${NAME} STATIC ${ARG_SRCS})
  add_library(rowtide::${NAME} ALIAS rowtide_${NAME})
  target_link_libraries(rowtide_${NAME} PUBLIC rowtide_flags ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
endfunction()

# rowtide_test(NAME SRCS ... DEPS ... LABELS ... TIMEOUT s) declares one GoogleTest executable, which
# is one ctest entry.
function(rowtide_test NAME)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "TIMEOUT" "SRCS;DEPS;LABELS")
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "rowtide_test(${NAME}): unknown arguments ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(${NAME} ${ARG_SRCS})
  target_link_libraries(${NAME} PRIVATE rowtide_flags ${ARG_DEPS} GTest::gtest GTest::gtest_main)
  add_test(NAME ${NAME} COMMAND ${NAME})
  # Only what went wrong is printed: a log that is cut in the middle would else lose just that.
  set_tests_properties(${NAME} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
                                          ENVIRONMENT "GTEST_BRIEF=1")
endfunction()
