# SPDX-License-Identifier: MIT
"""Whatever is wrong, one clear line says what, where and what to do; nothing is lost."""
import json
import os
import re
import socket
import stat
import subprocess

import harness

PAIRS = "anonymous_id,user_id\nd6c157a4-4c38-46b9-94c1-f6536817233c,8841\n"
NOBODY = 65534


class BadInput(harness.Case):
    def file(self, name, content=PAIRS):
        path = self.dir / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def stops(self, code, *args, says=(), **how):
        """The command ends with `code`, one line of error that contains all words of `says`."""
        _, err = self.run_idmerge(*args, expect=code, **how)
        errors = [line for line in err.splitlines() if line.startswith("idmerge: ")]
        self.assertEqual(len(errors), 1, err)
        for words in (says,) if isinstance(says, str) else says:
            self.assertIn(words, err)
        self.assertGreaterEqual(errors[0].count(": "), 3, errors[0])  # subject: what: what to do
        return err

    def plan(self, code, path, *more, says=(), **how):
        job = self.dir / "job"
        self.stops(code, "plan", path, "--job", job, *more, says=says, **how)
        self.assertFalse((job / "plan").exists())

    # -- inputs

    def test_a_missing_file(self):
        self.plan(4, self.dir / "nowhere.csv", says="nowhere.csv")

    def test_a_directory_without_files(self):
        (self.dir / "empty").mkdir()
        self.plan(4, self.dir / "empty", says="empty")

    def test_an_empty_file(self):
        self.plan(4, self.file("empty.csv", ""), says="empty.csv")

    def test_an_empty_file_beside_one_with_rows(self):
        self.run_idmerge("plan", self.file("empty.csv", ""), self.file("pairs.csv"), "--job",
                         self.dir / "job")

    def test_a_header_and_nothing_else(self):
        path = self.file("header.csv", "anonymous_id,user_id\n")
        self.plan(4, path, "--min-rows", "1", says="--min-rows")
        self.run_idmerge("plan", path, "--job", self.dir / "job")
        self.run_idmerge("run", "--job", self.dir / "job", "--to", "emulator", "--yes")

    def test_no_such_column(self):
        path = self.file("pairs.csv", "device,user_id\na,b\n")
        self.plan(2, path, says=("device", "--anon-field"))
        self.plan(2, path, "--anon-field", "gadget", says=("gadget", "device"))

    def test_two_candidates_for_one_side(self):
        path = self.file("pairs.csv", "anonymous_id,device_id,user_id\na,b,c\n")
        self.plan(2, path, says=("anonymous_id", "device_id", "--anon-field"))

    def test_no_header_at_all(self):
        path = self.file("pairs.csv", "d6c157a4-4c38-46b9-94c1-f6536817233c,8841\n")
        self.plan(2, path, says="--no-header")

    def test_binary_garbage(self):
        self.plan(4, self.file("pairs.csv", bytes(range(256)) * 100))

    def test_a_file_that_may_not_be_read(self):
        path = self.file("secret.csv")
        path.chmod(0)
        self.dir.chmod(0o777)
        how = {"user": NOBODY} if os.geteuid() == 0 else {}
        self.plan(4, path, says="secret.csv", **how)

    def test_a_job_directory_that_cannot_be_written(self):
        path = self.file("pairs.csv")
        closed = self.dir / "closed"
        closed.mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
        self.dir.chmod(0o777)
        how = {"user": NOBODY} if os.geteuid() == 0 else {}
        self.stops(2, "plan", path, "--job", closed / "job", says="closed", **how)

    def test_a_last_line_that_a_dying_writer_may_have_cut(self):
        _, err = self.run_idmerge("plan", "-", "--job", self.dir / "job",
                                  stdin=self.pipe(PAIRS + "d6c157a4,88"))
        self.assertIn("warning", err)
        self.assertIn("stdin: line 3: the last line has no line end", err)
        job = self.dir / "job"
        self.assertRegex(err, f"(?m)^  held +1  {re.escape(str(job))}/held.ndjson$")
        self.assertEqual((job / "rejected.ndjson").read_text(), "")
        line, = (json.loads(line) for line in (job / "held.ndjson").read_text().splitlines())
        self.assertEqual((line["reason"], line["row"], line["line"], line["column"]),
                         ("partial-row", "d6c157a4,88", 3, 12))
        shown, _ = self.run_idmerge("show", "--job", job, "--held", "--format", "csv")
        self.assertIn("partial-row", shown)
        # Nothing was decided about it, and nothing can be.
        decided = self.dir / "decided.csv"
        decided.write_text(shown)
        self.run_idmerge("plan", "-", "--job", self.dir / "again", "--decisions", decided,
                         stdin=self.pipe(PAIRS))

    def pipe(self, text):
        writer = subprocess.Popen(["printf", "%s", text], stdout=subprocess.PIPE)
        self.addCleanup(writer.wait)
        self.addCleanup(writer.stdout.close)
        return writer.stdout

    # -- jobs

    def planned(self):
        path = self.pairs("good.csv", "--rows", 3000)
        job = self.dir / "job"
        self.run_idmerge("plan", path, "--job", job)
        return path, job

    def test_a_job_of_another_input(self):
        path, job = self.planned()
        emulator = self.emulator()
        err = self.stops(4, "run", self.file("other.csv"), "--job", job, "--to", emulator.url,
                         "--yes")
        self.assertIn("run --job", err)
        self.assertEqual(emulator.stats()["requests"], 0)

    def test_a_damaged_plan(self):
        _, job = self.planned()
        plan = job / "plan"
        good = plan.read_bytes()
        emulator = self.emulator()
        # Whatever byte it is; the secret alone is only used while planning.
        for _ in range(20):
            at = self.random.randrange(len(good))
            bad = bytearray(good)
            bad[at] ^= 1 << self.random.randrange(8)
            for damaged in (bytes(bad), good[:at]):
                plan.write_bytes(damaged)
                self.stops(4, "run", "--job", job, "--to", emulator.url, "--yes", says="plan")
        plan.write_bytes(good)
        self.run_idmerge("run", "--job", job, "--to", emulator.url, "--yes", "--rate", "0")

    def test_a_damaged_checkpoint(self):
        path, job = self.planned()
        emulator = self.emulator()
        run = ["run", "--job", job, "--to", emulator.url, "--yes", "--rate", "0"]
        self.run_idmerge(*run, "--max-requests", "1000", expect=8)
        requests = emulator.stats()["requests"]
        checkpoint = job / "runs" / "1-of-1" / "checkpoint"
        good = checkpoint.read_bytes()
        for _ in range(20):
            at = self.random.randrange(len(good))
            bad = bytearray(good)
            bad[at] ^= 1 << self.random.randrange(7)
            for damaged in (bytes(bad), good[:at]):
                checkpoint.write_bytes(damaged)
                self.stops(4, *run, says="checkpoint")
        self.assertEqual(emulator.stats()["requests"], requests)
        checkpoint.write_bytes(good)
        self.run_idmerge(*run)
        self.assertEqual(emulator.clusters(), harness.Truth(path).clusters())

    def test_a_job_that_is_none(self):
        for command in (["run", "--to", "emulator", "--yes"], ["show"], ["status"]):
            self.stops(2, *command, "--job", self.dir / "nowhere", says="nowhere")

    # -- targets and secrets

    def run_to(self, code, *args, says=(), **how):
        return self.stops(code, "run", self.file("pairs.csv"), "--job", self.dir / "job", *args,
                          says=says, **how)

    def test_no_target(self):
        self.run_to(2, "--yes", says="--to")

    def test_a_malformed_url(self):
        for url in ("htp://127.0.0.1", "https://", "https://a b/", "http://127.0.0.1:99999"):
            self.run_to(2, "--to", url, "--yes", says="--to")

    def test_plain_http_to_another_machine(self):
        self.run_to(2, "--to", "http://api.example.com", "--yes", says="https")

    def test_missing_credentials(self):
        for name in ("MIXPANEL_TOKEN", "MIXPANEL_USERNAME", "MIXPANEL_SECRET"):
            self.run_to(2, "--to", "http://127.0.0.1:9", "--yes", says=name,
                        env=self.environment(**{name: None}))

    def test_two_different_credentials(self):
        self.run_to(2, "--to", "http://127.0.0.1:9", "--yes", says="MP_TOKEN",
                    env=self.environment(MP_TOKEN="another"))

    def test_a_port_where_nothing_listens(self):
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            port = reserved.getsockname()[1]
            self.run_to(5, "--to", f"http://127.0.0.1:{port}", "--yes", "--give-up-after", "300ms",
                        "--backoff-min", "50ms", "--backoff-max", "100ms", says=str(port))

    # Nothing listens there; these stop before anybody would notice.
    real = "https://127.0.0.1:9"

    def test_nobody_said_yes(self):
        self.run_to(2, "--to", self.real, says="--approve", start_new_session=True)

    def test_the_approval_of_another_plan(self):
        self.run_to(6, "--to", self.real, "--approve", "0123456789ab", says="0123456789ab")

    # -- words

    def test_unknown_words(self):
        self.stops(2, "plan", self.file("pairs.csv"), "--colour", says="--colour")
        self.stops(2, "send", says="send")
        self.stops(2, "plan", self.file("pairs.csv"), "--row-max", "12 parsecs", says="--row-max")


if __name__ == "__main__":
    harness.main()
