// SPDX-License-Identifier: MIT
//
// The two files in which a person tells the planner what the inputs cannot: ids that must never be
// linked, and decisions about ids in doubt. They are read once, before the inputs, and a plan
// records the digest of their bytes, because another list is another plan.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/decisions.hpp"
#include "idmerge/core/deny_list.hpp"
#include "idmerge/disk/files.hpp"

namespace idmerge {

struct DenyFile {
  std::string digest;  // of its bytes, hexadecimal; empty: there is none
  std::shared_ptr<const DenyList> list;
};

struct DecisionFile {
  std::string path;
  std::string digest;
  std::vector<Decision> decisions;
};

/// Read --deny-file, or --decisions. Bounds: 256 MiB.
/// Errors: usage, with file and line.
Result<DenyFile> read_deny_file(Files& files, const std::string& path);
Result<DecisionFile> read_decision_file(Files& files, const std::string& path);

}  // namespace idmerge
