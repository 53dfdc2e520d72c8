#include <gtest/gtest.h>

#include "sinks/warehouse/check.h"
#include "sinks/warehouse/type_fit.h"
#include "tests/support/test_batches.h"

namespace rowtide::warehouse {
namespace {

struct FitCase {
  std::string at_hand;
  std::string needed;
  Fit fit;
  std::string type;
};

TEST(TypeFit, FollowsWhatKeepsEveryValueAndNothingElse) {
  const std::vector<FitCase> cases = {
      {"INTEGER", "INTEGER", Fit::kHolds, "INTEGER"},
      {"smallint", "integer", Fit::kWiden, "integer"},
      {"bigint", "integer", Fit::kHolds, "bigint"},
      {"BIGINT", "DECIMAL(20,0)", Fit::kWiden, "DECIMAL(20,0)"},
      {"bigint", "numeric", Fit::kWiden, "numeric"},
      {"numeric(30,2)", "bigint", Fit::kHolds, "numeric(30,2)"},
      {"numeric(6,2)", "bigint", Fit::kIncompatible, ""},
      {"DECIMAL(10,2)", "DECIMAL(12,2)", Fit::kWiden, "DECIMAL(12,2)"},
      {"DECIMAL(12,2)", "DECIMAL(10,2)", Fit::kHolds, "DECIMAL(12,2)"},
      {"DECIMAL(10,2)", "DECIMAL(10,4)", Fit::kWiden, "DECIMAL(12,4)"},
      {"DECIMAL(38,0)", "DECIMAL(38,10)", Fit::kWiden, "VARCHAR"},
      {"numeric(38,0)", "numeric(38,10)", Fit::kWiden, "numeric(48,10)"},
      {"DECIMAL(10,2)", "VARCHAR", Fit::kWiden, "VARCHAR"},
      {"VARCHAR", "DECIMAL(10,2)", Fit::kHolds, "VARCHAR"},
      {"text", "numeric(10,2)", Fit::kIncompatible, ""},
      {"FLOAT", "DOUBLE", Fit::kWiden, "DOUBLE"},
      {"double precision", "real", Fit::kHolds, "double precision"},
      {"real", "integer", Fit::kIncompatible, ""},
      {"character varying(20)", "character varying(40)", Fit::kWiden, "character varying(40)"},
      {"character varying(20)", "text", Fit::kWiden, "text"},
      {"text", "character varying(20)", Fit::kHolds, "text"},
      {"text", "integer", Fit::kIncompatible, ""},
      {"VARCHAR", "INTEGER", Fit::kIncompatible, ""},
      {"integer", "text", Fit::kWiden, "text"},
      {"timestamp(3) without time zone", "timestamp without time zone", Fit::kWiden,
       "timestamp without time zone"},
      {"timestamp without time zone", "timestamp with time zone", Fit::kIncompatible, ""},
      {"date", "timestamp without time zone", Fit::kIncompatible, ""},
      {"integer[]", "bigint[]", Fit::kIncompatible, ""},
      {"boolean", "integer", Fit::kIncompatible, ""},
  };
  for (const auto& wanted : cases) {
    SCOPED_TRACE(wanted.at_hand + " -> " + wanted.needed);
    const auto fit = compare_types(wanted.at_hand, wanted.needed);
    EXPECT_EQ(fit.fit, wanted.fit);
    EXPECT_EQ(fit.type, wanted.type);
  }
}

TEST(CheckTable, ATableWithoutAKeyCannotBeMirrored) {
  const auto findings = check_table(*test::keyless_schema(), Mode::kMirror);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, Finding::Severity::kError);
  EXPECT_NE(findings[0].fix.find("PRIMARY KEY"), std::string::npos);
  EXPECT_TRUE(check_table(*test::keyless_schema(), Mode::kHistory).empty());
  EXPECT_TRUE(check_table(*test::orders_schema(), Mode::kMirror).empty());
}

TEST(CheckTable, AKeyOfAllColumnsThatTwoRowsMayShareIsNoKey) {
  TableSchema schema = *test::keyless_schema();
  schema.key_columns = {0, 1};
  schema.key_is_unique = false;
  EXPECT_EQ(check_table(schema, Mode::kMirror).size(), 1U);
}

}  // namespace
}  // namespace rowtide::warehouse
