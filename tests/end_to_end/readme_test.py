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

    def examples(self):
        """What the README shows behind `$ idmerge plan ...`, and the account below it."""
        readme = README.read_text()
        shown = re.search(r"```\n\$ idmerge (plan [^\n]*)\n(.*?)```.*?```\n(  read .*?)```", readme, re.S)
        return shown.group(1).split(), shown.group(2), shown.group(3)

    def test_the_run_it_shows(self):
        """The README's run is a real one: the same lines come out today, down to the plan id. The
        README leaves out lines within a list, as "  ..."."""
        args, plan, account = self.examples()
        (self.dir / "samples").symlink_to(journey.SAMPLES)
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
    journey.main()
