#include "sources/mysql/statement.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace rowtide::mysql {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || static_cast<unsigned char>(c) >= 0x80;
}

char to_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

struct Token {
  enum class Kind : std::uint8_t { kEnd, kWord, kQuotedName, kString, kSymbol };
  Kind kind = Kind::kEnd;
  std::string text;  // without quotes

  bool is(std::string_view word) const {
    return kind == Kind::kWord &&
           std::ranges::equal(text, word, [](char a, char b) { return to_upper(a) == b; });
  }
  bool is_symbol(char c) const { return kind == Kind::kSymbol && text.front() == c; }
  bool is_name() const { return kind == Kind::kWord || kind == Kind::kQuotedName; }
};

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view sql) : rest_(sql) {}

  Token next() {
    if (peeked_) {
      Token token = *std::move(peeked_);
      peeked_.reset();
      return token;
    }
    return read();
  }
  const Token& peek() {
    if (!peeked_) {
      peeked_ = read();
    }
    return *peeked_;
  }
  // Takes the next token when it is this word.
  bool accept(std::string_view word) {
    if (!peek().is(word)) {
      return false;
    }
    peeked_.reset();
    return true;
  }
  void accept_any(std::initializer_list<std::string_view> words) {
    while (std::ranges::any_of(words, [&](std::string_view word) { return accept(word); })) {
    }
  }
  bool accept_symbol(char c) {
    if (!peek().is_symbol(c)) {
      return false;
    }
    peeked_.reset();
    return true;
  }

 private:
  Token read() {
    skip_blank();
    if (rest_.empty()) {
      return {};
    }
    const char c = rest_.front();
    if (c == '`') {
      return {Token::Kind::kQuotedName, read_quoted()};
    }
    // A name with ANSI_QUOTES and a text without: where a name stands it is a name.
    if (c == '"') {
      return {Token::Kind::kQuotedName, read_quoted()};
    }
    if (c == '\'') {
      return {Token::Kind::kString, read_quoted()};
    }
    if (is_word(c)) {
      const auto end = std::ranges::find_if_not(rest_, is_word);
      std::string word(rest_.begin(), end);
      rest_.remove_prefix(word.size());
      return {Token::Kind::kWord, std::move(word)};
    }
    rest_.remove_prefix(1);
    return {Token::Kind::kSymbol, std::string(1, c)};
  }

  std::string read_quoted() {
    const char quote = rest_.front();
    rest_.remove_prefix(1);
    std::string text;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == quote) {
        if (!rest_.starts_with(quote)) {
          break;
        }
        rest_.remove_prefix(1);
      } else if (c == '\\' && quote != '`' && !rest_.empty()) {
        text += rest_.front();
        rest_.remove_prefix(1);
        continue;
      }
      text += c;
    }
    return text;
  }

  void skip_blank() {
    while (!rest_.empty()) {
      if (is_space(rest_.front())) {
        rest_.remove_prefix(1);
      } else if (rest_.front() == '#' || is_dash_comment()) {
        skip_behind("\n");
      } else if (rest_.starts_with("/*!") || rest_.starts_with("/*M!")) {
        // The content counts: the server ran it.
        rest_.remove_prefix(rest_.find('!') + 1);
        while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
          rest_.remove_prefix(1);
        }
        in_version_comment_ = true;
      } else if (rest_.starts_with("/*")) {
        rest_.remove_prefix(2);
        skip_behind("*/");
      } else if (in_version_comment_ && rest_.starts_with("*/")) {
        rest_.remove_prefix(2);
        in_version_comment_ = false;
      } else {
        return;
      }
    }
  }
  bool is_dash_comment() const {
    return rest_.starts_with("--") && (rest_.size() == 2 || is_space(rest_[2]));
  }
  void skip_behind(std::string_view end) {
    const auto at = rest_.find(end);
    rest_ = at == std::string_view::npos ? std::string_view() : rest_.substr(at + end.size());
  }

  std::string_view rest_;
  std::optional<Token> peeked_;
  bool in_version_comment_ = false;
};

// [database.]table; nullopt when there is no name.
std::optional<StatementTable> take_table(Tokenizer& in) {
  if (!in.peek().is_name()) {
    return std::nullopt;
  }
  StatementTable table;
  table.table = in.next().text;
  if (in.accept_symbol('.')) {
    if (!in.peek().is_name()) {
      return std::nullopt;
    }
    table.database = std::move(table.table);
    table.table = in.next().text;
  }
  return table;
}

void add_table(Tokenizer& in, Statement& statement) {
  if (auto table = take_table(in)) {
    statement.tables.push_back(*std::move(table));
  }
}

