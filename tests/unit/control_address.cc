#include <cstring>
#include <fstream>

#include "control_fake_plane.h"
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/control/admin_listener.h"

namespace rowtide::testing {
namespace {

TEST(AdminAddress, ReadsHostsAndSocketPaths) {
  for (const char* text : {"127.0.0.1:7070", "db.example:1", "[::1]:65535", "unix:/run/r.sock"}) {
    const auto address = parse_admin_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_text(), text);
  }
  EXPECT_EQ(parse_admin_address("[::1]:9")->host, "::1");
}

TEST(AdminAddress, RefusesWhatIsNone) {
  for (const char* text : {"", "localhost", ":7070", "a:", "a:65536", "a:-1", "a:1x", "::1:7070",
                           "unix:", "http://a:1", "[]:1"}) {
    const auto address = parse_admin_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, Code::kConfig);
    EXPECT_FALSE(address.error().remedy.empty());
  }
}

Result<std::unique_ptr<AdminServer>> try_serve(FakePlane& plane, const std::string& listen) {
  static const SystemClock kClock;
  static FakeBackfills backfills;
  static FakeConfig config;
  return AdminServer::start(listen, Secret(), plane, backfills, config, kClock, Log::silent());
}

TEST(AdminListener, APortInUseIsAClearError) {
  FakePlane plane;
  const auto first = serve(plane);
  ASSERT_NE(first, nullptr);
  const auto second = try_serve(plane, first->address());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kConflict);
  EXPECT_NE(second.error().message.find(first->address()), std::string::npos);
  EXPECT_EQ(status_of(ask(*first, "GET /livez")), 200);
}

TEST(AdminListener, AnAddressForOtherMachinesNeedsAToken) {
  FakePlane plane;
  const auto open = try_serve(plane, "0.0.0.0:0");
  ASSERT_FALSE(open);
  EXPECT_NE(open.error().remedy.find("admin.token"), std::string::npos);
  EXPECT_NE(serve(plane, "0.0.0.0:0", "secret"), nullptr);
}

TEST(AdminListener, ASocketFileIsForOwnerAndGroupAndGoesWithTheServer) {
  const TemporaryFolder folder;
  FakePlane plane;
  const std::string path = folder.path("admin.sock");
  const auto server = serve(plane, "unix:" + path);
  ASSERT_NE(server, nullptr);
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0660U);
  EXPECT_EQ(status_of(ask(*server, "GET /api/v1/status")), 200);
  server->stop();
  EXPECT_NE(::stat(path.c_str(), &info), 0);
}

TEST(AdminListener, ASocketFileThatNobodyAnswersOnIsReplaced) {
  const TemporaryFolder folder;
  const std::string path = folder.path("admin.sock");
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  ::close(fd);

  FakePlane plane;
  const auto server = serve(plane, "unix:" + path);
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(status_of(ask(*server, "GET /livez")), 200);

  const auto second = try_serve(plane, "unix:" + path);
  ASSERT_FALSE(second) << "the socket of a live server was taken";
  EXPECT_EQ(second.error().code, Code::kConflict);
  EXPECT_EQ(status_of(ask(*server, "GET /livez")), 200);
}

TEST(AdminListener, AFileThatIsNoSocketIsLeftAlone) {
  const TemporaryFolder folder;
  const std::string path = folder.path("notes");
  std::ofstream(path) << "precious";
  FakePlane plane;
  EXPECT_FALSE(try_serve(plane, "unix:" + path));
  std::string content;
  std::ifstream(path) >> content;
  EXPECT_EQ(content, "precious");
}

TEST(AdminListener, AMissingFolderIsAClearError) {
  FakePlane plane;
  const auto server = try_serve(plane, "unix:/nonexistent-folder/admin.sock");
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().remedy, "Create the socket's folder");
}

}  // namespace
}  // namespace rowtide::testing
