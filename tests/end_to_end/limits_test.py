# SPDX-License-Identifier: MIT
"""The limits that a shell or a service manager sets: what is too small is said, with what to do,
and with more the same command goes on.
"""
import os
import resource
import shutil
import subprocess
import unittest

import harness


# What a command says that ends with such a code for want of memory.
SAYS = {0: "", 1: "out of memory", 5: "(ulimit -v, -u)"}


class Limits(harness.Case):
    def setUp(self):
        super().setUp()
        self.path = self.pairs("pairs.csv", "--rows", 1_000)
        self.truth = harness.Truth(self.path)

    def limited(self, limit, value, *args):
        """Run with a limit; returns exit code and stderr, which is a pipe and so without limit."""
        process = subprocess.run([harness.IDMERGE, *map(str, args)], capture_output=True, text=True,
                                 env=self.environment(), cwd=self.dir, stdin=subprocess.DEVNULL,
                                 preexec_fn=lambda: resource.setrlimit(limit, (value, value)))
        return process.returncode, process.stderr

    def check_stops_and_goes_on(self, limit, value, says):
        emulator, job = self.emulator(), self.dir / f"job-{limit}-{value}"
        plan = ["plan", self.path, "--job", job]
        run = ["run", "--job", job, "--to", emulator.url, "--yes", "--rate", "0"]
        code, err = self.limited(limit, value, *plan)
        self.assertIn((code, says in err), ((0, False), (5, True)), err)
        self.run_idmerge(*plan)
        code, err = self.limited(limit, value, *run)
        self.assertIn((code, says in err), ((0, False), (5, True)), err)
        stopped = code != 0
        self.run_idmerge(*run)
        self.assertEqual(emulator.clusters(), self.truth.clusters())
        self.check_account(job, **self.truth.fates())
        emulator.stop()
        return stopped

    def test_files_of_limited_size(self):
        self.assertTrue(any([
            self.check_stops_and_goes_on(resource.RLIMIT_FSIZE, size, "(ulimit -f)")
            for size in (1024, 8192, 20_000)]))

    @unittest.skipIf(harness.SANITIZED, "a sanitizer needs handles of its own")
    def test_few_handles(self):
        self.assertTrue(any([
            self.check_stops_and_goes_on(resource.RLIMIT_NOFILE, count, "(ulimit -n)")
            for count in range(4, 26, 1 if harness.LONG else 3)]))

    def check_ends_in_words(self, code, err, what):
        self.assertIn(SAYS.get(code, f"no exit code {code}"), err, what)

    def check_with_little_memory(self, job, *args, goes_on=lambda: None):
        """From hardly enough to load the libraries up to enough, the command ends in words."""
        limit = 8 << 20
        while self.limited(resource.RLIMIT_AS, limit, "--version")[0] != 0:
            limit = limit * 102 // 100
        limit = limit * 105 // 100
        codes = []
        while codes[-4:] != [0] * 4:
            code, err = self.limited(resource.RLIMIT_AS, limit, *args)
            self.check_ends_in_words(code, err, f"{limit} bytes")
            self.run_idmerge(*args)
            goes_on()
            shutil.rmtree(job)
            codes.append(code)
            limit = limit * 102 // 100
        self.assertIn(1, codes)
        self.assertIn(5, codes)

    @unittest.skipIf(harness.SANITIZED, "a sanitizer maps terabytes")
    def test_little_memory(self):
        """Want of memory strikes a plan in any of its threads, and is an error in words."""
        path, job = self.pairs("many.csv", "--rows", 60_000), self.dir / "job"
        self.check_with_little_memory(job, "plan", path, "--job", job)

    @unittest.skipIf(harness.SANITIZED, "a sanitizer maps terabytes")
    def test_little_memory_to_send_in(self):
        job = self.dir / "job"
        self.check_with_little_memory(
            job, "run", self.path, "--job", job, "--to", "emulator", "--rate", "0",
            goes_on=lambda: self.check_account(job / "runs/rehearsal", **self.truth.fates()))

    @unittest.skipIf(harness.SANITIZED, "a sanitizer has an allocator of its own")
    def test_no_memory_from_anywhere_on(self):
        """Without a single allocation, or all from there on, a run ends in words and goes on."""
        path, job = self.pairs("few.csv", "--rows", 40), self.dir / "job"
        truth = harness.Truth(path)
        run = ["run", path, "--job", job, "--to", "emulator", "--rate", "0"]
        stride = 13 if harness.LONG else 101
        for how_many in (1, 1 << 40):
            codes = []
            # A run has some 6,000; the first that is not asked for any more ends the test.
            for after in range(self.random.randrange(stride), 100_000, stride):
                env = self.environment(LD_PRELOAD=os.environ["NO_MEMORY"], NO_MEMORY_AFTER=str(after),
                                       NO_MEMORY_FOR=str(how_many))
                process = self.start(*run, env=env)
                code = process.wait()
                self.check_ends_in_words(code, self.said(process)[1], f"{how_many} from {after} on")
                self.run_idmerge(*run)
                self.check_account(job / "runs/rehearsal", **truth.fates())
                shutil.rmtree(job)
                codes.append(code)
                if codes[-3:] == [0] * 3:
                    break
            self.assertIn(1, codes)


if __name__ == "__main__":
    harness.main()
