#!/usr/bin/env python3
"""The layers test: includes go downwards only and never in a circle, a module links what it names,
every component has its header and its test, and every promise of the README the tests that
tests/README.md names.

Usage: check_layers.py ROOT. Prints one line a breach, `file:line: what`, and exits 1 if there is any.
"""
import pathlib
import re
import sys

# A module and the modules it may include. `io` and `net` never meet.
BELOW = {
    "util": set(),
    "io": {"util"},
    "net": {"util"},
    "input": {"util", "io"},
    "plan": {"util", "io", "input"},
    "send": {"util", "io", "net", "input", "plan"},
    "emulator": {"util", "net", "input"},
    "cli": {"util", "io", "net", "input", "plan", "send", "emulator"},
    "api": {"util", "io", "plan", "send", "cli"},
}

# Third-party headers that only some components may see (a module, or module/component).
ONLY_IN = {
    r"boost/(asio|beast)": {"net", "send/sender", "send/net_runtime", "emulator", "cli"},
    r"boost/json": {"util/boost_json", "emulator", "cli"},
    r"simdjson": {"input/ndjson", "net/credential_rules", "send/identity_api", "send/import_api",
                 "send/mixpanel_api"},
    r"re2/": {"plan/deny_list"},
    r"sodium": {"plan/fingerprint", "send/import_api"},
    r"openssl/": {"net"},
    r"CLI/": {"cli"},
    r"toml\+\+/": {"cli/config"},
}

# Components that decide by their arguments alone, and what they must not know: clocks, threads,
# files.
PURE = {f"{module}/{name}" for module, names in {
    "util": "encoding json_writer key_values redactor utf8",
    "net": "credential_rules response",
    "input": "cell columns csv csv_scan header_row id_text json_line json_shape json_token ndjson row"
             " row_fault",
    "plan": "claim_order clusters decisions deny_list fingerprint id_index plan_summary"
            " project_mode resolver resolver_options row_validator sheet_cell union_find verdict",
    "send": "adaptive_rate already_linked backoff http_outcome id_redaction identity_api import_api"
            " ledger link_set mixpanel_api outage_detector pace rate_limiter rate_schedule retry_policy service_api"
            " service_registry spares tally token_bucket",
}.items() for name in names.split()}
NOT_IN_PURE = r"(thread|mutex|condition_variable|fstream|filesystem|iostream|unistd\.h|sys/.*)$"

# Components without a test of their own, and why.
UNTESTED = {
    "util/boost_json": "third-party bodies",
    "util/check": "aborts",
    "input/row": "plain data",
    "plan/verdict": "plain data",
    "net/asio": "third-party bodies",
    "cli/main": "tests/end_to_end/streams_test.py",
}

# Sources without a header.
HEADERLESS = {"cli/main", "net/asio", "util/boost_json"}

# Headers of other programs are below include/idmerge: of the module api.
PUBLIC = "idmerge/"

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
    """`module/component: case` of doctest, or `file_test.py: test_name`."""
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


def circles(uses: dict[str, set[str]]) -> list[list[str]]:
    """The groups of components that include each other, header or source (Tarjan)."""
    found, index, low, stack = [], {}, {}, []

    def visit(at):
        index[at] = low[at] = len(index)
        stack.append(at)
        for other in sorted(uses.get(at, ())):
            if other not in index:
                visit(other)
                low[at] = min(low[at], low[other])
            elif other in stack:
                low[at] = min(low[at], index[other])
        if low[at] == index[at]:
            group = stack[stack.index(at):]
            del stack[stack.index(at):]
            if len(group) > 1:
                found.append(sorted(group))

    for component in sorted(uses):
        if component not in index:
            visit(component)
    return found


def link_breaches(root: pathlib.Path, by_headers: dict[str, set[str]],
                  by_sources: dict[str, set[str]]) -> list[str]:
    """CMakeLists.txt links a module to those that its headers include with PUBLIC, to those that
    only its sources include with PRIVATE, and to no others."""
    breaches = []
    text = (root / "CMakeLists.txt").read_text()
    for module in BELOW:
        found = re.search(rf"^idmerge_module\({module}\b([^)]*)\)", text, re.M)
        if not found:
            breaches.append(f"CMakeLists.txt:1: no such module: {module}")
            continue
        line = text.count("\n", 0, found.start()) + 1
        linked, kind = {"PUBLIC": set(), "PRIVATE": set()}, "PUBLIC"
        for word in found[1].split():
            if word in linked:
                kind = word
            elif word.startswith("idmerge_"):
                linked[kind].add(word.removeprefix("idmerge_"))
        wanted = {"PUBLIC": by_headers[module],
                  "PRIVATE": by_sources[module] - by_headers[module]}
        for kind, names in linked.items():
            for name in sorted(names ^ wanted[kind]):
                what = "does not include it so" if name in names else "includes it"
                breaches.append(f"CMakeLists.txt:{line}: {kind} idmerge_{name}: {module} {what}")
    return breaches


