# SPDX-License-Identifier: MIT
"""The rules of planning from outside: random graphs of every shape, planned and sent, against an
oracle in a few lines of Python; clique exports; a table without a single repetition.
"""
import collections
import json

import harness


def clusters(pairs):
    """Connected components of at least two ids, as a set of frozensets."""
    near = collections.defaultdict(set)
    for a, b in pairs:
        near[a].add(b)
        near[b].add(a)
    found, seen = set(), set()
    for start in near:
        if start in seen:
            continue
        component, todo = {start}, [start]
        while todo:
            for other in near[todo.pop()] - component:
                component.add(other)
                todo.append(other)
        seen |= component
        found.add(frozenset(component))
    return found


def capped(pairs, most):
    """What is left when every cluster over the cap is held whole."""
    left = {c for c in clusters(pairs) if len(c) <= most}
    ids = set().union(*left)
    return {pair for pair in pairs if pair[0] in ids}


def sided(rows, policy, decisions, deny):
    """(anonymous id, user, order) rows to what may be sent, by the rules and nothing else."""
    rows = [row for row in rows if row[0] not in deny and row[1] not in deny]
    pairs = {(anon, user) for anon, user, _ in rows}
    users_of = collections.defaultdict(set)
    for anon, user in pairs:
        users_of[anon].add(user)
    on_user_side = {user for _, user in pairs}
    sent = set()
    for anon, users in users_of.items():
        owners = users if len(users) == 1 or policy == "send" else set()
        if len(users) > 1 and policy in ("earliest", "latest"):
            pick = min if policy == "earliest" else max
            claims = [(order, user) for a, user, order in rows if a == anon]
            if all(isinstance(order, int) for order, _ in claims):  # not blank or unreadable
                winners = {user for order, user in claims if order == pick(claims)[0]}
                owners = winners if len(winners) == 1 else set()
        if anon in decisions:
            owners = {decisions[anon]} & users
        if anon not in on_user_side:
            sent |= {(anon, user) for user in owners}
    return sent


