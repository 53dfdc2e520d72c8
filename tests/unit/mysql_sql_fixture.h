#pragma once

#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "sources/mysql/mysql_config.h"
#include "tests/support/mysql_server.h"

namespace rowtide::mysql {

using testing::MysqlFlavour;
using testing::MysqlServer;

// A server of the flavour, started at the first call and shared by all tests of the binary; null,
// with a test failure, when it does not start.
MysqlServer* shared_server(MysqlFlavour flavour);

// How to connect with a url of MysqlServer; fails the test when it is none.
ConnectOptions options_of(const std::string& url);

// A test that runs on both flavours, in a database of its own.
class OnBothFlavours : public ::testing::TestWithParam<MysqlFlavour> {
 protected:
  void SetUp() override;
  void TearDown() override;

  MysqlServer& server() { return *server_; }
  bool mariadb() const { return GetParam() == MysqlFlavour::kMariaDb; }
  const std::string& database() const { return database_; }
  // Runs a statement as root; fails the test when it does.
  void execute(const std::string& sql);
  std::string value(const std::string& sql);
  // A user of this test with a password of this name; dropped at its end.
  std::string make_user(const std::string& grants, const std::string& account = "");

 private:
  MysqlServer* server_ = nullptr;
  std::string database_;
  std::vector<std::string> users_;
};

std::string flavour_name(const ::testing::TestParamInfo<MysqlFlavour>& info);

}  // namespace rowtide::mysql

namespace rowtide::testing {
void PrintTo(MysqlFlavour flavour, std::ostream* out);
}  // namespace rowtide::testing
