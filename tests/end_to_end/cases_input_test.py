# SPDX-License-Identifier: MIT
"""Tables as people have them, each under the name under which it was reported: what is judged is
what is sent, and a header is not a link. Requests are those that a recording emulator has counted.
"""
import json

import harness

UUID = "0b0d5d7e-1111-4222-8333-123456789ab"


class Cases(harness.Case):
    def plan(self, name, text, *options, expect=0):
        """Plan a table; returns the job and what was said."""
        path = self.dir / name
        path.write_text(text, encoding="utf-8", newline="")
        job = self.dir / (name + ".job")
        out, err = self.run_idmerge("plan", path, "--job", job, "--max-held", "none",
                                    "--max-rejected", "none", "--show-ids", "always", *options,
                                    expect=expect)
        return job, out + err

    SIMPLIFIED = ("--api", "import", "--project-mode", "simplified")

    def test_device_prefix_two_spellings(self):
        table = ("anonymous_id,user_id\n"
                 f"$device:{UUID}c,u1\n{UUID}c,u2\n"  # two users
                 f"$device:{UUID}d,u3\n{UUID}d,u3\n"  # one pair twice
                 "$device:same,same\n"
                 "$device:$device:z,u4\n"
                 "d5,$device:u5\n"
                 "$device:d6,u6\n$Device:d7,u7\n")
        job, said = self.plan("spellings.csv", table, *self.SIMPLIFIED)
        self.assertEqual(self.planned_links(job), [(UUID + "d", "u3"), ("d6", "u6"), ("$Device:d7", "u7")])
        self.assertEqual(self.planned_links(job, "conflict"), [(UUID + "c", "u1"), (UUID + "c", "u2")])
        self.assertEqual(self.reasons(job), [(6, "same-ids"), (7, "doubled-prefix"),
                                             (8, "device-user")])
        self.check_account(job, duplicate=1, held=2, rejected=3, pending=3)
        self.assertNotIn("others do not", said)
        # Both spellings ask for the one id.
        for asked in ("$device:d6", "d6"):
            out, _ = self.run_idmerge("explain", "--job", job, "--show-ids", "always", "--", asked)
            self.assertIn("u6", out)
        # A rehearsal shows what the service would have: one device a link.
        self.run_idmerge("run", "--job", job, "--rehearse", "--project-id", "1", "--max-held", "none",
                         "--max-rejected", "none", "--fail-on", "none")
        summary = json.loads((job / "runs/rehearsal/summary.json").read_text())
        self.assertEqual(summary["account"]["delivered"], 3)

    def test_device_prefix_where_it_is_part_of_the_id(self):
        table = "anonymous_id,user_id\n$device:a,u1\na,u2\n$device:$device:b,u3\n"
        for more in ((), ("--project-mode", "original"), ("--api", "import", "--project-mode",
                                                           "original")):
            job, said = self.plan(f"original{len(more)}.csv", table, *more)
            self.assertEqual(len(self.planned_links(job)), 3)
            self.assertIn("2 rows have anonymous ids that start with $device:, others do not", said)
        # A control: a table that has the prefix throughout is as good as one that never has it.
        for mode in ("original", "simplified"):
            job, said = self.plan(f"all-{mode}.csv", "anonymous_id,user_id\n$device:a,u1\n$device:b,u2\n",
                                  "--project-mode", mode)
            self.assertEqual(len(self.planned_links(job)), 2)
            self.assertNotIn("others do not", said)

    def test_device_prefix_in_decisions_and_deny_lists(self):
        decisions = self.dir / "decisions.csv"
        decisions.write_text("anonymous_id,decision\n$device:c,u2\n")
        deny = self.dir / "deny"
        deny.write_text("/^bot[0-9]+$/\n$device:kiosk\n")
        job, _ = self.plan("rules.csv", "anonymous_id,user_id\nc,u1\n$device:c,u2\n$device:bot17,u3\n"
                           "bot18,u4\nkiosk,u5\n$device:kiosk,u6\n$device:good,u7\n", *self.SIMPLIFIED,
                           "--decisions", decisions, "--deny-file", deny)
        self.assertEqual(self.planned_links(job), [("c", "u2"), ("good", "u7")])
        self.assertEqual(self.reasons(job), [(n, "denied") for n in (4, 5, 6, 7)])

    def test_the_verb_of_a_row_must_be_one_of_the_project(self):
        table = ("anonymous_id,user_id,op\na1,u1,create\na2,u2,merge\na3,u3,alias\na4,u4,\n")
        for mode, op, kept in (("simplified", "create", {"create", ""}), ("legacy", "alias", {"alias", ""}),
                               ("original", "create", {"create", "merge", "alias", ""})):
            for api in ("identity", "import"):
                name = f"{mode}-{api}.csv"
                fields = (("--alias-field", "anonymous_id", "--distinct-id-field", "user_id")
                          if op == "alias" else ())
                job, _ = self.plan(name, table, "--api", api, "--project-mode", mode, "--op", op,
                                   "--op-field", "op", *fields)
                rejected = [n + 2 for n, verb in enumerate(("create", "merge", "alias", ""))
                            if verb not in kept]
                self.assertEqual(self.reasons(job), [(n, "verb-not-in-mode") for n in rejected])
                census = self.summary(job)["census"]
                self.assertEqual(sum(census["to_send"].values()), 4 - len(rejected))
                if mode != "original":
                    self.assertEqual(census["to_send"][op], 4 - len(rejected))
        # NDJSON, and a verb for all rows at once.
        path = self.dir / "rows.ndjson"
        path.write_text('{"anonymous_id":"a","user_id":"u","op":"merge"}\n'
                        '{"anonymous_id":"b","user_id":"v","op":"create"}\n')
        self.run_idmerge("plan", path, "--job", self.dir / "n", "--op-field", "op", *self.SIMPLIFIED,
                         "--max-rejected", "none")
        self.assertEqual(self.reasons(self.dir / "n"), [(1, "verb-not-in-mode")])
        _, err = self.run_idmerge("plan", path, "--job", self.dir / "m", "--op", "merge",
                                  "--project-mode", "simplified", expect=2)
        self.assertIn("takes create only", err)

    def test_repeated_header_other_bytes(self):
        head = "device_id,identified_id"
        for name, again in (("same", head), ("bom", "\ufeff" + head), ("blank", head + " "),
                            ("case", head.upper()), ("quoted", '"device_id","identified_id"'),
                            ("usual", "anonymous_id,user_id")):
            job, _ = self.plan(name + ".csv", f"{head}\na1,u1\n{again}\na2,u2\n")
            self.assertEqual(self.planned_links(job), [("a1", "u1"), ("a2", "u2")], name)
            self.assertEqual(self.reasons(job), [(3, "repeated-header")], name)
        job, _ = self.plan("third-column.csv", f"{head},ts\na1,u1,1\n{head},seen\na2,u2,2\n")
        self.assertEqual(self.planned_links(job), [("a1", "u1"), ("a2", "u2")])
        # The parts' own headers do not make a table doubtful.
        parts = "".join(f"{head}\na{n},u{n}\n{head.upper()}\n" for n in range(3))
        path = self.dir / "parts.csv"
        path.write_text(parts)
        self.run_idmerge("plan", path, "--job", self.dir / "parts", "--max-rejected", "0")
        # TSV and another delimiter have headers as well.
        for delimiter, more in (("\t", ("--format", "tsv")), (";", ("--delimiter", ";"))):
            job, _ = self.plan(f"{ord(delimiter)}.csv", f"{head}\na1,u1\n{head.upper()}\na2,u2\n".replace(
                ",", delimiter), *more)
            self.assertEqual(self.planned_links(job), [("a1", "u1"), ("a2", "u2")])

    def test_a_header_with_swapped_columns_ends_the_reading(self):
        for n, text in enumerate(("device_id,identified_id\na1,u1\nidentified_id,device_id\nu2,a2\n",
                                  "device_id,identified_id,email\na1,u1,e\nemail,device_id,identified_id\n"
                                  "e,a2,u2\n")):
            _, said = self.plan(f"swapped{n}.csv", text, expect=4)
            self.assertIn(f"swapped{n}.csv: line 3: the row names columns", said)
            self.assertIn("separate files", said)

    def test_a_row_of_types_is_no_link(self):
        job, _ = self.plan("clickhouse-types.csv", '"anonymous_id","user_id"\n"UUID","Nullable(String)"\n'
                           f'"{UUID}c","u1"\n"{UUID}d",\\N\n')
        self.assertEqual(self.planned_links(job), [(UUID + "c", "u1")])
        self.assertEqual(self.reasons(job), [(2, "repeated-header")])
        # Further down such words are ids like others.
        job, _ = self.plan("words.csv", "anonymous_id,user_id\na1,u1\nuuid,string\ntext,u2\n")
        self.assertEqual(len(self.planned_links(job)), 3)

    def test_null_words_not_known(self):
        words = ["<NA>", "[NULL]", "(null)", "#N/A", "(not set)", "<null>", "Optional(nil)", "NaT",
                 "(none)", "NULL_STRING__", "__HIVE_DEFAULT_PARTITION__"]
        job, _ = self.plan("nulls.csv", "anonymous_id,user_id\na0,u0\n"
                           + "".join(f"a{n}-{k},{word}\n" for n, word in enumerate(words) for k in (1, 2))
                           + "none-such,u1\na9,natalie\n")
        self.assertEqual(self.planned_links(job), [("a0", "u0"), ("none-such", "u1"), ("a9", "natalie")])
        self.assertEqual({reason for _, reason in self.reasons(job)}, {"placeholder"})

    def test_ids_that_are_called_like_columns_are_sent(self):
        table = ("device_id,identified_id\ndevice_id,u1\na2,identified_id\n"
                 "user_name,user_id_7\nmy_device_id,u4\n")
        job, _ = self.plan("like-columns.csv", table)
        self.assertEqual(len(self.planned_links(job)), 4)

    def test_first_row_lost_without_no_header(self):
        job, said = self.plan("pairs.csv", "carol-dev,carol\ndave-dev,dave\n", "--anon-field", "#1",
                              "--user-field", "#2")
        self.assertIn("csv, 1 rows, header: carol-dev, carol", said)
        out, err = self.run_idmerge("show", "--job", job)
        self.assertIn("header: carol-dev, carol", out + err)
        _, said = self.plan("none.csv", "carol-dev,carol\ndave-dev,dave\n", "--anon-field", "#1",
                            "--user-field", "#2", "--no-header")
        self.assertIn("csv, 2 rows, no header, first row: carol-dev, carol", said)
        # A header that was denied is still none of the links.
        job, _ = self.plan("denied.csv", "device_id,user_id\na1,u1\n", "--anon-field", "#1",
                           "--user-field", "#2", "--no-header")
        self.assertEqual(self.planned_links(job), [("a1", "u1")])
        self.assertEqual(self.reasons(job), [(1, "repeated-header")])
        _, said = self.plan("denied-swapped.csv", "user_id,device_id\nu1,a1\n", "--anon-field", "#1",
                            "--user-field", "#2", "--no-header", expect=4)
        self.assertIn("line 1: the row names columns", said)
        # Names say what they are.
        _, said = self.plan("named.csv", "device_id,user_id\na1,u1\n")
        self.assertNotIn("header", said)


if __name__ == "__main__":
    harness.main()
