// SPDX-License-Identifier: MIT
#include "io/input_list.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

#include "io/chunk_reader.hpp"

namespace idmerge::io {
namespace {

namespace fs = std::filesystem;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Returns: the reason why a file of this name is not an input; empty if it is one.
std::string_view reason_to_pass(std::string_view name, bool directory) {
  if (name.starts_with('.')) return "a hidden file";
  if (name.starts_with('_')) return "a marker file";
  if (name.ends_with("manifest") || name.ends_with(".metadata")) return "a list of files, no table";
  if (name.ends_with(".part")) return "still being written";
  if (directory && name.ends_with(".idmerge")) return "a job directory";
  return {};
}

/// The length of a pipe is unknown in advance, so a pipe is read only if the user names it itself.
std::string pipe_passed_over(std::string_view path) {
  return fmt::format("{}: a named pipe: name it itself to read it", path);
}

Result<void> add_directory(const std::string& path, InputList& inputs) {
  std::error_code error;
  std::vector<std::string> found;
  const auto before = inputs.passed_over.size();
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const auto name = it->path().filename().string();
    std::error_code ignored;
    const bool directory = it->is_directory(ignored);
    if (const auto reason = reason_to_pass(name, directory); !reason.empty()) {
      inputs.passed_over.push_back(fmt::format("{}: {}", it->path().string(), reason));
    } else if (directory) {
      return Error{Errc::usage, fmt::format("{}: a directory within a directory: name each one, or "
                                            "use a glob such as '{}/*/*'",
                                            it->path().string(), path)};
    } else if (it->is_fifo(ignored)) {
      inputs.passed_over.push_back(pipe_passed_over(it->path().string()));
    } else {
      found.push_back(it->path().string());
    }
  }
  if (error) return cannot_open(path, error.value());
  if (found.empty()) {
    return Error{Errc::input, fmt::format("{}: there are no files in this directory: check that "
                                          "the export has run",
                                          path)};
  }
  std::sort(found.begin(), found.end(), natural_less);
  std::sort(inputs.passed_over.begin() + static_cast<std::ptrdiff_t>(before),
            inputs.passed_over.end(), natural_less);
  inputs.paths.insert(inputs.paths.end(), found.begin(), found.end());
  return {};
}

Result<void> add(const std::string& path, bool from_glob, InputList& inputs) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (error) return cannot_open(path, error.value());
  const bool directory = fs::is_directory(status);
  if (from_glob) {
    const auto name = fs::path(path).filename().string();
    if (const auto reason = reason_to_pass(name, directory); !reason.empty()) {
      inputs.passed_over.push_back(fmt::format("{}: {}", path, reason));
      return {};
    }
    if (fs::is_fifo(status)) {
      inputs.passed_over.push_back(pipe_passed_over(path));
      return {};
    }
  }
  if (directory) return add_directory(path, inputs);
  inputs.paths.push_back(path);
  return {};
}

Result<std::vector<std::string>> expand(const std::string& pattern) {
  glob_t matches{};
  const int status = ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &matches);
  std::vector<std::string> paths;
  for (std::size_t i = 0; status == 0 && i < matches.gl_pathc; ++i) {
    paths.emplace_back(matches.gl_pathv[i]);
  }
  ::globfree(&matches);
  if (paths.empty()) {
    return Error{Errc::input, fmt::format("{}: no file matches: check the pattern and that the "
                                          "export has run",
                                          pattern)};
  }
  std::sort(paths.begin(), paths.end(), natural_less);
  return paths;
}

}  // namespace

bool natural_less(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t k = 0;
  while (i < a.size() && k < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[k])) {
      if (a[i] != b[k]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[k]);
      ++i;
      ++k;
      continue;
    }
    const auto number = [](std::string_view text, std::size_t& at) {
      while (at < text.size() && text[at] == '0')
        ++at;
      const auto start = at;
      while (at < text.size() && is_digit(text[at]))
        ++at;
      return text.substr(start, at - start);
    };
    const auto x = number(a, i);
    const auto y = number(b, k);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
  }
  if (a.size() - i != b.size() - k) return a.size() - i < b.size() - k;
  return a < b;  // "a01" and "a1": any order that is deterministic
}

Result<InputList> list_inputs(const std::vector<std::string>& named) {
  InputList inputs;
  if (named.empty()) {
    return Error{Errc::usage, "no input is named: name files, directories or '-' for stdin"};
  }
  for (const auto& path : named) {
    if (path == "-") {
      if (std::find(inputs.paths.begin(), inputs.paths.end(), "-") != inputs.paths.end()) {
        return Error{Errc::usage, "-: standard input is named twice: it can be read only once"};
      }
      inputs.paths.push_back(path);
      continue;
    }
    std::error_code ignored;
    const bool pattern =
        path.find_first_of("*?[") != std::string::npos && !fs::exists(path, ignored);
    if (!pattern) {
      if (auto added = add(path, false, inputs); !added) return added.error();
      continue;
    }
    const auto matches = expand(path);
    if (!matches) return matches.error();
    for (const auto& match : *matches) {
      if (auto added = add(match, true, inputs); !added) return added.error();
    }
  }
  if (inputs.paths.empty()) {
    return Error{Errc::input,
                 fmt::format("{}: nothing in it is an input: check the pattern", named.front())};
  }
  return inputs;
}

}  // namespace idmerge::io
