# SPDX-License-Identifier: MIT
"""An independent model of idmerge's rules: what must arrive at the service, and the fate of each row.

Written from design.md (sections 2, 3, 4, 6), the README and the facts about Mixpanel, never from the
program's source. A comment that starts with "Asked:" marks a rule that those leave open; there the
program itself was asked, so that such a line pins behaviour rather than proves it.
"""
import collections
import dataclasses
import re

PREFIX = "$device:"
VERBS = {"create": "create", "alias": "alias", "merge": "merge",
         "$identify": "create", "$create_alias": "alias", "$merge": "merge"}  # Asked: the event names
VERBS_OF_MODE = {None: {"create", "alias", "merge"}, "original": {"create", "alias", "merge"},
                 "simplified": {"create"}, "legacy": {"alias"}}
ANONYMOUS_NAMES = {"anonymous_id", "anon_id", "$anon_id", "device_id", "$device_id"}
USER_NAMES = {"user_id", "identified_id", "$identified_id", "$user_id"}
TYPES = {"uuid", "string", "nullable(string)", "text", "varchar", "varchar(255)"}
# Refused by Mixpanel or by its peers; user_id is one that a hot shard was made of.
PLACEHOLDERS = set("""anon anonymous nil none null n/a na undefined unknown <nil> 0 -1 true false []
{} guest distinctid distinct_id id not_authenticated email nan lmy47d user_id""".split()) | {
    "[object object]", "00000000-0000-0000-0000-000000000000"}


@dataclasses.dataclass
class Row:
    """A row's fields as a reader of its format finds them; order is text."""
    anon: str
    user: str
    op: str = ""
    order: str = ""


@dataclasses.dataclass
class Options:
    op: str = "create"
    op_field: bool = False
    api: str = "identity"
    mode: str | None = None
    policy: str = "hold"
    max_cluster: int | None = None
    collapse: bool = True
    blank: str = "skip"
    null_words: tuple = ()
    deny: tuple = ()          # lines of the deny file
    decisions: dict = dataclasses.field(default_factory=dict)  # anonymous id -> decision
    sided: bool = True        # not: --id-fields or $distinct_ids
    names: tuple | None = ("anonymous_id", "user_id")  # of the id columns; None: the format has no header


@dataclasses.dataclass
class Expected:
    exit_code: int = 0        # 4: the reading ends at a header with the names in another order
    fates: dict = dataclasses.field(default_factory=dict)
    repeated_headers: int = 0
    outranked: int = 0        # of the held: nobody has to look at them
    links: set = dataclasses.field(default_factory=set)   # (verb, a, b) sent exactly as they are
    merges: set = dataclasses.field(default_factory=set)  # (a, b) of which a forest is sent


class Components:
    """Which ids are connected."""

    def __init__(self, pairs=()):
        self.leader = {}
        for a, b in pairs:
            self.join(a, b)

    def find(self, id):
        while self.leader.setdefault(id, id) != id:
            id = self.leader[id]
        return id

    def join(self, a, b):
        """False where both were connected before."""
        a, b = self.find(a), self.find(b)
        self.leader[a] = b
        return a != b

    def sizes(self):
        return collections.Counter(self.find(id) for id in list(self.leader))

    def sets(self):
        members = collections.defaultdict(set)
        for id in list(self.leader):
            members[self.find(id)].add(id)
        return {frozenset(ids) for ids in members.values()}


def wire(id, options):
    """An anonymous id as it is sent: in a simplified project one prefix is taken off."""
    if options.mode == "simplified" and id.startswith(PREFIX):
        return id[len(PREFIX):]
    return id


def unquoted(text):
    """An id without the blanks and quotes around it, in lower case."""
    bare = text.strip().lower()
    while len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"":
        bare = bare[1:-1].strip()
    return bare


def is_usable(id):
    """May this id be linked at all? What a prefix is put before counts, not the prefix."""
    bare = unquoted(id.removeprefix(PREFIX))
    return (len(id.encode()) <= 255 and not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in id)
            and bare not in PLACEHOLDERS and bare.strip("0-") != "")


def is_denied(id, options, may_be_device=False):
    """An expression that speaks of `device:` sees a device with its prefix, too."""
    for line in options.deny:
        if len(line) > 1 and line[0] == line[-1] == "/":
            if re.search(line[1:-1], id):
                return True
            if may_be_device and "device:" in line and re.search(line[1:-1], PREFIX + id):
                return True
        elif id == wire(line, options):
            return True
    return False


def is_blank(id, options):
    return not id.strip(" \t") or id == "\\N" or id in options.null_words


