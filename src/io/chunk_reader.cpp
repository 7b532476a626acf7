// SPDX-License-Identifier: MIT
#include "io/chunk_reader.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "util/check.hpp"
#include "util/exceptions.hpp"

namespace idmerge::io {
namespace {

constexpr std::size_t raw_bytes = 256 << 10;
constexpr std::size_t chunks_ahead =
    4;  // so that a short delay of one thread does not stall the other

std::int64_t changed_ns(const struct stat& facts) {
  return std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec;
}

Error changed(const std::string& path, std::string_view how) {
  return {Errc::input, fmt::format("{}: {} while it was being read: wait until its writer is done, "
                                   "then plan again",
                                   path, how)};
}

}  // namespace

struct ChunkReader::State {
  explicit State(std::string name, ChunkReaderOptions how) : path(std::move(name)), options(how) {}
  ~State() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
      wake.notify_all();
    }
    ::eventfd_write(stop_event, 1);
    if (thread.joinable()) thread.join();
    if (descriptor > STDIN_FILENO) ::close(descriptor);
    ::close(stop_event);
    XXH3_freeState(digest);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Error failed(std::string_view what) const {
    return {Errc::input, fmt::format("{}: {}", path, what)};
  }

  std::array<std::uint8_t, 16> canonical_digest() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(digest));
    return std::to_array(canonical.digest);
  }

  bool wait_readable();
  Result<std::size_t> read_raw(std::span<char> into);
  Result<void> fill(Chunk& chunk);
  Result<void> begin();
  Result<void> finish();
  Result<void> read_on();
  void work();

  std::string path;
  ChunkReaderOptions options;
  int descriptor = -1;
  int stop_event = ::eventfd(0, EFD_CLOEXEC);  // ends a wait for a pipe that may never write
  bool pipe = false;
  struct stat opened {};

  // Used by the reading thread only, until it has finished.
  XXH3_state_t* digest = util::made(XXH3_createState());
  std::vector<char> raw;
  std::size_t raw_begin = 0;
  std::size_t raw_end = 0;
  bool raw_done = false;
  std::optional<Inflater> inflater;  // none if the input is not compressed
  ChunkReaderFacts facts;

  std::atomic<std::uint64_t> bytes_read{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Chunk> full;  // guarded by `mutex`, like all members below
  std::deque<Chunk> empty;
  std::optional<Result<void>> failed_with;
  bool started = false;
  std::thread thread;
};

/// Wait until a pipe has bytes or is at its end; false if the thread is to stop.
bool ChunkReader::State::wait_readable() {
  std::array<pollfd, 2> waits{pollfd{descriptor, POLLIN, 0}, pollfd{stop_event, POLLIN, 0}};
  while (::poll(waits.data(), waits.size(), -1) < 0 && errno == EINTR) {
  }
  return waits[1].revents == 0;
}

/// Read until `into` is full or the input ends; from a pipe whatever is available.
Result<std::size_t> ChunkReader::State::read_raw(std::span<char> into) {
  std::size_t made = 0;
  while (made < into.size()) {
    if (pipe && !wait_readable()) return Error{Errc::interrupted, path + ": left unread"};
    const auto count = ::read(descriptor, into.data() + made, into.size() - made);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      auto failure = util::system_error(path, errno);
      if (failure.code == Errc::usage) failure.code = Errc::input;
      return failure;
    }
    if (count == 0) {
      raw_done = true;
      break;
    }
    made += static_cast<std::size_t>(count);
    bytes_read += static_cast<std::uint64_t>(count);
    if (pipe) break;  // do not delay rows until a slow writer fills the buffer
  }
  XXH3_128bits_update(digest, into.data(), made);
  return made;
}

/// Read the first bytes and detect the compression.
Result<void> ChunkReader::State::begin() {
  XXH3_128bits_reset(digest);
  raw.resize(raw_bytes);
  while (raw_end < 4 && !raw_done) {
    const auto count = read_raw(std::span(raw).subspan(raw_end));
    if (!count) return count.error();
    raw_end += *count;
  }
  facts.compression = detect_compression({raw.data(), raw_end});
  if (facts.compression != Compression::none) inflater.emplace(facts.compression);
  return {};
}

Result<void> ChunkReader::State::fill(Chunk& chunk) {
  chunk.bytes.resize(options.headroom_bytes + std::max(options.chunk_bytes, options.head_bytes));
  chunk.begin = chunk.end = options.headroom_bytes;
  chunk.last = false;
  const auto wanted = options.head_bytes == 0 ? options.chunk_bytes : options.head_bytes;
  const auto stop_at = options.headroom_bytes + wanted;
  while (chunk.end < stop_at) {
    const auto room = std::span(chunk.bytes).first(stop_at).subspan(chunk.end);
    std::size_t made = 0;
    if (!inflater && raw_begin == raw_end) {  // uncompressed bytes need no copy
      const auto count = read_raw(room);
      if (!count) return count.error();
      made = *count;
    } else {
      if (raw_begin == raw_end && !raw_done) {
        const auto count = read_raw(raw);
        if (!count) return count.error();
        raw_begin = 0;
        raw_end = *count;
      }
      const std::string_view in(raw.data() + raw_begin, raw_end - raw_begin);
      if (inflater) {
        const auto step = inflater->inflate(in, room);
        if (!step) return failed(step.error().what);
        raw_begin += step->taken;
        made = step->made;
      } else {
        made = std::min(in.size(), room.size());
        std::copy_n(in.begin(), made, room.begin());
        raw_begin += made;
      }
    }
    chunk.end += made;
    chunk.last = raw_done && raw_begin == raw_end && made < room.size();
    if (chunk.last) return finish();
    if (pipe && !inflater && made > 0) break;
  }
  return {};
}

