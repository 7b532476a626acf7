// SPDX-License-Identifier: MIT
#include "plan/job_lock.hpp"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/flaky_files.hpp"
#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::io;
using namespace idmerge::plan;
using namespace idmerge::util;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Scratch;

namespace fs = std::filesystem;

namespace {

const ProcessIdentity me{4711, "etl-7", "2026-11-23T18:00:00Z"};
const ProcessIdentity other{4712, "etl-8", "2026-11-23T18:00:01Z"};

/// A job with something in the place of a plan.
struct Job {
  Job() {
    auto made = make_job(files, dir);
    REQUIRE_MESSAGE(made, made);
    paths = *made;
    REQUIRE(files.replace(paths.plan(), "a plan"));
  }

  Result<std::unique_ptr<JobLock>> take(Work work = Work::sending,
                                        const ProcessIdentity& owner = other) {
    return take_in(dir, work, owner);
  }
  Result<std::unique_ptr<JobLock>> take_in(const std::string& job, Work work = Work::sending,
                                           const ProcessIdentity& owner = other) {
    const JobPaths in{job};
    return JobLock::take(files, in, in.run(work == Work::rehearsing ? "rehearsal" : "1-of-1"), work,
                         owner);
  }
  void copy(const std::string& to) const { fs::copy(dir, to, fs::copy_options::recursive); }

