#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "mysql_sql_fixture.h"
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/base/clock.h"
#include "sources/mysql/binlog_connection.h"
#include "sources/mysql/sql_session.h"

// Encryption, asked of both kinds of connection: they go through different libraries.

namespace rowtide::mysql {
namespace {

// A CA, another CA, and a certificate of the first one for 127.0.0.1 and localhost.
class Certificates {
 public:
  Certificates() : directory_(std::filesystem::temp_directory_path() / "rowtide-tls-XXXXXX") {
    std::string name = directory_.string();
    directory_ = ::mkdtemp(name.data());
    std::ofstream(path("san")) << "subjectAltName=IP:127.0.0.1,DNS:localhost\n";
    const auto make = [&](const std::string& arguments) {
      const std::string command =
          fmt::format("cd {} && openssl {} >>log 2>&1", directory_.string(), arguments);
      made_ = made_ && std::system(command.c_str()) == 0;
    };
    for (const char* ca : {"ca", "other"}) {
      make(
          fmt::format("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={0} -keyout {0}.key "
                      "-out {0}.pem",
                      ca));
    }
    make("req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr");
    make(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -set_serial 7 -days 2 -extfile san "
        "-out server.pem");
    make("x509 -in server.pem -noout -fingerprint -sha1 -out fingerprint");
    std::ifstream(path("fingerprint")) >> fingerprint_ >> fingerprint_;
    fingerprint_ = fingerprint_.substr(fingerprint_.find('=') + 1);
    // The server runs as another user, who must be able to read its key.
    for (const auto& file : std::filesystem::directory_iterator(directory_)) {
      std::filesystem::permissions(file, std::filesystem::perms(0644));
    }
    std::filesystem::permissions(directory_, std::filesystem::perms(0755));
  }
  ~Certificates() {
    std::error_code failed;
    std::filesystem::remove_all(directory_, failed);
  }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  bool made() const { return made_; }
  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  std::filesystem::path directory_;
  bool made_ = true;
  std::string fingerprint_;
};

class Tls : public OnBothFlavours {
 protected:
  // nullopt = both kinds of connection were made, else the error that both ended with.
  std::optional<Error> connect(const std::string& url, const TlsOptions& tls) {
    BinlogOptions options;
    options.connect = options_of(url);
    options.connect.tls = tls;
    options.identity = {4712, "00000000-0000-0000-0000-000000004712"};
    options.heartbeat = std::chrono::milliseconds(200);
    BinlogConnection binlog(clock_);
    const auto dump = binlog.connect(options);
    const auto sql = SqlSession::connect(options.connect);
    EXPECT_EQ(dump.has_value(), sql.has_value())
        << (dump ? "" : dump.error().to_text()) << (sql ? "" : sql.error().to_text());
    if (!dump) {
      EXPECT_TRUE(sql || sql.error().disposition == dump.error().disposition)
          << dump.error().to_text() << " -- " << sql.error().to_text();
      return dump.error();
    }
    // What is encrypted can be read: the first packets and a heartbeat behind them.
    const auto started =
        binlog.start(mariadb() ? DumpStart(GtidStateStart{}) : DumpStart(GtidSetStart{}));
    EXPECT_TRUE(started);
    for (int packets = 0; packets < 5; ++packets) {
      const auto packet = binlog.next_packet(clock_.now() + std::chrono::seconds(20));
      EXPECT_TRUE(packet && *packet) << (packet ? "no packet" : packet.error().to_text());
    }
    return std::nullopt;
  }
  void expect_refused(const std::string& url, const TlsOptions& tls, const char* why) {
    const auto error = connect(url, tls);
    ASSERT_TRUE(error) << why;
    EXPECT_EQ(error->code, Code::kAuthentication) << why << ": " << error->to_text();
    EXPECT_EQ(error->disposition, Disposition::kOperator) << why << ": " << error->to_text();
    EXPECT_NE(error->remedy.find("source.tls"), std::string::npos) << why << ": " << error->remedy;
  }

