// SPDX-License-Identifier: MIT
#include "emulator/fault_injection.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "util/log.hpp"

namespace idmerge::emulator {
namespace {

/// Mixes the bits of a number.
///
/// Source: SplitMix64 by Sebastiano Vigna, in the public domain.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

bool parse_name(std::string_view name, Risk& risk) {
  constexpr std::pair<std::string_view, Mishap> words[] = {
      {"reset", Mishap::reset},     {"hang", Mishap::hang},   {"truncate", Mishap::truncate},
      {"garbage", Mishap::garbage}, {"close", Mishap::close}, {"html", Mishap::status},
      {"status0", Mishap::status},
  };
  for (const auto& [word, mishap] : words) {
    if (name != word) continue;
    risk.mishap = mishap;
    risk.status = 200;
    if (name == "html") risk.dress = Dress::html;
    if (name == "status0") risk.dress = Dress::status0;
    return true;
  }
  if (name.size() < 3) return false;
  const auto [end, ec] = std::from_chars(name.data(), name.data() + 3, risk.status);
  if (ec != std::errc{} || end != name.data() + 3) return false;
  if (risk.status < 300 || risk.status > 599 || risk.status == 304) return false;
  const std::string_view dress = name.substr(3);
  if (dress == "-html") risk.dress = Dress::html;
  if (dress == "-bare") risk.dress = Dress::bare;
  risk.mishap = Mishap::status;
  return dress.empty() || risk.dress != Dress::json;
}

bool strikes_before_only(const Risk& risk) {
  if (risk.dress == Dress::status0) return true;
  return risk.mishap == Mishap::status && risk.status >= 300 && risk.status < 500;
}

bool strikes_after_only(const Risk& risk) {
  return risk.mishap == Mishap::truncate || risk.mishap == Mishap::close;
}

}  // namespace

std::optional<double> parse_share(std::string_view text) {
  double share = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), share);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!(share >= 0 && share <= 1)) return std::nullopt;
  return share;
}

Result<std::vector<Risk>> parse_risks(std::string_view text) {
  std::vector<Risk> risks;
  double sum = 0;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const std::size_t colon = part.find(':');
    Risk risk;
    risk.name = part.substr(0, colon);
    if (!parse_name(risk.name, risk)) {
      return Error{Errc::usage,
                   fmt::format("{}: no such fault: use a status (503, 429-bare, 502-html), "
                               "html, status0, reset, hang, truncate, garbage or close",
                               util::printable(part))};
    }
    const auto share =
        colon == std::string_view::npos ? std::nullopt : parse_share(part.substr(colon + 1));
    if (!share) {
      return Error{Errc::usage,
                   fmt::format("{}: not a share of the requests: write {}:0.01 for one in a "
                               "hundred",
                               util::printable(part), risk.name)};
    }
    risk.share = *share;
    sum += *share;
    risks.push_back(std::move(risk));
  }
  if (sum > 1 + 1e-9) return Error{Errc::usage, "the shares add up to more than 1: lower them"};
  return risks;
}

FaultInjection::FaultInjection(std::vector<Risk> risks, std::uint64_t seed)
    : risks_(std::move(risks)), seed_(mix(seed)) {}

FaultInjection::Draw FaultInjection::draw(std::uint64_t request) const {
  if (risks_.empty()) return {};
  const std::uint64_t drawn = mix(seed_ ^ mix(request));
  double chance = std::ldexp(static_cast<double>(drawn >> 11), -53);
  for (const Risk& risk : risks_) {
    chance -= risk.share;
    if (chance >= 0) continue;
    const bool after = strikes_after_only(risk) || (!strikes_before_only(risk) && (drawn & 1) != 0);
    return {&risk, after};
  }
  return {};
}

bool refused_at_random(double share, std::uint64_t seed, std::string_view first,
                       std::string_view second) {
  if (share <= 0) return false;
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto take = [&](std::string_view bytes) {
    for (const char byte : bytes)
      hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  };
  take(std::min(first, second));
  take("\n");
  take(std::max(first, second));
  const std::uint64_t drawn = mix(hash ^ mix(seed));
  return std::ldexp(static_cast<double>(drawn >> 11), -53) < share;
}

}  // namespace idmerge::emulator
