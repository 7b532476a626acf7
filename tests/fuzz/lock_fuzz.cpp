// SPDX-License-Identifier: MIT
//
// Bytes as the lock file of a job at which somebody works. It is only read to people, so it is
// never an error; whatever stands there, they are told that the job is taken, by whom if that can
// be made out, in one line that a terminal can show. An owner who wrote it is named.
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include "io/lock.hpp"
#include "util/check.hpp"
#include "util/key_values.hpp"
#include "util/log.hpp"

#include "memory_file.hpp"

using namespace idmerge;
using namespace idmerge::testing;
using namespace idmerge::io;
using namespace idmerge::util;

namespace {

class HeldFile final : public MemoryFile {
 public:
  using MemoryFile::MemoryFile;

 private:
  int sys_flock(int) override { return -EWOULDBLOCK; }
};

std::string owner_in(const std::string& bytes) {
  HeldFile files(bytes);
  const auto owner = lock_owner(files, "/job/lock");
  IDMERGE_CHECK(owner.has_value() && !owner->empty() && printable(*owner) == *owner);
  const auto second = Lock::take(files, "/job/lock", {1, "here", "now"});
  IDMERGE_CHECK(!second && second.error().code == Errc::locked);
  IDMERGE_CHECK(second.error().what.find(*owner) != std::string::npos);
  return *owner;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto owner = owner_in(bytes);
  IDMERGE_CHECK((owner == "a process that has just started") == bytes.empty());
  IDMERGE_CHECK(owner.starts_with("pid ") || owner == "an unknown process" || bytes.empty());

  constexpr std::size_t name_bytes_max = 500;
  const auto half = std::min(size / 2, name_bytes_max);
  const auto host = bytes.substr(0, half);
  const auto since = bytes.substr(half, name_bytes_max);
  const KeyValues values{{"pid", "4711"}, {"host", host}, {"since", since}};
  const auto again = KeyValues::parse(values.text());
  IDMERGE_CHECK(again.has_value() && *again == values);
  IDMERGE_CHECK(owner_in(values.text()) ==
                "pid 4711 on " + printable(host) + " since " + printable(since));
  return 0;
}
