#include "engine/config/daemon_config.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <functional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/batch/batch.h"
#include "engine/config/nearest.h"
#include "engine/config/node.h"
#include "engine/config/object_spec.h"
#include "engine/config/scalar.h"
#include "engine/config/yaml_loader.h"

namespace rowtide::config {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxNameBytes = 63;
constexpr std::uint64_t kMinMemoryBytes = std::uint64_t{32} << 20;
constexpr std::uint64_t kMaxMemoryBytes = std::uint64_t{1} << 40;

// The connectors that a file may name.
struct Known {
  std::span<const ConnectorSchema> sources;
  std::span<const ConnectorSchema> sinks;
};

// An error of something that does not know its place, at the place of `node`. A text with a
// substitution in it may be a secret, so then only the remedy is kept.
Error placed(const Node& node, Error problem) {
  if (node.substituted()) {
    problem.message = "the substituted value is not valid";
  }
  return node.error(std::move(problem.message), std::move(problem.remedy));
}

Result<void> read_name(const Node& node, std::string& out) {
  ROWTIDE_TRY_ASSIGN(out, read_text(node));
  const bool fits =
      !out.empty() && out.size() <= kMaxNameBytes &&
      out.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
  if (!fits) {
    return fail(node.error(
        node.substituted() ? "the substituted value is not a name" : quote(out) + " is not a name",
        fmt::format("Use 1 to {} of a-z, 0-9, _ and -", kMaxNameBytes)));
  }
  return {};
}

void describe_name(ObjectSpec& spec, std::string& out, std::string doc) {
  spec.custom(
          "name", R"({"type":"string","pattern":"^[a-z0-9_-]{1,63}$|\\$\\{(env|file):"})",
          [&out](const Node& node) { return read_name(node, out); }, std::move(doc))
      .required();
}

// Each pattern is parsed alone first, so that an error stands at its own place.
Result<void> read_tables(const Node& node, TableFilter& out) {
  ROWTIDE_TRY_ASSIGN(const std::vector<std::string> patterns, read_text_list(node));
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (auto parsed = TableFilter::parse(std::span(&patterns[i], 1)); !parsed) {
      return fail(placed(node.items()[i], std::move(parsed).error()));
    }
  }
  ROWTIDE_TRY_ASSIGN(out, TableFilter::parse(patterns));
  return {};
}

void describe_type(ObjectSpec& spec, const ConnectorSchema& schema) {
  // What stands there was read already: it chose the schema.
  spec.custom(
          "type", fmt::format(R"({{"const":"{}"}})", schema.type),
          [](const Node& /*node*/) { return Result<void>(); }, schema.doc)
      .required();
}

void describe_sink(ObjectSpec& spec, SinkConfig& sink) {
  describe_name(spec, sink.name, "Name of the sink, unique in its pipeline");
  spec.custom(
      "tables", R"({"type":"array","items":{"type":"string","minLength":1}})",
      [&sink](const Node& node) { return read_tables(node, sink.tables); },
      "Patterns schema.table with * and ? of the tables that this sink gets; a leading ! "
      "excludes, the last pattern that fits decides; none = all that the source captures");
  spec.choice<std::optional<Delivery>>(
      "delivery", sink.delivery,
      {{"exactly_once", Delivery::kExactlyOnce}, {"at_least_once", Delivery::kAtLeastOnce}},
      "Refuse to start when the sink cannot give this; none = the best that it can");
  spec.boolean(
      "required", sink.required,
      "Whether the source waits for this sink before it may forget changes; false holds it "
      "back only while the sink works or has failed for less than 10 s, and a sink that "
      "comes back too late stops instead of skipping rows");
}

Result<const ConnectorSchema*> choose_connector(const Node& node,
                                                std::span<const ConnectorSchema> schemas,
                                                std::string_view noun) {
  std::vector<std::string> types;
  types.reserve(schemas.size());
  for (const ConnectorSchema& schema : schemas) {
    types.push_back(schema.type);
  }
  if (node.kind() != Node::Kind::kMap) {
    return fail(node.error(
        fmt::format("expected the keys of a {}, found {}", noun, describe_kind(node.kind())),
        "Write type and the keys of that type here"));
  }
  const Node* type = node.find("type");
  if (type == nullptr) {
    return fail(node.error("required key \"type\" is missing",
                           fmt::format("Add type: one of {}", fmt::join(types, ", "))));
  }
  ROWTIDE_TRY_ASSIGN(const std::string name, read_text(*type));
  for (const ConnectorSchema& schema : schemas) {
    if (schema.type == name) {
      return &schema;
    }
  }
  const std::string shown = type->substituted() ? "the substituted value" : quote(name);
  const std::string near = type->substituted() ? "" : nearest(name, types);
  return fail(
      type->error(fmt::format("{} is not a known {} type", shown, noun),
                  fmt::format("{}Use one of: {}",
                              near.empty() ? "" : fmt::format("Did you mean \"{}\"? ", near),
                              fmt::join(types, ", "))));
}

// Reads `node` by the keys of `schema` and those that `add_common` adds.
Result<std::unique_ptr<ConnectorConfig>> read_connector(
    const Node& node, const ConnectorSchema& schema,
    const std::function<void(ObjectSpec&)>& add_common) {
  ObjectSpec spec;
  describe_type(spec, schema);
  add_common(spec);
  std::unique_ptr<ConnectorConfig> connector = schema.describe(spec);
  ROWTIDE_TRY(spec.read(node));
  if (auto valid = connector->validate(); !valid) {
    Error& problem = valid.error();
    return fail(node.error(std::move(problem.message), std::move(problem.remedy)));
  }
  return connector;
}

Result<SinkConfig> read_sink(const Node& node, const Known& known) {
  SinkConfig sink;
  ROWTIDE_TRY_ASSIGN(const ConnectorSchema* schema, choose_connector(node, known.sinks, "sink"));
  sink.type = schema->type;
  sink.where = node.where();
  ROWTIDE_TRY_ASSIGN(sink.connector, read_connector(node, *schema, [&](ObjectSpec& spec) {
                       describe_sink(spec, sink);
                     }));
  return sink;
}

// A list with at least one item, each read by `read_item` and known by a unique name.
template <class T, class ReadItem>
Result<void> read_named_list(const Node& node, std::string_view noun, ReadItem read_item,
                             std::vector<T>& out) {
  if (node.kind() != Node::Kind::kList) {
    return fail(node.error(
        fmt::format("expected a list of {}s, found {}", noun, describe_kind(node.kind())),
        fmt::format("Start each {} with \"- name:\"", noun)));
  }
  if (node.items().empty()) {
    return fail(node.error("the list is empty", fmt::format("Write at least one {}", noun)));
  }
  std::set<std::string> names;
  for (const Node& item : node.items()) {
    ROWTIDE_TRY_ASSIGN(T value, read_item(item));
    if (!names.insert(value.name).second) {
      return fail(
          item.find("name")->error(fmt::format("the name {} is used twice", quote(value.name)),
                                   fmt::format("Give each {} a name of its own", noun)));
    }
    out.push_back(std::move(value));
  }
  return {};
}

Result<void> read_sinks(const Node& node, const Known& known, std::vector<SinkConfig>& out) {
  ROWTIDE_TRY(
      read_named_list(node, "sink", [&](const Node& item) { return read_sink(item, known); }, out));
  if (out.size() > kMaxLanes) {
    return fail(node.error(
        fmt::format("a pipeline has at most {} sinks, and here are {}", kMaxLanes, out.size()),
        "Divide them over two pipelines"));
  }
  if (std::ranges::none_of(out, &SinkConfig::required)) {
    return fail(node.error("no sink is required, so the source would never wait for any",
                           "Remove required: false from at least one sink"));
  }
  return {};
}

Result<void> read_retry(const Node& node, RetryConfig& retry, const ObjectSpec& spec) {
  ROWTIDE_TRY(spec.read(node));
  if (retry.initial > retry.max) {
    return fail(node.error("initial is longer than max", "Make max at least as long as initial"));
  }
  return {};
}

void describe_retry(ObjectSpec& spec, RetryConfig& retry) {
  ObjectSpec keys;
  keys.duration("initial", retry.initial, milliseconds(10), std::chrono::hours(1),
                "Wait before the first new attempt; doubles with each");
  keys.duration("max", retry.max, milliseconds(10), std::chrono::hours(24),
                "Longest wait between two attempts");
  std::string schema = keys.json_schema();
  spec.custom(
      "retry", std::move(schema),
      [&retry, keys = std::move(keys)](const Node& node) { return read_retry(node, retry, keys); },
      "How long to wait between attempts after an error that may pass");
}

void describe_backfill(ObjectSpec& spec, BackfillConfig& backfill) {
  ObjectSpec keys;
  keys.integer("workers", backfill.workers, 1, 32, "Connections that read tables side by side");
  keys.integer("chunk_rows", backfill.chunk_rows, 1, 10'000'000,
               "Rows that are read in one short transaction");
  keys.size_bytes("buffer", backfill.buffer_bytes, std::uint64_t{1} << 20, std::uint64_t{4} << 30,
                  "Rows that were read and wait for their place in the stream, in all");
  keys.integer("rows_per_second", backfill.rows_per_second, 0, 1'000'000'000,
               "Limit on the rows of backfills, to spare the source and the sinks; 0 = none");
  keys.integer("max_load", backfill.max_load, 0, 1'000'000,
               "No chunk is begun while more sessions than this are active on the server that is "
               "read (client backends of any database in state active, Rowtide's own left out); "
               "0 = however many there are");
  keys.boolean("events", backfill.events,
               "Say in the stream where backfills, tables and chunks begin and end, for sinks that "
               "carry messages");
  std::string schema = keys.json_schema();
  spec.custom(
      "backfill", std::move(schema),
      [keys = std::move(keys)](const Node& node) { return keys.read(node); },
      "How existing rows are read, for the snapshot and for every later backfill");
}

// One alternative per connector, told apart by `type`.
std::string connector_schemas(std::span<const ConnectorSchema> schemas, bool are_sinks) {
  std::vector<std::string> alternatives;
  for (const ConnectorSchema& schema : schemas) {
    ObjectSpec spec;
    SinkConfig common;
    describe_type(spec, schema);
    if (are_sinks) {
      describe_sink(spec, common);
    }
    const std::unique_ptr<ConnectorConfig> connector = schema.describe(spec);
    alternatives.push_back(spec.json_schema());
  }
  return fmt::format(R"({{"oneOf":[{}]}})", fmt::join(alternatives, ","));
}

// The schemas of lists and connectors are texts that only config_json_schema needs; reading goes
// without them.
struct SchemaTexts {
  std::string source = "{}";
  std::string sinks = "{}";
  std::string pipelines = "{}";
};

void describe_pipeline(ObjectSpec& spec, PipelineConfig& pipeline, const Known& known,
                       const SchemaTexts& texts) {
  describe_name(spec, pipeline.name,
                "Name of the pipeline; it names stored positions, so it stays");
  spec.custom(
          "source", texts.source,
          [&pipeline, &known](const Node& node) -> Result<void> {
            ROWTIDE_TRY_ASSIGN(const ConnectorSchema* schema,
                               choose_connector(node, known.sources, "source"));
            pipeline.source_type = schema->type;
            ROWTIDE_TRY_ASSIGN(pipeline.source,
                               read_connector(node, *schema, [](ObjectSpec& /*spec*/) {}));
            return {};
          },
          "The database to read")
      .required();
  spec.choice<SnapshotMode>(
      "snapshot", pipeline.snapshot,
      {{"initial", SnapshotMode::kInitial},
       {"never", SnapshotMode::kNever},
       {"only", SnapshotMode::kOnly}},
      "Whether existing rows are copied first: initial = yes, then follow changes; never = changes "
      "only; only = copy and stop");
  describe_retry(spec, pipeline.retry);
  describe_backfill(spec, pipeline.backfill);
  spec.custom(
          "sinks", texts.sinks,
          [&pipeline, &known](const Node& node) { return read_sinks(node, known, pipeline.sinks); },
          "Where the changes go; each sink goes on at its own pace")
      .required();
}

Result<PipelineConfig> read_pipeline(const Node& node, const Known& known) {
  PipelineConfig pipeline;
  pipeline.where = node.where();
  pipeline.content = Secret(node.content());
  ObjectSpec spec;
  describe_pipeline(spec, pipeline, known, SchemaTexts{});
  ROWTIDE_TRY(spec.read(node));
  return pipeline;
}

Result<void> read_admin(const Node& node, AdminConfig& admin, const ObjectSpec& spec) {
  ROWTIDE_TRY(spec.read(node));
  if (!admin.address.is_local() && admin.token.empty()) {
    const Node* listen = node.find("listen");
    return fail(listen->error("other machines can connect here, and there is no token",
                              "Set admin.token, for example to ${file:/run/secrets/rowtide}, or "
                              "listen on 127.0.0.1 or a unix socket"));
  }
  return {};
}

void describe_admin(ObjectSpec& spec, AdminConfig& admin) {
  ObjectSpec keys;
  keys.custom(
      "listen", fmt::format(R"({{"type":"string","default":"{}"}})", admin.listen),
      [&admin](const Node& node) -> Result<void> {
        ROWTIDE_TRY_ASSIGN(admin.listen, read_text(node));
        auto address = parse_listen_address(admin.listen);
        if (!address) {
          return fail(placed(node, std::move(address).error()));
        }
        admin.address = *std::move(address);
        return {};
      },
      "HOST:PORT or unix:PATH of the admin API");
  keys.secret("token", admin.token,
              "Bearer token of the admin API; needed when other machines can connect");
  std::string schema = keys.json_schema();
  spec.custom(
      "admin", std::move(schema),
      [&admin, keys = std::move(keys)](const Node& node) { return read_admin(node, admin, keys); },
      "The admin API");
}

void describe_log(ObjectSpec& spec, LogConfig& log) {
  ObjectSpec keys;
  keys.choice<LogFormat>("format", log.format,
                         {{"text", LogFormat::kText}, {"json", LogFormat::kJson}},
                         "One line of text or one JSON object per message");
  keys.choice<std::string>(
      "level", log.level,
      {{"debug", "debug"}, {"info", "info"}, {"warn", "warn"}, {"error", "error"}},
      "The least important messages to write");
  spec.object("log", std::move(keys), "What is written to standard error");
}

void describe_daemon(ObjectSpec& spec, DaemonConfig& config, const Known& known,
                     const SchemaTexts& texts) {
  spec.text("state_dir", config.state_dir, "Folder of the state store; made when missing")
      .required();
  describe_admin(spec, config.admin);
  spec.size_bytes("memory_limit", config.memory_limit_bytes, kMinMemoryBytes, kMaxMemoryBytes,
                  "Over all pipelines; a quarter of it holds changes in flight, the rest is what "
                  "encoding, libraries and the state store take beside them");
  describe_log(spec, config.log);
  spec.custom(
          "pipelines", texts.pipelines,
          [&config, &known](const Node& node) {
            return read_named_list(
                node, "pipeline", [&](const Node& item) { return read_pipeline(item, known); },
                config.pipelines);
          },
          "Each reads one source and feeds one or more sinks")
      .required();
}

// Keys in lists are not among them.
void note_places(const Node& node, const std::string& above,
                 std::map<std::string, std::string, std::less<>>& places) {
  if (node.kind() != Node::Kind::kMap) {
    return;
  }
  for (const auto& [key, value] : node.entries()) {
    places.emplace(above + key, value.where());
    if (above.empty()) {
      note_places(value, key + ".", places);
    }
  }
}

std::string list_schema(std::string_view item) {
  return fmt::format(R"({{"type":"array","minItems":1,"items":{}}})", item);
}

}  // namespace

