#include <gtest/gtest.h>

#include "sources/postgres/read_pacer.h"

namespace rowtide::postgres {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

const MonotonicTime kStart{std::chrono::hours(1)};

TEST(ReadPacers, HandOnAtOnceWhatComesAlone) {
  ReadPacer pacer;
  pacer.drained(100, kStart);
  EXPECT_LE(pacer.next_read(), kStart);
  EXPECT_FALSE(pacer.keep_filling(kStart, kStart));
  pacer.drained(100, kStart + seconds(1));
  EXPECT_LE(pacer.next_read(), kStart + seconds(1));
  EXPECT_FALSE(pacer.keep_filling(kStart, kStart));
}

TEST(ReadPacers, LeaveABusySocketAlone) {
  ReadPacer pacer;
  pacer.drained(100'000, kStart);
  EXPECT_GT(pacer.next_read(), kStart);
  EXPECT_LE(pacer.next_read(), kStart + milliseconds(1));
  EXPECT_TRUE(pacer.keep_filling(kStart, kStart));
}

TEST(ReadPacers, TakeSmallPiecesInQuickSuccessionForBusy) {
  ReadPacer pacer;
  pacer.drained(100, kStart);
  pacer.drained(100, kStart + microseconds(100));
  EXPECT_GT(pacer.next_read(), kStart + microseconds(100));
  EXPECT_TRUE(pacer.keep_filling(kStart + microseconds(100), kStart + microseconds(100)));
}

TEST(ReadPacers, DoNotKeepTheFirstRowWaitingForLong) {
  ReadPacer pacer;
  pacer.drained(100'000, kStart);
  EXPECT_TRUE(pacer.keep_filling(kStart, kStart + milliseconds(1)));
  EXPECT_FALSE(pacer.keep_filling(kStart, kStart + milliseconds(5)));
}

TEST(ReadPacers, CalmDownWhenNothingComes) {
  ReadPacer pacer;
  pacer.drained(100'000, kStart);
  const auto later = kStart + microseconds(200);
  pacer.drained(0, later);
  EXPECT_LE(pacer.next_read(), later);
  EXPECT_FALSE(pacer.keep_filling(kStart, later));
}

// The longest pause after a second of drains of `bytes`, a millisecond apart.
MonotonicTime::duration pause_after_a_second(ReadPacer pacer, std::size_t bytes) {
  MonotonicTime now = kStart;
  for (int drain = 0; drain < 1000; ++drain) {
    now += milliseconds(1);
    pacer.drained(bytes, now);
  }
  return pacer.next_read() - now;
}

TEST(ReadPacers, LeaveLoopbackAloneForLongOnlyWhileMuchArrives) {
  EXPECT_GE(pause_after_a_second(ReadPacer(Transport::kLoopback), 30'000), milliseconds(4));
  EXPECT_LE(pause_after_a_second(ReadPacer(Transport::kLoopback), 3'000), milliseconds(1));
}

TEST(ReadPacers, LeaveLoopbackAloneUntilEnoughIsWaiting) {
  EXPECT_EQ(pause_after_a_second(ReadPacer(Transport::kLoopback), 10'000), milliseconds(20));
  const auto middle = pause_after_a_second(ReadPacer(Transport::kLoopback), 30'000);
  EXPECT_GE(middle, milliseconds(9));
  EXPECT_LE(middle, milliseconds(11));
  EXPECT_EQ(pause_after_a_second(ReadPacer(Transport::kLoopback), 1'000'000), milliseconds(5));
}

TEST(ReadPacers, NeverLeaveOtherTransportsAloneForLong) {
  EXPECT_LE(pause_after_a_second(ReadPacer(Transport::kNetwork), 30'000), milliseconds(1));
  EXPECT_LE(pause_after_a_second(ReadPacer(Transport::kUnixSocket), 30'000), microseconds(200));
}

}  // namespace
}  // namespace rowtide::postgres
