# SPDX-License-Identifier: MIT
"""What stands in a job is taken whole or not at all: cut, extended, flipped, of another version or
of another job, it is refused with its name and what to do, and nothing is sent.
"""
import os
import re
import shutil
import signal

import harness

REMEDY = r"restore|start a new job|plan the inputs again|with the idmerge that|work on a copy"


class Tampering(harness.Case):
    def setUp(self):
        super().setUp()
        self.path = self.pairs("pairs.csv", "--rows", 120)
        self.truth = harness.Truth(self.path)
        self.emulator_ = self.emulator("--refuse-share", "0.3", "--seed", 1)

    def run_args(self, job):
        return ["run", "--job", job, "--to", self.emulator_.url, "--yes", "--rate", "0",
                "--connections", "2", "--max-refused", "none", "--fail-on", "none"]

    def stopped_job(self, name, rows=None):
        """A job that has sent a half, with dead letters."""
        job = self.dir / name
        self.run_idmerge("plan", rows or self.path, "--job", job)
        self.run_idmerge(*self.run_args(job), "--max-requests", "60", expect=8)
        self.assertGreater(self.summary(job)["account"]["refused"], 3)
        return job

    def harmed(self, good):
        """A file's bytes in every kind of disorder."""
        for at in sorted({0, 1, len(good) // 2, len(good) - 1}):
            yield f"cut at {at}", good[:at]
        yield "extended", good + b"x\n"
        yield "doubled", good + good
        yield "shifted", b"\n" + good
        for _ in range(60 if harness.LONG else 3 if harness.SANITIZED else 12):
            at, bit = self.random.randrange(len(good)), self.random.randrange(8)
            yield f"bit {bit} of byte {at}", (good[:at] + bytes([good[at] ^ 1 << bit])
                                              + good[at + 1:])

    def check_refused(self, job, name, bad):
        file = job / name
        good = file.read_bytes()
        self.assertNotEqual(bad, good)
        file.write_bytes(bad)
        requests = self.emulator_.stats()["requests"]
        _, err = self.run_idmerge(*self.run_args(job), expect=4)
        self.assertEqual(self.emulator_.stats()["requests"], requests)
        self.assertIn(str(file), err)
        self.assertRegex(err, REMEDY)
        self.assertEqual(file.read_bytes(), bad, "it was touched")
        file.write_bytes(good)

    def check_goes_on(self, job):
        """What was put back is as good as it was."""
        repeated = self.emulator_.stats()["repeated_links"]
        self.run_idmerge(*self.run_args(job))
        account = self.check_account(job, pending=0)
        letters = (job / "runs/1-of-1/refused.ndjson").read_bytes().splitlines()
        self.assertEqual(len(letters), account["refused"])
        self.assertEqual(len(set(letters)), len(letters))
        self.assertEqual(self.emulator_.stats()["repeated_links"], repeated)

    def test_plan_and_checkpoint(self):
        job = self.stopped_job("job")
        for name in ("plan", "runs/1-of-1/checkpoint"):
            for how, bad in self.harmed((job / name).read_bytes()):
                with self.subTest(name, how=how):
                    self.check_refused(job, name, bad)
        self.check_goes_on(job)

    def test_a_plan_is_refused_before_its_first_link_wherever_it_is_damaged(self):
        job = self.dir / "fresh"
        self.run_idmerge("plan", self.path, "--job", job)
        for how, bad in self.harmed((job / "plan").read_bytes()):
            with self.subTest(how=how):
                self.check_refused(job, "plan", bad)

    def test_dead_letters(self):
        job = self.stopped_job("job")
        name = "runs/1-of-1/refused.ndjson"
        good = (job / name).read_bytes()
        for how, bad in self.harmed(good):
            with self.subTest(how=how):
                if not bad.startswith(good):
                    self.check_refused(job, name, bad)
        self.check_refused(job, name, b"".join(sorted(good.splitlines(True))[::-1]))
        # What follows the letters that count is what a killed run leaves, and is cut.
        (job / name).write_bytes(good + good[:40])
        self.check_goes_on(job)

    def test_a_hard_link_in_the_place_of_a_file_of_ours_is_not_written_through(self):
        job = self.stopped_job("job")
        for name in ("lock", "refused.ndjson"):
            with self.subTest(name):
                file, other = job / "runs/1-of-1" / name, self.dir / f"precious-{name}"
                good = file.read_bytes()
                other.write_bytes(good + b"precious\n")
                file.unlink()
                os.link(other, file)
                requests = self.emulator_.stats()["requests"]
                _, err = self.run_idmerge(*self.run_args(job), expect=2)
                self.assertIn(f"{file}: has another hard link", err)
                self.assertEqual(self.emulator_.stats()["requests"], requests)
                self.assertEqual(other.read_bytes(), good + b"precious\n")
                # As told to, put a copy in its place.
                shutil.copy(file, job / "copy")
                (job / "copy").rename(file)
        self.check_goes_on(job)
        self.assertEqual([(self.dir / f"precious-{name}").read_bytes().endswith(b"precious\n")
                          for name in ("lock", "refused.ndjson")], [True] * 2)

    def test_nor_is_one_in_the_place_of_the_timeline_which_nothing_rests_on(self):
        job = self.stopped_job("job")
        file, other = job / "runs/1-of-1/timeline", self.dir / "precious"
        other.write_bytes(file.read_bytes() + b"precious\n")
        file.unlink()
        os.link(other, file)
        self.check_goes_on(job)
        self.assertTrue(other.read_bytes().endswith(b"precious\n"))

    def test_another_version_is_named(self):
        job = self.stopped_job("job")
        plan = bytearray((job / "plan").read_bytes())
        plan[8] = 77
        self.check_refused(job, "plan", bytes(plan))
        checkpoint = (job / "runs/1-of-1/checkpoint").read_bytes()
        other = re.sub(rb"idmerge checkpoint \d+", b"idmerge checkpoint 77", checkpoint)
        self.check_refused(job, "runs/1-of-1/checkpoint", other)

    def test_files_of_another_job(self):
        job = self.stopped_job("job")
        rows = self.dir / "other.csv"
        rows.write_text("anonymous_id,user_id\n" + "".join(f"b{i},v{i}\n" for i in range(120)))
        other = self.stopped_job("other", rows)
        for name in ("plan", "runs/1-of-1/checkpoint", "runs/1-of-1/refused.ndjson"):
            with self.subTest(name):
                good = (job / name).read_bytes()
                shutil.copy(other / name, job / name)
                requests = self.emulator_.stats()["requests"]
                _, err = self.run_idmerge(*self.run_args(job), expect=4)
                self.assertEqual(self.emulator_.stats()["requests"], requests)
                self.assertRegex(err, REMEDY)
                (job / name).write_bytes(good)
        self.check_goes_on(job)

    def test_without_its_checkpoint_a_job_that_has_sent_something_does_not_begin_again(self):
        job = self.stopped_job("job")
        file = job / "runs/1-of-1/checkpoint"
        good = file.read_bytes()
        file.unlink()
        _, err = self.run_idmerge(*self.run_args(job), expect=4)
        self.assertIn(f"{file}: is gone", err)
        self.assertFalse(file.exists())
        file.write_bytes(good)
        self.check_goes_on(job)

    def test_a_journal_is_believed_as_far_as_it_is_whole(self):
        def killed(name):
            job = self.dir / name
            shutil.copytree(self.dir / "planned", job)
            process = self.start(*self.run_args(job), program=os.environ["KILLABLE"],
                                 env=self.environment(IDMERGE_FAULT="after:journal_flush:20"))
            self.assertEqual(process.wait(), -signal.SIGKILL, self.said(process))
            return job, max((job / "runs/1-of-1").glob("journal.*"))

        self.run_idmerge("plan", self.path, "--job", self.dir / "planned")
        job, journal = killed("probe")
        for n, (how, _) in enumerate(self.harmed(journal.read_bytes())):
            with self.subTest(how=how):
                job, journal = killed(f"job-{n}")
                bad = list(self.harmed(journal.read_bytes()))[n][1]
                journal.write_bytes(bad)
                # Either it is refused by name, or what it no longer says is sent again.
                process = self.start(*self.run_args(job))
                if process.wait() == 4:
                    self.assertIn(str(journal), self.said(process)[1])
                    continue
                self.assertEqual(process.returncode, 0, self.said(process))
                self.check_account(job, pending=0)
                letters = (job / "runs/1-of-1/refused.ndjson").read_bytes().splitlines()
                self.assertEqual(len(set(letters)), len(letters))


if __name__ == "__main__":
    harness.main()
