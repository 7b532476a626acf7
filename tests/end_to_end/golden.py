# SPDX-License-Identifier: MIT
"""What golden_test.py and tests/golden/make share: how a fixture is put where the program can work
on it, what is looked at, what is compared and how, and the service that records what it is sent.

A fixture is a directory below tests/golden/plans or tests/golden/jobs; tests/golden/README.md says
what stands in it.
"""
import ctypes
import gzip
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zlib

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"

# A job keeps the address of its service, so it is always this one: of the loopback net, below the
# ports that a kernel hands out, and used by nobody else.
ADDRESS = ("127.83.19.7", 16807)
URL = "http://%s:%d" % ADDRESS

# In the fingerprint of a job's target.
CREDENTIALS = dict(MIXPANEL_TOKEN="0f5c1f8b2d7e4a90b3c6d1e2f3a4b5c6", MIXPANEL_SECRET="golden-secret",
                   MIXPANEL_USERNAME="etl.12345.mp-service-account")

# Which start of which machine a stored checkpoint speaks of: none that there is.
NO_BOOT = "00000000-0000-4000-8000-000000000000"


# -- the program

def call(program, args, cwd, fault=None, stdin=None, until=None):
    """Run idmerge in a directory with nothing of the caller's environment; returns exit code (of a
    signal: its negative), stdout and stderr. `until` is waited for, and then it gets SIGTERM."""
    keep = ("PATH", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
    env = {name: os.environ[name] for name in keep if name in os.environ}
    env.update(CREDENTIALS, HOME=str(cwd), LANG="C.UTF-8", TZ="UTC")
    if fault:
        env["IDMERGE_FAULT"] = fault
    with open(stdin or os.devnull, "rb") as source:
        process = subprocess.Popen([program, *args], cwd=cwd, env=env, stdin=source,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while until and not until():
            time.sleep(0.01)
        if until:
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
    return process.returncode, out.decode(), err.decode()


# -- where a fixture stands

def restore(stored, place):
    """Copy a directory of a fixture to where the program may change it. Git keeps neither modes nor
    times, and `explain` takes times of files for the end of a run."""
    shutil.copytree(stored, place)
    checkpoint = place / "runs/1-of-1/checkpoint"
    at = 1_796_000_000
    if checkpoint.exists():
        at = int(re.search(r"(?m)^pinned_time_s = (\d+)$", checkpoint.read_text())[1]) + 60
    if (place / "plan").exists() or (place / "runs").exists():
        (place / ".gitignore").write_text("*\n")
    for path in [place, *place.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (at, at))
    return place


def store(job, place, planned=None):
    """Keep a job as a fixture: without what says where and when it was made, what nobody reads, and
    what stands in the job of its plan's fixture."""
    shutil.copytree(job, place, ignore=shutil.ignore_patterns(".gitignore", "report.html"))
    for summary in place.rglob("summary.json") if planned else ():
        summary.unlink()
    for path in planned.rglob("*") if planned else ():
        mine = place / path.relative_to(planned)
        if path.is_file() and mine.is_file() and mine.read_bytes() == path.read_bytes():
            mine.unlink()
    for checkpoint in place.rglob("checkpoint"):
        change_checkpoint(checkpoint, boot=NO_BOOT)
    for lock in place.rglob("lock"):
        lock.write_text(re.sub(r"(?m)^host = .*$", "host = golden", lock.read_text()))
    for empty in [path for path in place.rglob("*") if path.is_dir() and not any(path.iterdir())]:
        (empty / "lock").write_text("")


def change_checkpoint(path, **values):
    """Give keys of a checkpoint other values, and the text its checksum."""
    text = path.read_text()
    for key, value in values.items():
        text, found = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        assert found == 1, key
    body = text[:text.index("checksum = ")].encode()
    xxhash = ctypes.CDLL("libxxhash.so.0").XXH3_64bits
    xxhash.restype, xxhash.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]
    path.write_bytes(body + b"checksum = %016x\n" % xxhash(body, len(body)))


def this_boot():
    return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()


# -- what is compared

def plan_bytes(path):
    """A plan without its secret, time and memory, and the two checksums that cover these."""
    raw = bytearray(path.read_bytes())
    footer = len(raw) - 248
    for begin, end in ((16, 48), (footer + 16, footer + 32), (footer + 232, footer + 240)):
        raw[begin:end] = bytes(end - begin)
    return bytes(raw)


def plan_id(path):
    raw = path.read_bytes()
    return raw[len(raw) - 248 + 216:][:6].hex()


def facts(name, text):
    """What must be the same for ever of a text that the program wrote, by the name of its file. What
    is left out are words for people, and the version: those may change, but not unseen."""
    if name.endswith("summary.json"):
        summary = json.loads(text)
        summary.pop("program")
        for words in ("stop", "next"):
            summary[words] = bool(summary[words])
        return json.dumps(summary, indent=1)
    if pathlib.PurePath(name).stem in ("rejected", "held"):
        lines = [json.loads(line) for line in text.splitlines()]
        return "\n".join(json.dumps({key: value for key, value in line.items()
                                     if key not in ("message", "hint")}) for line in lines)
    if name.endswith(".txt"):
        return " ".join(re.findall(r"\d[\d,.:]*", text))
    if name.endswith(".ndjson"):  # stderr stands before the lines
        return re.sub(r"(?m)^idmerge: .*", lambda line: facts(".txt", line[0]), text)
    return text


def words(name, text):
    """All of such a text, but for what is another in each run or version."""
    if name.endswith("summary.json"):
        text = json.dumps({**json.loads(text), "program": ""}, indent=1)
        return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z( \(for \w+\))?", "TIME", text)
    return text


def look(program, place, lists, ids):
    """What the program says of `job`, by the name of the file that keeps it: {name: text}. A list
    that is word for word a file of the job is not kept twice, and of the longest only a digest."""
    seen = {}

    def said(name, *args):
        code, out, err = call(program, [*args, "--job", "job"], place)
        if code or name.endswith(".txt"):
            out = f"exit {code}\n{err}{out}"
        if not any(path.read_text() == out for path in place.glob(f"job/**/{name}")):
            seen[name] = out

    said("status.txt", "status")
    for which in lists:
        form = "csv" if which == "in-doubt" else "ndjson"
        said(f"{which}.{form}", "show", f"--{which}", "--format", form, "--show-ids", "always")
    if ids:
        said("explain.ndjson", "explain", *ids, "--format", "ndjson", "--show-ids", "always")
    if len(ids) == 1:
        said("explain.txt", "explain", *ids, "--show-ids", "always")
    if "links.ndjson" in seen:
        seen["links.sha256"] = sha256(seen.pop("links.ndjson"))
    return seen


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest() + "\n"


# -- the service

class Service(http.server.ThreadingHTTPServer):
    """Takes every link, writes down what it was sent, and does otherwise where `how` says so:

    refuse      ids with this text: no
    refuse_one_in   of so many links one, always the same: no
    stuck       ids with this text: 503, for ever
    lost        ids with this text: taken, but the connection is cut without an answer
    first_wins  a link that was taken already: errAnonDistinctIdAssignedAlready
    taken       links that were taken before it was started, as `link_of()` has them
    after       from this request on
      status    ... the answer is this one,
      headers   ... with these headers; status 0: no answer at all
    """
    daemon_threads = True

    def __init__(self, **how):
        self.how, self.lock = how, threading.Lock()
        self.taken = {tuple(link) for link in how.get("taken", ())}
        self.requests, self.failed = 0, None
        self.sent = []      # all that came, in its order: (path, body without the token)
        self.answered = []  # the links that got a yes or a no
        while True:  # somebody else's test may be at it
            try:
                super().__init__(ADDRESS, Exchange)
                break
            except OSError as busy:
                print(f"golden: waiting for {URL}: {busy}", flush=True)
                time.sleep(1)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()
        if self.failed:
            raise self.failed

    def handle_error(self, *_):
        """Who is killed hangs up; all else is a mistake of ours."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            self.failed = sys.exc_info()[1]

    def text(self, with_time):
        """All that was sent, sorted, since the order depends on answers: a digest of the bodies, and
        the links for people."""
        for _, body in self.sent:
            with_time or body.get("properties", {}).pop("time", None)
        bodies = sorted(json.dumps(each, sort_keys=True) for each in self.sent)
        links = sorted(" ".join((path.split("?")[0], *link_of(body))) for path, body in self.sent)
        return sha256("\n".join(bodies)) + "".join(line + "\n" for line in links)

    def links(self):
        return [link_of(body) for _, body in self.sent]


def link_of(body):
    """The two ids of a request or an event, anonymous side first."""
    body = body.get("properties", body)
    if "$anon_id" in body:
        return body["$anon_id"], body["$identified_id"]
    if "$device_id" in body:
        return body["$device_id"], body["$user_id"]
    if "alias" in body:
        return body["alias"], body["distinct_id"]
    return tuple(body["$distinct_ids"])


class Exchange(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        self.answer(404, {})  # no emulator

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        bodies = json.loads(raw)
        is_batch = isinstance(bodies, list)
        bodies = bodies if is_batch else [bodies]
        server, how = self.server, self.server.how
        with server.lock:
            server.requests += 1
            for body in bodies:
                body.get("properties", body).pop("token", body.pop("$token", None))
                server.sent.append((self.path, body))
            links = [link_of(body) for body in bodies]

            def has(what):
                return what in how and any(how[what] in id for link in links for id in link)

            if server.requests > how.get("after", server.requests):
                return self.answer(how["status"], {"status": 0, "error": "as told"},
                                   **how.get("headers", {}))
            if has("stuck"):
                return self.answer(503, {"status": 0, "error": "stuck"})
            reasons = [self.reason(link) for link in links]
            server.taken.update(link for link, no in zip(links, reasons) if not no)
            if has("lost") and not any(reasons):
                self.close_connection = True
                return None
            server.answered += links
            if is_batch:
                return self.answer_batch(bodies, reasons)
            (no,) = reasons
            return self.answer(400 if no else 200, {"status": 0, "error": no} if no else {"status": 1})

    def reason(self, link):
        """Why a link is not taken; None if it is."""
        how = self.server.how
        if "refuse" in how and any(how["refuse"] in id for id in link):
            return "errIdsNotLinkable"
        if zlib.crc32(" ".join(link).encode()) % how.get("refuse_one_in", 1 << 40) == 0:
            return "errIdsNotLinkable"
        if how.get("first_wins") and link in self.server.taken:
            return "errAnonDistinctIdAssignedAlready"
        return None

    def answer_batch(self, events, reasons):
        failed = [{"index": index, "$insert_id": events[index]["properties"]["$insert_id"],
                   "field": "properties", "message": no}
                  for index, no in enumerate(reasons) if no]
        answer = {"code": 400 if failed else 200, "status": "Bad Request" if failed else "OK",
                  "num_records_imported": len(events) - len(failed)}
        if failed:
            answer.update(error="some data points in the request failed validation",
                          failed_records=failed)
        self.answer(answer["code"], answer)

    def answer(self, status, body, **headers):
        if status == 0:
            self.close_connection = True
            return
        data = json.dumps(body).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


# -- what the program makes of a fixture: {name of the stored file: text}

def fixtures(kind):
    return sorted(path.parent for path in (GOLDEN / kind).glob("*/case.json"))


def case_of(fixture):
    return json.loads((fixture / "case.json").read_text())


def texts_of(place, prefix, names):
    """Those files that there are and that say something."""
    return {f"{prefix}{name}": (place / name).read_text() for name in names
            if (place / name).exists() and (place / name).stat().st_size > 0}


def make_plan(program, fixture, place):
    """Plan the inputs of a fixture in a directory of its own, as `job`."""
    case = case_of(fixture)
    restore(fixture / "files", place)
    code, out, err = call(program, ["plan", *case["plan"], "--job", "job", "--show-ids", "always"],
                          place, stdin=case.get("stdin") and place / case["stdin"])
    made = look_at_plan(program, fixture, place)
    _, census, _ = call(program, ["show", "--job", "job", "--show-ids", "always"], place)
    made["seen/plan.txt"] = f"exit {code}\n" + without(err + out, census)
    return made | texts_of(place / "job", "job/", ("rejected.ndjson", "held.ndjson", "summary.json"))


def look_at_plan(program, fixture, place):
    """What is said of the job in a directory where the inputs of a fixture are."""
    case = case_of(fixture)
    seen = look(program, place, ("links", "held", "rejected"), case["explain"])
    if not case["explain"]:
        del seen["status.txt"]
    code, census, err = call(program, ["show", "--job", "job", "--show-ids", "always"], place)
    if len(case["explain"]) > 1:
        seen["show.txt"] = f"exit {code}\n{err}{census}"
    if "stdin" not in case:
        # Is it the plan of these inputs and options? Also after a guard: then it says so again.
        code, _, err = call(program, ["run", *case["plan"], "--job", "job", "--dry-run",
                                      "--show-ids", "always"], place)
        seen["run.txt"] = f"exit {code}\n" + without(err, census)
    return {f"seen/{name}": text for name, text in seen.items() if text}


def without(text, other):
    """The lines of a text that do not stand in another one, too."""
    others = set(other.splitlines())
    return "".join(line + "\n" for line in text.splitlines() if line not in others)


def restore_job(fixture, variant, place):
    """Put a job that stopped half-way, with its inputs, where a run may go on with it: what it was
    planned from, the plan, and what stands in its own directory."""
    case = case_of(fixture)
    planned = GOLDEN / "plans" / case["plan_of"]
    both = place.parent / f"{place.name}.both"
    if case.get("plan_is_whole", True):
        shutil.copytree(planned / "job", both)
    if (fixture / "job").exists():  # not if nothing was sent: git keeps no empty directory
        shutil.copytree(fixture / "job", both, dirs_exist_ok=True)
    restore(planned / "files", place)
    job = restore(both, place / "job")
    changes = dict(case["variants"][variant].get("checkpoint", {}))
    if changes:
        checkpoint = job / "runs/1-of-1/checkpoint"
        if changes.get("boot") == "this":
            changes["boot"] = this_boot()
        if "paused_for_s" in changes:
            changes["paused_until_s"] = int(time.time()) + changes.pop("paused_for_s")
        at = checkpoint.stat().st_mtime
        change_checkpoint(checkpoint, **changes)
        os.utime(checkpoint, (at, at))
    return job


def look_at_job(program, fixture, variant, place):
    case = case_of(fixture)
    if not case["variants"][variant].get("look", True) or not (place / "job/plan").exists():
        return {}
    is_first = variant == next(iter(case["variants"]))
    seen = look(program, place, ("refused", "in-doubt"), case["explain"] if is_first else ())
    return fold(fixture, variant, {f"seen.{variant}/{name}": text for name, text in seen.items()})


def fold(fixture, variant, made):
    """Without what is empty, what is as it is of the fixture's first variant, which is stored, and
    lists that are still those of the job."""
    first = next(iter(case_of(fixture)["variants"]))

    def is_new(name, text):
        letters = fixture / "job/runs/1-of-1" / pathlib.PurePath(name).name
        if name.startswith("after.") and letters.exists():
            if "".join(sorted(letters.read_text().splitlines(True))) == text:
                return False
        other = fixture / name.replace(f".{variant}/", f".{first}/")
        return variant == first or not other.exists() or other.read_text() != text
    return {name: text for name, text in made.items() if text and is_new(name, text)}


def links_in(path):
    """Links that make() wrote down, one a line."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {tuple(line.split(" ", 1)) for line in lines}


def go_on(program, fixture, variant, place):
    """Resume a job; returns what is stored of that, the service, exit code and stderr."""
    how = case_of(fixture)["variants"][variant]
    run = how.get("run", ["run", "--job", "job", "--yes"])
    with Service(taken=links_in(fixture / "taken.txt"), **how.get("service", {})) as service:
        code, _, err = call(program, [*run, *how.get("more", ())], place)
    run_files = place / "job/runs/1-of-1"
    assert (run_files / "checkpoint").exists(), f"did not begin: exit {code}: {err}"
    prefix = f"after.{variant}/"
    # A job that has begun has pinned the time of its links.
    made = {f"{prefix}sent.txt": service.text((fixture / "job/runs/1-of-1/checkpoint").exists())}
    summary = json.loads((place / "job/summary.json").read_text())
    for known in ("inputs", "census"):  # of the plan
        del summary[known]
    made[f"{prefix}summary.json"] = json.dumps(summary) + "\n"
    for name in ("refused.ndjson", "ambiguous.ndjson"):
        lines = (run_files / name).read_text().splitlines(True)
        made[prefix + name] = "".join(sorted(lines))
    return fold(fixture, variant, made), service, code, err


def differences(fixture, made, prefixes):
    """(name, what is stored, what was made, are it only words) of each file that is not as it was."""
    stored = {str(path.relative_to(fixture)) for path in fixture.rglob("*") if path.is_file()}
    stored = {name for name in stored if name.startswith(tuple(prefixes))}
    for name in sorted(stored | made.keys()):
        old = (fixture / name).read_text() if name in stored else ""
        new = made.get(name, "")
        if not (old or new):
            continue
        if not (old and new):
            yield name, old, new, False
        elif words(name, old) != words(name, new):
            yield name, old, new, facts(name, old) == facts(name, new)
