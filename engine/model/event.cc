#include "engine/model/event.h"

namespace rowtide {

char op_letter(Op op) noexcept {
  switch (op) {
    case Op::kCreate:
      return 'c';
    case Op::kUpdate:
      return 'u';
    case Op::kDelete:
      return 'd';
    case Op::kRead:
      return 'r';
    case Op::kTruncate:
      return 't';
    case Op::kMessage:
      return 'm';
    case Op::kSchema:
      return 's';
  }
  return '?';
}

}  // namespace rowtide
