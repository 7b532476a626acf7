// SPDX-License-Identifier: MIT
//
// The names of fields as input/columns wants them, from the options of reading.
#pragma once

#include "input/columns.hpp"
#include "input/row_reader_options.hpp"

namespace idmerge::input {

inline FieldNames field_names(const RowReaderOptions& options) {
  return {.op = options.op,
          .anon = options.anon_field,
          .user = options.user_field,
          .alias = options.alias_field,
          .distinct_id = options.distinct_id_field,
          .ids = options.id_fields,
          .op_field = options.op_field,
          .order_field = options.order_field,
          .mask = options.mask};
}

}  // namespace idmerge::input
