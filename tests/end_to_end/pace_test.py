# SPDX-License-Identifier: MIT
"""The service is never sent more than --rate and --burst allow."""
import time

import journey


class Pace(journey.Case):
    def test_the_rate_is_kept(self):
        seconds = 60 if journey.LONG else 6
        rate, burst = 500, 50
        path = self.pairs("pairs.csv", "--rows", rate * seconds)
        emulator = self.emulator()
        started = time.monotonic()
        self.run_idmerge("run", path, "--job", self.dir / "job", "--to", emulator.url, "--yes",
                         "--rate", f"{rate}/s", "--burst", burst)
        took = time.monotonic() - started
        stats = emulator.stats()
        self.assertEqual(stats["distinct_links"], rate * seconds)
        # The burst leaves at once, the rest at the rate.
        self.assertAlmostEqual((rate * seconds - burst) / stats["seconds"] / rate, 1, delta=0.01)
        self.assertGreaterEqual(took, seconds - burst / rate - 0.01)
        # Two percent for what piles up on the way to the server.
        self.assertLessEqual(stats["busiest_second_links"], (rate + burst) * 1.02)


if __name__ == "__main__":
    journey.main()
