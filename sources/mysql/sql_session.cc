#include "sources/mysql/sql_session.h"

#include <exception>
#include <functional>
#include <utility>

#include <cppconn/driver.h>
#include <cppconn/exception.h>
#include <cppconn/resultset.h>
#include <cppconn/resultset_metadata.h>
#include <cppconn/statement.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sources/mysql/server_error.h"
#include "sources/mysql/tls_settings.h"

namespace rowtide::mysql {
namespace {

// The wall to the library: nothing that it throws gets out.
template <class T>
Result<T> guarded(const std::function<T()>& work) {
  try {
    return work();
  } catch (const sql::SQLException& thrown) {
    if (thrown.getErrorCode() > 0) {
      return fail(server_error(static_cast<unsigned>(thrown.getErrorCode()), thrown.what()));
    }
    return fail(retry_error(Code::kInternal, thrown.what()));
  } catch (const std::exception& thrown) {
    return fail(retry_error(Code::kInternal, thrown.what()));
  }
}

// A file in memory with the settings for which Connector/C++ has no names: it can only have its
// client library read them from a file.
class SettingsFile {
 public:
  explicit SettingsFile(const std::string& text)
      : descriptor_(::memfd_create("rowtide", MFD_CLOEXEC)) {
    if (descriptor_ >= 0 &&
        std::cmp_equal(::write(descriptor_, text.data(), text.size()), text.size())) {
      path_ = fmt::format("/proc/self/fd/{}", descriptor_);
    }
  }
  ~SettingsFile() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }
  SettingsFile(const SettingsFile&) = delete;
  SettingsFile& operator=(const SettingsFile&) = delete;

  // Empty = it could not be made.
  const std::string& path() const noexcept { return path_; }

 private:
  int descriptor_;
  std::string path_;
};

std::string settings_text(const TlsOptions& tls, bool encrypted) {
  std::string text = fmt::format("[client]\nrestricted-auth={}\n", kAllowedPlugins);
  if (encrypted && !tls.fingerprint.empty()) {
    text += fmt::format("ssl-fp={}\n", tls.fingerprint);
  }
  return text;
}

std::string host_name(const ServerAddress& address) {
  if (!address.socket.empty()) {
    return "unix://" + address.socket;
  }
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return fmt::format("tcp://{}{}{}:{}", ipv6 ? "[" : "", address.host, ipv6 ? "]" : "",
                     address.port);
}

int whole_seconds(std::chrono::milliseconds time) {
  return static_cast<int>(std::chrono::ceil<std::chrono::seconds>(time).count());
}

sql::ConnectOptionsMap properties(const ConnectOptions& options, const std::string& settings) {
  const auto text = [](const std::string& value) { return sql::SQLString(value); };
  sql::ConnectOptionsMap map;
  map["hostName"] = text(host_name(options.address));
  map["userName"] = text(options.address.user);
  map["password"] = text(options.address.password.reveal());
  map["OPT_CHARSET_NAME"] = text("utf8mb4");
  map["OPT_CONNECT_TIMEOUT"] = std::max(1, whole_seconds(options.connect_timeout));
  map["OPT_READ_TIMEOUT"] = whole_seconds(options.read_timeout);
  map["OPT_WRITE_TIMEOUT"] = whole_seconds(options.read_timeout);
  map["readDefaultFile"] = text(settings);
  const TlsOptions& tls = options.tls;
  if (!uses_tls(options)) {
    return map;
  }
  map["sslEnforce"] = true;
  map["sslVerify"] = tls.mode == TlsMode::kVerifyFull;
  const std::pair<const char*, const std::string*> files[] = {
      {"sslCA", &tls.ca}, {"sslCert", &tls.cert}, {"sslKey", &tls.key}};
  for (const auto& [name, path] : files) {
    if (!path->empty()) {
      map[name] = text(*path);
    }
  }
  return map;
}

}  // namespace

struct SqlSession::Impl {
  std::unique_ptr<sql::Connection> connection;
};

SqlSession::SqlSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqlSession::~SqlSession() = default;

Result<std::unique_ptr<SqlSession>> SqlSession::connect(const ConnectOptions& options) {
  const SettingsFile settings(settings_text(options.tls, uses_tls(options)));
  if (settings.path().empty()) {
    return fail(retry_error(Code::kInternal, "no file in memory for the connection's settings"));
  }
  auto connected = guarded<std::unique_ptr<Impl>>([&] {
    auto impl = std::make_unique<Impl>();
    auto map = properties(options, settings.path());
    impl->connection.reset(::get_driver_instance()->connect(map));
    return impl;
  });
  const std::string where = options.address.display_name();
  if (!connected) {
    return fail(std::move(connected).error().with_context(where));
  }
  std::unique_ptr<SqlSession> session(new SqlSession(std::move(*connected)));
  ROWTIDE_TRY_ASSIGN(
      const auto cipher,
      session->query("SHOW SESSION STATUS WHERE Variable_name = 'Ssl_cipher' AND Value <> ''"));
  if (must_encrypt(options) && cipher.rows.empty()) {
    return fail(not_encrypted_error().with_context(where));
  }
  ROWTIDE_TRY_ASSIGN(const auto done,
                     session->query("SET SESSION sql_mode = '', time_zone = '+00:00'"));
  static_cast<void>(done);
  ROWTIDE_TRY_ASSIGN(const auto version, session->query_value("SELECT VERSION()"));
  ROWTIDE_TRY_ASSIGN(session->server_, parse_server_version(version.value_or("")));
  return session;
}

Result<SqlRows> SqlSession::query(const std::string& sql) {
  return guarded<SqlRows>([&] {
    SqlRows out;
    const std::unique_ptr<sql::Statement> statement(impl_->connection->createStatement());
    if (!statement->execute(sql)) {
      return out;
    }
    const std::unique_ptr<sql::ResultSet> result(statement->getResultSet());
    const unsigned columns = result->getMetaData()->getColumnCount();
    for (unsigned column = 1; column <= columns; ++column) {
      out.columns.push_back(result->getMetaData()->getColumnLabel(column).asStdString());
    }
    while (result->next()) {
      SqlRow& row = out.rows.emplace_back();
      for (unsigned column = 1; column <= columns; ++column) {
        if (result->isNull(column)) {
          row.emplace_back();
        } else {
          row.emplace_back(result->getString(column).asStdString());
        }
      }
    }
    return out;
  });
}

Result<std::optional<std::string>> SqlSession::query_value(const std::string& sql) {
  ROWTIDE_TRY_ASSIGN(auto result, query(sql));
  if (result.rows.empty() || result.rows.front().empty()) {
    return std::optional<std::string>();
  }
  return std::move(result.rows.front().front());
}

std::string quote_identifier(std::string_view name) {
  std::string out = "`";
  for (const char c : name) {
    if (c == '`') {
      out.push_back('`');
    }
    out.push_back(c);
  }
  return out + "`";
}

std::string quote_literal(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') {
      out.push_back(c);
    }
    out.push_back(c);
  }
  return out + "'";
}

}  // namespace rowtide::mysql