  Scratch scratch;
  RealFiles files;
  std::string dir = scratch / "job";
  JobPaths paths;
};

/// A process that ends with the test, also where that fails.
struct Child {
  pid_t pid = ::fork();
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
};

std::string words(const Result<void>& result) {
  return result ? std::string() : result.error().what;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("plan/job_lock") {
  TEST_CASE("a job that nobody touches stays ours, by a relative path and through a link as well") {
    Job job;
    const auto before = fs::current_path();
    fs::create_directory_symlink(job.scratch.path(), job.scratch / "link");
    fs::current_path(job.scratch.path());
    for (const auto& dir :
         {job.dir, job.scratch / "link/job", std::string("job"), std::string("./job")}) {
      CAPTURE(dir);
      const auto lock = job.take_in(dir);
      REQUIRE_MESSAGE(lock, lock);
      CHECK((*lock)->check());
      CHECK((*lock)->files().replace(dir + "/summary.json", "{}"));
      CHECK((*lock)->is_in_place());
      CHECK((*lock)->is_whole());
      CHECK_FALSE((*lock)->is_lost());
      CHECK((*lock)->current_path() == fs::canonical(job.dir).string());
      CHECK((*lock)->reason_of({Errc::outage, "x"}).what == "x");
      CHECK((*lock)->check());
    }
    fs::current_path(before);
  }

  TEST_CASE("a parent that is renamed takes nothing from who sees the job by its own path") {
    const Scratch scratch;
    RealFiles files;
    const auto before = fs::current_path();
    fs::create_directory(scratch / "parent");
    fs::current_path(scratch / "parent");
    const auto job = make_job(files, "job");
    REQUIRE(job);
    auto lock = JobLock::take(files, *job, job->run(), Work::planning, me);
    REQUIRE(lock);
    fs::rename(scratch / "parent", scratch / "renamed");
    CHECK((*lock)->check());
    lock->reset();
    const JobPaths whole{scratch / "renamed/job"};
    auto named = JobLock::take(files, whole, whole.run(), Work::planning, me);
    REQUIRE(named);
    fs::rename(scratch / "renamed", scratch / "parent");
    CHECK_FALSE((*named)->check());
    CHECK((*named)->is_whole());
    CHECK((*named)->current_path() == fs::canonical(scratch / "parent/job").string());
    fs::current_path(before);
  }

  TEST_CASE("a job that now lies below what took its name is found there") {
    Job job;
    auto taken = job.take();
    REQUIRE(taken);
    fs::rename(job.dir, job.scratch / "aside");
    fs::create_directory(job.dir);
    fs::rename(job.scratch / "aside", job.dir + "/old");
    const auto loss = words((*taken)->check());
    CAPTURE(loss);
    CHECK(has(loss, fs::canonical(job.dir + "/old").string()));
    CHECK_FALSE(has(loss, "gone"));
    CHECK((*taken)->current_path() == fs::canonical(job.dir + "/old").string());
  }

  TEST_CASE("whatever becomes of its names is noticed, said with a way on, and stays so") {
    Job job;
    auto taken = job.take();
    REQUIRE_MESSAGE(taken, taken);
    JobLock& lock = **taken;
    const auto away = job.scratch / "away";
    const auto run = job.paths.run();
    std::string said, way;
    bool is_whole = true, is_in_place = false;
    SUBCASE("the job moved") {
      fs::rename(job.dir, away);
      said = "job: was moved or removed while";
      way = "and is now " + fs::canonical(away).string() + ": continue there";
    }
    SUBCASE("the job replaced by a copy") {
      job.copy(job.scratch / "copy");
      fs::rename(job.dir, away);
      fs::rename(job.scratch / "copy", job.dir);
      said = "job: another directory took its place while";
      way = "and it is now " + fs::canonical(away).string() + ": continue there";
    }
    SUBCASE("the job removed") {
      fs::remove_all(job.dir);
      said = "job: was moved or removed while";
      way = "and is gone: restore it";
      is_whole = false;
    }
    SUBCASE("the job removed, and another one in its place") {
      fs::remove_all(job.dir);
      REQUIRE(make_job(job.files, job.dir));
      said = "job: another directory took its place while";
      way = "and it is gone: check what is there now";
      is_whole = false;
    }
    SUBCASE("a file in its place") {
      fs::rename(job.dir, away);
      REQUIRE(job.files.replace(job.dir, ""));
      said = "took its place while";
      way = "continue there";
    }
    SUBCASE("a link to it in its place") {
      fs::rename(job.dir, away);
      fs::create_directory_symlink(away, job.dir);
      said = "took its place while";
      way = "continue there";
    }
    SUBCASE("the run moved") {
      fs::rename(run.dir, away);
      said = "1-of-1: was moved or removed while";
      way = "and is now " + fs::canonical(away).string() + ": put it back";
      is_in_place = true;
    }
    SUBCASE("the run replaced") {
      fs::rename(run.dir, away);
      REQUIRE(job.files.make_dir(run.dir));
      said = "1-of-1: another directory took its place while";
      way = ": put it back";
      is_in_place = true;
    }
    SUBCASE("the lock removed") {
      REQUIRE(job.files.remove(run.lock()));
      said = "lock: was taken away or replaced while";
      way = ": make sure that no other process works here";
      is_whole = false;
      is_in_place = true;
    }
    SUBCASE("the lock replaced") {
      REQUIRE(job.files.replace(run.lock(), ""));
      said = "lock: was taken away or replaced while";
      is_whole = false;
      is_in_place = true;
    }
    SUBCASE("the plan removed") {
      REQUIRE(job.files.remove(job.paths.plan()));
      said = "plan: was taken away or replaced while";
      way = ": restore it";
      is_whole = false;
      is_in_place = true;
    }
    SUBCASE("the plan replaced") {
      REQUIRE(job.files.replace(job.paths.plan(), "a plan"));
      said = "plan: was taken away or replaced while";
      is_whole = false;
      is_in_place = true;
    }
    const auto lost = lock.check();
    REQUIRE_FALSE(lost);
    CHECK(lost.error().code == Errc::input);
    CHECK(has(words(lost), said));
    CHECK(has(words(lost), way));
    CHECK(lock.is_lost());
    CHECK(lock.is_whole() == is_whole);
    CHECK(lock.is_in_place() == is_in_place);
    CHECK(lock.reason_of({Errc::outage, "x"}).what == words(lost));
    CHECK(lock.files().replace(run.checkpoint(), "saved").has_value() == is_whole);
    CHECK(words(lock.check()) == words(lost));
  }

  TEST_CASE("moved away and back unnoticed is nothing, but what was noticed stays so") {
    Job job;
    const auto lock = job.take();
    REQUIRE(lock);
    fs::rename(job.dir, job.scratch / "away");
    fs::rename(job.scratch / "away", job.dir);
    CHECK((*lock)->check());
    fs::rename(job.dir, job.scratch / "away");
    CHECK_FALSE((*lock)->check());
    fs::rename(job.scratch / "away", job.dir);
    CHECK_FALSE((*lock)->check());
    CHECK((*lock)->is_in_place());
  }

  TEST_CASE("the directory is locked, not its name and not a file in it") {
    Job job;
    auto lock = job.take(Work::sending, me);
    REQUIRE(lock);
    auto second = job.take();
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Errc::locked);
    CHECK(has(second.error().what, "pid 4711 on etl-7"));
    CHECK_FALSE(job.take(Work::planning));
    std::string dir = job.dir;
    SUBCASE("the lock file is taken away") {
      REQUIRE(job.files.remove(job.paths.run().lock()));
    }
    SUBCASE("another lock file stands there") {
      REQUIRE(job.files.replace(job.paths.run().lock(), ""));
    }
    SUBCASE("another run stands there") {
      fs::rename(job.paths.run().dir, job.scratch / "run");
      REQUIRE(job.files.make_dir(job.paths.run().dir));
    }
    SUBCASE("it has another name") {
      dir = job.scratch / "renamed";
      fs::rename(job.dir, dir);
    }
    SUBCASE("the run moved to another job") {
      dir = job.scratch / "second";
      REQUIRE(make_job(job.files, dir));
      fs::remove_all(dir + "/runs/1-of-1");
      fs::rename(job.paths.run().dir, dir + "/runs/1-of-1");
      REQUIRE(job.files.remove(dir + "/runs/1-of-1/lock"));
    }
    SUBCASE("the plan moved to another job") {
      dir = job.scratch / "second";
      const auto made = make_job(job.files, dir);
      REQUIRE(made);
      fs::rename(job.paths.plan(), made->plan());
    }
    second = job.take_in(dir);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Errc::locked);
    lock->reset();
    CHECK(job.take_in(dir));
  }

