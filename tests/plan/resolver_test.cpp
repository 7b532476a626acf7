// SPDX-License-Identifier: MIT
#include "plan/resolver.hpp"

#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "plan/fingerprint.hpp"

#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::plan;

namespace {

/// Rows given as ids, and what the resolver makes of them.
struct Table {
  std::deque<std::string> ids;  // owns the bytes
  std::vector<Row> rows;

  void add(std::string anon, std::string user, Op op = Op::create, bool sided = true,
           std::int64_t order = no_order) {
    Row row;
    row.order = order;
    row.anon = ids.emplace_back(std::move(anon));
    row.user = ids.emplace_back(std::move(user));
    row.op = op;
    row.sided = sided;
    rows.push_back(row);
  }
};

struct Outcome {
  PlanSummary report;
  std::vector<std::uint32_t> link_rows;  // the row of each link
  std::vector<Verdict> verdicts;
  std::vector<std::uint32_t> components;
  std::vector<DecisionEffect> effects;  // by decision
};

struct Choice {
  std::string anon;
  Decision::Kind kind = Decision::Kind::later;
  std::string user{};
};

Outcome take(Table& table, const ResolverOptions& options, std::size_t block = 1000,
             const std::vector<Choice>& choices = {}) {
  Resolver resolver(options);
  const Fingerprinter print(Secret16{7});
  Outcome outcome;
  for (std::size_t begin = 0; begin < table.rows.size(); begin += block) {
    const auto end = std::min(begin + block, table.rows.size());
    std::vector<ValidatedRow> validated;
    for (auto i = begin; i < end; ++i) {
      ValidatedRow one;
      one.checked = validate(table.rows[i], {}, &one.forms);
      one.anon = print(table.rows[i].anon);
      one.user = print(table.rows[i].user);
      validated.push_back(one);
    }
    std::vector<std::uint32_t> fresh;
    REQUIRE(resolver.take(std::span(table.rows).subspan(begin, end - begin), validated, fresh));
    for (const auto i : fresh)
      outcome.link_rows.push_back(static_cast<std::uint32_t>(begin + i));
  }
  std::vector<Decided> decided;
  for (const auto& choice : choices)
    decided.push_back({print(choice.anon), print(choice.user), choice.kind});
  outcome.effects = resolver.apply_decisions(decided);
  resolver.decide_verdicts(
      [&](std::span<const Verdict> verdicts, std::span<const std::uint32_t> components) {
        REQUIRE(verdicts.size() == components.size());
        outcome.verdicts.insert(outcome.verdicts.end(), verdicts.begin(), verdicts.end());
        outcome.components.insert(outcome.components.end(), components.begin(), components.end());
      });
  outcome.report = resolver.report();
  return outcome;
}

/// Connectivity by relabelling, with nothing in common with Forest.
class Labels {
 public:
  std::string find(const std::string& id) { return label_.try_emplace(id, id).first->second; }
  bool join(const std::string& a, const std::string& b) {
    const auto from = find(a);
    const auto to = find(b);
    if (from == to) return false;
    for (auto& [id, label] : label_) {
      if (label == from) label = to;
    }
    return true;
  }
  std::size_t size(const std::string& id) {
    const auto label = find(id);
    std::size_t n = 0;
    for (const auto& entry : label_)
      n += entry.second == label ? 1 : 0;
    return n;
  }

