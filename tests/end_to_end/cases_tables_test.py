# SPDX-License-Identifier: MIT
"""Tables as tools really write them, each under the name under which it was reported: what a tool
did to ids, times and files is read, or said, and never sent.
"""
import gzip
import json
import os
import threading
import uuid
import zlib

import harness

GUARD, USAGE, INPUT = 6, 2, 4


class Cases(harness.Case):
    def environment(self, **changes):
        return super().environment(**{"IDMERGE_MAX_USER_SHARE": None, **changes})

    def plan(self, name, content, *options, expect=0, job=None):
        """Plan a table; returns the job and what was said."""
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            content = content.encode()
        path.write_bytes(content)
        return self.plan_path(path, *options, expect=expect, job=job)

    def plan_path(self, path, *options, expect=0, job=None):
        job = job or self.dir / (path.name + ".job")
        out, err = self.run_idmerge("plan", path, "--job", job, "--show-ids", "always", *options,
                                    expect=expect)
        return job, out + err

    def summary_of(self, job):
        return json.loads((job / "summary.json").read_text())

    # --- ids that stand for nobody, and ids that a tool has changed

    def test_null_words_not_known_because_no_list_is_complete(self):
        shared = "".join(f"dev-{n},nobody-{n % 2}\n" for n in range(300))
        own = "".join(f"own-{n},user-{n}\n" for n in range(5700))
        table = "anonymous_id,user_id\n" + shared + own
        _, said = self.plan("hub.csv", table, expect=GUARD)
        self.assertIn("--max-user-share: one user, nobody-", said)
        self.assertIn("claims 150 of 6,000 anonymous ids (2.5 %), over 1%", said)
        # Named where ids are masked, too: by the form of it.
        path = self.dir / "hub.csv"
        out, err = self.run_idmerge("plan", path, "--job", self.dir / "masked", "--show-ids", "never",
                                    expect=GUARD)
        self.assertNotIn("nobody", out + err)
        self.assertRegex(out + err, r"one user, \S+.*, claims 150 of 6,000")
        for more in (("--max-user-share", "3%"), ("--max-user-share", "none"),
                     ("--null-word", "nobody-0", "--null-word", "nobody-1")):
            self.plan_path(path, *more, job=self.dir / ("job" + "-".join(more)[2:]))
        # A hundred devices of one person are not enough to say so.
        self.plan("few.csv", "anonymous_id,user_id\n" + "".join(f"d{n},u\n" for n in range(100)))

    def test_numbers_damaged_by_spreadsheets(self):
        head = "anonymous_id,user_id\n"
        damaged = ("--max-rejected", "none")
        job, _ = self.plan("sci.csv", head + "a1,1.23457E+11\na2,1.23457E+11\na3,u3\n", *damaged)
        self.assertEqual(self.planned_links(job), [("a3", "u3")])
        self.assertEqual(self.reasons(job), [(2, "scientific"), (3, "scientific")])
        job, _ = self.plan("formula.csv", head + 'a1,"=""00123"""\na2,=""00124""\na3,u3\n', *damaged)
        self.assertEqual(self.planned_links(job), [("a3", "u3")])
        self.assertEqual(self.reasons(job), [(2, "spreadsheet"), (3, "spreadsheet")])
        job, _ = self.plan("apostrophe.csv", head + "a1,'00123\na2,'00124\na3,00125\n", *damaged)
        self.assertEqual(self.planned_links(job), [("a3", "00125")])
        # Both readers judge one table alike.
        lines = [{"anonymous_id": "a1", "user_id": "1.23457E+11"},
                 {"anonymous_id": "a2", "user_id": "'00123"}, {"anonymous_id": "a3", "user_id": "u3"}]
        job, _ = self.plan("sci.ndjson", "".join(json.dumps(line) + "\n" for line in lines), *damaged)
        self.assertEqual(self.reasons(job), [(1, "scientific"), (2, "spreadsheet")])
        # A column that pandas made into decimals stops, as swapped columns do, on either side.
        for name, table in (("user.csv", "a1,12345.0\na2,12346.0\na3,\na4,12347.0\n"),
                            ("anonymous.csv", "12345.0,u1\n12346.0,u2\n12347,u3\n")):
            _, said = self.plan(name, head + table, expect=GUARD)
            self.assertIn("have a number such as 12345.0 as their " + name.split(".")[0], said)
            self.plan(name, head + table, "--max-decimals", "none", job=self.dir / (name + "2"))
        job, said = self.plan("some.csv", head + "a1,12345.0\na2,u2\na3,u3\n")
        self.assertIn("note: 1 rows have a number such as 12345.0 as their user id", said)
        # Ids that resemble such numbers are sent.
        ids = ["1234567890.1234567890", "GA1.2.1234567890.1234567890", "1e11", "deadbeef", "12e45678",
               "1E-05", "3.0.1", "o'brien", "1.5"]
        job, said = self.plan("fine.csv", head + "".join(f"{i},user-{i}\n" for i in ids))
        self.assertEqual([anon for anon, _ in self.planned_links(job)], ids)
        self.assertNotIn("12345.0", said)

    def test_a_row_number_is_called_one(self):
        head = "anonymous_id,user_id\n"
        _, said = self.plan("rows.csv", head + "".join(f"d{n},{n + 40}\n" for n in range(20)))
        self.assertIn("note: the user ids count the rows one by one", said)
        _, said = self.plan("ids.csv", head + "".join(f"d{n},{n * n}7\n" for n in range(20)))
        self.assertNotIn("one by one", said)

    def test_padded_ids(self):
        job, said = self.plan("sqlcmd.csv", "anonymous_id|user_id\n------------|-------\n"
                              "a1          |u1     \na2          |u2     \n", "--delimiter", "|",
                              "--max-rejected", "none")
        self.assertIn("note: 2 rows have an id that begins or ends with white space", said)
        self.assertEqual(self.planned_links(job), [("a1          ", "u1     "), ("a2          ", "u2     ")])
        self.assertEqual(self.reasons(job), [(2, "placeholder")])
        _, said = self.plan("spaces.csv", "anonymous_id,user_id\na1,u1\na2,\u00a0u2\na3,u3\u200b\na4, u4\n"
                            "a5,u 5\n")
        self.assertIn("note: 3 rows have an id that begins or ends", said)

    def test_tsv_backslash_escapes(self):
        table = "anonymous_id\tuser_id\na1\tO\\'Brien\na2\tDOM\\\\bob\na3\t\\N\na4\tu4\n"
        job, said = self.plan("clickhouse.tsv", table, "--format", "tsv")
        self.assertIn("note: 2 rows have an id with a backslash", said)
        self.assertEqual(self.planned_links(job)[0], ("a1", "O\\'Brien"))
        # Where commas part the fields, it is part of the id: DOMAIN\name.
        _, said = self.plan("domain.csv", "anonymous_id,user_id\na1,CORP\\jdoe\n")
        self.assertNotIn("backslash", said)

    # --- orders

    def test_order_seconds_and_milliseconds(self):
        table = ("anonymous_id,user_id,seen\nd1,u1,1704164645123\nd1,u2,1704168246\n"
                 "d2,u3,1704164645123\n")
        order = ("--order-field", "seen", "--on-conflict", "latest")
        _, said = self.plan("pairs.csv", table, *order, "--max-held", "none", expect=GUARD)
        self.assertIn("have an order that cannot be read", said)
        job, said = self.plan("pairs.csv", table, *order, "--max-held", "none", "--max-rejected",
                              "none", job=self.dir / "seen")
        self.assertEqual(self.planned_links(job), [("d2", "u3")])
        self.assertIn("note: 1 rows have an order that cannot be read", said)
        self.assertIn("integers of one unit", said)

    def test_order_as_warehouses_write_it(self):
        late, early = "03:04:06", "03:04:05"
        for name, zone in (("bigquery", " UTC"), ("postgres", "+00"), ("snowflake", " -0800"),
                           ("redshift", ""), ("spark", "Z"), ("python", "+00:00")):
            for sep in " ", "T":
                table = (f"anonymous_id,user_id,seen\nd1,u1,2024-01-02{sep}{early}{zone}\n"
                         f"d1,u2,2024-01-02{sep}{late}.5{zone}\n")
                job, _ = self.plan(name + ".csv", table, "--order-field", "seen", "--on-conflict",
                                   "latest", job=self.dir / (name + sep))
                self.assertEqual(self.planned_links(job), [("d1", "u2")], name)
        # Between a time of a zone and one of none, nobody can say.
        mixed = ("anonymous_id,user_id,seen\nd1,u1,2024-01-02 03:04:05\n"
                 "d1,u2,2024-01-02 03:04:06 UTC\n")
        job, _ = self.plan("mixed.csv", mixed, "--order-field", "seen", "--on-conflict", "latest",
                           "--max-rejected", "none", "--max-held", "none")
        self.assertEqual(self.planned_links(job), [])

    def test_a_list_that_was_opened_in_a_spreadsheet_comes_back_unchanged(self):
        ids = ["=1+1", "+49", "@home", "'=x", "-", "plain"]
        table = "anonymous_id,user_id\n" + "".join(
            f"dev{i},{i}\ndev{i},{i}x\n" for i in ids if i != "-") + "=dev,u1\n=dev,u2\n"
        job, _ = self.plan("formulas.csv", table, "--max-held", "none")
        out, _ = self.run_idmerge("show", "--job", job, "--held", "--format", "csv", "--show-ids",
                                  "always")
        cells = [cell for line in out.splitlines()[1:] for cell in line.split(",")]
        self.assertIn("'=1+1", cells)
        self.assertEqual([cell for cell in cells if cell[:1] in ("=", "+", "@")], [])
        # As a person does: the first claim of each is right, and its cell is copied as it stands.
        header, *lines = out.splitlines()
        columns = header.split(",")
        anon, user, decision = (columns.index(c) for c in ("anonymous_id", "user_id", "decision"))
        decided, seen = [header], set()
        for line in lines:
            cells = line.split(",")
            if cells[anon] not in seen:
                cells[decision] = cells[user]
            seen.add(cells[anon])
            decided.append(",".join(cells))
        (self.dir / "decided.csv").write_text("\n".join(decided) + "\n")
        job, said = self.plan_path(self.dir / "formulas.csv", "--decisions", self.dir / "decided.csv",
                                   job=self.dir / "decided")
        self.assertNotIn("decision", said)
        self.assertEqual(sorted(self.planned_links(job)), sorted(
            [(f"dev{i}", i) for i in ids if i != "-"] + [("=dev", "u1")]))

    def test_a_guard_does_not_wait_for_a_pipe_that_was_read(self):
        pipe = self.dir / "pairs.fifo"
        os.mkfifo(pipe)
        table = "anonymous_id,user_id\n" + "".join(f"u{n},{uuid.UUID(int=n)}\n" for n in (7, 8))
        writer = threading.Thread(target=pipe.write_text, args=(table,))
        writer.start()
        _, said = self.plan_path(pipe, expect=GUARD)
        writer.join()
        self.assertIn("--max-uuid-lead", said)
        self.assertNotIn("go on:", said)
        self.assertIn("to override:", said)

    # --- files

    def test_truncated_file_last_row(self):
        rows = "".join(f"anon-{n:06},user-{n + 100000}\n" for n in range(200))
        cut = ("anonymous_id,user_id\n" + rows)[:4096]
        self.assertFalse(cut.endswith("\n"))
        job, said = self.plan("pairs.csv", cut)
        self.assertIn("the last line has no line end: it is held", said)
        self.assertIn("--last-row take", said)
        self.assertEqual(len(self.planned_links(job)), 169)
        self.check_account(job, held=1, pending=169)
        [held] = [json.loads(line) for line in (job / "held.ndjson").read_text().splitlines()]
        self.assertEqual(held["reason"], "partial-row")
        # The same bytes, packed or from a pipe.
        job, _ = self.plan("pairs.csv.gz", gzip.compress(cut.encode()))
        self.assertEqual(len(self.planned_links(job)), 169)
        job, _ = self.plan_path(self.dir / "pairs.csv", "--last-row", "take", job=self.dir / "taken")
        self.assertEqual(len(self.planned_links(job)), 170)
        # What a job has planned, it goes on with: it is not planned otherwise unnoticed.
        _, said = self.run_idmerge("run", self.dir / "pairs.csv", "--job", job, "--rehearse",
                                   "--project-id", "1", expect=USAGE)
        self.assertIn("last_row: the plan was made with 'take', now it is 'hold'", said)

    def test_files_that_prove_their_end(self):
        for name, rows, text in (
                ("one.csv", 1, "anonymous_id,user_id\na,u"),
                ("quoted.csv", 2, 'anonymous_id,user_id\na,u\n"b","v"'),
                ("lines.ndjson", 2, '{"anonymous_id":"a","user_id":"u"}\n'
                                    '{"anonymous_id":"b","user_id":"v"}')):
            job, said = self.plan(name, text)
            self.assertNotIn("line end", said)
            self.check_account(job, pending=rows)

    def test_delimiter_ctrl_a(self):
        table = b"d1\x01u1\nd2\x01u2\n"
        fields = ("--no-header", "--anon-field", "#1", "--user-field", "#2", "--delimiter")
        for number, spelling in enumerate(("\x01", "\\x01", "\\001", "^A")):
            job, _ = self.plan("000000_0", table, *fields, spelling, job=self.dir / str(number))
            self.assertEqual(self.planned_links(job), [("d1", "u1"), ("d2", "u2")])
        _, said = self.plan("000000_0", table, *fields, "ab", expect=USAGE)
        self.assertIn("is not one character", said)

    def test_excel_sep_line(self):
        for name, text in (("semicolon.csv", "sep=;\r\nanonymous_id;user_id\r\na1;u1\r\n"),
                           ("comma.csv", "sep=,\r\nanonymous_id,user_id\r\na1,u1\r\n"),
                           ("bom.csv", "\ufeffsep=;\r\nanonymous_id;user_id\r\na1;u1\r\n")):
            job, _ = self.plan(name, text)
            self.assertEqual(self.planned_links(job), [("a1", "u1")], name)
        job, _ = self.plan("rejected.csv", "sep=;\r\nanonymous_id;user_id\r\na1;null\r\nb;v\r\n",
                           "--max-rejected", "none")
        self.assertEqual(self.reasons(job), [(3, "placeholder")])
        _, said = self.plan("other.csv", "sep=;\r\nanonymous_id;user_id\r\na1;u1\r\n", "--delimiter",
                            "|", expect=USAGE)
        self.assertIn("tail -n +2", said)

    def test_extra_file_in_directory(self):
        part = "anonymous_id,user_id\na{0},u{0}\n"
        for number, extra in enumerate(("redshift/manifest", "athena/5f1c.csv.metadata",
                                        "unload/part_manifest")):
            path = self.dir / extra
            path.parent.mkdir()
            path.write_text('{"entries":[{"url":"s3://b/0000_part_00"}]}')
            (path.parent / "0000_part_00").write_text(part.format(number))
            job, said = self.plan_path(path.parent, job=self.dir / f"j{number}")
            self.assertIn(path.name + ": a list of files, no table", said)
            self.assertEqual(self.planned_links(job), [(f"a{number}", f"u{number}")])
        # Named outright, it is read, and refused for what it is.
        self.plan_path(self.dir / "redshift/manifest", expect=USAGE)

    def test_not_text_misnamed(self):
        csv = b"anonymous_id,user_id\na1,u1\n"
        for name, content, word in (("dbl.csv.gz", gzip.compress(gzip.compress(csv)), "twice"),
                                    ("p.deflate", zlib.compress(csv), "zlib"),
                                    ("fast.deflate", zlib.compress(csv, 1), "zlib"),
                                    ("best.deflate", zlib.compress(csv, 9), "zlib"),
                                    ("p.sz", b"\xff\x06\0\0sNaPpY\x01\x1e\0\0", "snappy"),
                                    ("p.snappy", b"\0\0\0\x1a\0\0\0\x1c\x1a\x64" + csv, "snappy")):
            _, said = self.plan(name, content, expect=INPUT)
            self.assertIn(word, said, name)
            self.assertNotIn("iconv", said, name)

    def test_a_device_is_no_table(self):
        (self.dir / "x.csv").symlink_to("/dev/null")
        _, said = self.plan_path(self.dir / "x.csv", expect=INPUT)
        self.assertIn("this is a device", said)

    def test_what_it_costs_is_said_before(self):
        table = "anonymous_id,user_id\na1,u1\na2,u1\n"
        job, said = self.plan("pairs.csv", table, "--api", "import", "--project-mode", "simplified")
        self.assertRegex(said, r"billable events +2 ")
        self.assertEqual(self.summary_of(job)["census"]["billable_events"], 2)
        job, said = self.plan("pairs.csv", table, job=self.dir / "identity")
        self.assertNotIn("billable", said)
        self.assertEqual(self.summary_of(job)["census"]["billable_events"], 0)


if __name__ == "__main__":
    harness.main()
