# SPDX-License-Identifier: MIT
"""The command line from outside: a mistake in any option, help, environment, files, signals, and
every bad input of a job, each with its exit code and one clear line.

Environment: IDMERGE (the program).
"""
import json
import os
import pathlib
import pty
import re
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

IDMERGE = os.environ["IDMERGE"]
SECRETS = {"MIXPANEL_TOKEN": "0123456789abcdef", "MIXPANEL_USERNAME": "etl",
           "MIXPANEL_SECRET": "hunter2hunter2"}
PAIRS = "anonymous_id,user_id\n3f2504e0-4f89-41d3-9a0c-0305e82c3301,u1\n"
COMMANDS = ("plan", "run", "show", "status", "explain", "rate", "emulator")
NOBODY = 65534


class Case(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="idmerge-")
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)

    def environment(self, **changes):
        kept = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LD_LIBRARY_PATH")
        env = {name: os.environ[name] for name in kept if name in os.environ} | SECRETS | changes
        return {name: value for name, value in env.items() if value is not None}

    def start(self, *args, env=None, **more):
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                "start_new_session": True} | more
        return subprocess.Popen([IDMERGE, *map(str, args)], cwd=self.dir,
                                env=self.environment() if env is None else env, **more)

    def call(self, code, *args, **more):
        """Run to the end; the exit code must be `code`. Returns stdout and stderr."""
        process = self.start(*args, **more)
        out, err = ((text or b"").decode() for text in process.communicate())
        self.assertEqual(process.returncode, code, f"{args}\n{out}\n{err}")
        for secret in ("hunter2hunter2", "0123456789abcdef"):
            self.assertNotIn(secret, out + err)
        return out, err

    def mistake(self, code, *args, says=(), **more):
        """One line says what is wrong, where, and what to do."""
        _, err = self.call(code, *args, **more)
        lines = [line for line in err.splitlines()
                 if line.startswith("idmerge: ") and not line.startswith("idmerge: warning: ")]
        self.assertEqual(len(lines), 1, err)
        self.assertGreaterEqual(lines[0].count(": "), 2, lines[0])
        for words in (says,) if isinstance(says, str) else says:
            self.assertIn(words, lines[0])
        return err

    def file(self, name="pairs.csv", content=PAIRS):
        path = self.dir / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


def options_of(command):
    """(name, value) of each option, as --help prints them."""
    text = subprocess.run([IDMERGE, command, "--help"], capture_output=True, check=True).stdout
    return re.findall(r"^  (?:-\w, )?--([a-z-]+)(?: (\S+))?", text.decode(), re.M)


