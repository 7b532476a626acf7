// SPDX-License-Identifier: MIT
//
// Whose turn it is, by the clock alone: a bucket for each limit, a pause, and the one reservation
// that whoever is first in line holds. A reservation is taken back and made anew when the rate
// changes or a pause begins, so that nobody leaves at an instant that an older pace gave out. Pure:
// a day of sending is a loop in a test.
#pragma once

#include <optional>

#include "idmerge/core/bucket.hpp"

namespace idmerge {

/// What may pass. All limits hold together; a rate of 0 is no limit.
struct TurnOptions {
  BucketOptions links = {};
  BucketOptions service = {};  // links, too: what the service takes, beside what the user allows
  BucketOptions service_requests = {};
  BucketOptions requests = {};
  BucketOptions bytes = {};
  bool closed = false;  // nothing may, until the next set_rate()
};

struct Cost {
  double links = 1;
  double requests = 1;
  double bytes = 0;
};

class Turnstile {
 public:
  explicit Turnstile(TurnOptions options);

  /// Pass at once, if nothing is against it. Bug while a reservation is held.
  bool try_pass(const Cost& cost, Instant now);

  /// Count as passed what somebody else has sent now, allowed or not.
  void spend(const Cost& cost, Instant now) { claim(cost, now); }

  /// When the first in line may pass: claimed for it, until it passes or the pace changes. Later
  /// calls repeat the answer. Shape: Instant::max() while the turnstile is closed.
  Instant reserve(const Cost& cost, Instant now);

  /// Who holds the reservation goes. Bug if nobody does.
  void pass();

  /// Who held the reservation has given up.
  void take_back();

  /// Let nothing pass before `until`; false for one that is no later than the present one.
  bool pause_until(Instant until);

  /// The service has refused: what was sent to it counts no longer, and the first request after a
  /// pause waits for nothing else.
  void restart_service(const TurnOptions& options);

  /// Go on at another pace, at once: a reservation is taken back.
  void set_rate(const TurnOptions& options, Instant now);

  TurnOptions options() const;
  Instant paused_until() const { return paused_until_; }

 private:
  struct Buckets {
    Bucket links;
    Bucket service;
    Bucket service_requests;
    Bucket requests;
    Bucket bytes;
  };
  /// What the first in line has claimed, and what the buckets were before.
  struct Reservation {
    Buckets before;
    Instant at;
  };

  Instant due(const Cost& cost, Instant now) const;
  void claim(const Cost& cost, Instant at);

  Buckets buckets_;
  std::optional<Reservation> reservation_;
  Instant paused_until_{};
  bool closed_ = false;
};

}  // namespace idmerge
