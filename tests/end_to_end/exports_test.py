# SPDX-License-Identifier: MIT
"""What the exports of README's table look like on disk, and event exports by JSON pointers."""
import gzip
import json
import re
import subprocess

import harness

A = "d6c157a4-4c38-46b9-94c1-f653681723%02x"


class Exports(harness.Case):
    def write(self, name, text, pack=None):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode()
        if pack == "gzip":
            data = gzip.compress(data)
        if pack == "zstd":
            data = subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE,
                                  check=True).stdout
        path.write_bytes(data)
        return path

    def links(self, *inputs, **how):
        """The pairs of a plan in its order, and what was said over making it."""
        job = self.dir / "job"
        _, err = self.run_idmerge("plan", *inputs, "--job", job, **how)
        out, _ = self.run_idmerge("show", "--links", "--format", "ndjson", "--job", job)
        return [tuple(json.loads(line).values())[:2] for line in out.splitlines()], err

    def wanted(self, *numbers):
        return [(A % number, f"u{number}") for number in numbers]

    def csv(self, *numbers, quote="", end="\n", header=True):
        rows = [("anonymous_id", "user_id")] * header + self.wanted(*numbers)
        return "".join(f"{quote}{a}{quote},{quote}{b}{quote}{end}" for a, b in rows)

    def test_bigquery_parts_in_their_order(self):
        for number in (10, 2, 1):
            self.write(f"pairs/{number:012}.csv.gz", self.csv(number), "gzip")
        self.assertEqual(self.links("pairs")[0], self.wanted(1, 2, 10))

    def test_snowflake_parts_quoted_with_nulls(self):
        for number in (10, 9):
            self.write(f"pairs/data_0_0_{number}.csv.gz",
                       self.csv(number, quote='"') + f'"{A % 99}",\\N\n', "gzip")
        self.assertEqual(self.links("pairs")[0], self.wanted(9, 10))

    def test_redshift_parts_of_zstd(self):
        self.write("pairs/0001_part_00.zst", self.csv(2), "zstd")
        self.write("pairs/0000_part_00.zst", self.csv(1), "zstd")
        self.assertEqual(self.links("pairs")[0], self.wanted(1, 2))

    def test_databricks_parts_among_markers(self):
        for name in ("_SUCCESS", "_committed_5", "_started_5", ".part-00000.crc", "late.part"):
            self.write(f"pairs/{name}", "x")
        self.write("pairs/part-00001-tid-5-c000.csv.gz", self.csv(2), "gzip")
        self.write("pairs/part-00000-tid-5-c000.csv.gz", self.csv(1), "gzip")
        links, said = self.links("pairs")
        self.assertEqual(links, self.wanted(1, 2))
        for name in ("_SUCCESS", "_committed_5", "_started_5", ".part-00000.crc", "late.part"):
            self.assertRegex(said, re.escape(f"pairs/{name}") + ": ")

    def test_postgres_and_a_spreadsheet(self):
        self.write("pairs.csv", self.csv(1, 2))
        self.write("excel.csv", "\ufeff" + self.csv(2, 3, end="\r\n"))
        self.assertEqual(self.links("pairs.csv", "excel.csv")[0], self.wanted(1, 2, 3))

    def test_parquet_by_a_pipe(self):
        writer = subprocess.Popen(["printf", "%s", self.csv(1, 2)], stdout=subprocess.PIPE)
        self.addCleanup(writer.wait)
        self.addCleanup(writer.stdout.close)
        self.assertEqual(self.links("-", stdin=writer.stdout)[0], self.wanted(1, 2))

    def test_without_a_header(self):
        self.write("pairs.csv", self.csv(1, 2, header=False))
        self.assertEqual(self.links("pairs.csv", "--no-header", "--anon-field", "#1",
                                    "--user-field", "#2")[0], self.wanted(1, 2))

    def events(self, make):
        known = [make(A % number, f"u{number}") for number in (1, 2)]
        return "".join(json.dumps(event) + "\n" for event in (known[0], make(A % 9, None), known[1]))

    def test_segment_and_rudderstack_events(self):
        self.write("segment.ndjson", self.events(lambda a, u: {
            "type": "identify", "anonymousId": a, "userId": u,
            "context": {"device": {"id": "D"}, "ip": "8.8.8.8"}}))
        self.assertEqual(self.links("segment.ndjson", "--anon-field", "/anonymousId",
                                    "--user-field", "/userId")[0], self.wanted(1, 2))

    def test_rudderstack_events_by_their_context(self):
        self.write("rudder.ndjson", self.events(lambda a, u: {
            "event": "track", "context": {"device": {"id": a}, "traits": {"userId": u}}}))
        self.assertEqual(self.links("rudder.ndjson", "--anon-field", "/context/device/id",
                                    "--user-field", "/context/traits/userId")[0],
                         self.wanted(1, 2))

    def test_mixpanel_raw_export(self):
        self.write("raw.ndjson", self.events(lambda a, u: {
            "event": "Sign up", "properties": {
                "time": 1795456800, "distinct_id": "x", "$device_id": a,
                **({"$user_id": u} if u else {})}}))
        self.assertEqual(self.links("raw.ndjson", "--anon-field", "/properties/$device_id",
                                    "--user-field", "/properties/$user_id")[0], self.wanted(1, 2))

    def test_rows_for_several_verbs_in_one_file(self):
        self.write("verbs.csv", "verb,anonymous_id,user_id\n"
                   f"create,{A % 1},u1\nmerge,{A % 2},u2\n,{A % 3},u3\n$identify,{A % 4},u4\n")
        job = self.dir / "job"
        self.run_idmerge("plan", "verbs.csv", "--op-field", "verb", "--job", job)
        out, _ = self.run_idmerge("show", "--links", "--format", "ndjson", "--job", job)
        self.assertEqual([json.loads(line)["op"] for line in out.splitlines()],
                         ["create", "merge", "create", "create"])


if __name__ == "__main__":
    harness.main()