Result<void> ChunkReader::State::finish() {
  if (inflater) {
    if (const auto whole = inflater->finish(); !whole) return failed(whole.error().what);
  }
  facts.size = bytes_read;
  facts.digest = canonical_digest();
  if (pipe) return {};
  struct stat now {};
  if (::fstat(descriptor, &now) != 0) return util::system_error(path, errno);
  facts.mtime_ns = changed_ns(opened);
  if (now.st_size != opened.st_size) {
    return changed(path, now.st_size > opened.st_size ? "the file grew" : "the file shrank");
  }
  if (changed_ns(now) != changed_ns(opened) ||
      facts.size != static_cast<std::uint64_t>(now.st_size)) {
    return changed(path, "the file changed");
  }
  return {};
}

/// Read chunk by chunk until the end of the input or until `stop` is set.
Result<void> ChunkReader::State::read_on() {
  if (auto begun = begin(); !begun) return begun;
  bool last = false;
  while (!last) {
    Chunk chunk;
    {
      std::unique_lock lock(mutex);
      wake.wait(lock, [&] { return stop || full.size() < chunks_ahead; });
      if (stop) return {};
      if (!empty.empty()) {
        chunk = std::move(empty.front());
        empty.pop_front();
      }
    }
    if (auto filled = fill(chunk); !filled) return filled;
    last = chunk.last;
    const std::lock_guard lock(mutex);
    full.push_back(std::move(chunk));
    wake.notify_all();
  }
  return {};
}

void ChunkReader::State::work() {
  auto result = util::caught([this] { return read_on(); });
  if (result) return;
  const std::lock_guard lock(mutex);
  failed_with = std::move(result);  // moved: there may be no memory to copy its error
  wake.notify_all();
}

Error cannot_open(const std::string& path, int error_number) {
  if (error_number == EMFILE || error_number == ENFILE)
    return util::system_error(path, error_number);
  return {Errc::input, fmt::format("{}: {}: check the path and its permissions", path,
                                   std::generic_category().message(error_number))};
}

ChunkReader::ChunkReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ChunkReader::ChunkReader(ChunkReader&&) noexcept = default;
ChunkReader& ChunkReader::operator=(ChunkReader&&) noexcept = default;
ChunkReader::~ChunkReader() = default;

Result<ChunkReader> ChunkReader::open(const std::string& path, ChunkReaderOptions options) {
  auto state = std::make_unique<State>(path, options);
  state->descriptor = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (state->descriptor < 0 || ::fstat(state->descriptor, &state->opened) != 0) {
    return cannot_open(path, errno);
  }
  const auto mode = state->opened.st_mode;
  if (S_ISDIR(mode)) {
    return Error{Errc::usage, fmt::format("{}: this is a directory: name its files", path)};
  }
  if (S_ISBLK(mode) || (S_ISCHR(mode) && ::isatty(state->descriptor) == 0)) {
    return Error{Errc::input,
                 fmt::format("{}: this is a device, such as /dev/null, and no table: {}", path,
                             path == "-" ? "redirect or pipe a table into it" : "check the path")};
  }
  // Standard input counts as a pipe even if a shell has redirected a file into it: it is read once,
  // from the current position.
  state->pipe = path == "-" || !S_ISREG(mode);
  return ChunkReader(std::move(state));
}

Result<std::array<std::uint8_t, 16>> ChunkReader::digest_of(const std::string& path) {
  auto source = open(path);
  if (!source) return source.error();
  auto& state = *source->state_;
  if (state.pipe) return state.failed("this is a pipe, which cannot be read twice: plan again");
  XXH3_128bits_reset(state.digest);
  state.raw.resize(raw_bytes);
  while (!state.raw_done) {
    if (const auto count = state.read_raw(state.raw); !count) return count.error();
  }
  return state.canonical_digest();
}

void ChunkReader::set_options(ChunkReaderOptions options) {
  IDMERGE_CHECK(!state_->started);
  state_->options = options;
}

Result<void> ChunkReader::next(Chunk& chunk) {
  auto& state = *state_;
  if (state.options.head_bytes != 0) {  // one small chunk is not worth a thread
    const auto begun = state.begin();
    return begun ? state.fill(chunk) : begun;
  }
  if (!state.started) {
    state.started = true;
    state.thread = std::thread([&state] { state.work(); });
  }
  std::unique_lock lock(state.mutex);
  if (!chunk.bytes.empty()) state.empty.push_back(std::move(chunk));
  state.wake.notify_all();
  state.wake.wait(lock, [&] { return !state.full.empty() || state.failed_with; });
  if (state.full.empty()) return *state.failed_with;
  chunk = std::move(state.full.front());
  state.full.pop_front();
  state.wake.notify_all();
  return {};
}

bool ChunkReader::is_pipe() const {
  return state_->pipe;
}

std::uint64_t ChunkReader::size() const {
  return state_->pipe ? 0 : static_cast<std::uint64_t>(state_->opened.st_size);
}

std::int64_t ChunkReader::mtime_ns() const {
  return state_->pipe ? 0 : changed_ns(state_->opened);
}

std::array<std::uint64_t, 2> ChunkReader::identity() const {
  return {state_->opened.st_dev, state_->opened.st_ino};
}

std::uint64_t ChunkReader::bytes_read() const {
  return state_->bytes_read;
}

const ChunkReaderFacts& ChunkReader::facts() const {
  return state_->facts;
}

}  // namespace idmerge::io
