#include <memory>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace rowtide {
namespace {

Result<int> half_of(int number) {
  if (number % 2 != 0) {
    return fail(fatal_error(Code::kData, "odd"));
  }
  return number / 2;
}

Result<int> quarter_of(int number) {
  ROWTIDE_TRY_ASSIGN(const int half, half_of(number));
  ROWTIDE_TRY_ASSIGN(const int quarter, half_of(half));
  return quarter;
}

Result<void> needs_even(int number, int& steps) {
  ++steps;
  ROWTIDE_TRY(half_of(number));
  ++steps;
  return {};
}

Result<std::unique_ptr<int>> boxed(int number) {
  return std::make_unique<int>(number);
}

Result<int> unboxed(int number) {
  ROWTIDE_TRY_ASSIGN(const std::unique_ptr<int> box, boxed(number));
  return *box;
}

TEST(Errors, SayWhatTheSchedulerDoes) {
  const Error retry = retry_error(Code::kConnection, "refused");
  EXPECT_EQ(retry.disposition, Disposition::kRetry);
  EXPECT_EQ(retry.code, Code::kConnection);
  EXPECT_EQ(retry.message, "refused");
  EXPECT_EQ(retry.remedy, "");
  const Error wanted = operator_error(Code::kPermission, "no LOGIN", "ALTER ROLE x LOGIN");
  EXPECT_EQ(wanted.disposition, Disposition::kOperator);
  EXPECT_EQ(wanted.remedy, "ALTER ROLE x LOGIN");
  EXPECT_EQ(fatal_error(Code::kInternal, "broken").disposition, Disposition::kFatal);
}

TEST(Errors, ThatNobodyFilledInAreTheWorst) {
  const Error error;
  EXPECT_EQ(error.code, Code::kInternal);
  EXPECT_EQ(error.disposition, Disposition::kFatal);
}

TEST(Errors, GatherContextOutwards) {
  Error error = operator_error(Code::kData, "too wide", "Widen it");
  error = std::move(error).with_context("table orders");
  error = std::move(error).with_context("sink warehouse");
  EXPECT_EQ(error.message, "sink warehouse: table orders: too wide");
  EXPECT_EQ(error.to_text(), "sink warehouse: table orders: too wide. Widen it");
  EXPECT_EQ(error.code, Code::kData);
  EXPECT_EQ(error.disposition, Disposition::kOperator);
}

TEST(Errors, WithoutARemedyAreTheirMessage) {
  EXPECT_EQ(retry_error(Code::kTimeout, "no answer").to_text(), "no answer");
}

TEST(ErrorNames, AreDifferentForEveryCode) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code) {
    EXPECT_TRUE(names.insert(to_string(static_cast<Code>(code))).second) << code;
  }
  EXPECT_EQ(to_string(Code::kPositionLost), "position_lost");
  EXPECT_EQ(to_string(Disposition::kRetry), "retry");
  EXPECT_EQ(to_string(Disposition::kOperator), "operator");
  EXPECT_EQ(to_string(Disposition::kFatal), "fatal");
}

TEST(Results, HoldAValueOrAnError) {
  EXPECT_EQ(half_of(4).value(), 2);
  const auto odd = half_of(3);
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().message, "odd");
}

TEST(Results, ArePassedOutwards) {
  EXPECT_EQ(quarter_of(8).value(), 2);
  EXPECT_EQ(quarter_of(7).error().message, "odd");
  EXPECT_EQ(quarter_of(6).error().message, "odd");
}

TEST(Results, EndTheFunctionAtTheFirstError) {
  int steps = 0;
  EXPECT_TRUE(needs_even(2, steps));
  EXPECT_EQ(steps, 2);
  steps = 0;
  EXPECT_EQ(needs_even(1, steps).error().code, Code::kData);
  EXPECT_EQ(steps, 1);
}

TEST(Results, MoveWhatCannotBeCopied) {
  EXPECT_EQ(unboxed(5).value(), 5);
}

}  // namespace
}  // namespace rowtide