class Rules(harness.Case):
    def shape(self, kind, n):
        """Pairs of ids 0..n-1 in a shape."""
        pick = self.random.randrange
        if kind == "star":
            return [(i, 0) for i in range(1, n)]
        if kind == "chain":
            return [(i, i + 1) for i in range(n - 1)]
        if kind == "ring":
            return [(i, (i + 1) % n) for i in range(n)]
        if kind == "clique":
            return [(i, j) for i in range(n) for j in range(i)]
        return [(pick(n), pick(n)) for _ in range(2 * n)]

    def graph(self):
        """Many components of every shape, one of them a giant; every row up to three times."""
        rows, base = [], 0
        for n in range(60):
            size = 60 if n == 0 else self.random.randrange(2, 14)
            kind = self.random.choice(["star", "chain", "ring", "clique", "random"])
            pairs = [(base + a, base + b) for a, b in self.shape(kind, size) if a != b]
            rows += pairs * self.random.choice([1, 1, 2, 3])
            base += size
        self.random.shuffle(rows)
        return rows

    def deliver(self, path, *options):
        job = self.dir / (path.name + ".job")
        emulator = self.emulator()
        self.run_idmerge("plan", path, "--job", job, "--max-held", "none", "--max-rejected",
                         "none", *options)
        self.run_idmerge("run", "--job", job, "--to", emulator.url, "--yes", "--rate", "0",
                         "--fail-on", "none", "--max-held", "none", "--max-rejected", "none")
        account = self.check_account(job, refused=0, pending=0)
        found, links = emulator.clusters(), emulator.stats()["distinct_links"]
        emulator.stop()
        return found, links, account

    def test_merge_connects_what_the_input_connects_by_a_forest(self):
        rows = self.graph()
        pairs = {(f"n{min(r)}", f"n{max(r)}") for r in rows}
        want = clusters(capped(pairs, 12))
        for name in ("one.ndjson", "shuffled.ndjson"):
            path = self.dir / name
            path.write_text("".join(json.dumps({"$distinct_ids": [f"n{a}", f"n{b}"]}) + "\n"
                                    for a, b in rows))
            found, links, account = self.deliver(path, "--op", "merge", "--max-cluster", "12")
            self.assertEqual(found, want)
            self.assertEqual(links, sum(len(c) - 1 for c in want))
            self.assertEqual(account["held"], len(pairs) - len(capped(pairs, 12)))
            self.random.shuffle(rows)
            rows = [self.random.choice([(a, b), (b, a)]) for a, b in rows]

    def test_create_sends_what_no_rule_holds_under_every_policy(self):
        rows = [(f"a{a % 40}" if self.random.random() < 0.9 else f"u{b % 25}", f"u{b % 30}",
                 self.random.randrange(6)) for a, b in self.graph()[:400]]
        def or_none(order):
            return self.random.choice(["soon", "1.5", ""]) if self.random.random() < 0.04 else order

        rows = [(a, u, or_none(order)) for a, u, order in rows if a != u]
        anons = sorted({row[0] for row in rows})
        chosen = {anon: self.random.choice(["u1", "u2", "u3", "never", "later"])
                  for anon in self.random.sample(anons, 8)}
        deny = {"u7", "a3"}
        decisions = self.dir / "decisions.csv"
        decisions.write_text("anonymous_id,decision\n"
                             + "".join(f"{a},{d}\n" for a, d in chosen.items()))
        deny_file = self.dir / "deny"
        deny_file.write_text("u7\n/^a3$/\n")
        for policy in ("hold", "earliest", "latest", "send"):
            for more, decided, denied in (([], {}, set()),
                                          (["--decisions", decisions, "--deny-file", deny_file],
                                           chosen, deny)):
                with self.subTest(policy=policy, more=more):
                    sent = capped(sided(rows, policy, decided, denied), 20)
                    path = self.dir / f"{policy}-{len(more)}.csv"
                    path.write_text("anonymous_id,user_id,at\n"
                                    + "".join(f"{a},{u},{o}\n" for a, u, o in rows))
                    job = self.dir / (path.name + ".job")
                    self.run_idmerge("plan", path, "--job", job, "--on-conflict", policy,
                                     "--order-field", "at", "--max-held", "none",
                                     "--max-rejected", "none", "--max-cluster", "20", *more)
                    out, _ = self.run_idmerge("show", "--job", job, "--links", "--format", "ndjson")
                    links = [json.loads(line) for line in out.splitlines()]
                    self.assertEqual({(link["anonymous_id"], link["user_id"]) for link in links
                                      if link["verdict"] == "send"}, sent)
                    self.assertEqual(len(links), len({r[:2] for r in rows
                                                      if not denied & set(r[:2])}))
                    self.check_account(job, pending=len(sent), rejected=sum(
                        1 for row in rows if denied & set(row[:2])))

    def test_a_clique_export_sends_a_forest_and_makes_the_same_clusters(self):
        size, count = 20, 10_000 if harness.LONG else 100
        path = self.dir / "cliques.ndjson"
        with open(path, "w", encoding="ascii") as file:
            for n in range(count):
                for i in range(size):
                    for j in range(i):
                        file.write(f'{{"$distinct_ids":["c{n}-{i}","c{n}-{j}"]}}\n')
        want = {frozenset(f"c{n}-{i}" for i in range(size)) for n in range(count)}
        found, links, account = self.deliver(path, "--op", "merge")
        self.assertEqual(links, 19 * count)
        self.assertEqual(found, want)
        self.assertEqual(account["duplicate"], 171 * count)
        if not harness.LONG:
            whole = self.dir / "whole.ndjson"
            whole.write_bytes(path.read_bytes())
            found, links, _ = self.deliver(whole, "--op", "merge", "--no-collapse")
            self.assertEqual(links, 190 * count)
            self.assertEqual(found, want)

    def test_not_one_false_duplicate(self):
        rows = 10_000_000 if harness.LONG else 200_000
        path = self.pairs("unique.csv", "--rows", rows, "--duplicates", "0%")
        self.run_idmerge("plan", path, "--job", self.dir / "job")
        census = self.summary(self.dir / "job")["census"]
        self.assertEqual(census["duplicates"], 0)
        self.assertEqual(census["links"], rows)
        self.assertEqual(census["verdicts"]["send"], rows)


if __name__ == "__main__":
    harness.main()
