# SPDX-License-Identifier: MIT
"""One sender a job, whatever becomes of its names."""
import os
import shlex
import shutil
import signal
import time

import harness

ROWS = 3_000


def bytes_of(directory):
    """All that is in a directory: path -> (inode, bytes)."""
    return {str(path.relative_to(directory)): (path.stat().st_ino,
                                               path.read_bytes() if path.is_file() else None)
            for path in sorted(directory.rglob("*"))}


class Lock(harness.Case):
    def test_a_second_process_is_turned_away_and_told_of_the_first(self):
        path = self.pairs("pairs.csv", "--rows", 1000)
        emulator = self.emulator()
        job = self.dir / "job"
        arguments = ["run", path, "--job", job, "--to", emulator.url, "--yes"]
        first = self.start(*arguments, "--rate", "20/s")
        while emulator.stats()["requests"] == 0:
            time.sleep(0.02)
        _, err = self.run_idmerge(*arguments, expect=11)
        self.assertIn(str(first.pid), err)
        self.assertIn("go on: idmerge " + " ".join(map(str, arguments)) + "\n", err)
        self.run_idmerge("status", "--job", job)  # only looks
        first.send_signal(signal.SIGKILL)
        first.wait()
        self.run_idmerge(*arguments, "--rate", "0")  # the lock died with its owner
        self.assertEqual(emulator.stats()["distinct_links"], 1000)

    def test_a_signal_ends_a_run_that_can_go_on(self):
        path = self.pairs("pairs.csv", "--rows", 1000)
        truth = harness.Truth(path)
        emulator = self.emulator()
        job = self.dir / "job"
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = self.start("run", path, "--job", job, "--to", emulator.url, "--yes",
                                 "--rate", "100/s")
            before = emulator.stats()["requests"]
            while emulator.stats()["requests"] < before + 10:
                time.sleep(0.02)
            process.send_signal(number)
            process.wait()
            self.assertEqual(process.returncode, code, self.said(process))
            self.assertIn("run --job", self.said(process)[1])
            status, _ = self.run_idmerge("status", "--job", job)
            self.assertIn(f"stopped, exit {code}\n", status)
            self.assertEqual(self.summary(job)["exit_code"], code)
            sent = emulator.stats()["distinct_links"]
            self.check_account(job, delivered=sent, pending=1000 - sent)
        self.run_idmerge("run", "--job", job, "--rate", "0")
        stats = emulator.stats()
        self.assertEqual((stats["distinct_links"], stats["repeated_links"]), (1000, 0))
        self.assertEqual(emulator.clusters(), truth.clusters())


