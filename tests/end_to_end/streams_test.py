# SPDX-License-Identifier: MIT
"""stdin, stdout and stderr may be closed, full or gone: the job does not notice."""
import os
import shlex
import time

import harness

STREAMS = ("<&-", ">&-", "2>&-")


class Streams(harness.Case):
    def start_without(self, closed, *args):
        """Start idmerge with these streams closed, as a shell does."""
        words = [harness.IDMERGE, *map(str, args)]
        line = " ".join(["exec", *map(shlex.quote, words), *closed])
        return self.start("-c", line, program="/bin/sh")

    def test_no_file_of_a_job_takes_the_number_of_a_closed_stream(self):
        path = self.pairs("pairs.csv", "--rows", 200)
        emulator = self.emulator()
        for n, closed in enumerate((STREAMS, *((stream,) for stream in STREAMS))):
            with self.subTest(closed=closed):
                job = self.dir / f"job-{n}"
                before = emulator.stats()["requests"]
                process = self.start_without(closed, "run", path, "--job", job, "--yes",
                                             "--to", emulator.url, "--rate", "5/s",
                                             "--summary", "-")
                while emulator.stats()["requests"] == before:
                    time.sleep(0.01)
                for stream in closed:
                    number = STREAMS.index(stream)
                    self.assertEqual(os.readlink(f"/proc/{process.pid}/fd/{number}"), "/dev/null")
                self.run_idmerge("rate", "0", "--job", job)
                # A summary that cannot be written is an error; that the job is done stays true.
                self.assertEqual(process.wait(), 5 if ">&-" in closed else 0, self.said(process))
                if "2>&-" not in closed and ">&-" in closed:
                    self.assertIn("stdout: Bad file descriptor", self.said(process)[1])
                self.check_account(job, delivered=200)
                self.run_idmerge("run", "--job", job)

    def test_a_full_or_a_closed_stderr_costs_no_row(self):
        path = self.pairs("pairs.csv", "--rows", 200)
        emulator = self.emulator()
        for n, where in enumerate(("2>/dev/full", "2>&-")):
            job = self.dir / f"job-{n}"
            process = self.start_without([where], "run", path, "--job", job, "--to", emulator.url,
                                         "--yes", "--rate", "0")
            self.assertEqual(process.wait(), 0)
            self.check_account(job, delivered=200)

    def test_a_file_that_a_shell_has_put_on_stdin_is_read_from_where_it_stands(self):
        path = self.pairs("pairs.csv", "--rows", 200)
        self.run_idmerge("plan", path, "--job", self.dir / "named")
        piped = []
        for skip in 0, len(path.read_bytes().split(b"\n")[0]) + 1:
            with open(path, "rb", buffering=0) as file:
                file.seek(skip)
                columns = ["--no-header", "--anon-field", "#1", "--user-field", "#2"]
                columns = columns if skip else []
                self.run_idmerge("plan", "-", "--job", self.dir / f"piped-{skip}", *columns,
                                 stdin=file)
            piped.append(self.summary(self.dir / f"piped-{skip}"))
        self.assertEqual(piped[0]["plan"], self.summary(self.dir / "named")["plan"])
        self.assertEqual([each["account"]["pending"] for each in piped], [200, 200])


if __name__ == "__main__":
    harness.main()
