# SPDX-License-Identifier: MIT
"""Jobs that an earlier idmerge made: this one makes the same plans, reads the old ones, and goes on
with runs that stopped half-way. tests/golden/README.md says how they were made.

IDMERGE_GOLDEN=WORD takes only the fixtures with this word in their name.
"""
import collections
import difflib
import json
import os
import pathlib
import tempfile
import unittest

import golden

IDMERGE = os.environ["IDMERGE"]
WORD = os.environ.get("IDMERGE_GOLDEN", "")


class Golden(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="idmerge-golden-")
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)
        self.maxDiff = None

    def each(self, kind):
        """Each fixture, and a directory for it that is not there yet."""
        fixtures = [path for path in golden.fixtures(kind) if WORD in path.name]
        self.assertTrue(fixtures or WORD, f"no {kind}")
        if os.environ.get("IDMERGE_SANITIZED") and not WORD:
            fixtures = fixtures[::4]  # each starts the program some ten times, and that is slow
        return [(fixture, self.dir / fixture.name) for fixture in fixtures]

    def check(self, fixture, made, *prefixes):
        """What was made is what is stored; says of each difference whether it is of words only."""
        said = []
        for name, old, new, only_words in golden.differences(fixture, made, prefixes):
            lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "stored", "now", "", "", 1)
            kind = ("only words: read them as a user would, then tests/golden/make --words"
                    if only_words else "NOT ONLY WORDS: what must stay as it was is different")
            said.append(f"{fixture / name}: {kind}\n" + "\n".join(list(lines)[:40]))
        if said:
            self.fail("\n\n".join(said))

    # -- plans

    def test_the_same_plan_is_made_of_the_same_input(self):
        for fixture, place in self.each("plans"):
            with self.subTest(fixture=fixture.name):
                made = golden.make_plan(IDMERGE, fixture, place)
                if (fixture / "job/plan").exists() or (place / "job/plan").exists():
                    self.assertEqual(golden.plan_id(place / "job/plan"),
                                     golden.case_of(fixture)["plan_id"])
                    self.assertEqual(golden.plan_bytes(place / "job/plan"),
                                     golden.plan_bytes(fixture / "job/plan"))
                self.check(fixture, made, "seen/", "job/rejected", "job/held", "job/summary")

    def test_a_plan_is_read_that_was_made_before(self):
        for fixture, place in self.each("plans"):
            with self.subTest(fixture=fixture.name):
                golden.restore(fixture / "files", place)
                golden.restore(fixture / "job", place / "job")
                made = golden.look_at_plan(IDMERGE, fixture, place)
                made["seen/plan.txt"] = (fixture / "seen/plan.txt").read_text()
                self.check(fixture, made, "seen/")

    # -- jobs

    def test_a_run_goes_on_where_it_stopped(self):
        for fixture, place in self.each("jobs"):
            with self.subTest(fixture=fixture.name):
                case = golden.case_of(fixture)
                for variant, how in case["variants"].items():
                    with self.subTest(variant=variant):
                        here = place / variant
                        place.mkdir(exist_ok=True)
                        golden.restore_job(fixture, variant, here)
                        made = golden.look_at_job(IDMERGE, fixture, variant, here)
                        open_ = self.in_doubt(here)
                        more, service, code, _ = golden.go_on(IDMERGE, fixture, variant, here)
                        self.check(fixture, {**made, **more}, f"seen.{variant}/", f"after.{variant}/")
                        self.check_sent(fixture, here, service, open_, how.get("stops", False))
                        if not how.get("stops"):
                            self.check_finished(here, code)

    def in_doubt(self, place):
        """Links that may have been delivered, by the program's own word."""
        if not (place / "job/runs/1-of-1/checkpoint").exists():
            return set()
        _, out, _ = golden.call(IDMERGE, ["show", "--job", "job", "--in-doubt", "--format", "ndjson",
                                          "--show-ids", "always"], place)
        lines = [json.loads(line) for line in out.splitlines()]
        return {golden.link_of(self.wire(line)) for line in lines if line["doubt"] == "open"}

    @staticmethod
    def wire(line):
        """A line of `show` as the service is told it."""
        if "anonymous_id" in line:
            return {"$anon_id": line["anonymous_id"], "$identified_id": line["user_id"]}
        return line

    def check_sent(self, fixture, place, service, open_, stops):
        """Whatever is stored: nothing that had an answer is sent again, but for what is in doubt;
        nothing that is to be sent is forgotten; nothing is sent that is not to be."""
        _, out, _ = golden.call(IDMERGE, ["show", "--job", "job", "--links", "--format", "ndjson",
                                          "--show-ids", "always"], place)
        planned = collections.defaultdict(set)
        for line in map(json.loads, out.splitlines()):
            planned[line["verdict"]].add(golden.link_of(self.wire(line)))
        answered = golden.links_in(fixture / "answered.txt")
        sent = service.links()
        self.assertTrue(planned["send"])
        self.assertEqual(len(sent), len(set(sent)), "sent twice")
        self.assertLessEqual(set(sent) & answered, open_)
        self.assertLessEqual(set(sent), planned["send"] | planned["spare"])
        if not stops:
            self.assertLessEqual(planned["send"], answered | set(sent))

    def check_finished(self, place, code):
        """All is settled, the fates add up, and another call has nothing to do."""
        account = json.loads((place / "job/summary.json").read_text())["account"]
        self.assertEqual(account["pending"], 0)
        read = account.pop("read")
        self.assertEqual(read, sum(account.values()))
        with golden.Service() as service:
            again, _, err = golden.call(IDMERGE, ["run", "--job", "job"], place)
        self.assertEqual(again, code, err)
        self.assertEqual(service.requests, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