// IF EXISTS, IF NOT EXISTS
void skip_if_clause(Tokenizer& in) {
  if (in.accept("IF")) {
    in.accept("NOT");
    in.accept("EXISTS");
  }
}

// WAIT n, NOWAIT
void skip_wait(Tokenizer& in) {
  if (in.accept("WAIT")) {
    in.next();
  }
  in.accept("NOWAIT");
}

Statement parse_rename(Tokenizer& in) {
  Statement statement;
  if (!in.accept("TABLE") && !in.accept("TABLES")) {
    return statement;
  }
  statement.kind = StatementKind::kRename;
  skip_if_clause(in);
  do {
    auto from = take_table(in);
    skip_wait(in);
    if (!from || !in.accept("TO")) {
      break;
    }
    auto to = take_table(in);
    if (!to) {
      break;
    }
    statement.tables.push_back(*std::move(from));
    statement.tables.push_back(*std::move(to));
  } while (in.accept_symbol(','));
  return statement;
}

// DROP INDEX i ON t and CREATE INDEX i ON t change t.
Statement parse_index(Tokenizer& in) {
  Statement statement;
  statement.kind = StatementKind::kAlterTable;
  while (in.peek().kind != Token::Kind::kEnd) {
    if (in.next().is("ON")) {
      add_table(in, statement);
      break;
    }
  }
  return statement;
}

Statement parse_drop(Tokenizer& in) {
  Statement statement;
  if (in.accept("DATABASE") || in.accept("SCHEMA")) {
    statement.kind = StatementKind::kDropDatabase;
    skip_if_clause(in);
    if (in.peek().is_name()) {
      statement.tables.push_back({in.next().text, {}});
    }
    return statement;
  }
  if (in.accept("INDEX")) {
    return parse_index(in);
  }
  if (!in.accept("TABLE") && !in.accept("TABLES")) {
    return statement;
  }
  statement.kind = StatementKind::kDropTable;
  skip_if_clause(in);
  do {
    add_table(in, statement);
  } while (in.accept_symbol(','));
  return statement;
}

Statement parse_create(Tokenizer& in) {
  Statement statement;
  if (in.accept("OR")) {
    in.accept("REPLACE");
  }
  if (in.accept("TEMPORARY")) {
    return statement;
  }
  in.accept_any({"UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR"});
  if (in.accept("INDEX")) {
    return parse_index(in);
  }
  if (!in.accept("TABLE")) {
    return statement;
  }
  statement.kind = StatementKind::kCreateTable;
  skip_if_clause(in);
  add_table(in, statement);
  while (in.peek().kind != Token::Kind::kEnd) {
    statement.with_select = in.next().is("SELECT") || statement.with_select;
  }
  return statement;
}

Statement parse_alter(Tokenizer& in) {
  Statement statement;
  in.accept_any({"ONLINE", "IGNORE"});
  if (!in.accept("TABLE")) {
    return statement;
  }
  statement.kind = StatementKind::kAlterTable;
  skip_if_clause(in);
  add_table(in, statement);
  skip_wait(in);
  if (in.peek().is("TRUNCATE") || in.peek().is("DROP") || in.peek().is("EXCHANGE") ||
      in.peek().is("CONVERT")) {
    const bool convert = in.next().is("CONVERT");
    if (in.accept("PARTITION") || (convert && in.accept("TABLE"))) {
      statement.kind = StatementKind::kTruncatePartition;
    }
  }
  // The new name is the only other table that may be named where it matters.
  while (in.peek().kind != Token::Kind::kEnd) {
    if (!in.next().is("RENAME")) {
      continue;
    }
    if (in.peek().is("COLUMN") || in.peek().is("INDEX") || in.peek().is("KEY")) {
      continue;
    }
    in.accept_any({"TO", "AS"});
    in.accept_symbol('=');
    add_table(in, statement);
  }
  return statement;
}

// INSERT, REPLACE, UPDATE, DELETE: the table stands behind modifiers, INTO or FROM.
Statement parse_row_change(Tokenizer& in, bool single_table) {
  Statement statement;
  statement.kind = StatementKind::kRowChange;
  in.accept_any({"LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE"});
  const bool from = in.accept("FROM");
  if (!from) {
    in.accept("INTO");
  }
  add_table(in, statement);
  if (!single_table) {
    // Only what is surely one table tells which one changes.
    const bool one = in.peek().is("SET") || in.peek().is("WHERE") || in.peek().is("ORDER") ||
                     in.peek().is("LIMIT") || (from && in.peek().kind == Token::Kind::kEnd);
    if (!one) {
      statement.tables.clear();
    }
    // Also what a server writes for a MEMORY table that it lost when it was restarted.
    if (one && from && in.peek().kind == Token::Kind::kEnd) {
      statement.kind = StatementKind::kTruncate;
    }
  }
  return statement;
}

