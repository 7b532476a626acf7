# SPDX-License-Identifier: MIT
"""`idmerge explain` before, while and after a job runs, beside what the emulator was told."""
import json
import time

import harness


class Explain(harness.Case):
    def explain(self, *ids, **how):
        out, _ = self.run_idmerge("explain", *ids, "--job", self.dir / "job", "--format", "ndjson",
                                  "--show-ids", "always", **how)
        return [json.loads(line) for line in out.splitlines()]

    def test_before_and_after_a_run(self):
        path = self.pairs("pairs.csv", "--rows", 2000, "--duplicates", "30%", "--conflicts", "2%")
        job = self.dir / "job"
        self.run_idmerge("plan", path, "--job", job, "--max-held", "none")
        truth = harness.Truth(path)
        rows = list(harness.csv_pairs(path))
        users = {anon: user.encode("latin-1").decode() for anon, user in truth.pairs.items()}
        anons = sorted(truth.pairs)[:100]
        refused = anons[7]
        before = self.explain(*anons)
        self.assertEqual({link["fate"] for id in before for link in id["links"]}, {"pending"})
        emulator = self.emulator("--refuse-ids", refused)
        self.run_idmerge("run", "--job", job, "--to", emulator.url, "--yes", "--rate", "0",
                         "--max-refused", "none", "--max-held", "none", expect=3)
        ids = self.dir / "ids"
        ids.write_text("\n".join(anons))
        clusters = {id: cluster for cluster in truth.clusters() for id in cluster}
        with open(ids, "rb") as stdin:
            after = self.explain("-", stdin=stdin)
        self.assertEqual([id["id"] for id in after], anons)
        for id in after:
            anon = id["id"]
            named = [number for number, row in enumerate(rows, 2) if anon in row]
            self.assertEqual([row["line"] for row in id["rows"]], named)
            self.assertEqual([row["is"] for row in id["rows"]],
                             ["first"] + ["duplicate"] * (len(named) - 1))
            self.assertEqual(set(id["cluster"]), clusters[anon])
            (link,) = id["links"]
            self.assertEqual(link["user_id"], users[anon])
            self.assertEqual(link["fate"], "refused" if anon == refused else "delivered")
            self.assertLessEqual(*link["between"])
            if anon == refused:
                self.assertTrue(link["message"] and link["status"] and link["attempts"], link)
        out, _ = self.run_idmerge("explain", refused, "--job", job)
        self.assertIn("refused: after 1 attempts, status", out)
        self.assertNotIn(refused, out)  # this is no terminal

    def test_while_a_job_runs(self):
        path = self.pairs("pairs.csv", "--rows", 400)
        job = self.dir / "job"
        emulator = self.emulator()
        run = self.start("run", path, "--job", job, "--to", emulator.url, "--yes", "--rate", "20/s")
        while emulator.stats()["requests"] < 10:
            self.assertIsNone(run.poll(), self.said(run))
            time.sleep(0.02)
        fates = {link["fate"] for id in self.explain(*sorted(harness.Truth(path).pairs))
                 for link in id["links"]}
        self.assertIsNone(run.poll(), self.said(run))
        self.assertEqual(fates, {"delivered", "pending"})

    def test_an_input_that_is_gone_or_was_a_pipe(self):
        path = self.pairs("pairs.csv", "--rows", 10)
        anon = sorted(harness.Truth(path).pairs)[0]
        job = self.dir / "job"
        with open(path, "rb") as file:
            with harness.subprocess.Popen(["cat"], stdin=file,
                                          stdout=harness.subprocess.PIPE) as cat:
                self.run_idmerge("plan", "-", "--job", job, stdin=cat.stdout)
        (found,) = self.explain(anon)
        self.assertEqual(found["rows"], [])
        self.assertEqual(found["unread"], [{"file": "-", "why": "it was standard input"}])
        self.assertEqual(len(found["links"]), 1)


if __name__ == "__main__":
    harness.main()
