#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "sources/mysql/packet_stream.h"

// Packets that a real server sends rarely or never.

namespace rowtide::mysql {
namespace {

constexpr std::size_t kFullPart = 0xFFFFFF;

std::string header(std::size_t size_bytes, int number) {
  return {static_cast<char>(size_bytes), static_cast<char>(size_bytes >> 8U),
          static_cast<char>(size_bytes >> 16U), static_cast<char>(number)};
}

class Packets : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_), 0); }
  void TearDown() override {
    // A writer whose bytes nobody wants any more must end too.
    ::shutdown(ends_[0], SHUT_RDWR);
    if (writer_.joinable()) {
      writer_.join();
    }
    ::close(ends_[0]);
    close_theirs();
  }
  void close_theirs() {
    if (ends_[1] >= 0) {
      ::close(ends_[1]);
      ends_[1] = -1;
    }
  }
  void send(const std::string& bytes) {
    ASSERT_EQ(::send(ends_[1], bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // More than a socket holds.
  void send_beside(std::string bytes) {
    writer_ = std::thread([this, sent = std::move(bytes)] {
      std::size_t done = 0;
      while (done < sent.size()) {
        const auto now = ::send(ends_[1], sent.data() + done, sent.size() - done, MSG_NOSIGNAL);
        if (now <= 0) {
          return;
        }
        done += static_cast<std::size_t>(now);
      }
    });
  }
  PacketStream stream(int first = 1) {
    return PacketStream(ends_[0], nullptr, static_cast<std::uint8_t>(first), clock_);
  }
  std::string next(PacketStream& packets) {
    const auto packet = packets.next(clock_.now() + std::chrono::seconds(20));
    EXPECT_TRUE(packet) << packet.error().to_text();
    if (!packet || !*packet) {
      ADD_FAILURE() << "no packet";
      return {};
    }
    return std::string(**packet);
  }
  bool none(PacketStream& packets) {
    const auto packet = packets.next(clock_.now());
    EXPECT_TRUE(packet) << packet.error().to_text();
    return packet && !*packet;
  }

  SystemClock clock_;
  int ends_[2] = {-1, -1};
  std::thread writer_;
};

TEST_F(Packets, ComeOneByOne) {
  auto packets = stream();
  EXPECT_TRUE(none(packets));
  send(header(3, 1) + "one" + header(0, 2) + header(5, 3) + "three");
  EXPECT_EQ(next(packets), "one");
  EXPECT_EQ(next(packets), "");
  EXPECT_EQ(next(packets), "three");
  EXPECT_TRUE(none(packets));
}

TEST_F(Packets, WaitForTheirLastByte) {
  auto packets = stream(255);
  const std::string bytes = header(5, 255) + "whole" + header(4, 0) + "next";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_TRUE(i == 9 || none(packets)) << i;
    send(bytes.substr(i, 1));
    if (i == 8) {
      EXPECT_EQ(next(packets), "whole");
    }
  }
  EXPECT_EQ(next(packets), "next");
}

TEST_F(Packets, LieAcrossTheEndsOfReads) {
  auto packets = stream(0);
  std::string bytes;
  std::vector<std::string> sent;
  for (int i = 0; i < 20'000; ++i) {
    const std::string content(static_cast<std::size_t>(i * 7 % 1001),
                              static_cast<char>('a' + i % 26));
    bytes += header(content.size(), i % 256) + content;
    sent.push_back(content);
  }
  send_beside(std::move(bytes));
  for (std::size_t i = 0; i < sent.size(); ++i) {
    ASSERT_EQ(next(packets), sent[i]) << i;
  }
}

TEST_F(Packets, AreJoinedWhateverTheirParts) {
  auto packets = stream();
  const std::string full(kFullPart, 'f');
  const std::string large(300'000, 'l');
  send_beside(header(large.size(), 1) + large + header(kFullPart, 2) + full + header(0, 3) +
              header(kFullPart, 4) + full + header(kFullPart, 5) + full + header(3, 6) + "end" +
              header(5, 7) + "after");
  // Not to be printed when they differ.
  EXPECT_TRUE(next(packets) == large);
  EXPECT_TRUE(next(packets) == full);
  EXPECT_TRUE(next(packets) == full + full + "end");
  EXPECT_EQ(next(packets), "after");
}

TEST_F(Packets, KeepThePartsThatCameWhenTheDeadlinePasses) {
  auto packets = stream();
  const std::string large(300'000, 'l');
  const std::string bytes = header(large.size(), 1) + large;
  for (std::size_t at = 0; at < bytes.size(); at += 50'000) {
    EXPECT_TRUE(none(packets));
    send(bytes.substr(at, 50'000));
  }
  EXPECT_EQ(next(packets), large);
}

TEST_F(Packets, KnowSinceWhenNothingComes) {
  auto packets = stream();
  EXPECT_FALSE(packets.quiet_since());
  const auto before = clock_.now();
  EXPECT_TRUE(none(packets));
  ASSERT_TRUE(packets.quiet_since());
  const auto since = *packets.quiet_since();
  EXPECT_GE(since, before);
  EXPECT_TRUE(none(packets));
  EXPECT_EQ(packets.quiet_since(), since);
  send(header(1, 1) + "x");
  EXPECT_EQ(next(packets), "x");
  EXPECT_FALSE(packets.quiet_since());
}

TEST_F(Packets, RefuseANumberThatIsNotDue) {
  auto packets = stream();
  send(header(3, 1) + "one" + header(3, 3) + "two");
  EXPECT_EQ(next(packets), "one");
  const auto packet = packets.next(clock_.now());
  ASSERT_FALSE(packet);
  EXPECT_EQ(packet.error().code, Code::kProtocol);
}

TEST_F(Packets, EndWithTheConnection) {
  auto packets = stream();
  send(header(3, 1) + "one" + header(9, 2) + "half");
  close_theirs();
  EXPECT_EQ(next(packets), "one");
  const auto packet = packets.next(clock_.now() + std::chrono::seconds(20));
  ASSERT_FALSE(packet);
  EXPECT_EQ(packet.error().code, Code::kConnection);
  EXPECT_EQ(packet.error().disposition, Disposition::kRetry);
}

}  // namespace
}  // namespace rowtide::mysql
