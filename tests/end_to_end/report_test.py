# SPDX-License-Identifier: MIT
"""report.html, read by a parser that is not ours: it is sound, it runs and fetches nothing, ids and
file names stand in it as text, and its figures are those of summary.json."""
import csv
import html.parser
import json
import re
import signal
import time

import harness

README = harness.SAMPLES.parent / "README.md"
VOID = {"meta", "br", "hr", "link", "img", "input", "base", "wbr"}
ALLOWED = set("""html head meta title style body main header footer section h1 h2 h3 p small span bdi
code pre ul li table thead tbody tfoot tr th td svg rect""".split())

HOSTILE = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(2)>", "'-alert(3)-'", "&amp;",
           "&#x3c;b&#62;", "</title><h1>x", "<!--", "]]>", "a  b", "javascript:alert(4)",
           "abc\u202egnp.exe", "\u2066x\u2069", "Zoë 東京 🦊", "\\x3cb\\x3e"]


def shown(text):
    """As the page has to show it."""
    return re.sub("[\u200e\u200f\u2028-\u202e\u2066-\u2069]",
                  lambda c: "\\u{%04x}" % ord(c[0]), text)


class Page(html.parser.HTMLParser):
    """Checks a page as it reads it; keeps the text of elements with an id and the rows of tables."""

    def __init__(self, case, text):
        super().__init__(convert_charrefs=True)
        self.case, self.open, self.texts, self.tables = case, [], {}, {}
        self.metas, self.headings, self.elements = [], [], []
        self.feed(text)
        self.close()
        case.assertEqual(self.open, [], "not closed")

    def handle_decl(self, decl):
        self.case.assertEqual(decl.lower(), "doctype html")

    def handle_startendtag(self, tag, attrs):
        self.case.assertIn("svg", [tag for tag, _ in self.open])
        self.check(tag, dict(attrs))

    def check(self, tag, attrs):
        self.elements.append(tag)
        self.case.assertIn(tag, ALLOWED, attrs)
        for name, value in attrs.items():
            self.case.assertFalse(name.startswith("on"), (tag, name))
            self.case.assertNotIn(name, ("src", "href", "style", "action", "srcdoc"), tag)
            self.case.assertNotRegex(value or "", "(?i)https?:|javascript:|url\\(", tag)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.check(tag, attrs)
        if tag == "meta":
            self.metas.append(attrs)
        if tag == "th":
            self.case.assertIn(attrs.get("scope"), ("row", "col"))
        if tag in ("h1", "h2", "h3"):
            self.headings.append(tag)
        if tag == "table":
            self.case.assertIn("id", attrs)
            self.tables[attrs["id"]] = []
        if tag == "tr":
            self.table().append([])
        if tag in ("th", "td"):
            self.table()[-1].append("")
        if "id" in attrs:
            self.case.assertNotIn(attrs["id"], self.texts)
            self.texts[attrs["id"]] = ""
        if tag not in VOID:
            self.open.append((tag, attrs.get("id")))

    def table(self):
        return self.tables[next(id for tag, id in reversed(self.open) if tag == "table")]

    def handle_endtag(self, tag):
        self.case.assertTrue(self.open and self.open[-1][0] == tag, (tag, self.open))
        self.open.pop()

    def handle_data(self, data):
        tags = [tag for tag, _ in self.open]
        for _, id in self.open:
            if id:
                self.texts[id] += data
        # What stands below a label is not part of it.
        if ("th" in tags or "td" in tags) and "small" not in tags:
            self.table()[-1][-1] += data
        if "style" in tags:
            self.case.assertNotRegex(data, "(?i)https?:|@import|url\\(|</")

    def handle_comment(self, data):
        self.case.fail(f"a comment: {data}")

    handle_pi = unknown_decl = handle_comment

    def counts(self, table):
        """Label and count of each row."""
        return {row[0]: int(row[1].replace(",", "")) for row in self.tables[table]
                if len(row) > 1 and row[1].replace(",", "").isdigit()}


