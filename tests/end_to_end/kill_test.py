# SPDX-License-Identifier: MIT
"""Law 3: killed at any moment, a job goes on where its checkpoint says."""
import http.server
import json
import signal
import threading
import time

import harness

CONNECTIONS = 16
KILLS = 20


class FirstWins(http.server.ThreadingHTTPServer):
    """Links each anonymous id once; then, and for those that others linked before, says so."""
    daemon_threads = True

    def __init__(self, others):
        super().__init__(("127.0.0.1", 0), Exchange)
        self.lock = threading.Lock()
        self.others = others
        self.linked = set()
        self.asked = {}  # how often
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """Who is killed hangs up."""

    def link(self, anon):
        with self.lock:
            self.asked[anon] = self.asked.get(anon, 0) + 1
            is_new = anon not in self.others and anon not in self.linked
            if is_new:
                self.linked.add(anon)
            return is_new


class Exchange(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_new = self.server.link(body["$anon_id"])
        time.sleep(0.02)  # so that most kills come between link and answer
        already = {"status": 0, "error": "errAnonDistinctIdAssignedAlready"}
        answer = json.dumps({"status": 1} if is_new else already).encode()
        self.send_response(200 if is_new else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Kill(harness.Case):
    def test_twenty_kills_lose_nothing_and_repeat_little(self):
        path = self.pairs("pairs.csv", "--rows", harness.ROWS, "--duplicates", "30%",
                          "--conflicts", "1%", "--faults", "1%")
        truth = harness.Truth(path)
        emulator = self.emulator("--fail", "503:0.01,429:0.01,reset:0.005",
                                 "--seed", harness.SEED, "--latency", "4ms")
        job = self.dir / "job"
        # So slow that work is left when the last kill strikes.
        rate = max(25, len(truth.pairs) // (2 * KILLS))
        run = ["run", path, "--job", job, "--to", emulator.url, "--yes", "--rate", f"{rate}/s",
               "--connections", CONNECTIONS, "--no-adaptive", "--backoff-min", "2ms",
               "--backoff-max", "50ms", "--fail-on", "none"]
        self.run_idmerge("plan", path, "--job", job, "--quiet")
        seen = []
        for kill in range(KILLS):
            requests = emulator.stats()["requests"]
            process = self.start(*run)
            # Some strike while it is still finding out where it stands, most while it sends.
            while kill % 4 != 0 and emulator.stats()["requests"] == requests:
                self.assertIsNone(process.poll(), f"sends nothing: {self.said(process)}")
                time.sleep(0.002)
            time.sleep(self.random.uniform(0, 0.5))
            self.assertIsNone(process.poll(), f"ended before it was killed: {self.said(process)}")
            process.kill()
            process.wait()
            seen.append(emulator.stats()["distinct_links"])
        self.assertGreater(seen[-1], 0, "every kill came before the first link")
        run[run.index(f"{rate}/s")] = "0"
        self.run_idmerge(*run)

        self.assertEqual(emulator.clusters(), truth.clusters())
        self.check_account(job, **truth.fates())
        stats = emulator.stats()
        struck = sum(mishap["after"] for mishap in stats["injected"].values())
        self.assertLessEqual(stats["repeated_links"] - struck, KILLS * 2 * CONNECTIONS)
        print(f"{KILLS} kills at random moments, after {seen} links; {stats['repeated_links']} links repeated, "
              f"of {stats['distinct_links']}; {struck} for answers that were lost on purpose")

        # Finished: another call has nothing to do and sends nothing.
        before = emulator.stats()["requests"]
        self.run_idmerge(*run)
        self.run_idmerge("run", "--job", job)
        self.assertEqual(emulator.stats()["requests"], before)

    def test_already_linked_is_ours_only_where_a_kill_left_doubt(self):
        rows, kills = 600, 8
        pairs = [(f"a{i}", f"u{i}") for i in range(rows)]
        others = {anon for anon, _ in pairs if self.random.random() < 0.3}
        path = self.dir / "pairs.csv"
        path.write_text("anonymous_id,user_id\n" + "".join(f"{a},{u}\n" for a, u in pairs))
        service = FirstWins(others)
        self.addCleanup(service.server_close)
        self.addCleanup(service.shutdown)
        job = self.dir / "job"
        run = ["run", path, "--job", job, "--to", service.url, "--yes", "--connections", 4,
               "--max-refused", "none", "--fail-on", "none"]
        self.run_idmerge("plan", path, "--job", job, "--quiet")
        for _ in range(kills):
            before = len(service.asked)
            process = self.start(*run, "--rate", "100/s")
            while len(service.asked) == before:
                self.assertIsNone(process.poll(), f"sends nothing: {self.said(process)}")
                time.sleep(0.002)
            time.sleep(self.random.uniform(0, 0.3))
            process.kill()
            process.wait()
        self.run_idmerge(*run, "--rate", "0")

        def show(what):
            out, _ = self.run_idmerge("show", "--job", job, what, "--format", "ndjson")
            return [json.loads(line) for line in out.splitlines()]

        doubt = show("--in-doubt")
        ambiguous = {link["anonymous_id"] for link in doubt}
        refused = {link["anonymous_id"] for link in show("--refused")}
        self.assertEqual({link["doubt"] for link in doubt} - {"ambiguous"}, set())
        # What was not in doubt is refused if it is somebody else's, else delivered.
        self.assertEqual(refused, others - ambiguous)
        self.assertEqual(service.linked, {anon for anon, _ in pairs} - others)
        self.check_account(job, read=rows, delivered=rows - len(refused), refused=len(refused),
                           duplicate=0, skipped=0, rejected=0, held=0, pending=0)
        # No more than was under way at the kills, and all that the service had linked before.
        self.assertLessEqual(len(ambiguous), kills * 4)
        repeated = {anon for anon, times in service.asked.items() if times > 1}
        self.assertLessEqual(repeated & service.linked, ambiguous)
        print(f"{kills} kills: {len(repeated)} links sent again, {len(ambiguous)} of them ambiguous, "
              f"{len(refused)} refused")

    def test_a_killed_plan_leaves_none_behind(self):
        path = self.pairs("pairs.csv", "--rows", harness.ROWS)
        truth = harness.Truth(path)
        job = self.dir / "job"
        kills = 0
        for _ in range(5):
            process = self.start("plan", path, "--job", job)
            time.sleep(self.random.uniform(0, 0.1))
            process.kill()
            kills += process.wait() == -signal.SIGKILL
        print(f"{kills} kills at random moments of a plan")
        emulator = self.emulator()
        self.run_idmerge("run", path, "--job", job, "--to", emulator.url, "--rate", "0")
        self.assertEqual(emulator.clusters(), truth.clusters())
        self.check_account(job, **truth.fates())


if __name__ == "__main__":
    harness.main()
