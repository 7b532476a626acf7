# SPDX-License-Identifier: MIT
"""What the README shows is what the program says."""
import re

import journey

README = journey.SAMPLES.parent / "README.md"


class Readme(journey.Case):
    def options(self):
        """The table of options as `--help` gives it: group, and each option with its default, or
        with its placeholder if it has none."""
        groups = {}
        for command in ("plan", "run", "show", "status", "emulator"):
            out, _ = self.run_idmerge(command, "--help")
            for part in re.split(r"\n\n(?=[A-Z][a-z]+:\n)", out)[1:]:
                group, text = part.split(":\n", 1)
                for option in re.split(r"\n  (?=-)", "\n" + text)[1:]:
                    words = re.match(r"(?:-\w, )?(--[a-z-]+)(?: (\S+))?", option)
                    default = re.search(r"\[([^]]+)\]\s*$", option)
                    value = default.group(1) if default else words.group(2)
                    listed = f"`{words.group(1)} {value}`" if value else f"`{words.group(1)}`"
                    options = groups.setdefault(group, [])
                    if listed not in options:
                        options.append(listed)
        return ["| {} | {} |".format(group, " · ".join(options).replace("|", "\\|"))
                for group, options in groups.items()]

    def test_the_options(self):
        readme = README.read_text()
        for row in self.options():
            self.assertIn(row, readme, "\n".join(["the table is", *self.options()]))

    def test_the_exit_codes(self):
        source = (README.parent / "src" / "base" / "result.cpp").read_text()
        readme = README.read_text()
        codes = set(re.findall(r"return (\d+);", source)) - {"0"}
        for code in codes:
            self.assertRegex(readme, rf"(?m)^\| {code}\b")

    def test_the_run_it_shows(self):
        """The README's run is a real one: the same numbers come out today."""
        readme = README.read_text()
        shown = re.search(r"```\n\$ idmerge plan (samples/\S+) .*?\n(.*?)```", readme, re.S)
        job = self.dir / "job"
        _, err = self.run_idmerge("plan", README.parent / shown.group(1), "--job", job)
        counts = [line for line in err.splitlines() if re.match(r"^ *[a-z ]+ {2,}[\d,]+", line)]
        self.assertGreater(len(counts), 8)
        for line in counts:
            head = re.match(r"^ *[a-z ]+ {2,}[\d,]+", line).group()
            self.assertIn(head, shown.group(2))


if __name__ == "__main__":
    journey.main()