class Report(harness.Case):
    def page(self, directory):
        """Read the page, and check all that is true of every one."""
        path = directory / "report.html"
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertFalse((directory / "report.html.part").exists())
        raw = path.read_bytes()
        self.assertLess(raw.index(b"<meta charset=\"utf-8\">"), 1024)
        text = raw.decode("utf-8")
        self.assertEqual(re.findall(
            "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", text), [])
        page = Page(self, text)
        policy = next(meta["content"] for meta in page.metas
                      if meta.get("http-equiv") == "Content-Security-Policy")
        self.assertEqual(policy.split("; ")[:2], ["default-src 'none'", "style-src 'unsafe-inline'"])
        self.assertEqual(page.headings.count("h1"), 1)
        self.assertEqual(page.headings[0], "h1")
        self.check_figures(page, json.loads((directory / "summary.json").read_text()))
        return page

    def check_figures(self, page, summary):
        """All that the page says is what summary.json says."""
        account = page.counts("account-table")
        self.assertEqual(account, summary["account"])
        self.assertEqual(account.pop("read"), sum(account.values()))
        self.assertEqual(page.texts["state"], summary["state"])
        self.assertEqual(page.texts["exit-code"], str(summary["exit_code"]))
        self.assertEqual(page.texts.get("stop"), summary["stop"] and shown(summary["stop"]))
        self.assertEqual(page.texts.get("next"), summary["next"] and shown(summary["next"]))
        send = summary["send"]
        self.assertEqual("send-table" in page.tables, send is not None)
        if send:
            self.assertEqual(page.texts["target"], send.pop("target"))
            self.assertEqual(page.counts("send-table"), send)

        census = summary["census"]
        rows, links = page.counts("rows-table"), page.counts("links-table")
        self.assertEqual(rows["rows"], census["rows"])
        self.assertEqual(rows["duplicate"], census["duplicates"])
        self.assertEqual(rows["skipped"], sum(census["skipped"].values()))
        self.assertEqual(rows["rejected"], sum(census["rejected"].values()))
        for reason, count in census["rejected"].items():
            self.assertEqual(rows[reason], count)
        self.assertEqual(links["links"], census["links"])
        self.assertEqual(links["to send"], census["verdicts"]["send"])
        for verdict in ("conflict", "both-sides", "oversize", "outranked"):
            self.assertEqual(links.get(verdict, 0), census["verdicts"][verdict])
        for side, row in zip(("anonymous_ids", "user_ids"), page.tables["sides-table"][1:]):
            self.assertEqual([int(cell.replace(",", "")) for cell in row[1:]],
                             [census[side][key] for key in ("distinct", "uuids", "uuid_v4")])
        self.assertEqual(page.counts("ids-table")["clusters to be made"], census["clusters"])
        per_user = [int(n.replace(",", ""))
                    for n in re.findall(r" ([0-9,]+[0-9]|[0-9])(?=[,.])", page.texts["ids-per-user"])]
        self.assertEqual(per_user, [census["anonymous_ids_per_user"][key]
                                    for key in ("p50", "p99", "max")])

        for table, key, count in (("clusters-table", "largest_clusters", "ids"),
                                  ("hubs-table", "hub_users", "anonymous_ids")):
            self.assertEqual([(row[0], int(row[1].replace(",", "")))
                              for row in page.tables.get(table, [None])[1:]],
                             [(shown(user["user"]), user[count]) for user in census[key]])
        files = page.tables["inputs-table"][1:]
        for row, file in zip(files[:50], summary["inputs"]):
            self.assertEqual(row, [shown(file["file"]), f"{file['rows']:,}", f"{file['bytes']:,}"])
        if len(summary["inputs"]) > 1:
            self.assertEqual(files[-1][1:], [f"{sum(file[key] for file in summary['inputs']):,}"
                                             for key in ("rows", "bytes")])

    def check_meaning(self, page):
        """The words about the exit code are the README's."""
        code = page.texts["exit-code"]
        rows = dict(re.findall(r"(?m)^\| (\d+)(?:, \d+)? \| (.*?) \|", README.read_text()))
        self.assertEqual(page.texts["exit-meaning"], rows[code].replace("`", ""))

    def hostile(self, name="pairs.csv"):
        path = self.dir / name
        rows = [(f"{side}{n}", id) for n, id in enumerate(HOSTILE) for side in "ab"]
        with open(path, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("anonymous_id", "user_id"), *rows])
        return path

    def test_ids_and_file_names_are_text(self):
        path = self.hostile("\"><img src=x onerror=alert(5)> & 'quoted' \u202eexe.csv")
        emulator = self.emulator()
        job = self.dir / "job <b>&amp;\"'"
        self.run_idmerge("run", path, "--job", job, "--to", emulator.url, "--show-ids", "always",
                         "--rate", "0")
        page = self.page(job)
        clusters = {row[0] for row in page.tables["clusters-table"][1:]}
        self.assertEqual(clusters, {shown(id) for id in HOSTILE[:10]})
        self.assertIn(shown(str(path)), [row[0] for row in page.tables["inputs-table"]])
        self.assertEqual(page.texts["job"], str(job))
        examples = page.texts["examples"]
        self.assertIn("will belong to user " + HOSTILE[0], examples)
        self.assertEqual(examples.count("will belong to user"), 5)

    def test_hostile_ids_each_on_the_page(self):
        """Each by itself, so that none is left out of a bounded list."""
        for n, id in enumerate(HOSTILE):
            with self.subTest(id=id):
                path = self.dir / f"{n}.ndjson"
                path.write_text("".join(json.dumps({"anonymous_id": f"a{i}", "user_id": id}) + "\n"
                                        for i in range(101)))
                self.run_idmerge("plan", path, "--show-ids", "always")
                page = self.page(self.dir / f"{n}.ndjson.idmerge")
                self.assertEqual(page.counts("clusters-table"), {shown(id): 102})
                self.assertEqual(page.counts("hubs-table"), {shown(id): 101})
                self.assertIn("will belong to user " + shown(id), page.texts["examples"])

    def test_masked_unless_asked_for(self):
        path = self.hostile()
        self.run_idmerge("plan", path)
        page = self.page(self.dir / "pairs.csv.idmerge")
        raw = (self.dir / "pairs.csv.idmerge/report.html").read_text()
        self.assertNotIn("alert", raw)
        self.assertTrue(all("bytes)" in row[0] for row in page.tables["clusters-table"][1:]))

    def test_each_way_to_end(self):
        path = self.pairs("pairs.csv", "--rows", 3_000, "--duplicates", "20%", "--conflicts", "3%",
                          "--faults", "3%")
        truth, job = harness.Truth(path), self.dir / "pairs.csv.idmerge"
        guards = ["--max-held", "none", "--max-rejected", "none"]

        self.run_idmerge("plan", path, "--max-rejected", "1", expect=6)
        page = self.page(job)
        self.check_meaning(page)
        self.assertRegex(page.texts["stop"], "^--max-rejected: ")

        self.run_idmerge("plan", path, *guards)
        page = self.page(job)
        self.assertEqual(page.texts["state"], "planned")
        self.assertIn("--approve", page.texts["next"])
        planned = (job / "report.html").read_bytes()

        self.run_idmerge("run", "--job", job, "--to", "emulator", "--rate", "0", *guards, expect=3)
        self.assertEqual((job / "report.html").read_bytes(), planned)
        self.check_meaning(self.page(job / "runs/rehearsal"))

        emulator = self.emulator()
        run = ["run", "--job", job, "--to", emulator.url, *guards]
        self.run_idmerge(*run, "--canary", "40", "--rate", "0", expect=8)
        page = self.page(job)
        self.check_meaning(page)
        self.assertEqual(page.counts("send-table")["delivered"], 40)
        self.assertEqual(page.texts["next"].split()[:2], ["idmerge", "run"])

        process = self.start("run", "--job", job, "--rate", "50/s")
        requests = emulator.stats()["requests"]
        while emulator.stats()["requests"] == requests:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(), 143, self.said(process))
        page = self.page(job)
        self.assertIn("interrupted by SIGTERM", page.texts["exit-meaning"])
        self.assertEqual(page.texts["state"], "unfinished")

        for _ in range(2):  # the second time there is nothing to do
            self.run_idmerge("run", "--job", job, "--rate", "0", expect=3)
            page = self.page(job)
            self.check_meaning(page)
            self.assertEqual(page.counts("account-table"), truth.fates())
            self.assertEqual(page.texts["state"], "finished")

    def test_refused_links(self):
        path = self.pairs("pairs.csv", "--rows", 500)
        emulator = self.emulator("--refuse-share", "0.1", "--seed", harness.SEED)
        job = self.dir / "pairs.csv.idmerge"
        self.run_idmerge("run", path, "--to", emulator.url, "--rate", "0", "--max-refused", "none",
                         expect=3)
        page = self.page(job)
        self.assertGreater(page.counts("send-table")["refused"], 0)
        self.assertIn("runs/1-of-1/refused.ndjson", page.texts["files-table"])

    def test_files_it_names_exist(self):
        path = self.pairs("pairs.csv", "--rows", 500, "--conflicts", "3%", "--faults", "3%")
        job = self.dir / "pairs.csv.idmerge"
        emulator = self.emulator()
        self.run_idmerge("run", path, "--to", emulator.url, "--rate", "0", "--max-held", "none",
                         "--max-rejected", "none", expect=3)
        self.run_idmerge("run", "--job", job, "--rehearse", "--rate", "0", "--max-held", "none",
                         "--max-rejected", "none", expect=3)
        for place in (job, job / "runs/rehearsal"):
            named = [row[0] for row in self.page(place).tables["files-table"][1:]]
            self.assertGreater(len(named), 4)
            for name in named:
                self.assertTrue((job / name).is_file(), name)

    def test_a_page_of_many_inputs_stays_small(self):
        parts = self.dir / "parts"
        parts.mkdir()
        for n in range(120):
            (parts / f"{n:03}.csv").write_text(f"anonymous_id,user_id\na{n},u{n}\n")
        job = self.dir / "job"
        self.run_idmerge("plan", parts, "--job", job)
        page = self.page(job)
        rows = page.tables["inputs-table"]
        self.assertEqual(len(rows), 1 + 50 + 2)
        self.assertEqual(rows[-2][:2], ["and 70 more files", "70"])
        self.assertEqual(rows[-1][:2], ["120 files", "120"])


if __name__ == "__main__":
    harness.main()
