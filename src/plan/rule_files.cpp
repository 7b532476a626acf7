// SPDX-License-Identifier: MIT
#include "plan/rule_files.hpp"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "util/digest.hpp"

namespace idmerge::plan {
namespace {

constexpr std::size_t bytes_max = 256U << 20U;

Result<std::string> read(io::Files& files, std::string_view option, const std::string& path) {
  auto text = files.read_all(path, bytes_max);
  if (!text) return Error{Errc::usage, fmt::format("{}: {}", option, text.error().what)};
  return text;
}

Error explain(std::string_view option, const std::string& path, const Error& error) {
  return {Errc::usage, fmt::format("{}: {}: {}", option, path, error.what)};
}

}  // namespace

Result<DenyFile> read_deny_file(io::Files& files, const std::string& path) {
  const auto text = read(files, "--deny-file", path);
  if (!text) return text.error();
  auto list = DenyList::parse(*text);
  if (!list) return explain("--deny-file", path, list.error());
  return DenyFile{util::hex(util::digest(*text)),
                  std::make_shared<const DenyList>(std::move(*list))};
}

Result<DecisionFile> read_decision_file(io::Files& files, const std::string& path) {
  const auto text = read(files, "--decisions", path);
  if (!text) return text.error();
  auto decisions = parse_decisions(*text);
  if (!decisions) return explain("--decisions", path, decisions.error());
  return DecisionFile{path, util::hex(util::digest(*text)), std::move(*decisions)};
}

}  // namespace idmerge::plan
