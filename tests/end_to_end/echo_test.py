# SPDX-License-Identifier: MIT
"""A service that repeats what it was sent, in every encoding and every place of an answer: of the
credentials nothing is written, whole or in part.

Looked for is every run of eight characters of the secret and of what only sender and service know:
the pair in base64 and the token but for its end; and the same in hex, in base64 at each of its three
alignments, percent-encoded, as escapes of JSON or HTML. Escapes are undone before the search, so that
mixtures are found too.
"""
import base64
import collections
import gzip
import html
import http.server
import json
import random
import re
import string
import threading
import urllib.parse

import harness

SEEDS = 60 if harness.LONG else 1 if harness.SANITIZED else 3
LINKS = 60
LEAST = 8           # so many characters of a secret are a leak
MOST_REQUESTS = 400  # of a run: bounded, whatever the service says
SHOWN = 4           # the end of the token that people may see
WINDOWS = (64, 160, 320, 512, 1024, 4096)
USER = "importer.4711.mp-service-account"

# -- encodings, here called dresses: one secret, many looks


def percent(text, lower=False, everything=True):
    if not everything:
        return urllib.parse.quote(text, safe="")
    made = "".join(f"%{byte:02X}" for byte in text.encode())
    return made.lower() if lower else made


DRESSES = {
    "plain": str,
    "base64": lambda t: base64.b64encode(t.encode()).decode(),
    "base64url": lambda t: base64.urlsafe_b64encode(t.encode()).decode().rstrip("="),
    "base64 at 1": lambda t: base64.b64encode(b"x" + t.encode() + b"yz").decode(),
    "base64 at 2": lambda t: base64.b64encode(b"xy" + t.encode() + b"z").decode(),
    "percent": lambda t: percent(t, everything=False),
    "percent of all": percent,
    "percent of all, lower": lambda t: percent(t, lower=True),
    "percent twice": lambda t: percent(percent(t)),
    "hex": lambda t: t.encode().hex(),
    "hex, upper": lambda t: t.encode().hex().upper(),
    "JSON": lambda t: "".join(f"\\u{ord(c):04x}" for c in t),
    "HTML": lambda t: "".join(f"&#{ord(c)};" for c in t),
    "HTML, hex": lambda t: "".join(f"&#x{ord(c):X};" for c in t),
    "HTML, names": html.escape,
}

# What a search undoes, again and again until nothing changes.
UNDRESSES = [
    lambda t: urllib.parse.unquote(t, "latin-1"),
    html.unescape,
    lambda t: re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), t),
    lambda t: re.sub(r'\\(["\\/])', r"\1", t),
]


def undressed(text):
    """The text as it is, and with each level of escapes taken off."""
    found, level = {text}, {text}
    for _ in range(4):
        level = {undress(t) for t in level for undress in UNDRESSES} - found
        found |= level
    return found


def windows(text, size):
    return {text[i:i + size] for i in range(len(text) - size + 1)}


def base64_of_inside(text):
    """Base64 of a text that stands inside a longer one, at each alignment: the characters that
    depend on it alone."""
    raw = text.encode()
    for before in range(3):
        padded = b"\0" * before + raw + b"\0" * (-(before + len(raw)) % 3)
        first, last = (before * 8 + 5) // 6, (before + len(raw)) * 8 // 6
        made = base64.b64encode(padded).decode()[first:last]
        yield made
        yield made.replace("+", "-").replace("/", "_")


class Wanted:
    """What must not be found, by its length: every part of every secret in every dress."""

    def __init__(self, credentials):
        self.parts = collections.defaultdict(dict)
        for name, secret in credentials.items():
            # Three bytes are four characters of base64: eight bytes determine ten.
            least = 10 if name == "pair" else LEAST
            self.add(name, secret, least)
            self.add(f"{name} in hex", secret.encode().hex(), 2 * least)
            for made in base64_of_inside(secret):
                self.add(f"{name} in base64", made, least * 4 // 3)
        self.parts = dict(self.parts)

    def add(self, name, text, size):
        for part in windows(text, size):
            self.parts[len(part)][part] = name

    def found_in(self, text):
        """(name, part) of the first part that the text contains, or None."""
        for version in undressed(text):
            for haystack, hexadecimal in ((version, False), (version.lower(), True)):
                for size, parts in self.parts.items():
                    for part in windows(haystack, size) & parts.keys():
                        if not hexadecimal or parts[part].endswith("in hex"):
                            return parts[part], part
        return None


# -- the service

class Echo(http.server.ThreadingHTTPServer):
    """Answers everything with the request, by lot: where, in which dress, after how much text."""
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, seed, role):
        super().__init__(("127.0.0.1", 0), Exchange)
        self.random, self.lock = random.Random(seed), threading.Lock()
        self.role, self.requests = role, 0
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers = collections.Counter()

    def next_place(self, is_import):
        """Where the answer to this request repeats it."""
        refusals = ["status 0", "400"]
        if is_import:
            refusals = ["failed records", "failed texts", "400"]
        roles = {
            "refused": refusals + ["success"],
            "foreign": ["title", "text", "redirect", "404", "content type", "odd json"],
            "outage": ["429", "503", "500"],
            "stop": ["401", "403"],
        }
        return self.random.choice(roles[self.role])


