# SPDX-License-Identifier: MIT
"""`run INPUT` never means "resume something else"."""
import harness


class NextNight(harness.Case):
    def setUp(self):
        super().setUp()
        self.path = self.pairs("pairs.csv", "--rows", 1000)
        self.job = self.dir / "pairs.csv.idmerge"  # the default, beside the input
        self.emulator = self.emulator()
        self.run_line = ["run", self.path, "--to", self.emulator.url, "--yes", "--rate", "0"]

    def add_a_row(self):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write("3c9d2dd1-7f0e-4f1b-9a55-0d8a6f2e1b01,tonight\n")

    def check_stops(self):
        before = self.emulator.stats()["requests"]
        _, err = self.run_idmerge(*self.run_line, expect=4)
        self.assertIn("--job", err)  # a new job is one way on, the old one the other
        self.assertIn("run --job", err)
        self.assertEqual(self.emulator.stats()["requests"], before)

    def test_new_content_beside_a_finished_job(self):
        self.run_idmerge(*self.run_line)
        self.run_idmerge(*self.run_line)  # the same content: nothing to do
        self.add_a_row()
        self.check_stops()

    def test_new_content_beside_an_unfinished_job(self):
        old = harness.Truth(self.path)
        self.run_idmerge(*self.run_line, "--max-requests", "10", expect=8)
        self.add_a_row()
        self.check_stops()
        self.run_idmerge("run", "--job", self.job)  # one way on: finish the old plan
        self.assertEqual(self.emulator.clusters(), old.clusters())
        self.run_idmerge(*self.run_line, "--job", self.dir / "tonight")  # the other: a new job
        self.check_account(self.dir / "tonight", **harness.Truth(self.path).fates())

    def test_the_same_content_touched_is_the_same_input(self):
        self.run_idmerge(*self.run_line, "--max-requests", "10", expect=8)
        self.path.touch()
        self.run_idmerge(*self.run_line)

    def test_other_planning_options_are_a_usage_error(self):
        self.run_idmerge(*self.run_line, "--max-requests", "10", expect=8)
        self.run_idmerge(*self.run_line, "--on-conflict", "send", expect=2)

    def test_many_more_links_than_the_night_before(self):
        self.run_idmerge(*self.run_line)
        links = len(harness.Truth(self.path).pairs)
        tonight = self.pairs("tonight.csv", "--rows", 2000)
        more = len(harness.Truth(tonight).pairs)
        self.assertGreater(more, 1.5 * links)
        before = self.emulator.stats()["requests"]
        job = self.dir / "tonight.csv.idmerge"
        for line in (["plan", tonight], ["run", "--dry-run", tonight, *self.run_line[2:]],
                     ["run", tonight, *self.run_line[2:]],
                     ["run", "--job", job, *self.run_line[2:]]):
            _, err = self.run_idmerge(*line, "--max-links", "150%", "--last-job", self.job,
                                      expect=6)
            self.assertIn(f"--max-links: {more:,} links are to be sent, over 150% of the {links:,} "
                          f"that {self.job} had to send", err)
        self.assertIn("150%", self.summary(job)["stop"])
        self.assertEqual(self.emulator.stats()["requests"], before)
        self.run_idmerge("run", tonight, *self.run_line[2:], "--max-links", "300%", "--last-job",
                         self.job, "--max-refused", "none", "--fail-on", "none")
        self.assertEqual(self.check_account(job)["pending"], 0)

    def test_a_night_before_that_is_not_there_stops(self):
        more = ["--max-links", "150%", "--last-job"]
        _, err = self.run_idmerge(*self.run_line, *more[:2], expect=2)
        self.assertIn("--last-job DIR", err)
        _, err = self.run_idmerge(*self.run_line, *more, self.dir / "gone", expect=2)
        self.assertIn("there is no such job", err)
        self.assertEqual(self.emulator.stats()["requests"], 0)
        _, err = self.run_idmerge(*self.run_line, *more, "none")
        self.assertIn("this guard is off", err)


if __name__ == "__main__":
    harness.main()
