# SPDX-License-Identifier: MIT
"""What the end to end tests share: the program, an emulator beside it, and the truth about an
input, computed by independent means (Python's csv and json, its own rules of the screen).

Environment: IDMERGE and MAKE_PAIRS (programs), IDMERGE_ROWS (how large; 100,000), IDMERGE_LONG
(the full sizes), IDMERGE_SEED, IDMERGE_SANITIZED (not empty: memory says nothing).
"""
import csv
import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

IDMERGE = os.environ["IDMERGE"]
MAKE_PAIRS = os.environ["MAKE_PAIRS"]
LONG = bool(os.environ.get("IDMERGE_LONG"))
ROWS = int(os.environ.get("IDMERGE_ROWS", 1_000_000 if LONG else 100_000))
SANITIZED = bool(os.environ.get("IDMERGE_SANITIZED"))
SEED = int(os.environ.get("IDMERGE_SEED", random.SystemRandom().randrange(1 << 31)))
SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "samples"

TOKEN = "0f5c1f8b2d7e4a90b3c6d1e2f3a4b5c6"
USERNAME = "etl.12345.mp-service-account"
SECRET = "Zp7qL0vX3nB8wK2sT5yR9dH4"

print(f"IDMERGE_SEED={SEED} IDMERGE_ROWS={ROWS}", flush=True)