  TEST_CASE("an older version, which knows the lock file only, is kept out, and keeps out") {
    Job job;
    auto lock = job.take();
    REQUIRE(lock);
    CHECK_FALSE(Lock::take(job.files, job.paths.run().lock(), me));
    lock->reset();
    const auto file = Lock::take(job.files, job.paths.run().lock(), me);
    REQUIRE(file);
    const auto late = job.take();
    REQUIRE_FALSE(late);
    CHECK(late.error().code == Errc::locked);
  }

  TEST_CASE("a rehearsal goes on beside a run, and a second one does not") {
    Job job;
    const auto lock = job.take();
    REQUIRE(lock);
    REQUIRE(make_rehearsal(job.files, job.paths));
    const auto rehearsal = job.take(Work::rehearsing);
    REQUIRE_MESSAGE(rehearsal, rehearsal);
    CHECK_FALSE(job.take(Work::rehearsing));
    REQUIRE(job.files.replace(job.paths.plan(), "another"));
    CHECK((*rehearsal)->check());
    CHECK_FALSE((*lock)->check());
    fs::rename(job.dir, job.scratch / "away");
    CHECK_FALSE((*rehearsal)->check());
  }

  TEST_CASE("no child inherits it") {
    Job job;
    auto lock = job.take();
    REQUIRE(lock);
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const Child child;
    REQUIRE(child.pid >= 0);
    if (child.pid == 0) {
      ::dup2(ready[1], STDOUT_FILENO);
      ::execlp("sh", "sh", "-c", "echo; exec sleep 1000", nullptr);
      ::_exit(1);
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);  // it runs
    lock->reset();
    CHECK(job.take());
    ::close(ready[0]);
    ::close(ready[1]);
  }