def main(root: pathlib.Path) -> int:
    breaches = []
    uses: dict[str, set[str]] = {}
    by_headers = {module: set() for module in BELOW}
    by_sources = {module: set() for module in BELOW}
    files = sorted(root.glob("src/*/*.[ch]pp"))
    for path in files:
        module, component = path.parent.name, f"{path.parent.name}/{path.stem}"
        if module not in BELOW:
            breaches.append(f"{path.relative_to(root)}:1: no such module: {module}")
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            kind, target = found.groups()
            where = f"{path.relative_to(root)}:{number}"
            if kind == '"':
                if target.startswith(PUBLIC):
                    if module != "api" or not (root / "include" / target).exists():
                        breaches.append(f"{where}: {target} is for other programs")
                    continue
                if not (root / "src" / target).exists():
                    breaches.append(f"{where}: there is no src/{target}")
                    continue
                other = target.split("/")[0]
                if other != module and other not in BELOW[module]:
                    may = ", ".join(sorted(BELOW[module])) or "nothing"
                    breaches.append(f"{where}: {module} must not include {other} ({module} may use: {may})")
                if other != module:
                    (by_headers if path.suffix == ".hpp" else by_sources)[module].add(other)
                if (used := target.removesuffix(".hpp")) != component:
                    uses.setdefault(component, set()).add(used)
                continue
            for pattern, allowed in ONLY_IN.items():
                if re.match(pattern, target) and not {module, component} & allowed:
                    breaches.append(f"{where}: {target} belongs to {', '.join(sorted(allowed))}")
            if component in PURE and re.match(NOT_IN_PURE, target):
                breaches.append(f"{where}: {component} is pure and must not include {target}")

    for group in circles(uses):
        breaches.append(f"src/{group[0]}.hpp:1: a circle of includes: {', '.join(group)}")
    breaches += link_breaches(root, by_headers, by_sources)

    built = {f"{path.parent.name}/{path.stem}" for path in files}
    for name in sorted(PURE - built):
        breaches.append(f"scripts/check_layers.py:1: there is no component {name}")
    for source in sorted(root.glob("src/*/*.cpp")):
        component = f"{source.parent.name}/{source.stem}"
        public = root / f"include/{PUBLIC}{source.stem}.hpp"
        if component not in HEADERLESS and not (
                source.with_suffix(".hpp").exists() or source.parent.name == "api" and public.exists()):
            breaches.append(f"src/{component}.cpp:1: has no header src/{component}.hpp")
        if component not in UNTESTED and not (root / f"tests/{component}_test.cpp").exists():
            breaches.append(f"src/{component}.cpp:1: has no test tests/{component}_test.cpp")

    # ctest takes a semicolon for the end of a name, and would run no case under either half.
    for test in sorted(root.glob("tests/*/*_test.cpp")):
        for number, line in enumerate(test.read_text().splitlines(), 1):
            if re.search(r'TEST_CASE\("[^"]*;', line):
                breaches.append(f"{test.relative_to(root)}:{number}: the name of a case has a semicolon")

    plan = (root / "src/README.md").read_text()
    for module in BELOW:
        section = re.search(rf"^## {module}$(.*?)(?=^## |\Z)", plan, re.M | re.S)
        named = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r"^\| ([a-z0-9_, ]+) \|", section[1], re.M)
                                                 if section else "")))
        for path in sorted(root.glob(f"src/{module}/*.hpp")):
            if path.stem not in named:
                breaches.append(f"src/README.md:1: does not name {module}/{path.stem}")
        for name in sorted(named):
            if f"{module}/{name}" not in built:
                breaches.append(f"src/README.md:1: there is no {module}/{name}")

    breaches += promise_breaches(root)

    for breach in breaches:
        print(breach)
    print(f"layers: {len(files)} files read, {len(breaches)} breaches")
    return 1 if breaches or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