def header_of(row, index, options):
    """"repeated", "swapped" or None: do both id cells name columns? Types stand below the header."""
    if options.names is None:
        return None
    anon, user = (unquoted(cell.lstrip("\ufeff")) for cell in (row.anon, row.user))
    left, right = options.names
    if anon == left.lower() and user == right.lower():
        return "repeated"
    if anon == right.lower() and user == left.lower():
        return "swapped"
    if options.sided:
        if anon in ANONYMOUS_NAMES and user in USER_NAMES:
            return "repeated"
        if anon in USER_NAMES and user in ANONYMOUS_NAMES:
            return "swapped"
    return "repeated" if index == 0 and anon in TYPES and user in TYPES else None


def verdict_of_row(row, options):
    """"skipped" or "rejected", or the link (verb, a, b) that the row names."""
    verb = options.op
    if options.op_field and not is_blank(row.op, options):
        verb = VERBS.get(row.op)
    if verb not in VERBS_OF_MODE[options.mode]:  # for both APIs: the project has no such verb
        return "rejected"
    if is_blank(row.anon, options) or is_blank(row.user, options):
        return "skipped" if options.blank == "skip" else "rejected"
    a, b = wire(row.anon, options), row.user
    if options.mode == "simplified" and a.startswith(PREFIX):
        return "rejected"
    # An alias may be one of a device, and of unsided ids none is a user's.
    if b.startswith(PREFIX) and options.sided and (verb != "alias" or options.mode == "simplified"):
        return "rejected"
    if a == b or not is_usable(a) or not is_usable(b) or is_denied(
            a, options, options.mode == "simplified") or is_denied(b, options):
        return "rejected"
    if not options.sided:
        a, b = sorted((a, b))
    return verb, a, b


def winner(claims, policy):
    """The one user whose claim is first or last; None for a tie, or where an order is missing."""
    try:
        orders = [(int(order), user) for order, user in claims]
    except ValueError:
        return None
    best = (min if policy == "earliest" else max)(order for order, _ in orders)
    users = {user for order, user in orders if order == best}
    return users.pop() if len(users) == 1 else None


def verdicts(links, claims, options):
    """Of each distinct link: "send", "skipped", "held", or "outranked": held, but by the rule that
    was asked for. Order by order, none looks back."""
    found = {}
    users = collections.defaultdict(set)
    for _, a, b in links:
        users[a].add(b)
    on_user_side = {b for _, _, b in links}  # Asked: also of links that a decision made void
    decided = {wire(id, options): what for id, what in options.decisions.items()}
    for verb, a, b in links:
        owners = users[a]
        decision = decided.get(a)
        fate = "send"
        if decision == "never":
            fate = "skipped"
        elif decision == "later" or (decision is not None and decision not in owners):
            fate = "held"  # Asked: also where nobody else claims the id
        elif decision is not None:
            fate = "send" if decision == b else "skipped"
        elif len(owners) > 1 and options.policy != "send":
            best = None if options.policy == "hold" else winner(claims[a], options.policy)
            fate = "send" if best == b else "held" if best is None else "outranked"
        if fate == "send" and a in on_user_side and verb != "alias":
            fate = "held"
        found[verb, a, b] = fate
    return found


def expected(rows, options):
    result = Expected()
    fates = collections.Counter(dict.fromkeys(
        "delivered duplicate skipped rejected held refused pending".split(), 0), read=len(rows))
    links = []
    claims = collections.defaultdict(list)
    for index, row in enumerate(rows):
        header = header_of(row, index, options)
        if header == "swapped":
            return Expected(exit_code=4)
        if header == "repeated":
            result.repeated_headers += 1
            fates["rejected"] += 1
            continue
        link = verdict_of_row(row, options)
        if isinstance(link, str):
            fates[link] += 1
            continue
        order = "" if is_blank(row.order, options) else row.order  # Asked: null words of any field
        claims[link[1]].append((order, link[2]))
        if link in links:
            fates["duplicate"] += 1
        else:
            links.append(link)
    if options.sided:
        found = verdicts(links, claims, options)
    else:
        found = dict.fromkeys(links, "send")
    ready = [link for link in links if found[link] == "send"]
    clusters = Components((a, b) for _, a, b in ready)
    sizes = clusters.sizes()
    for link in ready:
        if options.max_cluster and sizes[clusters.find(link[1])] > options.max_cluster:
            found[link] = "held"
    fates.update("held" if fate == "outranked" else fate for fate in found.values()
                 if fate != "send")
    result.outranked = sum(fate == "outranked" for fate in found.values())
    sent = {link for link, fate in found.items() if fate == "send"}
    result.merges = {(a, b) for verb, a, b in sent if verb == "merge" and options.collapse}
    result.links = {link for link in sent if link[0] != "merge" or not options.collapse}
    forest = Components()
    needed = sum(forest.join(a, b) for a, b in result.merges)
    fates["delivered"] += len(result.links) + needed
    fates["duplicate"] += len(result.merges) - needed
    result.fates = dict(fates)
    return result
