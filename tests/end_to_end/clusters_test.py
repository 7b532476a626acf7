# SPDX-License-Identifier: MIT
"""Laws 1 and 2: what arrives at a service that fails now and then is what the input says."""
import harness


class Clusters(harness.Case):
    mishaps = "503:0.01,429:0.01,reset:0.005"

    def deliver(self, path):
        truth = harness.Truth(path)
        emulator = self.emulator("--fail", self.mishaps, "--seed", harness.SEED)
        job = self.dir / "job"
        self.run_idmerge("plan", path, "--job", job)
        self.run_idmerge("run", "--job", job, "--to", emulator.url, "--yes", "--rate", "0",
                         "--connections", "32", "--no-adaptive", "--backoff-min", "2ms",
                         "--backoff-max", "50ms", "--fail-on", "none")
        self.assertEqual(emulator.clusters(), truth.clusters())
        self.check_account(job, **truth.fates())
        stats = emulator.stats()
        self.assertEqual(stats["distinct_links"], len(truth.pairs))
        struck = stats["injected"]
        self.assertGreater(sum(mishap["before"] + mishap["after"] for mishap in struck.values()), 0)
        # Nothing is sent twice but what was not answered.
        self.assertLessEqual(stats["repeated_links"], sum(m["after"] for m in struck.values()))
        self.assertEqual({p.name for p in job.glob("*.tmp")}, set())

    def test_csv(self):
        self.deliver(self.pairs("pairs.csv", "--rows", harness.ROWS, "--duplicates", "30%",
                                "--conflicts", "1%", "--faults", "1%", "--blanks", "2%"))

    def test_ndjson(self):
        self.deliver(self.pairs("pairs.ndjson", "--rows", harness.ROWS, "--duplicates", "30%",
                                "--conflicts", "1%", "--faults", "1%", "--blanks", "2%",
                                "--format", "ndjson"))

    def test_a_wide_quoted_export(self):
        # Enough links that a service without one mishap is out of the question.
        rows = max(harness.ROWS // 10, 4_000)
        self.deliver(self.pairs("pages.csv", "--rows", rows, "--duplicates", "50%",
                                "--columns", "24", "--quoted", "--crlf"))


class TheTruthItself(harness.Case):
    def test_two_independent_programs_agree_on_it(self):
        """What the generator meant and what Python reads: so neither may be wrong alone."""
        for name, more in (("pairs.csv", []), ("pairs.ndjson", ["--format", "ndjson"])):
            truth_file = self.dir / "truth"
            path = self.pairs(name, "--rows", 20_000, "--duplicates", "30%", "--conflicts", "2%",
                              "--faults", "3%", "--blanks", "3%", "--truth", truth_file, *more)
            truth = harness.Truth(path)
            with open(truth_file, encoding="latin-1", newline="\n") as file:
                meant = dict(line.rstrip("\n").split(",") for line in file)
            self.assertEqual(truth.pairs, meant)
            self.assertEqual(truth.rejected, 600)
            self.assertEqual(truth.skipped, 600)
            self.assertEqual(truth.duplicate, 6000)


if __name__ == "__main__":
    harness.main()
