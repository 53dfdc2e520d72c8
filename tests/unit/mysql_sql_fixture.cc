#include "mysql_sql_fixture.h"

#include <map>
#include <memory>

namespace rowtide::mysql {
namespace {

// Owns the servers until all tests have run.
class Servers final : public ::testing::Environment {
 public:
  MysqlServer* of(MysqlFlavour flavour) {
    auto& server = servers_[flavour];
    if (server == nullptr && MysqlServer::installed(flavour)) {
      auto started = MysqlServer::start({.flavour = flavour, .settings = {}});
      if (started) {
        server = std::move(*started);
      } else {
        ADD_FAILURE() << started.error().to_text();
      }
    }
    return server.get();
  }
  void TearDown() override { servers_.clear(); }

 private:
  std::map<MysqlFlavour, std::unique_ptr<MysqlServer>> servers_;
};

// GoogleTest deletes it.
Servers* const kServers = static_cast<Servers*>(::testing::AddGlobalTestEnvironment(new Servers()));

}  // namespace

MysqlServer* shared_server(MysqlFlavour flavour) {
  return kServers->of(flavour);
}

ConnectOptions options_of(const std::string& url) {
  MysqlSourceConfig config;
  config.url = url;
  auto options = connect_options(config);
  EXPECT_TRUE(options) << options.error().to_text();
  return options ? *options : ConnectOptions{};
}

void OnBothFlavours::SetUp() {
  if (!MysqlServer::installed(GetParam())) {
    GTEST_SKIP() << "not installed; run tools/setup test";
  }
  server_ = shared_server(GetParam());
  ASSERT_NE(server_, nullptr);
  static int count = 0;
  database_ = "shop" + std::to_string(++count);
  execute("CREATE DATABASE " + database_);
}

void OnBothFlavours::TearDown() {
  if (server_ == nullptr) {
    return;
  }
  execute("DROP DATABASE " + database_);
  for (const std::string& user : users_) {
    execute("DROP USER " + user);
  }
}

void OnBothFlavours::execute(const std::string& sql) {
  const auto done = server_->execute(sql);
  ASSERT_TRUE(done) << done.error().to_text();
}

std::string OnBothFlavours::value(const std::string& sql) {
  auto cell = server_->value(sql);
  EXPECT_TRUE(cell) << cell.error().to_text();
  return cell ? *cell : std::string();
}

std::string OnBothFlavours::make_user(const std::string& grants, const std::string& account) {
  static int count = 0;
  const std::string name = "user" + std::to_string(++count);
  users_.push_back(name);
  execute("CREATE USER " + name + " IDENTIFIED BY '" + name + "' " + account);
  if (!grants.empty()) {
    execute("GRANT " + grants + " TO " + name);
  }
  return name;
}

std::string flavour_name(const ::testing::TestParamInfo<MysqlFlavour>& info) {
  return info.param == MysqlFlavour::kMariaDb ? "MariaDb" : "MySql";
}

}  // namespace rowtide::mysql

namespace rowtide::testing {
void PrintTo(MysqlFlavour flavour, std::ostream* out) {
  *out << (flavour == MysqlFlavour::kMariaDb ? "MariaDB" : "MySQL");
}
}  // namespace rowtide::testing