  TEST_CASE("a copy is refused while the job that was copied is at work, and free afterwards") {
    Job job;
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const Child child;
    REQUIRE(child.pid >= 0);
    if (child.pid == 0) {
      ProcessIdentity owner = me;
      owner.pid = static_cast<std::uint64_t>(::getpid());
      owner.process = process_of(owner.pid);
      const auto lock = job.take(Work::sending, owner);
      const char ok = lock.has_value() ? 'y' : 'n';
      if (::write(ready[1], &ok, 1) != 1) ::_exit(1);
      ::pause();
      ::_exit(0);
    }
    char ok = 0;
    REQUIRE(::read(ready[0], &ok, 1) == 1);
    CHECK(ok == 'y');
    job.copy(job.scratch / "copy");
    const ProcessIdentity here{4712, me.host, other.since};
    const auto copy = job.take_in(job.scratch / "copy", Work::sending, here);
    REQUIRE_FALSE(copy);
    CHECK(copy.error().code == Errc::locked);
    CHECK(has(copy.error().what, "is a copy"));
    CHECK(has(copy.error().what, std::to_string(child.pid)));
    // On another machine, the number may be anybody's.
    fs::remove_all(job.scratch / "copy");
    job.copy(job.scratch / "copy");
    CHECK(job.take_in(job.scratch / "copy", Work::sending, other));
    fs::remove_all(job.scratch / "copy");
    job.copy(job.scratch / "copy");
    ::kill(child.pid, SIGKILL);  // and nobody has waited for it
    siginfo_t info{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WNOWAIT) == 0);
    CHECK(process_of(static_cast<std::uint64_t>(child.pid)).empty());
    CHECK(job.take_in(job.scratch / "copy", Work::sending, here));
    ::close(ready[0]);
    ::close(ready[1]);
  }

  TEST_CASE("another directory has another identity, and the same one keeps it") {
    Job job;
    job.copy(job.scratch / "copy");
    const auto first = job.take().value()->identity();
    CHECK(job.take().value()->identity() == first);
    CHECK(job.take_in(job.scratch / "copy").value()->identity() != first);
    fs::rename(job.dir, job.scratch / "moved");
    CHECK(job.take_in(job.scratch / "moved").value()->identity() == first);
  }

  TEST_CASE("where no directory can be locked, the plan is, and where nothing can, that is said") {
    for (const auto refusal : {ENOLCK, EOPNOTSUPP, ENOSYS, EINVAL, EBADF}) {
      CAPTURE(refusal);
      FlakyFiles files;
      const auto job = make_job(files, "/w/job");
      REQUIRE(job);
      files.put(job->plan(), "a plan");
      files.dir_lock_refusal = refusal;
      {
        const auto lock = JobLock::take(files, *job, job->run(), Work::sending, me);
        REQUIRE_MESSAGE(lock, lock);
        REQUIRE(files.remove(job->run().lock()));
        CHECK_FALSE((*lock)->check());
        const auto second = JobLock::take(files, *job, job->run(), Work::sending, other);
        REQUIRE_FALSE(second);
        CHECK(second.error().code == Errc::locked);
      }
      CHECK(JobLock::take(files, *job, job->run(), Work::sending, other));
      files.lock_refusal = refusal;
      const auto none = JobLock::take(files, *job, job->run(), Work::sending, other);
      REQUIRE_FALSE(none);
      CHECK(none.error().code == Errc::usage);
      CHECK(has(none.error().what, "this filesystem has no locks"));
    }
  }

  TEST_CASE("a disk that cannot say is not held against the job") {
    FlakyFiles files;
    const auto job = make_job(files, "/w/job");
    REQUIRE(job);
    files.put(job->plan(), "a plan");
    const auto lock = JobLock::take(files, *job, job->run(), Work::sending, me);
    REQUIRE(lock);
    files.harm(0, testing::Harm::kill);
    CHECK_FALSE(files.make_dir("/w/x"));
    CHECK((*lock)->check());  // EIO
    files.revive();
    CHECK((*lock)->check());
  }

  TEST_CASE("a job that is changed while it is taken is none") {
    FlakyFiles files;
    const auto job = make_job(files, "/w/job");
    REQUIRE(job);
    files.put(job->plan(), "a plan");
    // The last step before all is compared: the lock of the plan.
    files.meanwhile = [&] {
      if (!files.calls.empty() && files.calls.back() == "lock /w/job/runs/1-of-1") {
        files.put("/w/job/plan", "another");
      }
    };
    const auto lock = JobLock::take(files, *job, job->run(), Work::sending, me);
    REQUIRE_FALSE(lock);
    CHECK(lock.error().code == Errc::locked);
    files.meanwhile = nullptr;
    CHECK(JobLock::take(files, *job, job->run(), Work::sending, me));
  }
}
