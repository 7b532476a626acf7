# SPDX-License-Identifier: MIT
"""No byte that a run writes contains a secret, whether it went well or not."""
import base64
import os
import pathlib
import resource
import signal
import subprocess
import time

import harness


class Secrets(harness.Case):
    def spellings(self):
        basic = base64.b64encode(f"{harness.USERNAME}:{harness.SECRET}".encode()).decode()
        return [harness.SECRET, basic, basic[-12:], harness.TOKEN]

    def check_nothing_leaked(self, *texts):
        files = [p for p in self.dir.rglob("*") if p.is_file()]
        for name in ("plan", "checkpoint", "summary.json", "report.html"):
            self.assertTrue(any(p.name == name for p in files), name)
        for path in files:
            texts += (path.read_bytes().decode("latin-1"),)
        for text in texts:
            for secret in self.spellings():
                self.assertNotIn(secret, text)

    def check_closed(self, job):
        self.assertEqual(job.stat().st_mode & 0o777, 0o700)
        for path in job.rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def test_a_run_that_goes_well_and_one_that_does_not(self):
        os.umask(0o022)
        path = self.pairs("pairs.csv", "--rows", 500, "--faults", "2%", "--conflicts", "1%")
        emulator = self.emulator("--fail", "429:0.05,reset:0.05", "--seed", harness.SEED)
        job = self.dir / "job"
        arguments = ["run", path, "--job", job, "--to", emulator.url, "--yes", "--rate", "0",
                     "--no-adaptive", "--backoff-min", "1ms", "--backoff-max", "5ms", "--fail-on", "none",
                     "--max-held", "none", "--max-rejected", "none"]
        said = self.run_idmerge(*arguments, "--log-level", "debug")
        said += self.run_idmerge("show", "--job", job) + self.run_idmerge("status", "--job", job)
        said += self.run_idmerge("show", "--job", job, "--rejected")
        picky = self.emulator("--require-auth", "somebody:else")
        arguments[3] = self.dir / "other"
        arguments[5] = picky.url
        said += self.run_idmerge(*arguments, expect=7)
        self.check_nothing_leaked(*said)
        self.check_closed(job)
        self.check_closed(self.dir / "other")

    def test_a_crash_leaves_no_core_file(self):
        def unlimited():
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)

        def leaves_core(process):
            process.send_signal(signal.SIGABRT)
            _, status = os.waitpid(process.pid, 0)
            process.returncode = -os.WTERMSIG(status)
            self.assertEqual(process.returncode, -signal.SIGABRT)
            return os.WCOREDUMP(status)

        if not leaves_core(subprocess.Popen(["sleep", "60"], cwd=self.dir, preexec_fn=unlimited)):
            self.skipTest("this machine writes no core files")
        path = self.pairs("pairs.csv", "--rows", 500)
        emulator = self.emulator()
        process = self.start("run", path, "--job", self.dir / "job", "--to", emulator.url, "--yes",
                             "--rate", "20/s", preexec_fn=unlimited)
        while emulator.stats()["requests"] == 0:
            time.sleep(0.01)
        # An own handler of a sanitizer may end it otherwise; what counts is that no core is left.
        self.assertFalse(leaves_core(process))

    def test_nothing_that_others_see_of_a_process_shows_a_secret(self):
        """Neither its command line nor that of the command that prints the credentials."""
        seen = self.dir / "seen"
        command = self.dir / "print-credentials"
        command.write_text(f"#!/bin/sh\ntr '\\0' ' ' < /proc/$PPID/cmdline > {seen}\n"
                           f"tr '\\0' ' ' < /proc/$$/cmdline >> {seen}\n"
                           f"tr '\\0' '\\n' < /proc/$$/environ >> {seen}\n"
                           f"cat {self.dir}/store\n")
        command.chmod(0o700)
        path = self.pairs("pairs.csv", "--rows", 50)
        emulator = self.emulator("--require-auth", f"{harness.USERNAME}:{harness.SECRET}")
        where = self.dir / "store"
        where.write_text(f"MIXPANEL_TOKEN={harness.TOKEN}\nMIXPANEL_USERNAME={harness.USERNAME}\n"
                         f"MIXPANEL_SECRET={harness.SECRET}\n")
        nothing = self.environment(MIXPANEL_TOKEN=None, MIXPANEL_USERNAME=None,
                                   MIXPANEL_SECRET=None)
        for way, env in (("--credentials-command", nothing), ("--credentials", nothing),
                         (None, self.environment())):
            with self.subTest(way=way):
                where.chmod(0o600)
                job = self.dir / f"job{way}"
                words = [way, command if way == "--credentials-command" else where] if way else []
                before = emulator.stats()["requests"]
                process = self.start("run", path, "--job", job, "--to", emulator.url, "--yes",
                                     "--rate", "5/s", *words, env=env)
                while emulator.stats()["requests"] == before:
                    time.sleep(0.01)
                line = pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
                self.assertIn("--yes", line)
                self.run_idmerge("rate", "0", "--job", job)
                self.assertEqual(process.wait(), 0, self.said(process))
                texts = [line, *self.said(process)]
                if way == "--credentials-command":
                    texts.append(seen.read_text())
                    self.assertIn("--yes", texts[-1])
                for text in texts:
                    for secret in self.spellings():
                        self.assertNotIn(secret, text)

    def test_a_credentials_file_that_others_can_read_is_refused(self):
        file = self.dir / "credentials"
        file.write_text(f"MIXPANEL_TOKEN={harness.TOKEN}\nMIXPANEL_USERNAME={harness.USERNAME}\n"
                        f"MIXPANEL_SECRET={harness.SECRET}\n")
        path = self.pairs("pairs.csv", "--rows", 10)
        emulator = self.emulator("--require-auth", f"{harness.USERNAME}:{harness.SECRET}")
        nothing = self.environment(MIXPANEL_TOKEN=None, MIXPANEL_USERNAME=None,
                                   MIXPANEL_SECRET=None)
        arguments = ["run", path, "--job", self.dir / "job", "--to", emulator.url, "--yes",
                     "--credentials", file]
        file.chmod(0o644)
        said = self.run_idmerge(*arguments, env=nothing, expect=2)
        self.assertNotIn(harness.SECRET, "".join(said))
        file.chmod(0o600)
        self.run_idmerge(*arguments, env=nothing)


if __name__ == "__main__":
    harness.main()