class Options(Case):
    FREE = ("NAME", "FILE", "DIR", "A,B", "WORD", "CMD", "TOKEN", "TEXT")

    def test_a_mistake_in_every_option(self):
        base = {"plan": ["plan", self.file()], "run": ["run", self.file(), "--to", "eu"],
                "show": ["show", "--job", "j"], "status": ["status", "--job", "j"],
                "explain": ["explain", "u1", "--job", "j"], "rate": ["rate", "5/s", "--job", "j"],
                "emulator": ["emulator"]}
        tried = 0
        for command in COMMANDS:
            for name, value in options_of(command):
                words = [w for w in base[command] if name not in ("to", "job")]
                if name in ("to", "job"):
                    words = base[command]
                    if "--job" in words or "--to" in words:
                        words = words[:-2]
                with self.subTest(command=command, option=name):
                    if not value:
                        self.mistake(2, *words, f"--{name}=maybe", says=f"--{name}: takes no value")
                        continue
                    self.mistake(2, *words, f"--{name}", says=f"--{name}: its value is missing")
                    self.mistake(2, *words, f"--{name}=", "--log-level", "info",
                                 says=f"--{name}: is empty")
                    if name != "log-format":
                        _, err = self.call(2, *words, f"--{name}=", "--log-format", "json")
                        self.assertEqual([json.loads(line)["level"] for line in err.splitlines()],
                                         ["error"])
                    if not value.startswith(self.FREE):
                        self.mistake(2, *words, f"--{name}", "?!", says=f"--{name}")
                    tried += 1
        self.assertGreater(tried, 100)
        self.assertEqual(list(self.dir.iterdir()), [self.dir / "pairs.csv"])

    def test_an_unknown_option_suggests_the_nearest(self):
        self.mistake(2, "run", "x", "--ratte", "5/s", says="did you mean --rate?")
        self.mistake(2, "run", "x", "--frobnicate", says="--frobnicate: unknown option")
        self.mistake(2, "plan", "x", "--burst", "5", says="it belongs to run")
        self.mistake(2, "rnu", says="did you mean run?")

    def test_the_exact_line(self):
        _, err = self.call(2, "run", self.file(), "--to", "eu", "--rate", "abc")
        self.assertEqual(err, 'idmerge: --rate: "abc" is not a rate: write for example 500/s\n')

    def test_environment_and_file_name_the_option_as_it_was_set(self):
        self.mistake(2, "run", "x", "--to", "eu", env=self.environment(IDMERGE_RATE="abc"),
                     says="IDMERGE_RATE: \"abc\"")
        self.file("c.toml", "connections = 0\n")
        self.mistake(2, "run", "x", "--to", "eu", "--config", "c.toml",
                     says="c.toml: line 1: connections: 0")
        err = self.mistake(2, "run", "x", "--config", "none.toml")
        self.assertIn("idmerge: --config: none.toml: No such file or directory", err)
        # The flag wins, so a wrong variable behind it does no harm.
        self.call(0, "plan", self.file(), "--row-max", "1MiB",
                  env=self.environment(IDMERGE_ROW_MAX="abc"))

    def test_consent_comes_from_the_command_line_only(self):
        for name in ("IDMERGE_YES", "IDMERGE_APPROVE"):
            self.mistake(2, "run", "x", "--to", "eu", env=self.environment(**{name: "1"}),
                         says="command line only")
        self.file("c.toml", "yes = true\n")
        self.mistake(2, "run", "x", "--to", "eu", "--config", "c.toml", says="command line only")

    def test_a_variable_that_is_no_option_is_warned_of(self):
        _, err = self.call(0, "plan", self.file(), env=self.environment(IDMERGE_RATTE="5/s"))
        self.assertIn("idmerge: warning: IDMERGE_RATTE: is no option: did you mean IDMERGE_RATE?",
                      err)

    def test_a_lost_variable_is_named_when_other_settings_fail_too(self):
        env = self.environment(IDMERGE_ANON_FEILD="a")
        _, err = self.call(2, "plan", self.file(), "--no-such-option", env=env)
        self.assertIn("IDMERGE_ANON_FEILD: is no option: did you mean IDMERGE_ANON_FIELD?", err)
        _, err = self.call(2, "plan", self.file(), "--no-such-option", "--log-format", "json",
                           env=env)
        lines = [json.loads(line) for line in err.splitlines()]
        self.assertEqual([line["level"] for line in lines], ["warning", "error"])
        self.assertIn("IDMERGE_ANON_FEILD", lines[0]["msg"])

    def test_the_log_format_of_a_file_holds_for_what_is_wrong_in_it(self):
        config = self.file("idmerge.toml", 'log-format = "json"\nratte = 5\n')
        _, err = self.call(2, "plan", self.file(), "--config", config)
        [line] = [json.loads(line) for line in err.splitlines()]
        self.assertIn("line 2: ratte: no such option", line["msg"])

    def test_a_misspelt_guard_ends_what_it_should_guard(self):
        env = self.environment(IDMERGE_MAX_HEDL="0")
        self.mistake(2, "plan", self.file(), env=env, says="misspelt guard")
        self.call(0, "plan", self.file(), "--job", "made")
        # Commands that only read a job warn of it.
        _, err = self.call(0, "status", "--job", "made", env=env)
        self.assertIn("IDMERGE_MAX_HEDL", err)

    def test_help_and_version(self):
        out, err = self.call(0, "--version")
        self.assertRegex(out, r"^idmerge \d+\.\d+\.\d+\n$")
        for args in (["--help"], ["--help-all"], *([command, "--help"] for command in COMMANDS)):
            out, err = self.call(0, *args)
            self.assertEqual(err, "")
            self.assertLessEqual(max(map(len, out.splitlines())), 100)

    def test_logs_as_json(self):
        _, err = self.call(0, "plan", self.file(), "--log-format", "json")
        lines = [json.loads(line) for line in err.splitlines()]
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("debug", "info", "warning", "error"))
        self.assertEqual(lines[0]["census"]["rows"], 1)

    def test_quiet_is_silent_exactly_when_all_is_well(self):
        out, err = self.call(0, "run", self.file(), "--to", "emulator", "--quiet")
        self.assertEqual(out + err, "")
        dirty = self.file("dirty.csv", PAIRS + "b,null\n")
        _, err = self.call(3, "run", dirty, "--to", "emulator", "--quiet", "--max-rejected", "none")
        self.assertIn("1 rejected", err)


