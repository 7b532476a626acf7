# SPDX-License-Identifier: MIT
"""Law 3, step by step: killed at every step that has a name, in plan, run and resumed run.

The program itself says which steps there are (IDMERGE_FAULT=log:FILE), so none can be forgotten in
a list. KILLABLE is the program as shipped, but for obeying that variable. Each step is struck the
first time it is reached, the last time and once between; IDMERGE_LONG strikes every time, a build
with sanitizers the first.
"""
import collections
import json
import os
import re
import shutil
import signal
import sys

import harness
import spares_test

KILLABLE = os.environ["KILLABLE"]
CONNECTIONS = 3


class Steps(harness.Case):
    kills = collections.Counter()  # by step, of all tests

    def setUp(self):
        super().setUp()
        self.n = 0

    # -- killing

    def steps_of(self, *args, expect=0):
        """How often a run that nobody kills comes to which step."""
        log = self.dir / f"steps-{self.n}"
        self.run_idmerge(*args, expect=expect, program=KILLABLE,
                         env=self.environment(IDMERGE_FAULT=f"log:{log}"))
        steps = collections.Counter(log.read_text().split())
        log.unlink()
        self.assertTrue(steps)
        return steps

    def blows(self, steps):
        for step, times in steps.items():
            some = {1} if harness.SANITIZED else {1, times, self.random.randint(1, times)}
            for n in range(1, times + 1) if harness.LONG else sorted(some):
                yield step, n

    def kill_at(self, step, n, *args, expect=0):
        """True if it was killed there; how often a step comes may depend on time."""
        process = self.start(*args, program=KILLABLE,
                             env=self.environment(IDMERGE_FAULT=f"after:{step}:{n}"))
        process.wait()
        if process.returncode == -signal.SIGKILL:
            self.kills[step] += 1
            return True
        self.assertEqual(process.returncode, expect, self.said(process))
        self.assertGreater(n, 1, f"does not come to {step}")
        return False

    # -- what must be true

    @staticmethod
    def files_of(job):
        """What stands in a job. An old journal may be left, and is told to be old."""
        names = {str(path.relative_to(job)) for path in job.rglob("*") if path.is_file()}
        return {name for name in names if "/journal." not in name}

    def check_after_kill(self, job):
        """Nothing is half there, and a person who looks sees where it stands."""
        if not job.exists():
            return
        for path in job.rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        if (job / "summary.json").exists():
            account = self.summary(job)["account"]
            self.assertEqual(account["read"],
                             sum(n for fate, n in account.items() if fate != "read"), account)
        for name in ("rejected.ndjson", "held.ndjson"):
            if (job / name).exists():
                for line in (job / name).read_bytes().splitlines():
                    json.loads(line.decode("latin-1"))
        if (job / "plan").exists():
            self.run_idmerge("status", "--job", job)
            self.run_idmerge("show", "--job", job)

    def in_doubt(self, job):
        out, _ = self.run_idmerge("show", "--job", job, "--in-doubt", "--format", "ndjson")
        return sum(json.loads(line)["doubt"] == "open" for line in out.splitlines())

    def check_end(self, job, emulator, how):
        """The service has what the plan says, every row has its fate, nothing is left over."""
        self.assertEqual(emulator.clusters(), how["clusters"])
        account = self.check_account(job, **how["fates"])
        letters = job / "runs/1-of-1/refused.ndjson"
        lines = letters.read_bytes().splitlines() if letters.exists() else []
        self.assertEqual(len(lines), account["refused"])
        self.assertEqual(len(set(lines)), len(lines))
        self.assertEqual(emulator.stats()["distinct_links"], account["delivered"])
        self.assertEqual(self.files_of(job), how["files"])
        requests = emulator.stats()["requests"]
        self.run_idmerge("run", "--job", job, expect=how["code"])
        self.assertEqual(emulator.stats()["requests"], requests)

    def repeated(self, emulator):
        stats = emulator.stats()
        lost = sum(mishap["after"] for mishap in stats["injected"].values())
        return stats["repeated_links"] - lost

    def fresh(self):
        self.n += 1
        return self.dir / f"job-{self.n}"

    # -- worlds

    def creates(self):
        for seed in range(harness.SEED, harness.SEED + 100):
            path = self.pairs("pairs.csv", "--rows", 150, "--duplicates", "30%", "--conflicts",
                              "4%", "--faults", "4%", seed=seed)
            truth = harness.Truth(path)
            if truth.held * truth.rejected > 0:  # of so few rows there may be none
                break
        self.assertGreater(truth.held * truth.rejected, 0)
        return dict(plan=["plan", path, "--max-held", "none", "--max-rejected", "none"],
                    run=["--fail-on", "none", "--max-held", "none", "--max-rejected", "none"],
                    emulator=["--fail", "503:0.02,reset:0.02"], code=0,
                    clusters=truth.clusters(), fates=truth.fates())

    def merges(self):
        """Merges of which some are refused, so that there are dead letters and rounds of spares."""
        pairs = [(f"c{c}-{a}", f"c{c}-{b}") for c in range(6) for a in range(5) for b in range(a)]
        self.random.shuffle(pairs)
        path = self.dir / "merges.ndjson"
        path.write_text("".join(json.dumps({"$distinct_ids": pair}) + "\n" for pair in pairs))
        # What is sent first is a forest, in the order of the input. Each cluster has spares.
        forest, seen = [], []
        for pair in pairs:
            if spares_test.connected(seen + [pair]) != spares_test.connected(seen):
                forest.append(pair)
            seen.append(pair)
        seed = next(seed for seed in range(harness.SEED, harness.SEED + 1000)
                    if sum(spares_test.is_refused(pair, seed) for pair in forest) > 3)
        clusters = spares_test.connected(
            [pair for pair in pairs if not spares_test.is_refused(pair, seed)])
        return dict(plan=["plan", path, "--op", "merge"], run=["--max-refused", "none"],
                    emulator=["--refuse-share", spares_test.SHARE, "--seed", seed], code=3,
                    clusters=clusters, fates=dict(read=len(pairs), pending=0))

    def worlds(self):
        return [self.merges()] if harness.SANITIZED else [self.creates(), self.merges()]

    def prepare(self, how):
        """Plan once, and run once unharmed, to know what a job looks like at its end."""
        self.run_idmerge(*how["plan"], "--job", self.dir / "planned")
        self.run = lambda job, emulator: [
            "run", "--job", job, "--to", emulator.url, "--yes", "--rate", "0", "--connections",
            CONNECTIONS, "--no-adaptive", "--backoff-min", "1ms", "--backoff-max", "5ms", *how["run"]]
        job, emulator = self.planned(), self.emulator(*how["emulator"])
        self.run_idmerge(*self.run(job, emulator), expect=how["code"])
        how["files"] = self.files_of(job)
        self.check_end(job, emulator, how)
        emulator.stop()

    def planned(self):
        job = self.fresh()
        shutil.copytree(self.dir / "planned", job)
        return job

    # -- tests

    def test_in_a_plan(self):
        for how in self.worlds():
            self.prepare(how)
            for step, n in self.blows(self.steps_of(*how["plan"], "--job", self.fresh())):
                with self.subTest(step=step, n=n):
                    job = self.fresh()
                    if not self.kill_at(step, n, *how["plan"], "--job", job):
                        continue
                    self.check_after_kill(job)
                    emulator = self.emulator(*how["emulator"])
                    self.run_idmerge(*how["plan"], "--job", job)
                    self.run_idmerge(*self.run(job, emulator), expect=how["code"])
                    self.check_end(job, emulator, how)
                    emulator.stop()
            shutil.rmtree(self.dir / "planned")

    def test_in_a_run(self):
        for how in self.worlds():
            self.prepare(how)
            emulator = self.emulator(*how["emulator"])
            steps = self.steps_of(*self.run(self.planned(), emulator), expect=how["code"])
            emulator.stop()
            for step, n in self.blows(steps):
                with self.subTest(step=step, n=n):
                    job, emulator = self.planned(), self.emulator(*how["emulator"])
                    if self.kill_at(step, n, *self.run(job, emulator), expect=how["code"]):
                        self.resume(job, emulator, how)
                    emulator.stop()
            shutil.rmtree(self.dir / "planned")

    def test_in_a_run_that_resumes(self):
        how = self.merges()
        self.prepare(how)
        job, emulator = self.killed_over_a_letter(how)
        steps = self.steps_of(*self.run(job, emulator), expect=how["code"])
        self.check_end(job, emulator, how)
        emulator.stop()
        self.assertIn("letters_cut", steps)
        for step, n in self.blows(steps):
            with self.subTest(step=step, n=n):
                job, emulator = self.killed_over_a_letter(how)
                if self.kill_at(step, n, *self.run(job, emulator), expect=how["code"]):
                    self.resume(job, emulator, how, kills=2)
                emulator.stop()

    def killed_over_a_letter(self, how):
        """A job killed between a dead letter and its entry in the journal: the letter must be cut.

        How many flushes the letters take depends on time: if possible not the first.
        """
        for n in (3, 2, 1):
            job, emulator = self.planned(), self.emulator(*how["emulator"])
            if self.kill_at("letters_flush", n, *self.run(job, emulator), expect=how["code"]):
                return job, emulator
            emulator.stop()
        raise AssertionError("unreachable: kill_at() fails where the first does not come")

    def resume(self, job, emulator, how, kills=1):
        self.check_after_kill(job)
        doubt = self.in_doubt(job)
        self.assertLessEqual(doubt, kills * 2 * CONNECTIONS)
        repeated = self.repeated(emulator)
        self.run_idmerge(*self.run(job, emulator), expect=how["code"])
        self.check_end(job, emulator, how)
        self.assertLessEqual(self.repeated(emulator) - repeated, doubt)

    @harness.unittest.skipIf(harness.SANITIZED, "too large for a sanitizer")
    def test_in_a_plan_that_is_too_large_for_its_memory(self):
        path = self.pairs("large.csv", "--rows", 1_000_000)
        plan = ["plan", path, "--memory", "64MiB"]

        def plan_id(job):
            said = "".join(self.run_idmerge(*plan, "--job", job))
            return re.search(r"plan ([0-9a-f]{12}) in", said).group(1)

        job = self.fresh()
        undisturbed = plan_id(job)
        files = self.files_of(job)
        steps = self.steps_of(*plan, "--job", self.fresh())
        spill = {step: times for step, times in steps.items() if "spill" in step}
        self.assertTrue(spill, steps)
        for step, n in self.blows(spill):
            with self.subTest(step=step, n=n):
                job = self.fresh()
                if not self.kill_at(step, n, *plan, "--job", job):
                    continue
                self.check_after_kill(job)
                self.assertFalse((job / "plan").exists())
                self.assertEqual(plan_id(job), undisturbed)
                self.assertEqual(self.files_of(job), files)
                shutil.rmtree(job)

    @classmethod
    def tearDownClass(cls):
        kills = sum(cls.kills.values())
        print(f"{kills} kills at {len(cls.kills)} steps: {dict(cls.kills)}")
        if len(sys.argv) == 1 and not harness.SANITIZED:
            assert kills >= 50, "the usual run has to strike at least fifty times"


if __name__ == "__main__":
    harness.main()
