# SPDX-License-Identifier: MIT
"""Law 3: killed at any moment, a job goes on where its checkpoint says."""
import signal
import time

import journey

CONNECTIONS = 16
KILLS = 20


class Kill(journey.Case):
    def test_twenty_kills_lose_nothing_and_repeat_little(self):
        path = self.pairs("pairs.csv", "--rows", journey.ROWS, "--duplicates", "30%",
                          "--conflicts", "1%", "--faults", "1%")
        truth = journey.Truth(path)
        emulator = self.emulator("--fail", "503:0.01,429:0.01,reset:0.005",
                                 "--seed", journey.SEED, "--latency", "4ms")
        job = self.dir / "job"
        # So slow that work is left when the last kill strikes.
        rate = max(25, len(truth.pairs) // (2 * KILLS))
        run = ["run", path, "--job", job, "--to", emulator.url, "--yes", "--rate", f"{rate}/s",
               "--connections", CONNECTIONS, "--no-adaptive", "--backoff-min", "2ms",
               "--backoff-max", "50ms", "--fail-on", "none"]
        self.run_idmerge("plan", path, "--job", job, "--quiet")
        seen = []
        for kill in range(KILLS):
            requests = emulator.stats()["requests"]
            process = self.start(*run)
            # Some strike while it is still finding out where it stands, most while it sends.
            while kill % 4 != 0 and emulator.stats()["requests"] == requests:
                self.assertIsNone(process.poll(), f"sends nothing: {self.said(process)}")
                time.sleep(0.002)
            time.sleep(self.random.uniform(0, 0.5))
            self.assertIsNone(process.poll(), f"ended before it was killed: {self.said(process)}")
            process.kill()
            process.wait()
            seen.append(emulator.stats()["distinct_links"])
        self.assertGreater(seen[-1], 0, "every kill came before the first link")
        run[run.index(f"{rate}/s")] = "0"
        self.run_idmerge(*run)

        self.assertEqual(emulator.clusters(), truth.clusters())
        self.check_account(job, **truth.fates())
        stats = emulator.stats()
        struck = sum(mishap["after"] for mishap in stats["injected"].values())
        self.assertLessEqual(stats["repeated_links"] - struck, KILLS * 2 * CONNECTIONS)
        print(f"{KILLS} kills at random moments, after {seen} links; {stats['repeated_links']} links repeated, "
              f"of {stats['distinct_links']}; {struck} for answers that were lost on purpose")

        # Finished: another call has nothing to do and sends nothing.
        before = emulator.stats()["requests"]
        self.run_idmerge(*run)
        self.run_idmerge("run", "--job", job)
        self.assertEqual(emulator.stats()["requests"], before)

    def test_a_killed_plan_leaves_none_behind(self):
        path = self.pairs("pairs.csv", "--rows", journey.ROWS)
        truth = journey.Truth(path)
        job = self.dir / "job"
        kills = 0
        for _ in range(5):
            process = self.start("plan", path, "--job", job)
            time.sleep(self.random.uniform(0, 0.1))
            process.kill()
            kills += process.wait() == -signal.SIGKILL
        print(f"{kills} kills at random moments of a plan")
        emulator = self.emulator()
        self.run_idmerge("run", path, "--job", job, "--to", emulator.url, "--rate", "0")
        self.assertEqual(emulator.clusters(), truth.clusters())
        self.check_account(job, **truth.fates())


if __name__ == "__main__":
    journey.main()
