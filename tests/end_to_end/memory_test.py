# SPDX-License-Identifier: MIT
"""Law 4: the sending step needs the same memory, however long the plan is."""
import pathlib
import sys
import unittest

import harness

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
from measure import cost  # noqa: E402


@unittest.skipIf(harness.SANITIZED, "sanitizers keep what is freed")
class Memory(harness.Case):
    def peak_kib(self, rows):
        path = self.pairs("pairs.csv", "--rows", rows)
        job = self.dir / f"job-{rows}"
        emulator = self.emulator()
        self.run_idmerge("plan", path, "--job", job)
        sent = cost([harness.IDMERGE, "run", "--job", job, "--to", emulator.url, "--yes", "--rate",
                     "0"], env=self.environment(), stdin=harness.subprocess.DEVNULL)
        emulator.stop()
        return sent.peak_kib

    def test_many_rows_need_no_more_than_some(self):
        few, many = (100_000, 1_000_000) if harness.LONG else (60_000, 240_000)
        little, much = self.peak_kib(few), self.peak_kib(many)
        print(f"peak memory of sending {few} and {many} links: {little} and {much} KiB")
        self.assertGreater(little, 0)
        self.assertLess(abs(much - little), 5 * 1024)


if __name__ == "__main__":
    harness.main()
