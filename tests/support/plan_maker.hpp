// SPDX-License-Identifier: MIT
//
// Small plans for tests: links a0-u0, a1-u1 ... with columns that tell their ordinal.
#pragma once

#include <string>
#include <vector>

#include "plan/plan_file.hpp"

namespace idmerge::testing {

struct PlanSketch {
  std::uint64_t links = 5;
  std::size_t id_bytes = 2;  // at least
  bool has_orders = false;
  plan::PlanPreamble preamble{{7}, 1'795'456'800, 1 << 30};
  util::KeyValues options{{"op", "create"}, {"format", "csv"}};
  std::vector<plan::PlanInput> inputs{{.size_bytes = 99,
                                       .content = util::digest("rows"),
                                       .rows = 7,
                                       .blank_lines = 1,
                                       .format = "csv",
                                       .path = "/data/pairs.csv"}};
  std::string plan_summary = "links = 5\n";

  std::string anon(std::uint64_t i) const { return padded("a" + std::to_string(i)); }
  std::string user(std::uint64_t i) const { return padded("u" + std::to_string(i / 2)); }
  static plan::Verdict verdict(std::uint64_t i) {
    return i % 7 == 3 ? plan::Verdict::conflict : plan::Verdict::send;
  }
  static std::uint32_t component(std::uint64_t i) { return static_cast<std::uint32_t>(i / 2); }
  static std::int64_t order(std::uint64_t i) {
    return i % 3 == 0 ? input::no_order : -static_cast<std::int64_t>(i);
  }

 private:
  std::string padded(std::string id) const {
    if (id.size() < id_bytes) id.resize(id_bytes, '-');
    return id;
  }
};

/// Write a plan. Errors: as PlanWriter.
inline Result<plan::PlanFacts> make_plan(io::Files& files, const std::string& path,
                                         const PlanSketch& sketch = {}) {
  auto writer =
      plan::PlanWriter::create(files, path, sketch.preamble, sketch.options, sketch.has_orders);
  if (!writer) return writer.error();
  std::vector<plan::Verdict> verdicts;
  std::vector<std::uint32_t> components;
  std::vector<std::int64_t> orders;
  for (std::uint64_t i = 0; i < sketch.links; ++i) {
    const auto anon = sketch.anon(i);
    const auto user = sketch.user(i);
    input::Link link;
    link.anon = anon;
    link.user = user;
    link.line = i + 2;
    link.offset = 20 + 6 * i;
    writer->add(link);
    verdicts.push_back(PlanSketch::verdict(i));
    components.push_back(PlanSketch::component(i));
    if (sketch.has_orders) orders.push_back(PlanSketch::order(i));
  }
  writer->columns(verdicts, components, orders);
  auto facts = writer->write_rest(sketch.inputs, sketch.plan_summary);
  if (!facts) return facts.error();
  if (auto published = writer->publish(); !published) return published.error();
  return facts;
}

}  // namespace idmerge::testing
