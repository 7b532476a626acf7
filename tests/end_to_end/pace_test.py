# SPDX-License-Identifier: MIT
"""The service is never sent more than --rate and --burst allow, nor before the end of a pause that it
asked for, measured where it arrives.

In the usual run only what holds on any machine at any load: the upper bound of every window of one
second. The long form also asks for the mean, and takes no excuse for what piles up on the way.
"""
import asyncio
import signal
import threading
import time
import urllib.parse

import harness

# A worker that was let through may be held up on its way to the server: so many links can arrive in
# a second after the one they left in. Of a process that was killed, too.
CONNECTIONS = 16 if harness.LONG else 4


class Relay:
    """Stands before a service and notes how many bytes came when."""

    def __init__(self, url):
        self.behind = urllib.parse.urlparse(url)
        self.seen = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self.serve, "127.0.0.1", 0), self.loop).result()
        self.url = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        there, out = await asyncio.open_connection(self.behind.hostname, self.behind.port)
        try:
            await asyncio.gather(self.pump(reader, out, self.seen), self.pump(there, writer, None))
        except OSError:
            pass  # the client was killed

    @staticmethod
    async def pump(reader, writer, seen):
        while piece := await reader.read(65_536):
            if seen is not None:
                seen.append((time.monotonic(), len(piece)))
            writer.write(piece)
            await writer.drain()
        writer.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def total(self):
        return sum(count for _, count in self.seen)

    def seconds(self):
        return self.seen[-1][0] - self.seen[0][0]


