# SPDX-License-Identifier: MIT
"""A refusal costs a connection only where no other link exists; and a canary stops to the link."""
import json
import re
import time

import harness

SHARE = 0.15


def mix(x):
    """SplitMix64 by Sebastiano Vigna."""
    x = (x + 0x9e3779b97f4a7c15) % 2**64
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9 % 2**64
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb % 2**64
    return x ^ (x >> 31)


def is_refused(pair, seed):
    """Does `idmerge emulator --refuse-share` refuse this link?"""
    value = 0xcbf29ce484222325
    for byte in "\n".join(sorted(pair)).encode():
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return (mix(value ^ mix(seed)) >> 11) / 2**53 < SHARE


def connected(pairs):
    """The clusters of at least two ids that these links make."""
    neighbours = {}
    for a, b in pairs:
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    clusters, seen = set(), set()
    for start in neighbours:
        if start in seen:
            continue
        members, open_ = {start}, [start]
        while open_:
            for other in neighbours[open_.pop()]:
                if other not in members:
                    members.add(other)
                    open_.append(other)
        seen |= members
        clusters.add(frozenset(members))
    return clusters


class Spares(harness.Case):
    def merges(self, clusters):
        """Merges of clusters of every shape: cliques, rings, chains, stars, thickets."""
        pairs = []
        for n in range(clusters):
            size = self.random.randint(2, 9)
            ids = [f"c{n}-{i}" for i in range(size)]
            shape = n % 5
            if shape == 0:
                pairs += [(a, b) for i, a in enumerate(ids) for b in ids[i + 1:]]
            elif shape == 1:
                pairs += list(zip(ids, ids[1:] + ids[:1]))
            elif shape == 2:
                pairs += list(zip(ids, ids[1:]))
            elif shape == 3:
                pairs += [(ids[0], other) for other in ids[1:]]
            else:
                pairs += [tuple(self.random.sample(ids, 2)) for _ in range(3 * size)]
        self.random.shuffle(pairs)
        path = self.dir / "merges.ndjson"
        path.write_text("".join(json.dumps({"$distinct_ids": pair}) + "\n" for pair in pairs))
        return path, {tuple(sorted(pair)) for pair in pairs if pair[0] != pair[1]}, len(pairs)

    def check(self, job, emulator, pairs, rows):
        possible = {pair for pair in pairs if not is_refused(pair, harness.SEED)}
        self.assertEqual(emulator.clusters(), connected(possible))
        account = self.check_account(job, read=rows, pending=0)
        send = self.summary(job)["send"]
        letters = [json.loads(line) for line in
                   (job / "runs/1-of-1/refused.ndjson").read_text().splitlines()]
        refused = [tuple(sorted(letter["$distinct_ids"])) for letter in letters]
        self.assertEqual(len(refused), len(set(refused)))
        self.assertTrue(all(is_refused(pair, harness.SEED) for pair in refused))
        self.assertEqual(account["refused"], len(refused))
        self.assertEqual(account["delivered"], emulator.stats()["distinct_links"])
        self.assertEqual(send["links"], account["delivered"] + account["refused"])
        self.assertEqual(send["delivered"], account["delivered"])
        self.assertGreater(send["spares"], 0)
        self.assertGreater(send["round"], 0)
        self.assertEqual(self.summary(job)["state"], "finished")
        self.check_explained(job, pairs, refused, send)
        return account

    def check_explained(self, job, pairs, refused, send):
        """`explain` knows of every link whether it was sent, in which round, and the answer."""
        ids = self.dir / "ids"
        ids.write_text("\n".join(sorted({id for pair in pairs for id in pair})))
        with open(ids, "rb") as stdin:
            out, _ = self.run_idmerge("explain", "-", "--job", job, "--format", "ndjson",
                                      "--show-ids", "always", stdin=stdin)
        links = {tuple(sorted(link["$distinct_ids"])): link
                 for id in map(json.loads, out.splitlines()) for link in id["links"]}
        self.assertEqual(set(links), pairs)
        fates = {}
        for pair, link in links.items():
            fates.setdefault(link["fate"], set()).add(pair)
        self.assertEqual(fates["refused"], set(refused))
        self.assertEqual(len(fates["delivered"]), send["delivered"])
        spares = [link for link in links.values() if "round" in link]
        self.assertEqual(len(spares), send["spares"])
        self.assertEqual(max(link["round"] for link in spares), send["round"])
        self.assertTrue(all(link["verdict"] == "spare" for link in spares))
        for pair in fates.get("duplicate", ()):
            self.assertTrue(links[pair]["verdict"] == "spare" and "round" not in links[pair])

    def test_what_can_be_connected_is(self):
        path, pairs, rows = self.merges(400)
        for api in ("identity", "import"):
            with self.subTest(api=api):
                emulator = self.emulator("--refuse-share", SHARE, "--seed", harness.SEED,
                                         "--fail", "503:0.01,reset:0.005")
                job = self.dir / api
                mode = ["--project-mode", "original"] if api == "import" else []
                out, err = self.run_idmerge(
                    "run", path, "--job", job, "--to", emulator.url, "--op", "merge", "--api", api,
                    *mode, "--project-id", "1", "--yes", "--rate", "0", "--max-refused", "none",
                    "--no-adaptive", "--backoff-min", "2ms", "--backoff-max", "50ms", expect=3)
                self.check(job, emulator, pairs, rows)
                self.assertIn("spares are sent in place of refused links", err)
                status, _ = self.run_idmerge("status", "--job", job)
                self.assertIn("finished", status)
                self.assertIn("spares in place of refused links", status)
                self.assertNotIn("go on:", status)
                requests = emulator.stats()["requests"]
                self.run_idmerge("run", "--job", job, expect=3)
                self.assertEqual(emulator.stats()["requests"], requests)

    def test_over_kills_and_stops(self):
        path, pairs, rows = self.merges(300)
        emulator = self.emulator("--refuse-share", SHARE, "--seed", harness.SEED,
                                 "--latency", "1ms")
        job = self.dir / "job"
        run = ["run", path, "--job", job, "--to", emulator.url, "--op", "merge", "--yes",
               "--rate", "0", "--connections", "4", "--max-refused", "none"]
        rounds = set()
        # Killed again and again, by time and by requests, and looked at in between.
        for kills in range(1_000):
            budget = ["--max-requests", 1 + kills % 60]
            process = self.start(*run, *budget)
            if kills % 3 == 0:
                process.wait()
            else:
                time.sleep(self.random.uniform(0.02, 0.1))
                process.kill()
                process.wait()
            self.run_idmerge("status", "--job", job)
            checkpoint = job / "runs/1-of-1/checkpoint"
            if not checkpoint.exists():
                continue
            text = checkpoint.read_text()
            rounds.add(int(re.search(r"^round = (\d+)$", text, re.M).group(1)))
            if "\nfinished = yes\n" in text:
                break
        self.run_idmerge(*run, expect=3)
        self.assertGreater(max(rounds), 0)
        self.check(job, emulator, pairs, rows)

    def test_a_canary_stops_to_the_link(self):
        path, pairs, rows = self.merges(60)
        emulator = self.emulator("--refuse-share", SHARE, "--seed", harness.SEED)
        job = self.dir / "job"
        run = ["run", path, "--job", job, "--to", emulator.url, "--op", "merge", "--yes",
               "--rate", "0", "--max-refused", "none"]
        canary = [*run, "--canary", "40"]
        _, err = self.run_idmerge(*canary, expect=8)
        account = self.check_account(job, read=rows)
        self.assertEqual(account["delivered"] + account["refused"], 40)
        self.assertIn("--canary: 40 links are settled", err)
        looked_up = re.findall(r"look up: .* will be one user \(.*merges.ndjson, line \d+\)", err)
        self.assertEqual(len(looked_up), 5)
        go_on = re.search(r"go on: idmerge (.*)", err).group(1)
        self.assertNotIn("--canary", go_on)
        requests = emulator.stats()["requests"]
        _, err = self.run_idmerge(*canary, expect=8)
        self.assertEqual(re.findall(r"look up: .*\)", err), looked_up)
        self.assertEqual(emulator.stats()["requests"], requests)
        _, err = self.run_idmerge(*canary, "--show-ids", "always", expect=8)
        for line in re.findall(r"look up: (\S+) and (\S+) will", err):
            self.assertTrue(any(set(line) <= cluster for cluster in emulator.clusters()), line)
        self.run_idmerge(*go_on.split(), expect=3)
        self.check(job, emulator, pairs, rows)


if __name__ == "__main__":
    harness.main()