class Exchange(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        server = self.server
        with server.lock:
            server.requests += 1
            place = server.next_place(self.path.startswith("/import"))
            server.answers[place] += 1
            words = self.words(json.loads(body), server.random)
        code, headers, answer = self.answer(place, words, json.loads(body))
        if server.requests > MOST_REQUESTS:
            headers["Connection"] = "close"
        data = answer.encode()
        self.send_response_only(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def words(self, body, lot):
        """The request in a dress, after so much text that it lies across a limit of length."""
        authorization = self.headers["Authorization"]
        pair = base64.b64decode(authorization.split()[1]).decode()
        first = body[0]["properties"]["token"] if isinstance(body, list) else body["$token"]
        texts = [authorization, authorization.split()[1], pair, pair.split(":", 1)[1], first,
                 f"{pair}@{first}", json.dumps(dict(self.headers)), self.path + "?" + pair]
        text = lot.choice(texts)
        dress = lot.choice(sorted(DRESSES))
        dressed = DRESSES[dress](text)
        if lot.random() < 0.5:
            # Some piece of it stands before the limit, the rest behind it.
            limit = lot.choice(WINDOWS) - lot.randrange(len(dressed) + 40)
            filler = "the service does not like this request because " * (limit // 40 + 1)
            return filler[:max(limit, 0)] + dressed + " and so on"
        return lot.choice(["", "sent: ", "key=", '"', "(", "Basic "]) + dressed + lot.choice(
            ["", ".", " ", '"', "&x=1", "=="])

    @staticmethod
    def one_line(words):
        """As it may stand in a header."""
        return "".join(c for c in words if 32 <= ord(c) < 127)[:6000]

    def answer(self, place, words, body):
        kind = {"Content-Type": "application/json"}
        page = {"Content-Type": "text/html"}
        count = len(body) if isinstance(body, list) else 1
        if place == "success":
            return 200, kind, json.dumps({"code": 200, "num_records_imported": count, "status": "OK"}
                                         if isinstance(body, list) else {"status": 1, "error": None})
        if place == "status 0":
            return 200, kind, json.dumps({"status": 0, "error": words})
        if place == "failed records":
            return 400, kind, json.dumps({
                "code": 400, "error": words, "status": "Bad Request", "num_records_imported": count - 1,
                "failed_records": [{"index": 0, "field": words,
                                    "$insert_id": body[0]["properties"]["$insert_id"],
                                    "message": words}]})
        if place == "failed texts":
            return 400, kind, json.dumps({"code": 400, "error": words, "status": "Bad Request",
                                          "num_records_imported": 0, "failed_records": [words]})
        if place in ("400", "401", "403"):
            return int(place), kind, json.dumps({"status": 0, "error": words, "code": int(place)})
        if place == "429":
            return 429, {**kind, "Retry-After": self.one_line(words)}, json.dumps(
                {"status": 0, "error": words})
        if place == "503":
            return 503, {**page, "Retry-After": self.one_line(words)}, f"<title>{words}</title>"
        if place == "500":
            return 500, {**page, "Server": self.one_line(words)}, f"<html><pre>{words}</pre></html>"
        if place == "redirect":
            return 302, {**page, "Location": "http://127.0.0.1:9/" + self.one_line(words)}, words
        if place == "404":
            return 404, page, f"<html><head><title>{words}</title></head><h1>{words}</h1></html>"
        if place == "title":
            return 200, page, f"<html><head><title>{words}</title></head></html>"
        if place == "content type":
            return 200, {"Content-Type": "text/" + self.one_line(words)}, words
        if place == "odd json":
            return 200, kind, json.dumps({words: words, "status": words, "error": {"text": words}})
        return 200, {"Content-Type": "text/plain"}, words

    def log_message(self, *_):
        pass


class Echoes(harness.Case):
    def credentials(self):
        """Credentials by lot, in which stands what other encodings change."""
        lot = self.random
        letters = string.ascii_letters + string.digits  # no blank: the program refuses those
        secret = "".join(lot.choices(letters + "+/=%&<>\"'-_~!" * 2, k=lot.randrange(10, 65)))
        return "".join(lot.choices("0123456789abcdef", k=32)), secret

    def run_all(self, role, api, seed):
        """A job against the service, and whatever may be said of it afterwards; returns the texts."""
        self.random = random.Random(f"{seed} {role} {api}")
        token, secret = self.credentials()
        env = self.environment(MIXPANEL_TOKEN=token, MIXPANEL_SECRET=secret, MIXPANEL_USERNAME=USER)
        server = Echo(f"{seed} {role} {api}", role)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        directory = self.dir / f"{role}-{api}-{seed}"
        directory.mkdir()
        path, job = directory / "pairs.csv", directory / "job"
        path.write_text("anonymous_id,user_id\n" + "".join(
            f"anon-{n},user-{n}\n" for n in range(LINKS)))
        try:
            texts = self.texts(path, job, server, env, role, api)
            self.assertGreater(server.requests, 0, texts)
            self.assertLess(server.requests, MOST_REQUESTS)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
        for file in directory.rglob("*"):
            if file.is_file():
                texts[str(file.relative_to(directory))] = file.read_bytes().decode("latin-1")
        pair = base64.b64encode(f"{USER}:{secret}".encode()).decode()
        # The user's name is shown, so what of the pair is made of it alone is no secret.
        wanted = Wanted({"secret": secret, "token": token[:-SHOWN],
                         "pair": pair[4 * (len(USER) // 3 + 1):].rstrip("=")})
        return texts, wanted, server.answers

    def texts(self, path, job, server, env, role, api):
        texts = {}
        words = ["--to", server.url, "--yes", "--project-id", "4711", "--rate", "0", "--connections",
                 "2", "--backoff-min", "1ms", "--backoff-max", "5ms", "--give-up-after",
                 "300ms", "--attempts", "2", "--max-refused", "none", "--max-uuid-lead", "none",
                 "--max-duration", "3s", "--max-requests", "150",
                 "--log-level", "debug", "--progress", "never", "--api", api]
        if api == "import":
            words += ["--project-mode", "original", "--batch", str(self.random.choice([1, 3, 20]))]
        shown = self.random.choice(["always", "never"])
        form = self.random.choice(["text", "json"])

        def call(name, *args):
            process = self.start(*args, env=env)
            process.wait()
            self.assertGreaterEqual(process.returncode, 0, name)
            self.assertNotIn(process.returncode, (1, 2), self.said(process))
            texts[f"{name}: stdout"], texts[f"{name}: stderr"] = self.said(process)

        call("run", "run", path, "--job", job, *words, "--show-ids", shown, "--log-format", form)
        call("resume", "run", "--job", job, "--yes", "--max-requests", "20", "--max-duration", "2s",
             "--log-level", "debug", "--log-format", "json" if form == "text" else "text")
        call("status", "status", "--job", job)
        call("explain anon-0", "explain", "anon-0", "--job", job)
        if role == "refused":
            call("explain user-1", "explain", "user-1", "--job", job)
            for what in ("--refused", "--in-doubt"):
                for form in ("csv", "ndjson"):
                    call(f"show {what} {form}", "show", "--job", job, what, "--format", form,
                         "--show-ids", "always")
        return texts

    def check(self, role, places):
        """No leak in any run, and each place of an answer was used."""
        used, leaks = collections.Counter(), collections.defaultdict(list)
        short = role in ("foreign", "stop")  # a job ends at its first answers
        for seed in range(harness.SEED, harness.SEED + SEEDS * (3 if short else 1)):
            for api in ("identity", "import"):
                texts, wanted, answers = self.run_all(role, api, seed)
                used += answers
                for name, text in texts.items():
                    found = wanted.found_in(text)
                    if found:
                        leaks[name].append(f"IDMERGE_SEED={seed} {api}: {found[0]}: {found[1]}")
        self.assertTrue(set(used) & places, used)
        if leaks:
            self.fail("\n" + "\n".join(f"{name}: {len(found)} times, first {found[0]}"
                                       for name, found in sorted(leaks.items())))

    def test_the_search_finds_each_dress_and_each_part(self):
        """The measure of this test: what it looks for, it would find."""
        for seed in range(200):
            self.random = random.Random(seed)
            _, secret = self.credentials()
            wanted = Wanted({"secret": secret})
            for name, dress in DRESSES.items():
                with self.subTest(dress=name, secret=secret):
                    self.assertTrue(wanted.found_in(f"before {dress(secret)} after"))
                    self.assertTrue(wanted.found_in(json.dumps(f"before {dress(secret)} after")))
                    part = secret[1:1 + self.random.randrange(LEAST, len(secret))]
                    if not name.startswith("base64") or len(part) > 10:
                        self.assertTrue(wanted.found_in(f"before {dress(part)} after"), part)
            self.assertIsNone(wanted.found_in("an answer of a service that repeats nothing " * 20))

    def test_a_service_that_refuses_by_repeating(self):
        self.check("refused", {"status 0", "failed records", "400"})

    def test_one_that_is_not_the_service(self):
        self.check("foreign", {"title", "redirect", "text", "404"})

    def test_one_that_is_out_of_order(self):
        self.check("outage", {"429", "503", "500"})

    def test_one_that_refuses_the_credentials(self):
        self.check("stop", {"401", "403"})


if __name__ == "__main__":
    harness.main()
