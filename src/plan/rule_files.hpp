// SPDX-License-Identifier: MIT
//
// Reads the two files with rules that the inputs cannot express: the deny list (ids that must never
// be linked) and the decisions about disputed ids. They are read once, before the inputs. A plan
// records the digest of their bytes, because a different file makes a different plan.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/files.hpp"
#include "plan/decisions.hpp"
#include "plan/deny_list.hpp"
#include "util/result.hpp"

namespace idmerge::plan {

struct DenyFile {
  std::string digest;  // of its bytes, hexadecimal; empty: no file
  std::shared_ptr<const DenyList> list;
};

struct DecisionFile {
  std::string path;
  std::string digest;
  std::vector<Decision> decisions;
};

/// Read --deny-file and --decisions. Bounds: 256 MiB.
/// Errors: usage, with file and line.
Result<DenyFile> read_deny_file(io::Files& files, const std::string& path);
Result<DecisionFile> read_decision_file(io::Files& files, const std::string& path);

}  // namespace idmerge::plan