// Text of X'..', 0x.. or '..'.
std::optional<std::string> take_xa_part(Tokenizer& in) {
  Token token = in.next();
  if (token.kind == Token::Kind::kString || token.kind == Token::Kind::kQuotedName) {
    return token.text;
  }
  std::string hex;
  if (token.is("X") && in.peek().kind == Token::Kind::kString) {
    hex = in.next().text;
  } else if (token.kind == Token::Kind::kWord &&
             (token.text.starts_with("0x") || token.text.starts_with("0X"))) {
    hex = token.text.substr(2);
  } else {
    return std::nullopt;
  }
  std::string bytes;
  if (hex.size() % 2 != 0) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    if (error != std::errc{} || end != hex.data() + i + 2) {
      return std::nullopt;
    }
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

Statement parse_xa(Tokenizer& in) {
  Statement statement;
  const Token verb = in.next();
  if (verb.is("START") || verb.is("BEGIN")) {
    statement.kind = StatementKind::kXaStart;
  } else if (verb.is("END")) {
    statement.kind = StatementKind::kXaEnd;
  } else if (verb.is("PREPARE")) {
    statement.kind = StatementKind::kXaPrepare;
  } else if (verb.is("COMMIT")) {
    statement.kind = StatementKind::kXaCommit;
  } else if (verb.is("ROLLBACK")) {
    statement.kind = StatementKind::kXaRollback;
  } else {
    return statement;
  }
  const auto gtrid = take_xa_part(in);
  std::optional<std::string> bqual;
  std::uint32_t format = 1;
  if (in.accept_symbol(',')) {
    bqual = take_xa_part(in);
  }
  if (in.accept_symbol(',')) {
    const Token number = in.next();
    std::from_chars(number.text.data(), number.text.data() + number.text.size(), format);
  }
  if (gtrid) {
    statement.xa_id = make_xa_id(format, *gtrid, bqual.value_or(""));
  }
  return statement;
}

Statement simple(StatementKind kind) {
  Statement statement;
  statement.kind = kind;
  return statement;
}

Statement parse_truncate(Tokenizer& in) {
  Statement statement = simple(StatementKind::kTruncate);
  in.accept("TABLE");
  add_table(in, statement);
  return statement;
}

Statement parse_rollback(Tokenizer& in) {
  in.accept("WORK");
  return simple(in.accept("TO") ? StatementKind::kRollbackToSavepoint : StatementKind::kRollback);
}

}  // namespace

Statement parse_statement(std::string_view sql) {
  // By far the most frequent ones.
  if (sql == "BEGIN") {
    return simple(StatementKind::kBegin);
  }
  if (sql == "COMMIT") {
    return simple(StatementKind::kCommit);
  }
  Tokenizer in(sql);
  while (in.accept_symbol('(')) {
  }
  const Token verb = in.next();
  if (verb.is("BEGIN")) {
    return simple(StatementKind::kBegin);
  }
  if (verb.is("START")) {
    return simple(in.accept("TRANSACTION") ? StatementKind::kBegin : StatementKind::kOther);
  }
  if (verb.is("COMMIT")) {
    return simple(StatementKind::kCommit);
  }
  if (verb.is("ROLLBACK")) {
    return parse_rollback(in);
  }
  if (verb.is("SAVEPOINT") || verb.is("RELEASE")) {
    return simple(StatementKind::kSavepoint);
  }
  if (verb.is("XA")) {
    return parse_xa(in);
  }
  if (verb.is("TRUNCATE")) {
    return parse_truncate(in);
  }
  if (verb.is("RENAME")) {
    return parse_rename(in);
  }
  if (verb.is("DROP")) {
    return parse_drop(in);
  }
  if (verb.is("CREATE")) {
    return parse_create(in);
  }
  if (verb.is("ALTER")) {
    return parse_alter(in);
  }
  if (verb.is("INSERT") || verb.is("REPLACE")) {
    return parse_row_change(in, true);
  }
  if (verb.is("UPDATE") || verb.is("DELETE")) {
    return parse_row_change(in, false);
  }
  // LOAD DATA and LOAD XML, UPDATE behind WITH, functions that write, blocks of MariaDB.
  if (verb.is("LOAD") || verb.is("WITH") || verb.is("SELECT") || verb.is("DO") || verb.is("CALL")) {
    return simple(StatementKind::kRowChange);
  }
  return simple(StatementKind::kOther);
}

}  // namespace rowtide::mysql
