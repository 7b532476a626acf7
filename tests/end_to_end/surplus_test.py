# SPDX-License-Identifier: MIT
"""Something on the way answers a request twice, so that every answer behind it on that connection
is another request's. It shows only when one answer is left over: then whatever came on the
connection and is not durable yet is asked again."""
import json
import re
import socket
import threading

import harness

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


def answer(status, body, *headers):
    text = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status} Said", *headers,
                                              "Content-Type: application/json",
                                              f"Content-Length: {len(body)}"))
    return f"{text}\r\n{body}".encode()


TAKEN = answer(200, '{"status":1}')
REFUSED = answer(400, '{"status":0,"error":"no"}')


class Hostile:
    """A service that refuses some links, behind something that a script lets say more: it is given
    the device, how often that was asked for, and its own answer, and returns what is written.
    Requests that come together are answered together."""

    def __init__(self, refused, script):
        self.refused, self.script = refused, script
        self.asked = []  # devices, in their order
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self.serve, args=(peer,)))
            self.threads[-1].start()

    def serve(self, peer):
        bytes_ = b""
        with peer:
            while True:
                more = peer.recv(1 << 20)
                if not more:
                    return
                bytes_ += more
                said, ends = b"", False
                while True:
                    head, blank, rest = bytes_.partition(b"\r\n\r\n")
                    length = re.search(rb"(?i)content-length: (\d+)", head)
                    if not blank or not length or len(rest) < int(length[1]):
                        break
                    body, bytes_ = rest[:int(length[1])], rest[int(length[1]):]
                    words = self.react(re.search(rb"device-(\d+)", body)[0].decode())
                    ends = ends or words.endswith(b"!")
                    said += words.removesuffix(b"!")
                peer.sendall(said)
                if ends:
                    return

    def react(self, device):
        with self.lock:
            self.asked.append(device)
            own = REFUSED if device in self.refused else TAKEN
            return self.script(device, self.asked.count(device), own)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join()


class Surplus(harness.Case):
    links = 24
    refused = {"device-5", "device-17"}

    def send(self, script, *more, expect=3):
        server = Hostile(self.refused, script)
        self.addCleanup(server.stop)
        path = self.dir / "pairs.csv"
        path.write_text("anonymous_id,user_id\n" +
                        "".join(f"device-{i},user-{i}\n" for i in range(self.links)))
        self.job = self.dir / f"job-{server.url.rpartition(':')[2]}"
        _, err = self.run_idmerge("run", path, "--job", self.job, "--to", server.url, "--yes",
                                  *(() if "--rate" in more else ("--rate", "0")),
                                  "--connections", "1", *more, expect=expect)
        letters = (self.job / "runs/1-of-1/refused.ndjson").read_text().splitlines()
        self.assertEqual(sorted(json.loads(line)["anonymous_id"] for line in letters),
                         sorted(self.refused))
        self.check_account(self.job, refused=2, delivered=self.links - 2, pending=0)
        return server, err

    # What came before that may have become durable in time: it is right.
    def check_found(self, script, *more, again=("device-5",)):
        server, err = self.send(script, *more)
        self.assertEqual(err.count("an answer came without a request"), 1, err)
        for device in again:
            self.assertGreaterEqual(server.asked.count(device), 2, server.asked)

    def check_not_found(self, script, *more):
        server, err = self.send(script, *more)
        self.assertNotIn("an answer came without a request", err)
        self.assertEqual(len(server.asked), self.links)

    def at(self, where, words):
        """Say something else to the first request of this device."""
        return lambda device, times, own: words(own) if (device, times) == (where, 1) else own

    def test_a_second_answer_takes_the_place_of_a_refusal(self):
        self.check_found(self.at("device-5", lambda own: TAKEN + own))

    def test_in_a_pipe(self):
        for where in "device-3", "device-9", "device-16":
            with self.subTest(where=where):
                self.check_found(self.at(where, lambda own: TAKEN + own), "--pipeline", "8",
                                 again=(where,))

    def test_in_idle_time(self):
        # At this rate each connection rests between its requests.
        self.check_found(self.at("device-5", lambda own: own + TAKEN), "--rate", "40/s", "--burst",
                         "1")

    def test_behind_the_last_answer(self):
        last = f"device-{self.links - 1}"
        self.check_found(self.at(last, lambda own: TAKEN + own), again=(last,))

    def test_right_before_the_connection_is_closed(self):
        closing = answer(200, '{"status":1}', "Connection: close")
        self.check_found(self.at("device-5", lambda own: closing + own + b"!"))
        self.check_found(self.at("device-5", lambda own: TAKEN + own + b"!"))

    def test_half_an_answer(self):
        for size in 1, 11, 20, len(REFUSED) - 1:
            with self.subTest(size=size):
                self.check_found(self.at("device-5", lambda own: TAKEN + own[:size]))

    def test_answers_that_only_announce_are_none_too_many(self):
        self.check_not_found(lambda device, times, own: EARLY * 3 + own)
        self.check_not_found(lambda device, times, own: own + EARLY)
        self.check_not_found(lambda device, times, own: own + EARLY, "--pipeline", "4")

    def test_a_farewell_is_no_answer(self):
        farewell = answer(408, "", "Connection: close") + b"!"
        self.check_not_found(self.at("device-5", lambda own: own + farewell))
        self.check_not_found(self.at("device-5", lambda own: own + b"\r\n"))

    def test_everything_twice(self):
        server, err = self.send(lambda device, times, own: own + own)
        self.assertEqual(err.count("an answer came without a request"), 1, err)
        self.assertLessEqual(len(server.asked), 2 * self.links + 2)

    def test_the_next_run_asks_again_what_the_last_answer_of_a_run_left_in_doubt(self):
        server = Hostile(self.refused, self.at("device-5", lambda own: TAKEN + own))
        self.addCleanup(server.stop)
        path = self.dir / "pairs.csv"
        path.write_text("anonymous_id,user_id\n" +
                        "".join(f"device-{i},user-{i}\n" for i in range(self.links)))
        self.job = self.dir / "job"
        self.run_idmerge("run", path, "--job", self.job, "--to", server.url, "--yes", "--rate", "0",
                         "--connections", "1", "--max-requests", "6", expect=8)
        pending = self.summary(self.job)["account"]["pending"]
        self.assertGreater(pending, self.links - 6)
        out, _ = self.run_idmerge("show", "--job", self.job, "--in-doubt", "--show-ids", "always")
        self.assertIn("device-5", out)
        self.run_idmerge("run", "--job", self.job, "--yes", expect=3)
        self.check_account(self.job, refused=2, delivered=self.links - 2, pending=0)
        self.assertEqual(server.asked.count("device-5"), 2)


if __name__ == "__main__":
    harness.main()
