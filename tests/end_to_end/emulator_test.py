#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The emulator as others see it: clients that we did not write against `idmerge emulator`.

Whoever trusts a rehearsal trusts the emulator, so it is asked by Python's http.client and by curl,
and its clusters are compared with a union-find of these few lines.
"""
import base64
import collections
import gzip
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import unittest
import urllib.parse

SEED = int(os.environ.get("IDMERGE_SEED", random.randrange(2**32)))
JSON = {"Content-Type": "application/json"}


class Emulator:
    """`idmerge emulator` on a free port."""

    def __init__(self, *options):
        command = [os.environ["IDMERGE"], "emulator", "--listen", "127.0.0.1:0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("emulator: listening on http://127.0.0.1:"), line
        self.url = line.split()[-1]
        self.port = int(self.url.rpartition(":")[2])
        self.connections = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self.connections:
            connection.close()
        if self.process.poll() is None:
            self.stop()

    def connect(self):
        self.connections.append(http.client.HTTPConnection("127.0.0.1", self.port))
        return self.connections[-1]

    def get(self, path):
        connection = self.connect()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        assert answer.status == 200, body
        return body

    def stats(self):
        return json.loads(self.get("/emulator/stats"))

    def cluster(self, some_id):
        return json.loads(self.get("/emulator/cluster?" + urllib.parse.urlencode(
            {"id": some_id}, quote_via=urllib.parse.quote)))["members"]

    def stop(self, how=signal.SIGTERM):
        """End it; its last line is its stats."""
        self.process.send_signal(how)
        out, _ = self.process.communicate()
        self.exit_code = self.process.returncode
        return json.loads(out.splitlines()[-1])


def create(anon, user, token="t"):
    return json.dumps({"$identified_id": user, "$anon_id": anon, "$token": token})


def merge(a, b):
    return json.dumps({"$distinct_ids": [a, b], "$token": "t"})


def event(name, number, properties):
    """An event that lacks nothing, as the public reference has it."""
    return {"event": name, "properties": {"time": 1700000000, "distinct_id": "d",
                                          "$insert_id": f"i-{number}", "token": "t", **properties}}


def post(connection, path, body, headers=JSON):
    """Status and parsed body of one request on a connection that is kept."""
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    return answer, json.loads(text) if text else None


def clusters_of(pairs):
    parent = {}

    def root(x):
        while parent.setdefault(x, x) != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for a, b in pairs:
        parent[root(a)] = root(b)
    members = collections.defaultdict(set)
    for x in list(parent):
        members[root(x)].add(x)
    return {frozenset(ids) for ids in members.values() if len(ids) > 1}


class EmulatorTest(unittest.TestCase):
    def test_a_kept_connection_links_and_the_clusters_are_those_of_a_union_find(self):
        chance = random.Random(SEED)
        alphabet = ["a", "b", "é", "😀", '"', "\\", " ", "\n", "%", "+", "&", "#"]
        ids = ["".join(chance.choices(alphabet, k=chance.randrange(1, 12))) for _ in range(400)]
        pairs = [tuple(chance.sample(ids, 2)) for _ in range(300)]
        with self.subTest(seed=SEED), Emulator() as emulator:
            connection = emulator.connect()
            connection.connect()
            kept = connection.sock
            for a, b in pairs:
                answer, body = post(connection, "/identity/merge", merge(a, b))
                self.assertEqual((answer.status, body), (200, {"status": 1}))
            self.assertIs(connection.sock, kept)
            expected = clusters_of(pairs)
            lines = emulator.get("/emulator/clusters").splitlines()
            found = [json.loads(line) for line in lines]
            self.assertEqual({frozenset(ids) for ids in found}, expected)
            self.assertEqual(len(found), len(expected))
            for ids in found:
                self.assertEqual(ids, sorted(ids, key=str.encode))
            for ids in chance.sample(found, min(20, len(found))):
                self.assertEqual(emulator.cluster(chance.choice(ids)), ids)
            stats = emulator.stop()
            self.assertEqual(stats["accepted_links"], len(pairs))
            self.assertEqual(stats["distinct_links"], len({frozenset(pair) for pair in pairs}))
            self.assertEqual(stats["clusters"], len(expected))

    def test_signals_end_it_with_its_stats_and_success(self):
        for how in (signal.SIGINT, signal.SIGTERM):
            with Emulator() as emulator:
                waiting = socket.create_connection(("127.0.0.1", emulator.port))
                self.assertEqual(emulator.stop(how)["requests"], 0)
                self.assertEqual(emulator.exit_code, 0)
                waiting.close()

    def test_the_rules_of_the_openapi(self):
        with Emulator("--require-auth", "user:secret") as emulator:
            connection = emulator.connect()
            path = "/identity/create"
            answer, _ = post(connection, path, create("a", "u"))
            self.assertEqual(answer.status, 401)
            self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Basic "))
            basic = base64.b64encode(b"user:secret").decode()
            right = {**JSON, "Authorization": "Basic " + basic}
            self.assertEqual(post(connection, path, create("a", "u"), right)[1], {"status": 1})
            answer, body = post(connection, path, "{}", right)
            self.assertEqual(answer.status, 400)
            self.assertEqual(body, {"status": 0, "error": "$token: is missing"})
            self.assertEqual(post(connection, "/identity", "{}", right)[0].status, 404)
            connection.request("PUT", path, "{}", right)
            answer = connection.getresponse()
            answer.read()
            self.assertEqual((answer.status, answer.headers["Allow"]), (405, "POST"))
            self.assertEqual(emulator.cluster("a"), ["a", "u"])

    def test_the_limit_lets_so_many_through_and_says_when_to_come_back(self):
        with Emulator("--limit-rate", "50/s") as emulator:
            connection = emulator.connect()
            statuses = collections.Counter()
            for i in range(120):
                answer, _ = post(connection, "/identity/create", create(f"a{i}", f"u{i}"))
                statuses[answer.status] += 1
                if answer.status == 429:
                    self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
            self.assertGreaterEqual(statuses[200], 50)
            self.assertGreater(statuses[429], 0)
            self.assertEqual(emulator.stats()["accepted_links"], statuses[200])

    def storm(self, seed, requests):
        """What each of so many requests met, one after the other."""
        met = []
        with Emulator("--fail", "503:0.1,429:0.1,reset:0.1,truncate:0.05,garbage:0.05,html:0.05",
                      "--seed", str(seed)) as emulator:
            connection = emulator.connect()
            for i in range(requests):
                try:
                    connection.request("POST", "/identity/create", create(f"a{i}", f"u{i}"), JSON)
                    answer = connection.getresponse()
                    text = answer.read()
                    html = answer.headers["Content-Type"] == "text/html"
                    if answer.status == 200 and not html and text != b'{"status":1}':
                        raise http.client.IncompleteRead(text)  # Python overlooks a cut head
                    met.append("html" if html else answer.status)
                    if answer.status == 429:
                        self.assertIn("Retry-After", answer.headers)
                except (ConnectionResetError, http.client.HTTPException) as error:
                    met.append(type(error).__name__)
                    connection.close()
            stats = emulator.stop()
        self.assertEqual(stats["requests"], requests)
        self.assertEqual(sum(stats["by_status"].values()) + stats["unanswered"], requests)
        injected = {name: sum(n.values()) for name, n in stats["injected"].items()}
        seen = collections.Counter(met)
        self.assertEqual(seen[503], injected["503"])
        self.assertEqual(seen[429], injected["429"])
        self.assertEqual(seen["html"], injected["html"])
        self.assertEqual(seen["ConnectionResetError"], injected["reset"])
        spoiled = sum(n for what, n in seen.items() if what not in
                      (200, 503, 429, "html", "ConnectionResetError"))
        self.assertEqual(spoiled, injected["truncate"] + injected["garbage"])
        self.assertEqual(stats["injected"]["429"]["after"], 0)
        lost = sum(n["after"] for n in stats["injected"].values())
        self.assertEqual(stats["accepted_links"], seen[200] + lost)
        for name, share in (("503", 0.1), ("reset", 0.1), ("truncate", 0.05)):
            wanted = share * requests
            self.assertLess(abs(injected[name] - wanted), 5 * wanted ** 0.5, name)
        return met

    def test_mishaps_come_in_their_shares_and_again_with_the_same_seed(self):
        first = self.storm(7, 1000)
        self.assertEqual(first, self.storm(7, 1000))
        self.assertNotEqual(first, self.storm(8, 1000))

    def test_many_connections_at_once_lose_nothing(self):
        with Emulator() as emulator:
            def work(worker):
                connection = emulator.connect()
                for i in range(200):
                    post(connection, "/identity/create", create(f"a{worker}-{i}", f"u{i}"))
            workers = [threading.Thread(target=work, args=(n,)) for n in range(16)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            stats = emulator.stats()
            self.assertEqual(stats["distinct_links"], 3200)
            self.assertEqual(stats["largest_cluster"], 17)
            self.assertLessEqual(stats["busiest_second_links"], 3200)

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_curl_links_waits_for_continue_and_pipes_many_urls(self):
        def curl(*arguments, stdin=None):
            return subprocess.run(["curl", "-sS", *arguments], input=stdin, text=True, check=True,
                                  capture_output=True).stdout

        with Emulator("--token", "t") as emulator:
            path = emulator.url + "/identity/create"
            kind = ["-H", "Content-Type: application/json"]
            self.assertEqual(curl(*kind, "-d", create("a", "u"), path), '{"status":1}')
            self.assertIn("not the token", curl(*kind, "-d", create("a", "u", "other"), path))
            for extra in (["-0"], ["-H", "Expect: 100-continue"],
                          ["-H", "Transfer-Encoding: chunked"]):
                self.assertEqual(curl(*kind, *extra, "-d", create("a", "u"), path), '{"status":1}')
            large = json.dumps({"$token": "x" * 20_000_000})
            status = curl(*kind, "-o", os.devnull, "-w", "%{http_code}", "-d", "@-", path,
                          stdin=large)
            self.assertEqual(status, "413")
            verbose = subprocess.run(["curl", "-sSv", path, path], capture_output=True, text=True)
            self.assertEqual(verbose.stderr.count("Connected to"), 1)
            self.assertEqual(emulator.cluster("u"), ["a", "u"])

    def test_import_takes_gzip_and_ndjson_and_the_valid_part_of_a_batch(self):
        basic = base64.b64encode(b"user:secret").decode()
        packed = {"Authorization": "Basic " + basic, "Content-Type": "application/json",
                  "Content-Encoding": "gzip"}
        lines = {**packed, "Content-Type": "application/x-ndjson"}
        path = "/import?strict=1&project_id=7"
        with Emulator("--require-auth", "user:secret", "--project-id", "7", "--token",
                      "t") as emulator:
            connection = emulator.connect()
            good = [event("$identify", i, {"$anon_id": f"a{i}", "$identified_id": f"u{i % 9}"})
                    for i in range(2000)]
            whole = json.dumps(good).encode()
            answer, body = post(connection, path, gzip.compress(whole), packed)
            self.assertEqual(answer.status, 200)
            self.assertEqual(body, {"code": 200, "num_records_imported": 2000, "status": "OK"})
            ndjson = "\n".join(map(json.dumps, good)).encode()
            self.assertEqual(post(connection, path, gzip.compress(ndjson), lines)[1], body)

            merge_one = event("$merge", "m", {"$distinct_ids": ["a1", "u2", "u3"]})
            mixed = json.dumps([good[0], merge_one, good[1]]).encode()
            answer, body = post(connection, path, gzip.compress(mixed), packed)
            self.assertEqual((answer.status, body["num_records_imported"]), (400, 2))
            self.assertEqual([(r["index"], r["field"]) for r in body["failed_records"]],
                             [(1, "properties.$distinct_ids")])

            for large in (json.dumps(good + good[:1]).encode(), b" " * (10 * 2**20 + 1)):
                answer, body = post(connection, path, gzip.compress(large), packed)
                self.assertEqual((answer.status, body["code"]), (413, 413))
            self.assertEqual(post(connection, path, whole, packed)[0].status, 400)
            self.assertEqual(post(connection, "/import", gzip.compress(whole), packed)[0].status,
                             400)
            stats = emulator.stats()
            self.assertEqual((stats["distinct_links"], stats["distinct_events"]), (2000, 2000))
            expected = clusters_of((f"a{i}", f"u{i % 9}") for i in range(2000))
            found = {frozenset(json.loads(line))
                     for line in emulator.get("/emulator/clusters").splitlines()}
            self.assertEqual(found, expected)

    def test_a_simplified_project_refuses_identity_events_in_its_own_way(self):
        with Emulator("--project-mode", "simplified") as emulator:
            connection = emulator.connect()
            links = [event("link", i, {"$device_id": f"d{i}", "$user_id": "u"})
                     for i in range(600)]
            answer, _ = post(connection, "/import?strict=1", json.dumps(links))
            self.assertEqual(answer.status, 200)
            self.assertEqual(len(emulator.cluster("u")), 601)
            identify = event("$identify", "x", {"$anon_id": "a", "$identified_id": "u"})
            answer, body = post(connection, "/import?strict=1", json.dumps(links[:1] + [identify]))
            self.assertEqual((answer.status, body["num_records_imported"]), (400, 0))
            self.assertEqual(body["failed_records"], [
                "identity events are not allowed when project is using simplified identity "
                "management"])

    def test_it_refuses_to_be_reached_from_elsewhere(self):
        done = subprocess.run([os.environ["IDMERGE"], "emulator", "--listen", "0.0.0.0:0"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("other machines", done.stderr)


if __name__ == "__main__":
    print(f"IDMERGE_SEED={SEED}")
    unittest.main()