class Moved(harness.Case):
    """A run at work, and somebody who does something to its job."""

    def setUp(self):
        super().setUp()
        self.path = self.pairs("pairs.csv", "--rows", ROWS)
        self.truth = harness.Truth(self.path)
        self.service = self.emulator()
        self.job = self.dir / "job"
        self.run_dir = self.job / "runs" / "1-of-1"
        self.away = self.dir / "away"

    def begin(self, *more, job=None, **how):
        """A run that has sent something and has enough left for the whole test."""
        process = self.start("run", self.path, "--job", job or self.job, "--to", self.service.url,
                             "--yes", "--rate", "50/s", *more, **how)
        before = self.service.stats()["requests"]
        while self.service.stats()["requests"] < before + 20:
            self.assertIsNone(process.poll(), self.said(process))
            time.sleep(0.02)
        return process

    def ends(self, process, *words):
        """It stops with 4, and what it says names the words; returns the command that goes on."""
        process.wait()
        err = self.said(process)[1]
        self.assertEqual(process.returncode, 4, err)
        for word in words:
            self.assertIn(word, err)
        self.assertIn("while idmerge worked in the job", err)
        requests = self.service.stats()["requests"]
        # What left after it was done is less than a second's worth.
        self.assertLess(requests - self.requests, 50, err)
        return next(line for line in err.splitlines() if line.startswith("go on: "))[7:]

    def act(self):
        """It is done: from here on, hardly more may be sent than is on its way."""
        self.requests = self.service.stats()["requests"]

    def goes_on(self, command, *, repeated=0):
        """The command that was said finishes the job."""
        words = shlex.split(command)
        self.assertEqual(words[0], "idmerge")
        self.run_idmerge(*words[1:], "--rate", "0")
        stats = self.service.stats()
        self.assertEqual(stats["distinct_links"], len(self.truth.pairs))
        self.assertLessEqual(stats["repeated_links"], repeated)
        self.assertEqual(self.service.clusters(), self.truth.clusters())

    # -- the kinds

    def test_the_job_is_moved(self):
        process = self.begin()
        self.job.rename(self.away)
        self.act()
        command = self.ends(process, "job: was moved or removed", f"is now {self.away}")
        self.assertFalse(self.job.exists())
        self.assertIn(f"--job {self.away}", command)
        self.goes_on(command)
        self.check_account(self.away, **self.truth.fates())

    def test_the_job_is_replaced_by_its_copy(self):
        copy = self.dir / "copy"
        process = self.begin()
        shutil.copytree(self.job, copy)
        before = bytes_of(copy)
        self.job.rename(self.away)
        copy.rename(self.job)
        self.act()
        command = self.ends(process, "another directory took its place", f"is now {self.away}")
        self.assertEqual(bytes_of(self.job), before)
        self.assertIn(f"--job {self.away}", command)
        self.goes_on(command)
        # The copy knows that it is one; what it sends again is what the other one has sent since.
        _, err = self.run_idmerge("run", "--job", self.job, "--rate", "0", "--fail-on", "none")
        self.assertIn("is a copy of the directory", err)

    def test_the_job_is_removed(self):
        process = self.begin()
        process.send_signal(signal.SIGSTOP)
        shutil.rmtree(self.job)
        self.act()
        process.send_signal(signal.SIGCONT)
        command = self.ends(process, "job: was moved or removed", "and is gone: restore it")
        self.assertFalse(self.job.exists())
        self.run_idmerge(*shlex.split(command)[1:], expect=2)  # as long as it is not restored
        self.assertFalse(self.job.exists())

    def test_the_job_is_removed_file_by_file(self):
        process = self.begin()
        while self.job.exists():  # a run that saves may be between its files
            shutil.rmtree(self.job, ignore_errors=True)
        self.act()
        self.ends(process)  # whatever it missed first
        self.assertFalse(self.job.exists())

    def test_the_job_is_removed_and_another_one_made_in_its_place(self):
        other = self.dir / "other"
        self.run_idmerge("plan", self.pairs("other.csv", "--rows", 500, seed=1), "--job", other)
        before = bytes_of(other)
        process = self.begin()
        process.send_signal(signal.SIGSTOP)
        shutil.rmtree(self.job)
        other.rename(self.job)
        self.act()
        process.send_signal(signal.SIGCONT)
        command = self.ends(process, "another directory took its place", "it is gone")
        self.assertEqual(bytes_of(self.job), before)
        status, _ = self.run_idmerge(*shlex.split(command)[1:])
        self.assertIn("planned, nothing sent yet", status)

    def test_the_lock_is_removed(self):
        process = self.begin()
        (self.run_dir / "lock").unlink()
        self.act()
        command = self.ends(process, "lock: was taken away or replaced")
        self.goes_on(command, repeated=64)

    def test_the_lock_is_replaced(self):
        process = self.begin()
        (self.run_dir / "new").touch()
        (self.run_dir / "new").rename(self.run_dir / "lock")
        self.act()
        command = self.ends(process, "lock: was taken away or replaced")
        self.assertEqual((self.run_dir / "lock").read_bytes(), b"")
        self.goes_on(command, repeated=64)

    def test_nothing_is_written_after_the_lock_is_gone(self):
        process = self.begin()
        time.sleep(1.2)  # a checkpoint stands
        process.send_signal(signal.SIGSTOP)
        (self.run_dir / "lock").unlink()
        self.act()
        names = lambda: {name: data for name, data in bytes_of(self.job).items()
                         if "journal." not in name}  # appended to what is open
        before = names()
        process.send_signal(signal.SIGCONT)
        self.ends(process, "lock: was taken away or replaced")
        self.assertEqual(names(), before)

    def test_the_run_is_moved(self):
        process = self.begin()
        self.run_dir.rename(self.away)
        self.act()
        command = self.ends(process, "1-of-1: was moved or removed", "put it back")
        self.away.rename(self.run_dir)
        self.goes_on(command)

    def test_the_run_is_replaced(self):
        process = self.begin()
        self.run_dir.rename(self.away)
        self.run_dir.mkdir(mode=0o700)
        self.act()
        command = self.ends(process, "1-of-1: another directory took its place", "put it back")
        self.assertEqual(list(self.run_dir.iterdir()), [])
        self.run_dir.rmdir()
        self.away.rename(self.run_dir)
        self.goes_on(command)

    def test_the_plan_is_replaced(self):
        process = self.begin()
        shutil.copy(self.job / "plan", self.dir / "plan")
        (self.dir / "plan").rename(self.job / "plan")
        self.act()
        command = self.ends(process, "plan: was taken away or replaced", "restore it")
        self.goes_on(command, repeated=64)

    def test_a_parent_is_renamed(self):
        parent = self.dir / "parent"
        parent.mkdir()
        process = self.begin(job=parent / "job")
        parent.rename(self.away)
        self.act()
        command = self.ends(process, "was moved or removed", f"is now {self.away}/job")
        self.assertFalse(parent.exists())
        self.goes_on(command)

    def test_while_answers_are_awaited_after_a_signal(self):
        self.service = self.emulator("--latency", "1500ms")
        process = self.begin("--connections", 40)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        self.job.rename(self.away)
        self.act()
        command = self.ends(process, f"is now {self.away}")
        self.goes_on(command, repeated=0)

    def test_with_no_time_to_look(self):
        """Stopped over all of it: not one request leaves for what took the job's place."""
        process = self.begin()
        process.send_signal(signal.SIGSTOP)
        shutil.copytree(self.job, self.dir / "copy")
        self.job.rename(self.away)
        (self.dir / "copy").rename(self.job)
        before = bytes_of(self.job)
        time.sleep(0.5)
        self.act()
        process.send_signal(signal.SIGCONT)
        self.ends(process, f"is now {self.away}")
        # Workers that had passed the scheduler before they were stopped may still be on their way.
        self.assertLessEqual(self.service.stats()["requests"] - self.requests, 16)
        self.assertEqual(bytes_of(self.job), before)

    def test_while_a_plan_is_made(self):
        rows, writer = os.pipe()
        process = self.start("plan", "-", "--job", self.job, stdin=rows)
        os.close(rows)
        os.write(writer, b"anonymous_id,user_id\na1,u1\n")
        while not (self.job / "plan.part").exists():
            time.sleep(0.01)
        self.job.rename(self.away)
        shutil.copytree(self.away, self.job)
        before = bytes_of(self.job)
        os.write(writer, b"a2,u2\n")
        os.close(writer)
        process.wait()
        err = self.said(process)[1]
        self.assertEqual(process.returncode, 4, err)
        self.assertIn("another directory took its place", err)
        self.assertEqual(bytes_of(self.job), before)

    # -- never two

    def test_a_copy_waits_for_the_one_that_was_copied(self):
        process = self.begin()
        copy = self.dir / "copy"
        shutil.copytree(self.job, copy)
        _, err = self.run_idmerge("run", "--job", copy, "--rate", "50/s", expect=11)
        self.assertIn(str(process.pid), err)
        process.kill()
        process.wait()
        _, err = self.run_idmerge("run", "--job", copy, "--rate", "0")
        self.assertIn("is a copy of the directory", err)
        self.assertEqual(self.service.clusters(), self.truth.clusters())

    def test_renamed_or_without_its_lock_file_it_is_still_held(self):
        process = self.begin()
        process.send_signal(signal.SIGSTOP)
        requests = self.service.stats()["requests"]
        (self.run_dir / "lock").unlink()
        self.run_idmerge("run", "--job", self.job, expect=11)
        self.job.rename(self.away)
        self.run_idmerge("run", "--job", self.away, expect=11)
        self.assertLessEqual(self.service.stats()["requests"] - requests, 16)
        self.act()
        process.send_signal(signal.SIGCONT)
        self.ends(process, f"is now {self.away}")

    # -- the controls: nothing of this is noticed

    def finishes(self, process, job):
        self.run_idmerge("rate", "100000/s", "--job", job)
        process.wait()
        self.assertEqual(process.returncode, 0, self.said(process))
        self.assertEqual(self.service.clusters(), self.truth.clusters())
        self.assertEqual(self.service.stats()["repeated_links"], 0)
        self.check_account(job, **self.truth.fates())

    def test_a_job_that_is_only_looked_at(self):
        process = self.begin()
        for command in ("status", "show"):
            self.run_idmerge(command, "--job", self.job)
        bytes_of(self.job)
        os.utime(self.job)
        (self.job / "note-of-somebody").touch()
        self.finishes(process, self.job)

    def test_a_job_behind_a_link(self):
        real = self.dir / "real"
        real.mkdir()
        (self.dir / "link").symlink_to(real)
        process = self.begin(job=self.dir / "link" / "job")
        self.finishes(process, real / "job")

    def test_a_relative_path_below_a_parent_that_is_renamed(self):
        parent = self.dir / "parent"
        parent.mkdir()
        process = self.begin(job="job", cwd=parent)
        parent.rename(self.away)
        time.sleep(0.3)
        self.finishes(process, self.away / "job")

    def test_a_job_that_was_moved_before(self):
        process = self.begin()
        process.kill()
        process.wait()
        self.job.rename(self.away)
        _, err = self.run_idmerge("run", "--job", self.away, "--rate", "0")
        self.assertNotIn("is a copy", err)
        self.check_account(self.away, **self.truth.fates())


if __name__ == "__main__":
    harness.main()
