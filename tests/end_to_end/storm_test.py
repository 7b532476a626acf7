# SPDX-License-Identifier: MIT
"""Law 2 in a storm: every kind of mishap at once, and the service still ends as the plan says."""
import harness

# Five in a hundred of each. A page with status 200 is not here: three in a row rightly stop a run.
MISHAPS = ["429", "429-bare", "500", "502-html", "503", "408", "reset", "truncate", "garbage",
           "close", "hang"]
WORLDS = {
    "identity": ["--api", "identity"],
    "original": ["--api", "import", "--project-mode", "original"],
    "simplified": ["--api", "import", "--project-mode", "simplified"],
    "legacy": ["--api", "import", "--project-mode", "legacy"],
}
# What the service refuses by name while it takes the rest of the batch, and what it refuses with
# the whole batch, saying nothing of which: some in a hundred of the ids that make_pairs draws.
REFUSED, POISON = "a7c", "b3e"
# A batch is too large for the service until it was halved twice.
BATCH, BATCH_TAKEN = 20, 7


class Storm(harness.Case):
    rows = 4_000 if harness.LONG else 800

    def world(self, name, *more):
        """An emulator of this kind of project, and how a job for it is planned."""
        how = WORLDS[name]
        project = [] if name == "identity" else ["--project-id", "2195193"]
        emulator = self.emulator("--seed", harness.SEED, *how[2:], *project, *more)
        # Many batches, of which several are under way at once.
        batches = [] if name == "identity" else ["--batch", BATCH]
        op = ["--op", "alias", "--alias-field", "anonymous_id", "--distinct-id-field", "user_id"]
        return emulator, how + project + batches + (op if name == "legacy" else [])

    @staticmethod
    def clusters(emulator, name):
        """A simplified project keeps devices apart from users by a prefix of its own."""
        prefix = "$device:" if name == "simplified" else ""
        return {frozenset(id.removeprefix(prefix) for id in ids) for ids in emulator.clusters()}

    def run_to(self, emulator, path, job, how, *more, expect=0):
        return self.run_idmerge(
            "run", path, "--job", job, "--to", emulator.url, "--yes", "--rate", "0",
            "--no-adaptive", "--connections", "32", "--backoff-min", "1ms", "--backoff-max", "20ms",
            *how, *more, expect=expect)

    def test_every_link_ends_as_the_service_says(self):
        share = ",".join(f"{mishap}:0.05" for mishap in MISHAPS)
        for name in WORLDS:
            for pipeline in (1, 8):
                with self.subTest(name, pipeline=pipeline):
                    path = self.pairs("pairs.csv", "--rows", self.rows, "--duplicates", "20%",
                                      "--conflicts", "1%")
                    truth = harness.Truth(path)
                    refused = {anon for anon, user in truth.pairs.items()
                               if any(word in id for word in (REFUSED, POISON)
                                      for id in (anon, user))}
                    truth.pairs = {anon: user for anon, user in truth.pairs.items()
                                   if anon not in refused}
                    emulator, how = self.world(name, "--fail", share, "--refuse-ids", REFUSED,
                                               "--poison-ids", POISON, "--limit-batch", BATCH_TAKEN)
                    job = self.dir / f"{name}-{pipeline}"
                    self.run_to(emulator, path, job, how, "--pipeline", pipeline, "--attempts",
                                "200", "--fail-on", "none", "--max-refused", "none",
                                "--timeout", "400ms")
                    self.assertEqual(self.clusters(emulator, name), truth.clusters())
                    fates = dict(truth.fates(), refused=len(refused))
                    self.check_account(job, **fates)
                    if name != "identity":
                        stats = emulator.stats()
                        self.assertGreater(stats["requests"], self.rows / BATCH / 2)
                        # Of each batch that was answered at all, the whole and its halves.
                        self.assertGreater(stats["by_status"]["413"], self.rows / BATCH / 2)
                    emulator.stop()

    def test_a_link_that_always_fails_is_parked_and_holds_up_nobody(self):
        for name in WORLDS:
            with self.subTest(name):
                path = self.dir / "pairs.csv"
                path.write_text("anonymous_id,user_id\n" + "".join(
                    f"a{i},u{i % 100}\n" for i in range(self.rows)) + "stuck-one,u1\n")
                emulator, how = self.world(name, "--stuck-ids", "stuck-")
                job = self.dir / name
                self.run_to(emulator, path, job, how, "--attempts", "3", expect=5)
                self.check_account(job, delivered=self.rows, pending=1, refused=0)
                emulator.stop()


if __name__ == "__main__":
    harness.main()
