#include "control_fake_plane.h"
#include <gtest/gtest.h>

#include "engine/control/tail_session.h"

namespace rowtide::testing {
namespace {

constexpr const char* kTail = "GET /api/v1/pipelines/shop/tail HTTP/1.1\r\nHost: localhost\r\n\r\n";

TEST(Tail, SendsLinesAsTheyCome) {
  FakePlane plane;
  const auto server = serve(plane);
  RawClient reader(*server);
  reader.send(kTail);
  EXPECT_NE(reader.read_until("\r\n\r\n").find("Content-Type: application/x-ndjson"),
            std::string::npos);
  plane.say(R"({"op":"c","row":1})");
  reader.read_until(R"({"op":"c","row":1})");
  plane.say(R"({"op":"c","row":2})");
  reader.read_until(R"({"op":"c","row":2})");
}

TEST(Tail, EndsWhenItsReaderLeaves) {
  FakePlane plane;
  const auto server = serve(plane);
  {
    RawClient reader(*server);
    reader.send(kTail);
    reader.read_until("\r\n\r\n");
    ASSERT_TRUE(plane.wait_for_tails(1));
  }
  EXPECT_TRUE(plane.wait_for_tails(0));
}

TEST(Tail, StoppingTheServerEndsItWithoutALine) {
  FakePlane plane;
  const auto server = serve(plane);
  RawClient reader(*server);
  reader.send(kTail);
  reader.read_until("\r\n\r\n");
  server->stop();
  EXPECT_EQ(plane.open_tails(), 0);
  EXPECT_TRUE(reader.read_to_end().ends_with("0\r\n\r\n"));
}

TEST(Tail, AReaderThatTakesNothingDoesNotKeepTheServerFromStopping) {
  const TemporaryFolder folder;
  FakePlane plane;
  // A unix socket's buffers are small and do not grow.
  const auto server = serve(plane, "unix:" + folder.path("admin.sock"));
  RawClient reader(*server);
  reader.send(kTail);
  reader.read_until("\r\n\r\n");
  ASSERT_TRUE(plane.wait_for_tails(1));
  // More than those hold, so that the server is left waiting to write.
  for (int i = 0; i < 16; ++i) {
    plane.say(std::string(std::size_t{1} << 20, 'x'));
  }
  const auto before = std::chrono::steady_clock::now();
  server->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(8));
  EXPECT_EQ(plane.open_tails(), 0);
}

TEST(Tail, TwoAtMostAndTheyLeaveRoomForRequests) {
  FakePlane plane;
  const auto server = serve(plane);
  RawClient first(*server);
  RawClient second(*server);
  first.send(kTail);
  second.send(kTail);
  first.read_until("\r\n\r\n");
  second.read_until("\r\n\r\n");
  EXPECT_EQ(status_of(raw_exchange(*server, kTail)), 429);
  EXPECT_EQ(status_of(ask(*server, "GET /api/v1/status")), 200);
  second.close();
  ASSERT_TRUE(plane.wait_for_tails(1));
}

TEST(Tail, TellsWhyItEnded) {
  FakePlane plane;
  const auto server = serve(plane);
  RawClient reader(*server);
  reader.send(kTail);
  reader.read_until("\r\n\r\n");
  plane.end_tails(fail(operator_error(Code::kInternal, "the tap broke", "Look at the log")));
  EXPECT_NE(reader.read_to_end().find(R"({"rowtide":"ended","error":{"code":"internal")"),
            std::string::npos);
}

TEST(Tail, AnErrorBeforeItStandsIsAProblemDocument) {
  class Refusing final : public ControlPlane {
   public:
    std::vector<PipelineStatus> status() const override { return {shop_status()}; }
    Result<void> act(std::string_view, Action) override { return {}; }
    Result<std::vector<Offset>> offsets(std::string_view) const override { return {}; }
    Result<void> set_offset(std::string_view, std::string_view, const ResumePoint&) override {
      return {};
    }
    Result<void> query(std::string_view, std::string_view, std::string_view,
                       QueryOutput&) override {
      return {};
    }
    Result<void> tail(std::string_view, const TapOutput&) override {
      return fail(operator_error(Code::kConflict, "the pipeline is stopped", "Resume it"));
    }
  };
  Refusing plane;
  const auto server = serve(plane);
  EXPECT_EQ(status_of(raw_exchange(*server, kTail)), 409);
}

TEST(TailSession, AReaderThatIsTooSlowLosesLinesAndIsTold) {
  FakePlane plane;
  TailSession session(plane, "shop");
  ASSERT_TRUE(session.open(std::chrono::steady_clock::now() + kPatience));
  // Three lines of 2 MiB do not fit into what is kept for one reader.
  for (int i = 0; i < 3; ++i) {
    plane.say(std::string(std::size_t{2} << 20, 'x'));
  }
  plane.end_tails({});
  ASSERT_TRUE(plane.wait_for_tails(0));
  std::string all;
  while (session.take(all, std::chrono::milliseconds(100))) {
  }
  EXPECT_NE(all.find("{\"rowtide\":\"dropped\",\"lines\":"), std::string::npos);
  EXPECT_TRUE(all.ends_with("{\"rowtide\":\"ended\",\"error\":null}\n"));
}

}  // namespace
}  // namespace rowtide::testing
