#!/usr/bin/env python3
"""The house test: includes go strictly downwards, every room has its header and its test, and every
promise of the README the tests that tests/README.md names.

Usage: check_house.py ROOT. Prints one line a breach, `file:line: what`, and exits 1 if there is any.
"""
import pathlib
import re
import sys

# A floor and the floors it may include. The two wings, disk and net, never meet.
BELOW = {
    "base": set(),
    "core": {"base"},
    "disk": {"base", "core"},
    "net": {"base", "core"},
    "run": {"base", "core", "disk", "net"},
    "emulator": {"base", "core", "net"},
    "app": {"base", "core", "disk", "net", "run", "emulator"},
}

# Third-party headers that only some rooms may see (a floor, or floor/room).
ONLY_IN = {
    r"boost/(asio|beast)": {"net", "run/sender", "run/gate", "emulator", "app"},
    r"simdjson": {"core/ndjson", "core/dialect", "core/import", "core/credential_rules"},
    r"re2/": {"core/deny_list"},
    r"sodium": {"core/fingerprint", "core/import"},
    r"openssl/": {"net"},
    r"CLI/": {"app"},
    r"toml\+\+/": {"app/config"},
}

# What the pure floor must not know: clocks, threads, files.
NOT_IN_CORE = r"(thread|mutex|condition_variable|fstream|filesystem|iostream|unistd\.h|sys/.*)$"

# Rooms without a test of their own, and why.
UNTESTED = {
    "base/check": "aborts",
    "core/pair": "plain data",
    "net/asio": "third-party bodies",
    "app/main": "tests/end_to_end/streams_test.py",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def table(markdown: str, heading: str) -> list[tuple[int, list[str]]]:
    """The rows of the table under a heading, each with its line and without its own heading."""
    rows = []
    under = False
    for number, line in enumerate(markdown.splitlines(), 1):
        if line.startswith("## "):
            under = line == f"## {heading}"
        elif under and line.startswith("| "):
            rows.append((number, [cell.strip() for cell in line.strip("|").split(" | ")]))
    return rows[1:]


def test_exists(root: pathlib.Path, name: str) -> bool:
    """`floor/room: case` of doctest, or `file_test.py: test_name`."""
    place, case = name.split(": ", 1)
    if place.endswith(".py"):
        path, pattern = root / "tests/end_to_end" / place, rf"(?m)^    def {re.escape(case)}\(self"
        return path.exists() and re.search(pattern, path.read_text()) is not None
    path = root / f"tests/{place}_test.cpp"
    if not path.exists():
        return False
    source = re.sub(r'"\s*\n\s*"', "", path.read_text())  # a name may go over lines
    return re.search(rf'TEST_CASE\(\s*"{re.escape(case)}"\)', source) is not None


def promise_breaches(root: pathlib.Path) -> list[str]:
    """Every sentence that the README promises is in the table of tests/README.md, and nothing else
    is; every test named there exists."""
    breaches = []
    promised = {}
    for number, cells in table((root / "README.md").read_text(), "What is promised"):
        for sentence in re.split(r"(?<=\.)\s+(?=[A-Z`])", cells[0]):
            promised[sentence] = number
    if not promised:
        breaches.append("README.md:1: nothing is promised")
    named = {}
    for number, cells in table((root / "tests/README.md").read_text(), "What would go red"):
        named[cells[0]] = number
        if cells[1].startswith("nothing: "):
            continue
        tests = re.findall(r"`([^`]+)`", cells[1])
        if not tests:
            breaches.append(f"tests/README.md:{number}: no test is named")
        for test in tests:
            if not test_exists(root, test):
                breaches.append(f"tests/README.md:{number}: there is no test {test}")
    for sentence in promised.keys() - named.keys():
        breaches.append(f"README.md:{promised[sentence]}: tests/README.md has no tests for: {sentence}")
    for sentence in named.keys() - promised.keys():
        breaches.append(f"tests/README.md:{named[sentence]}: README.md does not promise: {sentence}")
    return breaches


def main(root: pathlib.Path) -> int:
    breaches = []
    rooms = sorted(root.glob("include/idmerge/*/*.hpp")) + sorted(root.glob("src/*/*.[ch]pp"))
    for path in rooms:
        floor, room = path.parent.name, path.stem
        if floor not in BELOW:
            breaches.append(f"{path.relative_to(root)}:1: no such floor: {floor}")
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            kind, target = found.groups()
            where = f"{path.relative_to(root)}:{number}"
            if kind == '"':
                parts = target.split("/")
                if parts[0] != "idmerge":
                    continue  # a private header beside its source
                other = parts[1]
                if other != floor and other not in BELOW[floor]:
                    may = ", ".join(sorted(BELOW[floor])) or "nothing"
                    breaches.append(f"{where}: {floor} must not include {other} ({floor} may use: {may})")
                continue
            for pattern, allowed in ONLY_IN.items():
                if re.match(pattern, target) and not {floor, f"{floor}/{room}"} & allowed:
                    breaches.append(f"{where}: {target} belongs to {', '.join(sorted(allowed))}")
            if floor == "core" and re.match(NOT_IN_CORE, target):
                breaches.append(f"{where}: core is pure and must not include {target}")

    for source in sorted(root.glob("src/*/*.cpp")):
        floor, room = source.parent.name, source.stem
        key = f"{floor}/{room}"
        if key not in ("app/main", "net/asio") and not (root / f"include/idmerge/{key}.hpp").exists():
            breaches.append(f"src/{key}.cpp:1: has no header include/idmerge/{key}.hpp")
        if key not in UNTESTED and not (root / f"tests/{key}_test.cpp").exists():
            breaches.append(f"src/{key}.cpp:1: has no test tests/{key}_test.cpp")

    # ctest takes a semicolon for the end of a name, and would run no case under either half.
    for test in sorted(root.glob("tests/*/*_test.cpp")):
        for number, line in enumerate(test.read_text().splitlines(), 1):
            if re.search(r'TEST_CASE\("[^"]*;', line):
                breaches.append(f"{test.relative_to(root)}:{number}: the name of a case has a semicolon")

    plan = (root / "include/idmerge/README.md").read_text()
    for floor in BELOW:
        section = re.search(rf"^## \d · {floor}$(.*?)(?=^## |\Z)", plan, re.M | re.S)
        named = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r"^\| ([a-z0-9_, ]+) \|", section[1], re.M)
                                                 if section else "")))
        built = {path.stem for path in root.glob(f"include/idmerge/{floor}/*.hpp")}
        for room in sorted(built - named):
            breaches.append(f"include/idmerge/README.md:1: the floor plan does not name {floor}/{room}")

    breaches += promise_breaches(root)

    for breach in breaches:
        print(breach)
    print(f"house: {len(rooms)} files read, {len(breaches)} breaches")
    return 1 if breaches or not rooms else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