Result<DaemonConfig> load_config_text(std::string_view text, const std::string& file_name,
                                      std::span<const ConnectorSchema> sources,
                                      std::span<const ConnectorSchema> sinks) {
  ROWTIDE_TRY_ASSIGN(const Node root, load_yaml(text, file_name));
  DaemonConfig config;
  const Known known{sources, sinks};
  ObjectSpec spec;
  describe_daemon(spec, config, known, SchemaTexts{});
  ROWTIDE_TRY(spec.read(root));
  note_places(root, "", config.places);
  return config;
}

Result<DaemonConfig> load_config_file(const std::string& path,
                                      std::span<const ConnectorSchema> sources,
                                      std::span<const ConnectorSchema> sinks) {
  std::ifstream in(path, std::ios::binary);
  // One byte more than is accepted shows that the file is too large.
  std::string text(kMaxFileBytes + 1, '\0');
  if (in) {
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
  }
  if (!in && !in.eof()) {
    const int reason = errno;
    return fail(operator_error(Code::kConfig,
                               fmt::format("{}: cannot be read: {}", path, std::strerror(reason)),
                               "Give the path of a configuration file that this user may read"));
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  return load_config_text(text, path, sources, sinks);
}

std::string config_json_schema(std::span<const ConnectorSchema> sources,
                               std::span<const ConnectorSchema> sinks) {
  const Known known{sources, sinks};
  SchemaTexts texts;
  texts.source = connector_schemas(sources, false);
  texts.sinks = list_schema(connector_schemas(sinks, true));
  PipelineConfig pipeline;
  ObjectSpec pipeline_spec;
  describe_pipeline(pipeline_spec, pipeline, known, texts);
  texts.pipelines = list_schema(pipeline_spec.json_schema());
  DaemonConfig config;
  ObjectSpec spec;
  describe_daemon(spec, config, known, texts);
  std::string out = spec.json_schema();
  out.insert(1, R"("$schema":"https://json-schema.org/draft/2020-12/schema",)"
                R"("title":"Rowtide configuration",)");
  return out;
}

}  // namespace rowtide::config
