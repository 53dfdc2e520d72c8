#include "tools/rowtide/admin_client.h"

#include <optional>
#include <utility>

#include <httplib.h>

namespace rowtide {
namespace {

constexpr time_t kConnectSeconds = 3;
// A query may work for long before its first byte.
constexpr time_t kAnswerSeconds = 600;
// A tail sends at least an empty line every second.
constexpr time_t kTailSilenceSeconds = 30;

class Session {
 public:
  Session(const AdminAddress& address, const Secret& token, time_t read_seconds)
      : client_(address.is_unix() ? httplib::Client(address.unix_path)
                                  : httplib::Client(address.host, address.port)) {
    headers_.emplace("Host", address.is_unix() ? "localhost" : address.to_text());
    if (!token.empty()) {
      headers_.emplace("Authorization", "Bearer " + token.reveal());
    }
    if (address.is_unix()) {
      client_.set_address_family(AF_UNIX);
    }
    client_.set_connection_timeout(kConnectSeconds);
    client_.set_read_timeout(read_seconds);
  }

  httplib::Client& client() { return client_; }
  const httplib::Headers& headers() const { return headers_; }

 private:
  httplib::Client client_;
  httplib::Headers headers_;
};

Error unreachable(const AdminAddress& address, httplib::Error reason) {
  const std::string where = address.to_text();
  if (reason == httplib::Error::Connection || reason == httplib::Error::ConnectionTimeout) {
    return operator_error(Code::kConnection, "no daemon answers at " + where,
                          "Start it with 'rowtided --config FILE', or say where it is with --admin "
                          "or --config");
  }
  return operator_error(
      Code::kConnection,
      "the daemon at " + where + " did not answer (" + httplib::to_string(reason) + ")",
      "See the daemon's log");
}

std::string text_member(const nlohmann::ordered_json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::optional<Code> code_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i) {
    if (to_string(static_cast<Code>(i)) == name) {
      return static_cast<Code>(i);
    }
  }
  return std::nullopt;
}

// The error that a problem document tells.
Error refused(int status, const std::string& body) {
  const auto json = nlohmann::ordered_json::parse(body, nullptr, false);
  if (!json.is_object() || text_member(json, "detail").empty()) {
    return operator_error(
        Code::kProtocol,
        "the admin address answered HTTP " + std::to_string(status) + " and no Rowtide error",
        "Check that --admin names a Rowtide daemon");
  }
  // kConnection means here that this tool did not reach the daemon.
  const Code code = code_named(text_member(json, "code")).value_or(Code::kInternal);
  return operator_error(code == Code::kConnection ? Code::kInternal : code,
                        text_member(json, "detail"), text_member(json, "remedy"));
}

Result<nlohmann::ordered_json> read_answer(const AdminAddress& address,
                                           const httplib::Result& result) {
  if (!result) {
    return fail(unreachable(address, result.error()));
  }
  if (result->status >= 300) {
    return fail(refused(result->status, result->body));
  }
  auto json = nlohmann::ordered_json::parse(result->body, nullptr, false);
  if (json.is_discarded()) {
    return fail(operator_error(Code::kProtocol, address.to_text() + " answered no JSON",
                               "Check that --admin names a Rowtide daemon"));
  }
  return json;
}

}  // namespace

AdminClient::AdminClient(AdminAddress address, Secret token)
    : address_(std::move(address)), token_(std::move(token)) {}

Result<nlohmann::ordered_json> AdminClient::get(const std::string& path) const {
  Session session(address_, token_, kAnswerSeconds);
  return read_answer(address_, session.client().Get(path, session.headers()));
}

Result<nlohmann::ordered_json> AdminClient::post(const std::string& path,
                                                 const nlohmann::ordered_json& body) const {
  Session session(address_, token_, kAnswerSeconds);
  return read_answer(
      address_, session.client().Post(path, session.headers(), body.dump(), "application/json"));
}

Result<nlohmann::ordered_json> AdminClient::put(const std::string& path,
                                                const nlohmann::ordered_json& body) const {
  Session session(address_, token_, kAnswerSeconds);
  return read_answer(
      address_, session.client().Put(path, session.headers(), body.dump(), "application/json"));
}

Result<void> AdminClient::stream(const std::string& path,
                                 const std::function<bool(std::string_view line)>& on_line) const {
  Session session(address_, token_, kTailSilenceSeconds);
  int status = 0;
  bool wanted = true;
  std::string pending;
  const auto result = session.client().Get(
      path, session.headers(),
      [&status](const httplib::Response& response) {
        status = response.status;
        return true;
      },
      [&](const char* data, std::size_t size_bytes) {
        pending.append(data, size_bytes);
        if (status != 200) {
          return true;
        }
        std::size_t start = 0;
        for (auto end = pending.find('\n'); wanted && end != std::string::npos;
             end = pending.find('\n', start)) {
          wanted = on_line(std::string_view(pending).substr(start, end - start));
          start = end + 1;
        }
        pending.erase(0, start);
        return wanted;
      });
  if (!wanted) {
    return {};
  }
  if (status != 0 && status != 200) {
    return fail(refused(status, pending));
  }
  if (!result) {
    return fail(unreachable(address_, result.error()));
  }
  return {};
}

std::string path_segment(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
        c == '_' || c == '.' || c == '~') {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kDigits[byte >> 4U]);
      out.push_back(kDigits[byte & 15U]);
    }
  }
  return out;
}

}  // namespace rowtide
