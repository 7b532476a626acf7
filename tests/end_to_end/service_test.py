# SPDX-License-Identifier: MIT
"""Law 2: a service that is down, or is another one than we think, costs no link."""
import http.server
import re
import socket
import subprocess
import threading

import harness


class Page(http.server.BaseHTTPRequestHandler):
    """Whatever is asked, there is no such page."""
    protocol_version = "HTTP/1.1"
    requests = 0

    def do_POST(self):
        type(self).requests += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"<html><body><h1>404 Not Found</h1></body></html>"
        self.send_response(404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Service(harness.Case):
    def setUp(self):
        super().setUp()
        self.path = self.pairs("pairs.csv", "--rows", 2000, "--duplicates", "30%")
        self.truth = harness.Truth(self.path)
        self.job = self.dir / "job"

    def run_to(self, url, *more, **how):
        return self.run_idmerge("run", self.path, "--job", self.job, "--to", url, "--yes",
                                "--rate", "0", *more, **how)

    def check_all_pending(self):
        self.check_account(self.job, pending=len(self.truth.pairs), delivered=0, refused=0)

    def test_wrong_credentials_stop_it_and_the_right_ones_go_on(self):
        emulator = self.emulator("--require-auth", f"{harness.USERNAME}:{harness.SECRET}")
        wrong = self.environment(MIXPANEL_SECRET="not-the-secret")
        _, err = self.run_to(emulator.url, expect=7, env=wrong)
        self.assertIn("401", err)
        self.assertIn("run --job", err)
        self.check_all_pending()
        self.assertLessEqual(emulator.stats()["requests"], 16)
        self.run_idmerge("run", "--job", self.job)
        self.check_account(self.job, **self.truth.fates())
        self.assertEqual(emulator.clusters(), self.truth.clusters())

    def test_a_web_server_is_not_the_service(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        Page.requests = 0
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            _, err = self.run_to(url, expect=7)
            self.assertIn("404", err)
            self.assertLessEqual(Page.requests, 16)
            self.check_all_pending()
            self.check_way_on(url, err)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def check_way_on(self, url, err):
        """What is printed sends nothing by being pasted; a pipe has no command to paste at all."""
        way_on = re.search(r"go on: (.*)\n", err).group(1)
        self.assertIn(" --to 'us|eu|in|URL'", way_on)
        self.assertNotIn("--yes", way_on)
        requests = Page.requests
        pasted = subprocess.run(["sh", "-c", way_on.replace("idmerge", harness.IDMERGE, 1)],
                                env=self.environment(), stdin=subprocess.DEVNULL,
                                capture_output=True, text=True)
        self.assertEqual(pasted.returncode, 2, pasted.stderr)
        self.assertIn("--to", pasted.stderr)
        self.assertEqual(Page.requests, requests)
        with open(self.path, "rb") as pipe:
            _, err = self.run_idmerge("run", "-", "--job", self.dir / "piped", "--to", url, "--yes",
                                      "--expect-rows", "any",
                                      stdin=pipe, expect=7)
        self.assertNotIn("go on:", err)

    def test_an_outage_leaves_everything_pending_and_a_later_run_finishes_it(self):
        with socket.socket() as reserved:  # bound but not listening: connections are refused
            reserved.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % reserved.getsockname()[1]
            _, err = self.run_to(f"http://{address}", "--give-up-after", "1s", "--backoff-min",
                                 "50ms", "--backoff-max", "200ms", expect=5)
            self.assertIn("run --job", err)
            self.check_all_pending()
        emulator = harness.Emulator(self, listen=address)
        self.run_idmerge("run", "--job", self.job)
        self.check_account(self.job, **self.truth.fates())
        self.assertEqual(emulator.clusters(), self.truth.clusters())

    def test_an_outage_in_the_middle_is_no_refusal(self):
        emulator = self.emulator("--fail", "503:0.3,500:0.3,502-html:0.1", "--seed", harness.SEED)
        # A 503 with Retry-After speaks of the rate: here at random.
        self.run_to(emulator.url, "--attempts", "100", "--backoff-min", "1ms", "--backoff-max",
                    "5ms", "--no-adaptive")
        self.check_account(self.job, **self.truth.fates())
        self.assertEqual(emulator.clusters(), self.truth.clusters())

    def test_another_target_is_refused(self):
        first, second = self.emulator(), self.emulator()
        self.run_to(first.url, "--max-requests", "5", expect=8)
        self.run_to(second.url, expect=2)
        self.assertEqual(second.stats()["requests"], 0)
        self.run_idmerge("run", "--job", self.job)
        self.assertEqual(first.clusters(), self.truth.clusters())

    def test_what_the_service_refuses_is_written_down(self):
        # The emulator knows these links already, with another user.
        other = self.dir / "other.csv"
        anons = sorted(self.truth.pairs)[:10]
        other.write_text("anonymous_id,user_id\n" + "".join(f"{a},somebody\n" for a in anons))
        emulator = self.emulator()
        self.run_idmerge("run", other, "--job", self.dir / "first", "--to", emulator.url, "--yes")
        self.run_to(emulator.url, "--max-refused", "none", expect=3)
        fates = self.truth.fates()
        self.check_account(self.job, **dict(fates, refused=10, delivered=fates["delivered"] - 10))
        letters = (self.job / "runs" / "1-of-1" / "refused.ndjson").read_text().splitlines()
        self.assertEqual(sorted(harness.json.loads(l)["anonymous_id"] for l in letters), anons)


if __name__ == "__main__":
    harness.main()
