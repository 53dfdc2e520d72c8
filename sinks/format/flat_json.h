#pragma once

#include <memory>
#include <string>

#include "engine/api/format.h"
#include "sinks/format/value_json.h"

namespace rowtide {

// The flat JSON format: one object on one line per event, with these members in this order:
//
//   op            "c", "u", "d", "r", "t", "m" or "s"
//   pipeline      name
//   schema, table names; null for a message
//   key           the key cells, or null (no key; truncates, messages, schema events)
//   before        the cells of the old row that the source sent, or null
//   after         the cells of the new row that are known, or null
//   unchanged     names of the columns that keep a value which the source did not send
//   columns       schema events only: [{"name","type","source_type","key"}]
//   prefix, content, content_encoding
//                 messages only; the encoding is "utf8", or "base64" where the content is not UTF-8
//                 With the prefix "rowtide.backfill" a message says where a backfill stands, as
//                 {"backfill":"shop-1","event":"chunk","table":"public.orders","rows":50000}.
//                 "event" is "started", "chunk", "finished" or "cancelled"; without "table" it
//                 is of the whole backfill. A table keeps the name that it had when its backfill
//                 began. "rows" counts those handed out so far, of the table or of the backfill,
//                 once for all sinks. Each message comes once: "started" before the first row,
//                 "chunk" behind the last row of one, "finished" behind the last of all.
//   position      text that sorts in delivery order
//   tx            the source's id of the transaction
//   row           1-based index of the row change in its transaction
//   committed_at  "2026-11-20T12:00:00.123456Z"
//   snapshot      true for "r"
std::unique_ptr<Encoder> make_flat_json(const std::string& pipeline,
                                        const ValueJsonOptions& options);

}  // namespace rowtide