class Case(unittest.TestCase):
    """A test with a directory of its own and processes that end with it."""

    def setUp(self):
        self.random = random.Random(SEED)
        scratch = tempfile.TemporaryDirectory(prefix="idmerge-")
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)

    # -- the program

    def environment(self, **changes):
        """The environment of a run: credentials, and nothing of the caller's."""
        keep = ("PATH", "LANG", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
        env = {name: os.environ[name] for name in keep if name in os.environ}
        env.update(HOME=str(self.dir), MIXPANEL_TOKEN=TOKEN, MIXPANEL_USERNAME=USERNAME,
                   MIXPANEL_SECRET=SECRET)
        # Pairs that are made here have users of a hundred ids in tables of some thousand rows.
        env["IDMERGE_MAX_USER_SHARE"] = "none"
        env.update(changes)
        return {name: value for name, value in env.items() if value is not None}

    def start(self, *args, env=None, program=IDMERGE, **more):
        """Start idmerge. Its output goes into files, so that it can never block."""
        out = tempfile.TemporaryFile(dir=self.dir)
        err = tempfile.TemporaryFile(dir=self.dir)
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("cwd", self.dir)
        process = subprocess.Popen([program, *map(str, args)], stdout=out, stderr=err,
                                   env=env or self.environment(), **more)
        process.out, process.err, process.line = out, err, " ".join(map(str, args))
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.wait()
        process.out.close()
        process.err.close()

    @staticmethod
    def said(process):
        """What a process has written so far: (stdout, stderr)."""
        texts = []
        for file in (process.out, process.err):
            file.seek(0)
            texts.append(file.read().decode())
        return texts

    def run_idmerge(self, *args, expect=0, env=None, **more):
        """Run idmerge to its end and check its exit code; returns (stdout, stderr)."""
        process = self.start(*args, env=env, **more)
        process.wait()
        out, err = self.said(process)
        self.assertEqual(process.returncode, expect,
                         f"idmerge {process.line}\n--- stdout\n{out}\n--- stderr\n{err}")
        return out, err

    def emulator(self, *args):
        return Emulator(self, *args)

    def pairs(self, name, *args, seed=SEED):
        """Make a file of pairs; returns its path."""
        path = self.dir / name
        subprocess.run([MAKE_PAIRS, "--output", path, "--seed", str(seed), *map(str, args)],
                       check=True)
        return path

    # -- what must be true of a job

    def summary(self, job):
        return json.loads((job / "summary.json").read_text())

    def planned_links(self, job, verdict="send"):
        """The pairs of a plan with this verdict, in its order."""
        out, _ = self.run_idmerge("show", "--job", job, "--links", "--format", "ndjson",
                                  "--show-ids", "always")
        return [(link["anonymous_id"], link["user_id"]) for link in map(json.loads, out.splitlines())
                if link["verdict"] == verdict]

    def reasons(self, job):
        """Line and reason of each rejected row."""
        lines = (job / "rejected.ndjson").read_text().splitlines()
        return [(line["line"], line["reason"]) for line in map(json.loads, lines)]

    def check_account(self, job, **fates):
        """Law 1: the fates add up to the rows, and are those given."""
        account = self.summary(job)["account"]
        parts = ["delivered", "duplicate", "skipped", "rejected", "held", "refused", "pending"]
        self.assertEqual(account["read"], sum(account[part] for part in parts), account)
        for fate, count in fates.items():
            self.assertEqual(account[fate], count, f"{fate} of {account}")
        return account


class Emulator:
    """A separately started `idmerge emulator`."""

    def __init__(self, case, *args, listen="127.0.0.1:0"):
        self.process = case.start("emulator", "--listen", listen, *args)
        while True:
            out, err = case.said(self.process)
            line = next((l for l in (out + err).splitlines() if "listening on " in l), None)
            if line:
                break
            if self.process.poll() is not None:
                case.fail(f"the emulator ended: {out}{err}")
            time.sleep(0.01)
        self.url = line.split("listening on ")[1].split()[0]
        self.address = urllib.parse.urlparse(self.url).netloc

    def get(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return answer.read()

    def stats(self):
        return json.loads(self.get("/emulator/stats"))

    def clusters(self):
        """Every cluster of at least two ids, as a set of frozensets."""
        return {frozenset(json.loads(line)) for line in self.get("/emulator/clusters").splitlines()}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


# -- the truth

PLACEHOLDERS = set("""anon anonymous nil none null n/a na undefined unknown <nil> 0 -1 true false []
{} guest distinctid distinct_id id not_authenticated email nan lmy47d""".split()) | {
    "[object object]", "00000000-0000-0000-0000-000000000000"}


def is_usable(value):
    """The screen: may this id be linked at all? `value` is the id's bytes, one a character."""
    try:
        text = value.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return False
    bare = text.strip().lower()
    while len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"":
        bare = bare[1:-1].strip()
    return (len(value) <= 255 and not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text)
            and bare not in PLACEHOLDERS and bare.strip("0-") != "")


def csv_pairs(path):
    """(anonymous id, user id) of each row, None where the row cannot be read."""
    with open(path, encoding="latin-1", newline="") as file:
        rows = csv.reader(file, strict=True)
        header = next(rows)
        anon, user = header.index("anonymous_id"), header.index("user_id")
        while True:
            try:
                row = next(rows)
            except csv.Error:
                yield None
                continue
            except StopIteration:
                return
            yield (row[anon], row[user]) if len(row) == len(header) else None


def ndjson_pairs(path):
    class Inexact(str):
        pass
    with open(path, encoding="latin-1", newline="\n") as file:
        for line in file:
            try:
                row = json.loads(line.encode("latin-1").decode("utf-8"), parse_float=Inexact,
                                 parse_int=str)
            except ValueError:
                yield None
                continue
            ids = row["anonymous_id"], row["user_id"]
            if any(isinstance(value, Inexact) for value in ids):
                yield None
            else:
                yield tuple(value.encode().decode("latin-1") for value in ids)


class Truth:
    """What has to become of an input: the pairs to send and the number of rows of each fate."""

    def __init__(self, path):
        users = {}  # anonymous id -> its users
        self.read = self.rejected = self.skipped = self.duplicate = 0
        for pair in (ndjson_pairs if str(path).endswith("ndjson") else csv_pairs)(path):
            self.read += 1
            if pair is None:
                self.rejected += 1
            elif any(not side.strip() for side in pair):
                self.skipped += 1
            elif pair[0] == pair[1] or not is_usable(pair[0]) or not is_usable(pair[1]):
                self.rejected += 1
            elif pair[1] in users.setdefault(pair[0], set()):
                self.duplicate += 1
            else:
                users[pair[0]].add(pair[1])
        self.pairs = {anon: next(iter(of)) for anon, of in users.items() if len(of) == 1}
        self.held = sum(len(of) for of in users.values() if len(of) > 1)

    def clusters(self):
        members = {}
        for anon, user in self.pairs.items():
            members.setdefault(user, {user}).add(anon)
        return {frozenset(id.encode("latin-1").decode() for id in ids) for ids in members.values()}

    def fates(self):
        return dict(read=self.read, delivered=len(self.pairs), duplicate=self.duplicate,
                    skipped=self.skipped, rejected=self.rejected, held=self.held, refused=0,
                    pending=0)


def main():
    unittest.main(verbosity=2)