  SystemClock clock_;
};

TEST_P(Tls, IsAsStrictAsItsMode) {
  const Certificates certificates;
  ASSERT_TRUE(certificates.made()) << "openssl makes no certificates";
  auto own = MysqlServer::start({.flavour = GetParam(),
                                 .settings = {{"ssl_ca", certificates.path("ca.pem")},
                                              {"ssl_cert", certificates.path("server.pem")},
                                              {"ssl_key", certificates.path("server.key")}}});
  ASSERT_TRUE(own) << own.error().to_text();
  const std::string url = (*own)->url();
  const auto with = [&](TlsMode mode, const std::string& ca = "",
                        const std::string& fingerprint = "") {
    TlsOptions tls;
    tls.mode = mode;
    tls.ca = ca.empty() ? "" : certificates.path(ca);
    tls.fingerprint = fingerprint;
    return tls;
  };
  for (const TlsOptions& accepted :
       {with(TlsMode::kDisable), with(TlsMode::kPrefer), with(TlsMode::kRequire),
        with(TlsMode::kVerifyCa, "ca.pem"), with(TlsMode::kVerifyFull, "ca.pem"),
        with(TlsMode::kPrefer, "", certificates.fingerprint()),
        with(TlsMode::kRequire, "", certificates.fingerprint())}) {
    const auto error = connect(url, accepted);
    EXPECT_FALSE(error) << static_cast<int>(accepted.mode) << ' ' << error->to_text();
  }
  expect_refused(url, with(TlsMode::kVerifyCa, "other.pem"), "another CA");
  expect_refused(url, with(TlsMode::kVerifyFull, "other.pem"), "another CA in full");
  expect_refused(url, with(TlsMode::kVerifyFull), "a CA that the system does not know");
  expect_refused(url, with(TlsMode::kRequire, "", std::string(40, '0')), "another fingerprint");
  expect_refused(url, with(TlsMode::kVerifyCa, "none.pem"), "a file that is not there");
}

TEST_P(Tls, IsDemandedByServersAndByUs) {
  const Certificates certificates;
  auto own = MysqlServer::start({.flavour = GetParam(),
                                 .settings = {{"require_secure_transport", "ON"},
                                              {"ssl_ca", certificates.path("ca.pem")},
                                              {"ssl_cert", certificates.path("server.pem")},
                                              {"ssl_key", certificates.path("server.key")}}});
  ASSERT_TRUE(own) << own.error().to_text();
  TlsOptions tls;
  EXPECT_FALSE(connect((*own)->url(), tls));
  tls.mode = TlsMode::kDisable;
  expect_refused((*own)->url(), tls, "the server wants encryption");

  // Without its certificate MySQL goes on without encryption; it has no setting that every version
  // knows.
  const std::map<std::string, std::string> unencrypted =
      mariadb()
          ? std::map<std::string, std::string>{{"skip_ssl", "1"}}
          : std::map<std::string, std::string>{{"ssl_cert", "/none.pem"}, {"ssl_key", "/none.key"}};
  own = MysqlServer::start({.flavour = GetParam(), .settings = unencrypted});
  ASSERT_TRUE(own) << own.error().to_text();
  tls.mode = TlsMode::kPrefer;
  EXPECT_FALSE(connect((*own)->url(), tls));
  for (const TlsMode mode : {TlsMode::kRequire, TlsMode::kVerifyCa, TlsMode::kVerifyFull}) {
    tls.mode = mode;
    tls.ca = mode == TlsMode::kRequire ? "" : certificates.path("ca.pem");
    expect_refused((*own)->url(), tls, "the server offers none");
  }
}

INSTANTIATE_TEST_SUITE_P(Server, Tls,
                         ::testing::Values(MysqlFlavour::kMariaDb, MysqlFlavour::kMysql),
                         flavour_name);

}  // namespace
}  // namespace rowtide::mysql