 private:
  std::map<std::string, std::string> label_;
};

/// Who wins an anonymous id by the order of all rows that claim it: nobody when two users are equal
/// or a row has no order.
std::string winner(const Table& table, const std::string& anon, OnConflict on_conflict) {
  std::map<std::string, std::int64_t> best;
  for (const Row& row : table.rows) {
    if (!row.sided || row.anon != anon) continue;
    if (row.order == no_order) return {};
    const auto order = on_conflict == OnConflict::earliest ? row.order : -row.order;
    const auto [at, is_new] = best.try_emplace(std::string(row.user), order);
    if (!is_new) at->second = std::min(at->second, order);
  }
  std::set<std::pair<std::int64_t, std::string>> ranking;
  for (const auto& [user, order] : best)
    ranking.emplace(order, user);
  const auto first = ranking.begin();
  return first->first == std::next(first)->first ? std::string() : first->second;
}

/// The rules of the resolver in the plainest form: sets of strings, no order but that of the rows.
Outcome model(const Table& table, const ResolverOptions& options,
              const std::vector<Choice>& choices) {
  using Key = std::tuple<Op, bool, std::string, std::string>;
  Outcome out;
  std::set<Key> seen;
  std::map<std::string, std::set<std::string>> users_of;
  std::set<std::string> user_side;
  bool several = false, unsided = false;
  std::set<Op> sided_ops;
  for (std::uint32_t i = 0; i < table.rows.size(); ++i) {
    const Row& row = table.rows[i];
    std::string a(row.anon), b(row.user);
    if (!row.sided && b < a) std::swap(a, b);
    if (!seen.emplace(row.op, row.sided, a, b).second) {
      ++out.report.duplicates;
      continue;
    }
    out.link_rows.push_back(i);
    if (row.sided) {
      users_of[a].insert(b);
      user_side.insert(b);
      sided_ops.insert(row.op);
    } else {
      unsided = true;
    }
  }
  several =
      sided_ops.size() > 1 || (unsided && !sided_ops.empty() && !sided_ops.contains(Op::merge));

  for (const auto i : out.link_rows) {
    const Row& row = table.rows[i];
    auto verdict = Verdict::send;
    if (row.sided) {
      const std::string a(row.anon);
      std::string won = options.on_conflict == OnConflict::send ? std::string(row.user) : "";
      const bool ranked =
          options.on_conflict == OnConflict::earliest || options.on_conflict == OnConflict::latest;
      if (ranked && users_of[a].size() > 1) won = winner(table, a, options.on_conflict);
      const auto choice = std::find_if(choices.begin(), choices.end(),
                                       [&](const Choice& c) { return c.anon == a; });
      const bool decided = choice != choices.end();
      if (decided && choice->kind == Decision::Kind::never) {
        verdict = Verdict::voided;
      } else if (decided &&
                 (choice->kind == Decision::Kind::later || !users_of[a].contains(choice->user))) {
        verdict = Verdict::conflict;
      } else if (decided && choice->user != row.user) {
        verdict = Verdict::voided;
      } else if (!decided && users_of[a].size() > 1 && won != row.user) {
        verdict = won.empty() ? Verdict::conflict : Verdict::outranked;
      } else if (user_side.contains(a) && row.op != Op::alias) {
        verdict = Verdict::both_sides;
      }
    }
    out.verdicts.push_back(verdict);
  }
  Labels all, merges;
  for (std::size_t n = 0; n < out.link_rows.size(); ++n) {
    const Row& row = table.rows[out.link_rows[n]];
    if (out.verdicts[n] != Verdict::send) continue;
    const bool joined = all.join(std::string(row.anon), std::string(row.user));
    if (row.op != Op::merge || !options.collapse) continue;
    const bool needed =
        several ? merges.join(std::string(row.anon), std::string(row.user)) : joined;
    if (!needed) out.verdicts[n] = Verdict::spare;
  }
  std::map<std::string, std::uint32_t> number;
  for (std::size_t n = 0; n < out.link_rows.size(); ++n) {
    const std::string anon(table.rows[out.link_rows[n]].anon);
    if (joins(out.verdicts[n]) && options.max_cluster != 0 &&
        all.size(anon) > options.max_cluster) {
      out.verdicts[n] = Verdict::oversize;
    }
    if (!joins(out.verdicts[n])) {
      out.components.push_back(no_component);
    } else {
      const auto next = static_cast<std::uint32_t>(number.size());
      out.components.push_back(number.emplace(all.find(anon), next).first->second);
    }
  }
  std::set<std::string> ids;
  std::set<std::pair<std::string, std::string>> aliases;
  for (const auto i : out.link_rows) {
    const Row& row = table.rows[i];
    ids.emplace(row.anon);
    ids.emplace(row.user);
    if (row.op == Op::alias) aliases.emplace(row.anon, row.user);
  }
  for (const auto& [anon, kind, user] : choices) {
    if (!users_of.contains(anon)) {
      out.effects.push_back(ids.contains(anon) ? DecisionEffect::not_anonymous
                                               : DecisionEffect::unknown_id);
    } else if (kind == Decision::Kind::user && !users_of[anon].contains(user)) {
      out.effects.push_back(DecisionEffect::unclaimed);
    } else if (kind == Decision::Kind::user && user_side.contains(anon) &&
               !aliases.contains({anon, user})) {
      out.effects.push_back(DecisionEffect::both_sides);
    } else {
      out.effects.push_back(DecisionEffect::yes);
    }
  }
  return out;
}

std::uint64_t seed() {
  const char* text = std::getenv("IDMERGE_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
}

/// Graphs that are not random: what a rule gets wrong shows in one of them.
struct NamedShape {
  const char* name;
  std::vector<std::pair<int, int>> (*edges)(std::mt19937_64&);
};

const NamedShape shapes[]{
    {"stars",
     [](auto& random) {
       std::vector<std::pair<int, int>> edges;
       for (int n = 0; n < 60; ++n)
         edges.emplace_back(n, 1000 + static_cast<int>(random() % 9));
       return edges;
     }},
    {"chains",
     [](auto& random) {
       std::vector<std::pair<int, int>> edges;
       for (int n = 0; n < 70; ++n) {
         if (random() % 12 != 0) edges.emplace_back(n, n + 1);
       }
       return edges;
     }},
    {"rings",
     [](auto& random) {
       std::vector<std::pair<int, int>> edges;
       for (int begin = 0; begin < 60;) {
         const int size = 3 + static_cast<int>(random() % 7);
         for (int n = 0; n < size; ++n)
           edges.emplace_back(begin + n, begin + (n + 1) % size);
         begin += size;
       }
       return edges;
     }},
    {"cliques",
     [](auto& random) {
       std::vector<std::pair<int, int>> edges;
       for (int begin = 0; begin < 30;) {
         const int size = 2 + static_cast<int>(random() % 6);
         for (int a = 0; a < size; ++a) {
           for (int b = 0; b < a; ++b)
             edges.emplace_back(begin + a, begin + b);
         }
         begin += size;
       }
       return edges;
     }},
    {"giant component",
     [](auto& random) {
       std::vector<std::pair<int, int>> edges;
       for (int n = 1; n < 60; ++n)
         edges.emplace_back(n, static_cast<int>(random() % static_cast<unsigned>(n)));
       for (int n = 0; n < 20; ++n) {
         const auto a = static_cast<int>(random() % 59);
         edges.emplace_back(a, a + 1);
       }
       return edges;
     }},
    {"conflicts",
     [](auto& random) {
       std::vector<std::pair<int, int>> edges;
       for (int n = 0; n < 80; ++n)
         edges.emplace_back(random() % 40, 1000 + static_cast<int>(random() % 20));
       return edges;
     }},
    {"both sides",
     [](auto& random) {
       std::vector<std::pair<int, int>> edges;
       for (int n = 0; n < 60; ++n) {
         const auto a = static_cast<int>(random() % 80);
         edges.emplace_back(a, a + 1 + static_cast<int>(random() % 40));
       }
       return edges;
     }},
};

/// Which ids are one, by the links with a verdict that `counts`: each id with the first of its
/// cluster.
template <class Counts>
std::map<std::string, std::string> clusters_of(const Table& table, const Outcome& out,
                                               Counts counts) {
  Labels labels;
  std::set<std::string> ids;
  for (std::size_t n = 0; n < out.link_rows.size(); ++n) {
    const Row& row = table.rows[out.link_rows[n]];
    ids.emplace(row.anon);
    ids.emplace(row.user);
    if (counts(out.verdicts[n])) labels.join(std::string(row.anon), std::string(row.user));
  }
  std::map<std::string, std::string> first;  // by label
  std::map<std::string, std::string> clusters;
  for (const auto& id : ids)
    clusters[id] = first.try_emplace(labels.find(id), id).first->second;
  return clusters;
}

void compare(Table& table, const ResolverOptions& options, std::size_t block,
             const std::vector<Choice>& choices) {
  const auto expected = model(table, options, choices);
  const auto found = take(table, options, block, choices);
  CHECK(found.effects == expected.effects);
  CHECK(found.link_rows == expected.link_rows);
  CHECK(found.verdicts == expected.verdicts);
  CHECK(found.components == expected.components);
  CHECK(found.report.duplicates == expected.report.duplicates);
  CHECK(found.report.adds_up());
  for (std::size_t v = 0; v < found.report.verdicts.size(); ++v) {
    CHECK(found.report.verdicts[v] ==
          static_cast<std::uint64_t>(std::count(expected.verdicts.begin(), expected.verdicts.end(),
                                                static_cast<Verdict>(v))));
  }
}

}  // namespace

TEST_SUITE("plan/resolver") {
  TEST_CASE("a repeated pair is a duplicate, whatever stands between") {
    Table t;
    t.add("a1", "u1");
    t.add("a2", "u1");
    t.add("a1", "u1");
    const auto out = take(t, {});
    CHECK(out.report.duplicates == 1);
    CHECK(out.report.sendable() == 2);
    CHECK(out.report.clusters == 1);
    CHECK(out.components == std::vector<std::uint32_t>{0, 0});
  }

  TEST_CASE("an anonymous id with two users is held whole, and its repetitions are duplicates") {
    Table t;
    t.add("a1", "u1");
    t.add("a2", "u2");
    t.add("a1", "u3");
    t.add("a1", "u1");
    t.add("a1", "u3");
    const auto out = take(t, {});
    CHECK(out.verdicts == std::vector{Verdict::conflict, Verdict::send, Verdict::conflict});
    CHECK(out.report.duplicates == 2);
    CHECK(out.report.conflicted_anons == 1);
    CHECK(out.report.held() == 2);
    CHECK(out.components == std::vector<std::uint32_t>{no_component, 0, no_component});
  }

  TEST_CASE("earliest and latest send one claim, and hold a tie whole") {
    Table t;
    t.add("a1", "u1", Op::create, true, 5);
    t.add("a1", "u2", Op::create, true, 3);
    t.add("a1", "u1", Op::create, true, 1);  // a row that repeats a pair has a say too
    t.add("a2", "u1", Op::create, true, 5);
    t.add("a2", "u2", Op::create, true, 5);
    t.add("a3", "u3");
    CHECK(take(t, {.on_conflict = OnConflict::earliest}).verdicts ==
          std::vector{Verdict::send, Verdict::outranked, Verdict::conflict, Verdict::conflict,
                      Verdict::send});
    const auto latest = take(t, {.on_conflict = OnConflict::latest});
    CHECK(latest.verdicts == std::vector{Verdict::send, Verdict::outranked, Verdict::conflict,
                                         Verdict::conflict, Verdict::send});
    CHECK(latest.report.held() == 3);
    t.add("a1", "u2", Op::create, true, 9);
    CHECK(take(t, {.on_conflict = OnConflict::latest}).verdicts ==
          std::vector{Verdict::outranked, Verdict::send, Verdict::conflict, Verdict::conflict,
                      Verdict::send});
  }

  TEST_CASE("an id on both sides: its claim is held, the claims on it go") {
    Table t;
    t.add("a1", "x");
    t.add("x", "u1");
    const auto out = take(t, {});
    CHECK(out.verdicts == std::vector{Verdict::send, Verdict::both_sides});
    CHECK(out.report.both_sides_ids == 1);
  }

  TEST_CASE("a decision goes before every policy, and never past the both-sides rule") {
    using Kind = Decision::Kind;
    Table t;
    t.add("a1", "u1");
    t.add("a1", "u2");
    t.add("a2", "u1");
    t.add("a2", "u2");
    t.add("a3", "u3");
    t.add("a4", "u1");
    t.add("a4", "u2");
    t.add("x", "u1");
    t.add("x", "u2");
    t.add("a5", "x");
    t.add("y", "u1");
    t.add("z", "y", Op::merge, false);
    t.add("a6", "y");
    const std::vector<Choice> choices{
        {"a1", Kind::user, "u2"}, {"a2", Kind::never},     {"a3", Kind::later},
        {"a4", Kind::user, "u9"}, {"x", Kind::user, "u1"}, {"a9", Kind::never},
        {"y", Kind::never},       {"z", Kind::never},      {"u2", Kind::later}};
    for (const auto policy : {OnConflict::hold, OnConflict::send}) {
      const auto out = take(t, {.on_conflict = policy}, 1000, choices);
      CHECK(out.verdicts == std::vector{Verdict::voided, Verdict::send, Verdict::voided,
                                        Verdict::voided, Verdict::conflict, Verdict::conflict,
                                        Verdict::conflict, Verdict::both_sides, Verdict::voided,
                                        Verdict::send, Verdict::voided, Verdict::send,
                                        Verdict::send});
      CHECK(out.effects == std::vector{DecisionEffect::yes, DecisionEffect::yes,
                                       DecisionEffect::yes, DecisionEffect::unclaimed,
                                       DecisionEffect::both_sides, DecisionEffect::unknown_id,
                                       DecisionEffect::yes, DecisionEffect::not_anonymous,
                                       DecisionEffect::not_anonymous});
      CHECK(out.report.decisions_unclaimed == 1);
      CHECK(out.report.decisions_unknown == 3);
      CHECK(out.report.held() == 4);
      CHECK(out.report.voided() == 5);
    }
  }

  TEST_CASE("hubs are listed with a link of theirs, the largest first, held ones too") {
    Table t;
    for (int user = 0; user < 13; ++user) {
      for (int i = 0; i < 100 + user; ++i)
        t.add("a" + std::to_string(user) + "-" + std::to_string(i), "u" + std::to_string(user));
    }
    const auto out = take(t, {.max_cluster = 110});
    CHECK(out.report.hubs == 12);
    REQUIRE(out.report.hub_users.size() == 10);
    for (std::size_t n = 0; n < 10; ++n) {
      CHECK(out.report.hub_users[n].ids == 112 - n);
      const Row& row = t.rows[out.link_rows[out.report.hub_users[n].link]];
      CHECK(row.user == "u" + std::to_string(12 - n));
    }
  }

  TEST_CASE("an alias chain is legal") {
    Table t;
    t.add("a1", "x", Op::alias);
    t.add("x", "u1", Op::alias);
    const auto out = take(t, {});
    CHECK(out.report.sendable() == 2);
    CHECK(out.report.both_sides_ids == 1);
    CHECK(out.report.clusters == 1);
  }

  TEST_CASE("unsided merges: direction does not matter, and a ring costs one link") {
    Table t;
    t.add("a", "b", Op::merge, false);
    t.add("b", "a", Op::merge, false);
    t.add("b", "c", Op::merge, false);
    t.add("c", "a", Op::merge, false);
    auto out = take(t, {});
    CHECK(out.report.duplicates == 1);
    CHECK(out.report.unsided == 3);
    CHECK(out.verdicts == std::vector{Verdict::send, Verdict::send, Verdict::spare});
    CHECK(out.components == std::vector<std::uint32_t>{0, 0, 0});
    out = take(t, {.collapse = false});
    CHECK(out.report.sendable() == 3);
  }

  TEST_CASE("a clique of twenty sends nineteen links") {
    Table t;
    for (int i = 0; i < 20; ++i) {
      for (int j = 0; j < i; ++j)
        t.add("n" + std::to_string(i), "n" + std::to_string(j), Op::merge, false);
    }
    const auto out = take(t, {});
    CHECK(out.report.sendable() == 19);
    CHECK(out.report.spares() == 171);
  }

  TEST_CASE("a cluster of 499 ids goes, one of 500 is held whole") {
    for (const std::uint32_t anons : {498U, 499U}) {
      for (const auto op : {Op::create, Op::merge}) {
        Table t;
        for (std::uint32_t i = 0; i < anons; ++i)
          t.add("a" + std::to_string(i), "u", op);
        t.add("b", "v", op);
        const auto out = take(t, {});
        CHECK(out.report.sendable() == (anons == 498 ? 499 : 1));
        CHECK(out.report.verdicts[static_cast<std::size_t>(Verdict::oversize)] ==
              (anons == 498 ? 0 : 499));
        CHECK(out.report.hubs == 1);
        CHECK(out.report.anons_per_user_max == anons);
      }
    }
  }

  TEST_CASE("a row with two blank sides is counted, and ids per user have no bound") {
    Table table;
    table.add("", " ");
    for (int i = 0; i < 4'200; ++i)
      table.add("a" + std::to_string(i), "hub");
    for (int i = 0; i < 4'100; ++i)
      table.add("b" + std::to_string(i), "other hub");
    table.add("c", "u");
    ResolverOptions options;
    options.max_cluster = 0;
    const auto out = take(table, options);
    CHECK(out.report.skipped_both == 1);
    CHECK(out.report.skipped() == 1);
    CHECK(out.report.anons_per_user_p50 == 4'100);
    CHECK(out.report.anons_per_user_max == 4'200);
  }

  TEST_CASE("figures: largest clusters, ids per user, UUIDs a side, examples") {
    Table t;
    for (int i = 0; i < 3; ++i)
      t.add("a" + std::to_string(i), "u1");
    t.add("8f14e45f-ceea-467f-a9d5-3c2e5b1a7c11", "u2");
    t.add("$device:$device:x", "u3");
    const auto out = take(t, {});
    REQUIRE(out.report.largest.size() == 3);
    CHECK(out.report.largest[0].ids == 4);
    CHECK(out.report.largest[0].link == 0);
    CHECK(out.report.largest[1].link == 3);
    CHECK(out.report.anon.distinct == 5);
    CHECK(out.report.anon.uuid_v4 == 1);
    CHECK(out.report.user.distinct == 3);
    CHECK(out.report.doubled_device_prefix == 1);
    CHECK(out.report.doubled == std::vector<std::uint64_t>{4});
    CHECK(out.report.anons_per_user_p50 == 1);
    CHECK(out.report.anons_per_user_p99 == 1);
    CHECK(out.report.anons_per_user_max == 3);
    CHECK(out.report.examples == std::vector<std::uint64_t>{0, 1, 2, 3, 4});
  }

  TEST_CASE("random tables: the same verdicts as the rules written with sets of strings") {
    const auto base = seed();
    MESSAGE("IDMERGE_SEED=" << base);
    for (std::uint64_t world = 0; world < 400; ++world) {
      std::mt19937_64 random(base + world);
      CAPTURE(world);
      const auto below = [&](std::uint64_t n) { return random() % n; };
      const auto anons = 2 + below(40), users = 2 + below(25), rows = 1 + below(150);
      const bool mixed = below(4) == 0;
      const auto op = static_cast<Op>(below(3));
      const bool sided = op != Op::merge || below(2) == 0;
      // Ids of one side also turn up on the other in every other world.
      const bool overlap = below(2) == 0;
      Table t;
      for (std::uint64_t i = 0; i < rows; ++i) {
        const auto row_op = mixed ? static_cast<Op>(below(3)) : op;
        const bool row_sided = row_op != Op::merge || (mixed ? below(2) == 0 : sided);
        std::string a = (overlap && below(6) == 0 ? "u" : "a") + std::to_string(1 + below(anons));
        std::string u = (overlap && below(6) == 0 ? "a" : "u") + std::to_string(1 + below(users));
        if (a == u) u += "x";
        const auto order = below(30) == 0 ? no_order : static_cast<std::int64_t>(below(40)) - 20;
        t.add(a, u, row_op, row_sided, order);
      }
      const ResolverOptions options{
          .on_conflict = static_cast<OnConflict>(below(4)),
          .collapse = below(4) != 0,
          .max_cluster = static_cast<std::uint32_t>(below(3) == 0 ? 2 + below(10) : 499)};
      std::map<std::string, Choice> choices;
      for (auto n = below(2) == 0 ? 0 : below(20); n > 0; --n) {
        Choice choice{(below(9) == 0 ? "u" : "a") + std::to_string(1 + below(anons + 2)),
                      static_cast<Decision::Kind>(below(3))};
        if (choice.kind == Decision::Kind::user) {
          choice.user = "u" + std::to_string(1 + below(users + 2));
        }
        choices.emplace(choice.anon, choice);
      }
      std::vector<Choice> list;
      for (const auto& entry : choices)
        list.push_back(entry.second);
      compare(t, options, 1 + below(60), list);
    }
  }

  TEST_CASE("every shape: what is sent connects what may be connected, shuffled too") {
    const auto base = seed();
    MESSAGE("IDMERGE_SEED=" << base);
    std::uint64_t world = 0;
    for (const auto& shape : shapes) {
      for (int kind = 0; kind < 4 * 6; ++kind) {
        std::mt19937_64 random(base + world++);
        CAPTURE(shape.name);
        CAPTURE(kind);
        const auto op = static_cast<Op>(std::min(kind % 4, 2));
        const bool sided = kind % 4 != 3;
        const auto edges = shape.edges(random);
        Table t;
        for (std::size_t i = 0; i < edges.size() * 3 / 2; ++i) {
          // All of them, and half of them again.
          auto [a, b] = edges[i < edges.size() ? i : random() % edges.size()];
          if (!sided && random() % 2 == 0) std::swap(a, b);
          t.add("id" + std::to_string(a), "id" + std::to_string(b), op, sided,
                static_cast<std::int64_t>(random() % 50));
        }
        const ResolverOptions options{.on_conflict = static_cast<OnConflict>(random() % 4),
                                      .collapse = random() % 4 != 0,
                                      .max_cluster = random() % 2 == 0 ? 12U : 499U};
        compare(t, options, 1 + random() % 60, {});
        const auto out = take(t, options);
        const auto sent =
            clusters_of(t, out, [](Verdict verdict) { return verdict == Verdict::send; });
        CHECK(sent == clusters_of(t, out, joins));
        std::shuffle(t.rows.begin(), t.rows.end(), random);
        const auto again = take(t, options);
        CHECK(clusters_of(t, again, [](Verdict verdict) { return verdict == Verdict::send; }) ==
              sent);
        CHECK(again.report.duplicates == out.report.duplicates);
        CHECK(again.report.verdicts == out.report.verdicts);
      }
    }
  }

  TEST_CASE("shuffled rows: the same links go, the same are held") {
    const auto base = seed();
    MESSAGE("IDMERGE_SEED=" << base);
    for (std::uint64_t world = 0; world < 50; ++world) {
      std::mt19937_64 random(base + world);
      Table t;
      for (int i = 0; i < 200; ++i) {
        t.add("a" + std::to_string(random() % 90), "u" + std::to_string(random() % 60));
      }
      const auto sent = [](const Table& table, const Outcome& out) {
        std::set<std::pair<std::string, std::string>> links;
        for (std::size_t n = 0; n < out.link_rows.size(); ++n) {
          const Row& row = table.rows[out.link_rows[n]];
          if (out.verdicts[n] == Verdict::send) links.emplace(row.anon, row.user);
        }
        return links;
      };
      const auto before = sent(t, take(t, {}));
      std::shuffle(t.rows.begin(), t.rows.end(), random);
      CHECK(sent(t, take(t, {})) == before);
    }
  }

  TEST_CASE("what is foreseen fits into the memory that there is, also where ids have many links") {
    Resolver resolver({});
    const Fingerprinter print(Secret16{9});
    std::mt19937_64 random(idmerge::testing::seed());
    constexpr std::uint64_t ids = 300'000;
    std::vector<Fingerprint> prints;
    for (std::uint64_t i = 0; i < ids; ++i)
      prints.push_back(print("id-" + std::to_string(i)));
    for (int turn = 0; turn < 3'000; ++turn) {
      std::vector<Row> rows(1000);
      std::vector<ValidatedRow> validated(1000);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i].sided = false;
        rows[i].op = Op::merge;
        validated[i].checked = RowCheck::pair;
        validated[i].anon = prints[random() % ids];
        validated[i].user = prints[random() % ids];
      }
      std::vector<std::uint32_t> fresh;
      REQUIRE(resolver.take(rows, validated, fresh));
      const auto before = resolver.bytes();
      const auto bytes_max = before + (std::uint64_t{16} << 20U);
      resolver.expect_share(0.1 + turn * 1e-9, bytes_max);
      REQUIRE(resolver.bytes() <= bytes_max);
    }
    CHECK(resolver.links() > 2'000'000);
  }

  TEST_CASE("two million distinct pairs: not one false duplicate") {
    Resolver resolver({});
    const Fingerprinter print(Secret16{9});
    constexpr std::uint64_t total = 2'000'000;
    std::vector<std::string> ids(2048);
    for (std::uint64_t n = 0; n < total;) {
      std::vector<Row> rows;
      std::vector<ValidatedRow> validated;
      for (std::size_t i = 0; i < 1024 && n < total; ++i, ++n) {
        ids[2 * i] = "anonymous-" + std::to_string(n);
        ids[2 * i + 1] = "user-" + std::to_string(n / 3);
        Row row;
        row.anon = ids[2 * i];
        row.user = ids[2 * i + 1];
        rows.push_back(row);
        validated.push_back(
            {.anon = print(row.anon), .user = print(row.user), .checked = RowCheck::pair});
      }
      std::vector<std::uint32_t> fresh;
      REQUIRE(resolver.take(rows, validated, fresh));
      REQUIRE(fresh.size() == rows.size());
      resolver.expect_share(static_cast<double>(n) / total);
    }
    std::size_t columns = 0;
    resolver.decide_verdicts([&](auto verdicts, auto) { columns += verdicts.size(); });
    CHECK(columns == total);
    CHECK(resolver.report().duplicates == 0);
    CHECK(resolver.report().sendable() == total);
    CHECK(resolver.report().user.distinct == total / 3 + 1);
  }
}
