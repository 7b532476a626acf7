# SPDX-License-Identifier: MIT
"""A refusal is never a reason to come back sooner, whatever its Retry-After says: measured where the
requests arrive, by lower bounds only."""
import email.utils
import http.server
import re
import threading
import time

import harness

PAUSE_S = 1.0  # --backoff-min of these runs


class Script(http.server.ThreadingHTTPServer):
    """Answers the requests one after the other as it is told; then, and with None, it takes all."""
    daemon_threads = True

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.seen = []
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    def next(self):
        with self.lock:
            self.seen.append(time.monotonic())
            count = len(self.seen)
            return self.answers[count - 1] if count <= len(self.answers) else None

    def gaps(self):
        return [later - sooner for sooner, later in zip(self.seen, self.seen[1:])]

    def stop(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        told = self.server.next()
        if told is not None and callable(told[1]):
            told = told[0], told[1]()
        status, retry_after = told or (200, None)
        body = b'{"status":1}' if status == 200 else b"busy"
        self.send_response(status)
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class CasesPace(harness.Case):
    def service(self, *answers):
        server = Script(*answers)
        self.addCleanup(server.stop)
        return server

    def send(self, server, *more, links=6, **how):
        path = self.dir / "pairs.csv"
        path.write_text("anonymous_id,user_id\n" +
                        "".join(f"device-{i},user-{i}\n" for i in range(links)))
        self.job = self.dir / f"job-{server.server_port}"
        return self.run_idmerge("run", path, "--job", self.job, "--to", server.url, "--yes",
                                "--backoff-min", "1s", "--backoff-max", "2s", *more, **how)

    def check_first_gap(self, answer, least, *more):
        server = self.service(answer)
        _, err = self.send(server, "--connections", "1", *more)
        self.assertEqual(len(server.seen), 7)
        self.assertGreaterEqual(server.gaps()[0], least)
        self.check_account(self.job, delivered=6, pending=0)
        return err

    def test_retry_after_zero(self):
        past = email.utils.formatdate(time.time() - 3600, usegmt=True)
        for status, value in (429, "0"), (429, past), (503, "0"), (503, past), (429, "0.0"):
            with self.subTest(status=status, value=value):
                self.check_first_gap((status, value), PAUSE_S)
        # However many are refused, at whatever rate of the user: one request in each pause.
        for more in ["--rate", "500/s"], ["--rate", "0"], ["--rate", "0", "--no-adaptive"]:
            with self.subTest(more=more):
                server = self.service(*[(429, "0")] * 100_000)
                self.send(server, *more, "--give-up-after", "4s", expect=5)
                elapsed = server.seen[-1] - server.seen[0]
                # The six of the start, and one each pause (or six, if the rate is not adapted).
                each = 6 if "--no-adaptive" in more else 1
                self.assertLessEqual(len(server.seen), 6 + each * (elapsed / PAUSE_S + 1))
                self.check_account(self.job, delivered=0, pending=6)

    def test_retry_after_unreadable(self):
        for status, value in (429, "soon"), (429, "-5"), (503, "soon"), (429, "8,5"):
            with self.subTest(status=status, value=value):
                err = self.check_first_gap((status, value), PAUSE_S)
                self.assertEqual(err.count("Retry-After"), 1, err)
                self.assertNotIn("soon", err)
        server = self.service((429, "soon"), None, (429, "soon"))
        _, err = self.send(server, "--connections", "1")
        self.assertEqual(err.count("Retry-After"), 1, err)

    def test_retry_after_fraction(self):
        in_four = lambda: email.utils.formatdate(time.time() + 4).replace("-0000", "+0000")
        self.assertRegex(in_four(), r"\+0000$")
        self.check_first_gap((429, "2.5"), 3)
        self.check_first_gap((503, "2.001"), 3)
        self.check_first_gap((429, in_four), 3)
        # A plain one is kept to as well.
        self.check_first_gap((429, "3"), 3)

    def test_retry_after_pauses_all_connections(self):
        server = self.service(None, (503, "3"))
        self.send(server, "--connections", "4", "--rate", "2/s", "--burst", "1")
        self.assertGreaterEqual(max(server.gaps()), 2.5)
        self.check_account(self.job, delivered=6)

    def test_give_up_after_in_a_pause(self):
        for value in "3600", "1795456800", "99999999999999999999":
            with self.subTest(value=value):
                server = self.service(None, None, None, None, None, (429, value))
                _, err = self.send(server, "--give-up-after", "30s", expect=5)
                self.assertEqual(len(server.seen), 6)
                self.assertRegex(err, r"pause until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*Z \(for 1\S*h")
                self.check_account(self.job, delivered=5, pending=1)
                # The next run knows it, and asks nobody.
                _, err = self.run_idmerge("run", "--job", self.job, "--yes", "--give-up-after",
                                          "30s", expect=5)
                self.assertIn("pause until", err)
                self.assertEqual(len(server.seen), 6)
                out, _ = self.run_idmerge("status", "--job", self.job)
                self.assertRegex(out, r"paused: until \d{4}-\d\d-\d\dT")
                self.check_account(self.job, delivered=5, pending=1)

    def test_a_short_pause_is_waited_for(self):
        server = self.service(None, (429, "2"))
        self.send(server, "--connections", "1", "--give-up-after", "30s")
        self.assertEqual(len(server.seen), 7)
        self.check_account(self.job, delivered=6, pending=0)


if __name__ == "__main__":
    harness.main()