class Pace(harness.Case):
    def run_at(self, emulator, path, job, rate, burst, *more, **how):
        return self.start("run", path, "--job", job, "--to", emulator.url, "--yes", "--rate",
                          f"{rate}/s", "--burst", burst, "--connections", CONNECTIONS, *more, **how)

    def check_windows(self, emulator, rate, burst, late):
        stats = emulator.stats()
        most = rate + burst + (0 if harness.LONG else late)
        self.assertLessEqual(stats["busiest_second_links"], most, f"at {rate}/s")
        return stats

    def check_rate(self, rate, batch=1):
        seconds = 30 if harness.LONG else 2
        burst = max(batch, rate // 10)
        links = rate * seconds + burst
        path = self.pairs("pairs.csv", "--rows", links)
        how = ["--api", "import", "--project-mode", "original", "--project-id", "2195193",
               "--batch", batch] if batch > 1 else []
        emulator = self.emulator(*how[2:6])
        run = self.run_at(emulator, path, self.dir / f"job-{rate}-{batch}", rate, burst, *how)
        self.assertEqual(run.wait(), 0, self.said(run))
        stats = self.check_windows(emulator, rate, burst, CONNECTIONS * batch)
        self.assertEqual(stats["distinct_links"], links)
        mean = links / stats["seconds"]
        print(f"{rate}/s, {batch} a request: mean {mean:.2f}/s over {stats['seconds']:.3f} s, busiest "
              f"second {stats['busiest_second_links']} of {rate + burst}", flush=True)
        if harness.LONG:
            self.assertAlmostEqual(mean / rate, 1, delta=0.01)
        emulator.stop()

    def test_no_second_exceeds_the_rate_and_the_burst(self):
        for rate in 10, 1_000, 20_000:
            with self.subTest(rate=rate):
                self.check_rate(rate)

    def test_nor_does_one_of_batches(self):
        self.check_rate(20_000, batch=100)

    def test_nor_does_one_with_a_kill_and_a_resume_in_it(self):
        for rate, burst in (10, 20), (1_000, 1_500), (20_000, 30_000):
            with self.subTest(rate=rate):
                links = 2 * burst + rate // 2
                path = self.pairs("pairs.csv", "--rows", links)
                emulator = self.emulator()
                job = self.dir / f"killed-{rate}"
                run = self.run_at(emulator, path, job, rate, burst)
                while emulator.stats()["distinct_links"] < burst + rate / 10:
                    self.assertIsNone(run.poll(), self.said(run))
                    time.sleep(0.01)
                run.kill()
                run.wait()
                run = self.run_at(emulator, path, job, rate, burst)
                self.assertEqual(run.wait(), 0, self.said(run))
                # What was on its way at the kill arrives late, and so may what is sent again.
                stats = self.check_windows(emulator, rate, burst, 2 * CONNECTIONS)
                self.assertEqual(stats["distinct_links"], links)
                emulator.stop()

    def test_the_rate_is_changed_while_it_runs(self):
        path = self.pairs("pairs.csv", "--rows", 3_000)
        emulator = self.emulator()
        job = self.dir / "job"
        run = self.run_at(emulator, path, job, 1, 1)  # for 50 minutes
        while emulator.stats()["distinct_links"] < 1:
            self.assertIsNone(run.poll(), self.said(run))
            time.sleep(0.01)
        self.run_idmerge("rate", "fast", "--job", job, expect=2)
        self.run_idmerge("rate", "00:00,2000/s", "Tue-12:00,3000/s", "--job", job)
        while emulator.stats()["distinct_links"] < 500:
            self.assertIsNone(run.poll(), self.said(run))
            time.sleep(0.01)
        run.kill()
        run.wait()
        # What was said holds for the next run, too.
        out, err = self.run_idmerge("run", "--job", job)
        self.assertEqual(emulator.stats()["distinct_links"], 3_000)
        self.run_idmerge("rate", "1/s", "--job", job, expect=2)  # is finished

    def test_no_more_bytes_leave_than_rate_bytes_allows_also_over_a_kill(self):
        apis = {"identity": [], "import": ["--api", "import", "--project-mode", "original",
                                           "--project-id", "2195193", "--batch", 100]}
        for api, how in apis.items():
            with self.subTest(api):
                rate = 100_000 if api == "identity" else 10_000
                path = self.pairs("pairs.csv", "--rows", 800 if api == "identity" else 1_200)
                emulator = self.emulator(*how[2:6])
                relay = Relay(emulator.url)
                self.addCleanup(relay.stop)
                job = self.dir / f"bytes-{api}"
                line = ["--rate", 0, "--rate-bytes", f"{rate // 1000}kB/s", "--connections",
                        CONNECTIONS]
                run = self.start("run", path, "--job", job, "--to", relay.url, "--yes", *line, *how)
                while relay.total() < rate:
                    self.assertIsNone(run.poll(), self.said(run))
                    time.sleep(0.01)
                run.kill()
                run.wait()
                self.run_idmerge("run", "--job", job)
                requests = emulator.stats()["requests"]
                most_at_once = max(rate / 10, 2 * relay.total() / requests)
                self.assertGreater(relay.total(), 1.5 * rate)
                # Of what was under way at the kill, each worker may have lost the end.
                self.assertLessEqual(relay.total(), rate * relay.seconds() + most_at_once)
                print(f"{api}: {relay.total()} bytes in {relay.seconds():.3f} s at {rate}/s",
                      flush=True)

    def check_pause(self, path, end, wait_s):
        """End a run in the pause that it was told to make, and then the next one, too.

        Returns False, and has checked little, when that took longer than the pause.
        """
        # The second batch of 100 is told to come back when the service has caught up with the
        # first one, `wait_s` after that.
        how = ["--api", "import", "--project-mode", "original", "--project-id", "2195193"]
        emulator = self.emulator("--limit-rate", f"{100 * 60 / wait_s:g}/m", *how[2:])
        job = self.dir / f"paused-{end.name}-{wait_s}"
        over = time.monotonic() + wait_s  # not later than the pause is
        run = self.start("run", path, "--job", job, "--to", emulator.url, "--yes",
                         "--connections", 1, "--batch", 100, *how)

        def in_time(is_so):
            """Wait until `is_so()`; False when the pause may be over before that."""
            while not is_so():
                ended = run.poll()
                if time.monotonic() >= over:
                    refused = emulator.stats()["by_status"].get("429", 0)
                    self.assertLessEqual(refused, 1, "sent within the pause")
                    return False
                self.assertIsNone(ended, self.said(run))
                time.sleep(0.01)
            return True

        def stop():
            """End the run; False when the pause may have been over before that."""
            run.send_signal(end)
            run.wait()
            return time.monotonic() < over

        def is_saved():
            checkpoint = job / "runs" / "1-of-1" / "checkpoint"
            return checkpoint.exists() and "paused_until_s = 0\n" not in checkpoint.read_text()

        def has_told():
            return "asked an earlier run to wait" in self.said(run)[1]

        if not in_time(is_saved) or not stop():
            return False
        self.assertEqual(emulator.stats()["by_status"], {"200": 1, "429": 1})
        run = self.start("run", "--job", job)
        if not in_time(has_told) or not stop():
            return False
        run = self.start("run", "--job", job)
        if not in_time(has_told):
            return False
        self.assertEqual(run.wait(), 0, self.said(run))
        stats = emulator.stats()
        self.assertEqual(stats["by_status"], {"200": 2, "429": 1})
        self.assertGreaterEqual(stats["seconds"], wait_s)
        self.check_account(job, delivered=200)
        return True

    def test_a_pause_that_the_service_asked_for_holds_for_the_next_runs_too(self):
        path = self.pairs("pairs.csv", "--rows", 200)
        for end in signal.SIGKILL, signal.SIGTERM:
            with self.subTest(end.name):
                # On a busy machine the pause may be over too early: then in a longer one.
                self.assertTrue(any(self.check_pause(path, end, wait_s)
                                    for wait_s in (5, 10, 20, 40, 60)),
                                "no run told of a pause, or each started after it")


if __name__ == "__main__":
    harness.main()
