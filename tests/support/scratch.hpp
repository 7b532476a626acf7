// SPDX-License-Identifier: MIT
//
// A directory of a test's own, removed with all that is in it unless an exception passes through.
#pragma once

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <unistd.h>

namespace idmerge::testing {

class Scratch {
 public:
  Scratch() {
    auto pattern = (std::filesystem::temp_directory_path() / "idmerge-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp: " + pattern);
    dir_ = pattern;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (std::uncaught_exceptions() > 0) {
      std::fprintf(stderr, "kept for inspection: %s\n", dir_.c_str());
      return;
    }
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }

  std::string path(std::string_view name = {}) const {
    return name.empty() ? dir_ : dir_ + "/" + std::string(name);
  }

  std::string operator/(std::string_view name) const { return path(name); }

  /// Write a file, with its directory if need be, and return its path.
  std::string write(std::string_view name, std::string_view content) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream file(path(name), std::ios::binary);
    file << content;
    if (!file.flush()) throw std::runtime_error("cannot write " + path(name));
    return path(name);
  }

  std::string read(std::string_view name) const {
    std::ifstream file(path(name), std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path(name));
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
  }

  bool exists(std::string_view name) const { return std::filesystem::exists(path(name)); }

 private:
  std::string dir_;
};

}  // namespace idmerge::testing
