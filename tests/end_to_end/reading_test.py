#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The readers against parsers that we did not write: Python's csv and json, over generated torture.

What both understand must be understood alike; what we refuse must cost no other row; and what we
accept, Python must read the same way.
"""
import csv
import gzip
import io
import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

SEED = int(os.environ.get("IDMERGE_SEED", random.randrange(2**32)))
ROUNDS = 40


def read(data):
    """The rows of a file as (line, offset, fault, column, anon, user), and the error, if any."""
    with tempfile.TemporaryDirectory() as place:
        path = pathlib.Path(place, "table")
        path.write_bytes(data)
        run = subprocess.run([os.environ["READ_BENCH"], "rows", path], capture_output=True,
                             text=True)
    assert run.returncode in (0, 1), run.stderr
    rows = []
    for line in run.stdout.splitlines():
        number, offset, fault, column, anon, user = line.split()
        rows.append((int(number), int(offset), fault, int(column),
                     bytes.fromhex(anon[1:]), bytes.fromhex(user[1:])))
    return rows, run.stderr


def good(rows):
    return [row[4:] for row in rows if row[2] == "none"]


class Csv(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)

    def cell(self):
        pieces = ["a", "Z9", " ", ",", '"', '""', "\n", "\r\n", "é", "😀", ";", "\t", "null", "'"]
        return "".join(self.random.choices(pieces, k=self.random.choice([0, 1, 2, 5, 40])))

    def table(self, columns, quoting, end):
        rows = [[self.cell() for _ in range(columns)] for _ in range(self.random.randrange(300))]
        out = io.StringIO(newline="")
        writer = csv.writer(out, quoting=quoting, lineterminator=end)
        writer.writerow([f"c{i}" for i in range(columns - 2)] + ["user_id", "anonymous_id"])
        writer.writerows(rows)
        return rows, out.getvalue().encode()

    def test_what_python_writes_is_read_as_it_was(self):
        for _ in range(ROUNDS):
            columns = self.random.choice([2, 3, 9])
            quoting = self.random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
            rows, data = self.table(columns, quoting, self.random.choice(["\n", "\r\n"]))
            if self.random.random() < 0.2:
                data = gzip.compress(data)
            got, error = read(data)
            self.assertEqual(error, "", SEED)
            self.assertEqual(good(got), [(row[-1].encode(), row[-2].encode()) for row in rows],
                             SEED)

    def test_a_bad_line_costs_itself_and_nothing_else(self):
        bad = {b"a": "ragged-row", b"a,b,c": "ragged-row", b'a,b"c': "bare-quote",
               b'"a"b,c': "text-after-quote", b'"say "hi" now",x': "text-after-quote",
               b"a\rb,c": "lone-cr", b'a,"b" ': "text-after-quote",
               b"user_id,anonymous_id": "repeated-header"}
        for _ in range(ROUNDS):
            lines, wanted = [], []
            for number in range(2, 400):
                if self.random.random() < 0.1:
                    line, fault = self.random.choice(sorted(bad.items()))
                    lines.append(line)
                    wanted.append((number, fault))
                else:
                    lines.append(b'"u%d",a%d' % (number, number))
                    wanted.append((number, (b"a%d" % number, b"u%d" % number)))
            end = self.random.choice([b"\n", b"\r\n"])
            got, error = read(b"user_id,anonymous_id" + end + end.join(lines) + end)
            self.assertEqual(error, "", SEED)
            self.assertEqual([(row[0], row[2] if row[2] != "none" else row[4:]) for row in got],
                             wanted, SEED)

    def test_what_we_accept_python_reads_alike(self):
        """Random bytes: a good row's own bytes, given to Python's strict reader, are its ids."""
        accepted = 0
        for _ in range(ROUNDS):
            data = b"anonymous_id,user_id\n"
            data += bytes(self.random.choices(b'ab,,""\n\n\r', k=self.random.randrange(2000)))
            got, _ = read(data)
            ends = [row[1] for row in got[1:]] + [len(data)]
            for row, end in zip(got, ends):
                if row[2] != "none":
                    continue
                text = data[row[1]:end].decode()
                parsed = next(csv.reader(io.StringIO(text, newline=""), strict=True))
                self.assertEqual(tuple(cell.encode() for cell in parsed), row[4:], (SEED, text))
                accepted += 1
        self.assertGreater(accepted, ROUNDS)


class Ndjson(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)

    def value(self, depth=0):
        kinds = [lambda: "".join(self.random.choices("ab\"\\/\n\té😀\u2028", k=5)),
                 lambda: self.random.randrange(-10**25, 10**25),
                 lambda: self.random.random() * 1e9, lambda: None, lambda: True,
                 lambda: {self.random.choice("abxy"): self.value(depth + 1) for _ in range(3)},
                 lambda: [self.value(depth + 1) for _ in range(3)]]
        return self.random.choice(kinds[:5] if depth > 3 else kinds)()

    def line(self):
        row = {self.random.choice(["x", "y", "é"]): self.value() for _ in range(3)}
        row["user_id"] = self.value() if self.random.random() < 0.3 else "u"
        row["anonymous_id"] = self.value() if self.random.random() < 0.3 else "a"
        return json.dumps(row, ensure_ascii=self.random.random() < 0.5,
                          separators=self.random.choice([(",", ":"), (", ", " : ")])).encode()

    @staticmethod
    def expected(line):
        """What Python makes of a line: both ids, or None."""
        def refuse(name):
            raise ValueError(name)

        def pairs(found):
            row = dict(found)
            row["repeated"] = len(row) < len(found) and any(
                sum(name == key for name, _ in found) > 1 for key in ("anonymous_id", "user_id"))
            return row
        try:
            row = json.loads(line.decode(), object_pairs_hook=pairs, parse_constant=refuse,
                             parse_int=lambda text: text.encode())
        except (ValueError, RecursionError):
            return None
        if not isinstance(row, dict) or row["repeated"]:
            return None
        ids = []
        for key in ("anonymous_id", "user_id"):
            value = row.get(key, b"")
            try:
                value = value.encode() if isinstance(value, str) else value
            except UnicodeEncodeError:
                return None
            if not isinstance(value, (bytes, type(None))):
                return None
            ids.append(value or b"")
        return tuple(ids)

    def alike(self):
        """A line of the shape that most lines of a real export have."""
        row = {"user_id": self.random.choice(["u", 17, None, "\\", "é", 1.5]), "z": self.value(4),
               "p": {"k": [self.random.random(), "x"]}, "anonymous_id": f"a{self.random.random()}"}
        return json.dumps(row, ensure_ascii=self.random.random() < 0.5).encode()

    def damaged(self, line):
        line = bytearray(line)
        for _ in range(self.random.choice([0, 0, 1, 3])):
            at = self.random.randrange(len(line))
            what = self.random.choice(b'{}[]:,"\\019.-+eu \t\x01\xff')
            how = self.random.random()
            if how < 0.4:
                line[at] = what
            elif how < 0.7:
                line.insert(at, what)
            elif len(line) > 1:
                del line[at]
        return bytes(line)

    def check(self, lines):
        got, error = read(b"".join(line + b"\n" for line in lines))
        self.assertEqual(error, "", SEED)
        rows = {row[0]: row[4:] if row[2] == "none" else None for row in got}
        for number, line in enumerate(lines, 1):
            if line.strip(b" \t\r"):
                self.assertEqual(rows.pop(number), self.expected(line), (SEED, line))
        self.assertEqual(rows, {})

    def test_what_python_writes_is_read_as_it_was(self):
        for _ in range(ROUNDS):
            self.check([b'{"anonymous_id":"a","user_id":"u"}'] + [self.line() for _ in range(200)])

    def test_damaged_lines_are_judged_as_python_judges_them(self):
        for _ in range(ROUNDS):
            lines = [b'{"anonymous_id":"a","user_id":"u"}']
            make = self.random.choice([self.line, self.alike])
            lines += [self.damaged(make()) for _ in range(200)]
            self.check(lines)


if __name__ == "__main__":
    print("IDMERGE_SEED=%d" % SEED)
    unittest.main()
