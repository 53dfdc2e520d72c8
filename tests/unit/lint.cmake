add_test(NAME lint_includes COMMAND ${PROJECT_SOURCE_DIR}/tools/lint_includes.py ${PROJECT_SOURCE_DIR})
set_tests_properties(lint_includes PROPERTIES LABELS lint TIMEOUT 60)
