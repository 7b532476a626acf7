# SPDX-License-Identifier: MIT
"""What the README shows is what the program says."""
import re
import subprocess
import sys

import harness

ROOT = harness.SAMPLES.parent
README = ROOT / "README.md"
REFERENCE = ROOT / "src" / "OPTIONS.md"
NO_DEFAULT = ("none", "off", "by name")


def table(text, columns):
    """The rows below the header `columns`, each as its cells, with `\\|` read back."""
    head = f"| {' | '.join(columns)} |"
    tables = re.findall(rf"(?m)^{re.escape(head)}\n\|[-|]+\|\n((?:\|.*\n)+)", text)
    return [[cell.replace("\\|", "|") for cell in re.split(r"(?<!\\) ?\| ?", row)[1:-1]]
            for rows in tables for row in rows.splitlines()]


class Readme(harness.Case):
    def commands(self):
        out, _ = self.run_idmerge("--help")
        return re.findall(r"(?m)^  ([a-z]\w+) ", out)

    def help_of(self, command):
        """What `idmerge COMMAND --help` says: (option with its value, default or "")."""
        out, _ = self.run_idmerge(command, "--help")
        options = []
        for entry in re.split(r"\n(?=  -)", out)[1:]:
            entry = entry.split("\n\n")[0]
            default = re.search(r"\[([^]]+)\]\s*$", entry)
            options.append((re.split(r"\s{2,}", entry.strip())[0], default[1] if default else ""))
        return options

    def reference(self):
        return table(REFERENCE.read_text(), ["Option", "Default", "Commands", "Meaning"])

    def test_the_reference_is_what_help_all_prints(self):
        ran = subprocess.run([sys.executable, ROOT / "scripts" / "options", "--check",
                              harness.IDMERGE], capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 0, f"run scripts/options:\n{ran.stdout}{ran.stderr}")

    def test_the_reference_has_each_option_of_each_command(self):
        listed = sorted((command, option.strip("`"), default.strip("`"))
                        for option, default, commands, _ in self.reference()
                        for command in commands.removesuffix(", *flag only*").split(", "))
        helped = sorted((command, *option) for command in self.commands()
                        for option in self.help_of(command))
        self.assertGreater(len({option for _, option, _ in helped}), 90)
        self.assertEqual(listed, helped)

    def test_the_options_it_shows(self):
        shown = table(README.read_text(), ["Option", "Default", "Meaning"])
        self.assertGreater(len(shown), 10)
        for option, default, _ in shown:
            rows = [row for row in self.reference() if row[0] == option]
            self.assertTrue(rows, option)
            if not any(row[1] for row in rows) and default in NO_DEFAULT:
                continue
            stated = {word for row in rows
                      for word in (row[1].strip("`"), *([] if row[1] else re.findall(r"[^\s,]+", row[3])))}
            self.assertIn(default.strip("`"), stated - {""}, option)

    def test_no_option_that_it_names_is_missing(self):
        known = {name for option, *_ in self.reference() for name in re.findall(r"--[a-z-]+", option)}
        text = README.read_text()
        named = set(re.findall(r"`(--[a-z-]+)", text))
        for line in re.findall(r"idmerge (?:plan|run|show|status|explain|rate|emulator) [^`#\n]*", text):
            named |= set(re.findall(r"(?<!\S)--[a-z-]+", line))
        self.assertGreater(len(named), 20)
        self.assertEqual(named - known - {"--help", "--help-all"}, set())

    def test_the_exit_codes(self):
        source = (ROOT / "src/util/result.cpp").read_text()
        readme = README.read_text()
        codes = set(re.findall(r"return (\d+);", source)) - {"0"}
        for code in codes:
            self.assertRegex(readme, rf"(?m)^\| {code}\b")

    def examples(self):
        """What the README shows behind `$ idmerge plan ...`, and the account below it."""
        readme = README.read_text()
        shown = re.search(r"```\n\$ idmerge (plan [^\n]*)\n(.*?)```.*?```\n(  read .*?)```", readme, re.S)
        return shown.group(1).split(), shown.group(2), shown.group(3)

    def test_the_run_it_shows(self):
        """The README's run is a real one: the same lines come out today, down to the plan id. The
        README leaves out lines within a list, as "  ..."."""
        args, plan, account = self.examples()
        (self.dir / "samples").symlink_to(harness.SAMPLES)
        (self.dir / "build").mkdir()
        _, err = self.run_idmerge(*args)
        parts = plan.split("  ...\n")
        pattern = r"(?:  \S.*\n)+".join(map(re.escape, parts))
        self.assertGreater(len(parts), 1)
        self.assertRegex(err, rf"\A{pattern}\Z")
        job = args[args.index("--job") + 1]
        _, err = self.run_idmerge("run", "--job", job, "--to", "emulator", expect=3)
        self.assertIn("\n" + account, err)


if __name__ == "__main__":
    harness.main()