class Jobs(Case):
    def plan_fails(self, code, *args, says=(), **more):
        self.mistake(code, "plan", *args, "--job", self.dir / "job", says=says, **more)
        self.assertFalse((self.dir / "job" / "plan").exists())

    def test_inputs(self):
        empty = self.dir / "empty"
        empty.mkdir()
        self.plan_fails(4, self.dir / "none.csv", says="none.csv")
        self.plan_fails(4, empty, says="empty")
        self.plan_fails(4, self.file("e.csv", ""), says="e.csv")
        self.plan_fails(2, self.file("c.csv", "a,b\n1,2\n"), says="--anon-field")
        self.plan_fails(2, self.file("d.csv", "anonymous_id,anon_id,user_id\n1,2,3\n"),
                        says=("anonymous_id", "anon_id"))
        self.plan_fails(2, self.file(), "--user-field", "uid", says="uid")
        self.plan_fails(4, self.file("g.csv", bytes(range(256)) * 64))
        self.plan_fails(4, self.file(), "--min-rows", "2", says="--min-rows")
        self.call(0, "plan", self.file("h.csv", "anonymous_id,user_id\n"), "--job", "job")

    def test_ids_stay_out_of_the_log(self):
        uuid, user = "550e8400-e29b-41d4-a716-446655440000", "jane@example.com"
        cases = [
            (f"{uuid},12345\n{user},678901\n", [], "the header is: "),
            (f"{user},plan name,address_2\n", [], "the header is: "),
            (f"{uuid};12345\n", ["--no-header", "--anon-field", "#1", "--user-field", "#2"],
             "the row is: "),
            ("janet;doering\n", ["--no-header", "--anon-field", "#1", "--user-field", "#2"],
             "the row is: "),
            (f'{{"a":"{uuid}","{user}":1}}\n', [], "keys of the first rows are: "),
        ]
        for content, more, says in cases:
            with self.subTest(content=content):
                path = self.file("ids", content)
                err = self.mistake(2, "plan", path, *more, "--show-ids", "never", says=says)
                for piece in (uuid, user, "12345", "janet", "doering"):
                    self.assertNotIn(piece, err)
                err = self.mistake(2, "plan", path, *more, "--show-ids", "always", says=says)
                self.assertTrue(any(piece in err for piece in (uuid, user, "janet")), err)
                if "plan name" in content:
                    self.assertIn("plan name, address_2", err)
        deny = self.file("deny", f"qa\n/({user}/\n")
        err = self.mistake(2, "plan", self.file(), "--deny-file", deny, "--show-ids", "never",
                           says="line 2: is not a regular expression: missing ): see")
        self.assertNotIn(user, err)

    def test_several_inputs_need_a_job(self):
        self.mistake(2, "plan", self.file(), self.file("q.csv"), says="--job")
        self.mistake(2, "plan", "-", says="--job")
        self.mistake(2, "plan", self.dir, says="--job")
        self.mistake(2, "run", "-", "--job", "job", "--to", "emulator", says="--expect-rows")

    def as_nobody(self):
        self.dir.chmod(0o777)
        return {"user": NOBODY} if os.geteuid() == 0 else {}

    def test_what_may_not_be_read_or_written(self):
        hidden = self.file("hidden.csv")
        hidden.chmod(0)
        self.plan_fails(4, hidden, says="hidden.csv", **self.as_nobody())
        closed = self.dir / "closed"
        closed.mkdir()
        closed.chmod(stat.S_IRUSR | stat.S_IXUSR)
        self.mistake(2, "plan", self.file(), "--job", closed / "job", says="closed",
                     **self.as_nobody())

    def test_a_job_that_is_none(self):
        self.mistake(2, "status", "--job", "nowhere", says="nowhere")
        self.mistake(2, "show", "--job", "nowhere", says="nowhere")
        self.mistake(2, "run", "--job", "nowhere", "--to", "emulator", says="nowhere")

    def test_a_plan_or_checkpoint_that_was_changed(self):
        self.call(0, "run", self.file(), "--to", "emulator")
        job = self.dir / "pairs.csv.idmerge"
        good = (job / "plan").read_bytes()
        for damaged in (good[:-1], good[:100] + bytes([good[100] ^ 1]) + good[101:]):
            (job / "plan").write_bytes(damaged)
            self.mistake(4, "run", "--job", job, "--to", "emulator", says="plan")
            self.mistake(4, "status", "--job", job, says="plan")

    def test_targets(self):
        for url in ("htp://x", "https://", "https://a b/", "http://127.0.0.1:99999", "moon"):
            self.mistake(2, "run", self.file(), "--to", url, says="--to")
        self.mistake(2, "run", self.file(), "--to", "http://api.example.com", says="https")
        self.mistake(2, "run", self.file(), says="--to: is missing")
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            port = reserved.getsockname()[1]
            err = self.mistake(5, "run", self.file(), "--to", f"http://127.0.0.1:{port}",
                               "--yes", "--give-up-after", "200ms", "--backoff-min", "20ms",
                               "--backoff-max", "50ms", says=str(port))
        self.assertIn("go on: idmerge run --job", err)

    def test_secrets(self):
        to = ["--to", "https://127.0.0.1:1"]
        for name in SECRETS:
            self.mistake(2, "run", self.file(), *to, env=self.environment(**{name: None}),
                         says=name)
        self.mistake(2, "run", self.file(), *to, env=self.environment(MP_PASS="other"),
                     says=("MIXPANEL_SECRET", "MP_PASS"))
        secret = self.file("secret", "MIXPANEL_TOKEN=x\n")
        secret.chmod(0o644)
        self.mistake(2, "run", self.file(), *to, "--credentials", secret, says="chmod 600")
        self.assertFalse((self.dir / "pairs.csv.idmerge").exists())

    def test_a_command_that_is_started_by_hand_prints_commands_that_work(self):
        _, err = self.call(0, "plan", self.file("it's.csv"))
        command = re.search(r"send it: idmerge (.*) --to (\S+) --approve (\w+)", err)
        again = subprocess.run(["sh", "-c", f"exec \"$IDMERGE\" {command[1]} --to emulator"],
                               cwd=self.dir, env=self.environment(IDMERGE=IDMERGE),
                               capture_output=True, check=False)
        self.assertEqual(again.returncode, 0, again.stderr)


