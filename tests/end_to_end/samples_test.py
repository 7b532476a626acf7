# SPDX-License-Identifier: MIT
"""The samples do what samples/README.md says of them."""
import json
import subprocess

import harness


class Samples(harness.Case):
    def check_faults(self, name, *more, fates=("rejected",), **how):
        """Plan a sample and compare its faulty rows with what the files beside it expect."""
        job = self.dir / "job"
        self.run_idmerge("plan", *more, "--job", job, expect=6, **how)
        for fate in fates:
            said = [json.loads(line) for line in (job / f"{fate}.ndjson").read_text().splitlines()]
            expected = [json.loads(line) for line in
                        (harness.SAMPLES / f"{name}.{fate}.ndjson").read_text().splitlines()]
            faulty = [row for row in said if "row" in row]  # and not a link
            self.assertEqual([{key: row[key] for key in expected[0]} for row in faulty], expected)
            for row in faulty:
                self.assertTrue(row["hint"] and row["message"], row)

    def test_dirty_csv(self):
        self.check_faults("dirty.csv", harness.SAMPLES / "dirty.csv", "--order-field", "seen_at",
                           "--row-max", "1KiB", "--blank", "reject")

    def test_dirty_ndjson(self):
        with subprocess.Popen(["cat", harness.SAMPLES / "dirty.ndjson"],
                              stdout=subprocess.PIPE) as cat:
            self.check_faults("dirty.ndjson", "-", "--format", "ndjson", "--op-field", "op",
                               fates=("rejected", "held"), stdin=cat.stdout)

    def test_dirty_merges(self):
        self.check_faults("dirty-merges.ndjson", harness.SAMPLES / "dirty-merges.ndjson", "--op",
                           "merge", "--op-field", "op")

    def test_every_fault_is_among_them(self):
        source = (harness.SAMPLES.parent / "src/input/row_fault.cpp").read_text()
        names = {part.split('"')[1] for part in source.split("Text{Fault::")[2:]}
        seen = {json.loads(line)["reason"] for file in harness.SAMPLES.glob("*.*.ndjson")
                for line in file.read_text().splitlines()}
        self.assertGreater(len(names), 20)
        # No row is denied by itself, and these have no project mode: see rules_test.py for a list,
        # cases_input_test.py for modes.
        self.assertEqual(seen, names - {"denied", "verb-not-in-mode", "doubled-prefix"})

    def test_the_page_table(self):
        path = harness.SAMPLES / "pages.csv"
        job = self.dir / "job"
        emulator = self.emulator()
        self.run_idmerge("run", path, "--job", job, "--to", emulator.url, "--yes", expect=3)
        truth = harness.Truth(path)
        self.assertEqual(truth.held, 2)
        self.check_account(job, **truth.fates())
        self.assertEqual(emulator.clusters(), truth.clusters())

    def test_the_identify_calls(self):
        job = self.dir / "job"
        emulator = self.emulator()
        self.run_idmerge("run", harness.SAMPLES / "identifies.ndjson", "--anon-field",
                         "/anonymousId", "--user-field", "/userId", "--job", job, "--to",
                         emulator.url, "--yes")
        users = {}
        for line in (harness.SAMPLES / "identifies.ndjson").read_text().splitlines():
            row = json.loads(line)
            if row["userId"] is not None:
                users.setdefault(str(row["userId"]), {str(row["userId"])}).add(row["anonymousId"])
        self.assertEqual(emulator.clusters(), {frozenset(ids) for ids in users.values()})


if __name__ == "__main__":
    harness.main()
