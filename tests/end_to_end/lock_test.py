# SPDX-License-Identifier: MIT
"""One process a job."""
import signal
import time

import journey


class Lock(journey.Case):
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
        truth = journey.Truth(path)
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


if __name__ == "__main__":
    journey.main()