class Terminal(Case):
    """What only happens on a terminal, or by signals."""

    def on_terminal(self, answer, *args):
        """Run with a terminal of its own and type one line at it."""
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            os.execvpe(IDMERGE, [IDMERGE, *map(str, args)], self.environment())
        seen = b""
        answered = False
        while True:
            try:
                piece = os.read(fd, 4096)
            except OSError:
                break
            if not piece:
                break
            seen += piece
            if not answered and b"Type yes" in seen:
                os.write(fd, answer)
                answered = True
        _, status = os.waitpid(pid, 0)
        os.close(fd)
        self.assertTrue(answered, seen)
        return os.waitstatus_to_exitcode(status), seen.decode()

    # Nothing listens there, and HTTPS to this machine may be a tunnel, so somebody is asked.
    REAL = ("--to", "https://127.0.0.1:1", "--give-up-after", "100ms", "--backoff-min", "10ms",
            "--backoff-max", "20ms")

    def test_only_yes_is_yes(self):
        code, seen = self.on_terminal(b"y\n", "run", self.file(), *self.REAL)
        self.assertEqual(code, 6)
        self.assertIn("This will link 1 anonymous id to 1 user", seen)
        self.assertIn("It cannot be undone.", seen)
        self.assertIn("the answer was not yes", seen)
        code, seen = self.on_terminal(b"yes\n", "run", self.file(), *self.REAL)
        self.assertEqual(code, 5)

    def test_an_interrupt_at_the_question_sends_nothing(self):
        code, seen = self.on_terminal(b"\x03", "run", self.file(), *self.REAL)
        self.assertEqual(code, 130)
        self.assertIn("nothing was sent", seen)

    def test_an_interrupt_while_planning_ends_at_once(self):
        read, write = os.pipe()
        process = self.start("plan", "-", "--job", "job", stdin=read)
        os.close(read)
        os.write(write, PAIRS.encode())
        while not (self.dir / "job" / "runs").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
        os.close(write)
        self.assertEqual(process.returncode, 143)
        self.assertIn(b"interrupted: no plan was written", err)
        self.assertFalse((self.dir / "job" / "plan").exists())

    def sending(self, *more, drain="10s"):
        rows = "".join(f"00000000-0000-4000-8000-{n:012},u{n}\n" for n in range(1, 2000))
        emulator = self.start("emulator", "--listen", "127.0.0.1:0", *more)
        self.addCleanup(emulator.communicate)
        self.addCleanup(emulator.kill)
        url = emulator.stdout.readline().decode().split("listening on ")[1].split()[0]
        path = self.file("many.csv", "anonymous_id,user_id\n" + rows)
        process = self.start("run", path, "--to", url, "--rate", "100/s", "--drain", drain)
        checkpoint = self.dir / "many.csv.idmerge" / "runs" / "1-of-1" / "checkpoint"
        while not checkpoint.exists():
            time.sleep(0.01)
        time.sleep(0.2)
        return process

    def test_signals_while_sending(self):
        process = self.sending()
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        self.assertEqual(process.returncode, 130, err)
        self.assertIn(b"sending: ", err)
        self.assertIn(b"go on: idmerge run --job", err)
        out, _ = self.call(0, "status", "--job", "many.csv.idmerge")
        self.assertIn("stopped, exit 130", out)

    def test_a_second_signal_does_not_wait(self):
        # Neither answers nor the end of the drain come while anybody watches.
        process = self.sending("--latency", "10m", drain="1h")
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGTERM)
        process.communicate()
        self.assertEqual(process.returncode, 143)

    def test_what_a_row_holds_does_not_steer_the_terminal(self):
        row = b"a\x1b]0;pwn\x07,u\xc2\x9b1m"
        self.call(0, "plan", self.file(content=b"anonymous_id,user_id\n" + row + b"\n"),
                  "--max-rejected", "none")
        for form in ("csv", "ndjson"):
            args = ["show", "--job", "pairs.csv.idmerge", "--rejected", "--format", form]
            process = self.start(*args)
            out, err = process.communicate()
            self.assertEqual((process.returncode, err), (0, b""))
            if form == "csv":
                self.assertIn(row, out.replace(b'"', b""))  # elsewhere the bytes are exact
            master, slave = pty.openpty()
            process = self.start(*args, stdout=slave)
            os.close(slave)
            seen = b""
            try:
                while piece := os.read(master, 4096):
                    seen += piece
            except OSError:
                pass  # the other end is closed
            os.close(master)
            process.stderr.close()
            self.assertEqual(process.wait(), 0)
            seen = seen.replace(b"\r\n", b"\n")
            self.assertIn(b"pwn", seen)
            text = seen.decode()
            self.assertEqual([c for c in text if c < " " and c != "\n" or "\x7f" <= c < "\xa0"], [])

    def test_an_output_that_cannot_be_written_is_said(self):
        self.call(0, "plan", self.file())
        job = ["--job", "pairs.csv.idmerge"]
        for args in (["--help"], ["--version"], ["plan", "--help"], ["status", *job],
                     ["show", *job], ["show", *job, "--links"], ["explain", "u1", *job]):
            with self.subTest(args=args), open("/dev/full", "wb") as full:
                self.mistake(5, *args, stdout=full, says="stdout: ")

    def test_a_reader_that_goes_away_is_no_error(self):
        rows = "".join(f"00000000-0000-4000-8000-{n:012},u{n}\n" for n in range(1, 20000))
        self.call(0, "plan", self.file("many.csv", "anonymous_id,user_id\n" + rows))
        process = self.start("show", "--job", "many.csv.idmerge", "--links")
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        self.assertEqual((process.wait(), err), (0, b""))
        process.stderr.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
