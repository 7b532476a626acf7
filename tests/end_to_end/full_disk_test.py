# SPDX-License-Identifier: MIT
"""A disk that is too small, fills up under a run, or cannot be written: what to do is said, nothing
is half there, and with room again the same command goes on.

Needs root, for a file system of a size of our own.
"""
import os
import subprocess
import unittest

import harness

CONNECTIONS = 4


def mount_refusal():
    """Why no file system can be mounted here; empty if it can."""
    if os.geteuid() != 0:
        return "mounting a tmpfs needs root"
    tried = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
                           capture_output=True, text=True)
    return tried.stderr.strip() if tried.returncode != 0 else ""


@unittest.skipIf(mount_refusal(), f"no tmpfs: {mount_refusal()}")
class FullDisk(harness.Case):
    def setUp(self):
        super().setUp()
        self.disk = self.dir / "disk"
        self.disk.mkdir()
        self.mount("-t", "tmpfs", "-o", "size=256k", "none")
        # Lazily, since whoever failed may still be at work there.
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.disk], check=True)

    def mount(self, *args):
        subprocess.run(["mount", *args, self.disk], check=True)

    def remount(self, options):
        self.mount("-o", f"remount,{options}")

    def fill(self, spare_bytes):
        """Leave so much and no more."""
        stat = os.statvfs(self.disk)
        with open(self.disk / "filler", "wb") as file:
            file.write(bytes(max(0, stat.f_bavail * stat.f_frsize - spare_bytes)))

    def run_args(self, job, emulator):
        return ["run", "--job", job, "--to", emulator.url, "--yes", "--rate", "0", "--connections",
                CONNECTIONS, "--max-refused", "none", "--fail-on", "none"]

    def test_a_plan_that_does_not_fit_is_no_plan(self):
        path = self.pairs("pairs.csv", "--rows", 20_000)
        job = self.disk / "job"
        _, err = self.run_idmerge("plan", path, "--job", job, expect=5)
        self.assertIn("No space left on device: make room", err)
        self.assertIn(str(job), err)
        self.assertFalse((job / "plan").exists())
        self.run_idmerge("run", "--job", job, "--to", "emulator", expect=2)
        self.remount("size=64m")
        self.run_idmerge("plan", path, "--job", job)
        self.check_account(job, read=20_000, pending=len(harness.Truth(path).pairs))

    def test_a_run_stops_and_goes_on_when_there_is_room(self):
        path = self.pairs("pairs.csv", "--rows", 1_200)
        truth = harness.Truth(path)
        self.remount("size=4m")
        for spare in (0, 4096, 8192, 16384, 24576, 32768):
            with self.subTest(spare=spare):
                emulator, job = self.emulator(), self.disk / f"job-{spare}"
                self.run_idmerge("plan", path, "--job", job)
                self.fill(spare)
                _, err = self.run_idmerge(*self.run_args(job, emulator), expect=5)
                self.assertIn("No space left on device: make room", err)
                (self.disk / "filler").unlink()
                before = emulator.stats()["distinct_links"]
                self.run_idmerge(*self.run_args(job, emulator))
                self.assertEqual(emulator.clusters(), truth.clusters())
                self.check_account(job, **truth.fates())
                self.assertLessEqual(emulator.stats()["repeated_links"],
                                     min(before, 2 * CONNECTIONS))
                emulator.stop()

    def test_a_disk_that_cannot_be_written(self):
        path = self.pairs("pairs.csv", "--rows", 200)
        truth = harness.Truth(path)
        self.remount("size=4m")
        emulator, job = self.emulator(), self.disk / "job"
        self.run_idmerge("plan", path, "--job", job)
        self.remount("ro")
        said = [self.run_idmerge("plan", path, "--job", self.disk / "other", expect=2)[1],
                self.run_idmerge(*self.run_args(job, emulator), expect=2)[1]]
        for err in said:
            self.assertIn("Read-only file system", err)
            self.assertIn(str(self.disk), err)
        self.assertEqual(emulator.stats()["requests"], 0)
        self.run_idmerge("status", "--job", job)
        self.run_idmerge("show", "--job", job)
        self.remount("rw")
        self.run_idmerge(*self.run_args(job, emulator))
        self.assertEqual(emulator.clusters(), truth.clusters())


if __name__ == "__main__":
    harness.main()
