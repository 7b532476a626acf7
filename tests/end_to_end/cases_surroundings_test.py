# SPDX-License-Identifier: MIT
"""Machines and settings that people really have, and that fail elsewhere without a word."""
import csv
import json
import os
import resource
import signal
import ssl
import subprocess
import threading
import time
import unittest

import harness
import tls_test

KIB = 1024


class CasesSurroundings(harness.Case):
    def setUp(self):
        super().setUp()
        self.path = self.dir / "pairs.csv"
        self.path.write_text("anonymous_id,user_id\n" +
                             "".join(f"device-{i},user-{i}\n" for i in range(6)))
        self.jobs = 0

    def run_to(self, to, *more, expect=0, **changes):
        """Run into a job of its own; returns (job, stdout, stderr)."""
        self.jobs += 1
        job = self.dir / f"job{self.jobs}"
        out, err = self.run_idmerge("run", self.path, "--job", job, "--to", to, "--yes", *more,
                                    expect=expect, env=self.environment(**changes))
        return job, out, err

    # -- signals

    def test_status_exit_code_sigterm(self):
        emulator = self.emulator()
        for sent, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            with self.subTest(sent.name):
                job = self.dir / sent.name
                process = self.start("run", self.path, "--job", job, "--to", emulator.url, "--rate",
                                     "1/s", "--burst", "1")
                while not (job / "runs" / "1-of-1" / "checkpoint").exists():
                    self.assertIsNone(process.poll(), self.said(process))
                    time.sleep(0.01)
                process.send_signal(sent)
                self.assertEqual(process.wait(), code)
                out, _ = self.run_idmerge("status", "--job", job)
                self.assertIn(f"stopped, exit {code}", out)
                self.assertEqual(self.summary(job)["exit_code"], code)
                page = (job / "report.html").read_text()
                self.assertIn(f'<span id="exit-code">{code}</span>', page)
                # A call that sends nothing leaves it so.
                self.run_idmerge("plan", self.path, "--job", job)
                self.run_idmerge("run", "--job", job, "--dry-run", "--fail-on", "held")
                self.assertEqual(self.summary(job)["exit_code"], code)
                self.run_idmerge("run", "--job", job, "--rate", "0")
                self.assertEqual(self.summary(job)["exit_code"], 0)

    # -- credentials

    def test_quoted_token(self):
        emulator = self.emulator()
        for token in ('"tok0123456789abcdef"', "'tok0123456789abcdef'", "“tok0123456789abcdef”",
                      "MIXPANEL_TOKEN=tok0123456789abcdef", "${MIXPANEL_TOKEN}"):
            with self.subTest(token):
                _, _, err = self.run_to(emulator.url, expect=2, MIXPANEL_TOKEN=token)
                self.assertIn("MIXPANEL_TOKEN: begins", err)
                self.assertNotIn("0123456789", err)
        _, _, err = self.run_to(emulator.url, expect=2, MIXPANEL_USERNAME='"etl"')
        self.assertIn("MIXPANEL_USERNAME: begins or ends with quotes", err)
        self.assertEqual(emulator.stats()["requests"], 0)
        self.run_to(emulator.url, MIXPANEL_TOKEN="tok0123456789abcdef")
        self.assertEqual(len(emulator.clusters()), 6)

    def test_secrets_with_blanks_and_beyond_ascii_are_sent_as_utf8(self):
        emulator = self.emulator("--require-auth", "Jürgen Müller:pä ss: \"密码\" ")
        self.run_to(emulator.url, MIXPANEL_USERNAME="Jürgen Müller",
                    MIXPANEL_SECRET="pä ss: \"密码\" ")
        self.assertEqual(len(emulator.clusters()), 6)
        for secret in ("line\nend", "tab\t", "\x7f"):
            self.run_to(emulator.url, expect=2, MIXPANEL_SECRET=secret)
        self.run_to(emulator.url, expect=2, MIXPANEL_USERNAME="user:name")

    # -- TLS

    def certificate(self, subject, *extensions):
        path = self.dir / f"cert{len(list(self.dir.glob('cert*')))}.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                   "-keyout", f"{path}.key", "-out", path, "-subj", subject]
        for extension in extensions:
            command += ["-addext", extension]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        return path

    def serve(self, certificate):
        """A TLS server that says yes; returns its URL."""
        tls_test.Yes.bodies = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, f"{certificate}.key")
        server = tls_test.Server(("127.0.0.1", 0), tls_test.Yes)
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"https://localhost:{server.server_port}"

    def test_no_trust_store(self):
        certificate = self.certificate("/CN=localhost", "subjectAltName=DNS:localhost")
        url = self.serve(certificate)
        nowhere = str(self.dir / "nonexistent")
        empty = self.dir / "empty"
        empty.mkdir()
        for file, directory in ((nowhere, nowhere), ("", str(empty)), (str(self.path), nowhere)):
            with self.subTest(file=file, directory=directory):
                job, _, err = self.run_to(url, expect=7, SSL_CERT_FILE=file, SSL_CERT_DIR=directory)
                self.assertIn("this machine has no CA certificates", err)
                self.assertIn("apt-get install ca-certificates", err)
                self.assertIn(f"SSL_CERT_FILE={file} and SSL_CERT_DIR={directory}", err)
                self.assertFalse((job / "plan").exists(), "known before a row is read")
        self.assertEqual(tls_test.Yes.bodies, [])
        self.run_to(url, SSL_CERT_FILE=str(certificate), SSL_CERT_DIR=nowhere)
        self.run_to(url, "--ca-cert", certificate, SSL_CERT_FILE=nowhere, SSL_CERT_DIR=nowhere)
        self.assertEqual(len(tls_test.Yes.bodies), 12)

    def test_a_common_name_is_no_subject_alternative_name(self):
        certificate = self.certificate("/CN=localhost")
        _, _, err = self.run_to(self.serve(certificate), "--ca-cert", certificate, expect=7)
        self.assertIn("subjectAltName", err)
        self.assertEqual(tls_test.Yes.bodies, [])

    # -- time zones

    TIMETABLE = "08:00,100/s 19:00,200/s"

    def test_timezone_unknown(self):
        emulator = self.emulator()
        warning = "this machine has no such time zone"
        for zone in ("Europe/Nowhere", "Europe", "CET-", "/nonexistent"):
            with self.subTest(zone):
                _, out, err = self.run_to(emulator.url, "--rate", self.TIMETABLE, TZ=zone)
                self.assertIn(f"TZ={zone}: {warning}", err)
                self.assertRegex(out + err, r"local time \d\d:\d\d UTC\b")
        _, _, err = self.run_to(emulator.url, TZ="Europe/Nowhere")
        self.assertNotIn(warning, err, "without a timetable the zone means nothing")

    def test_timezone_known(self):
        emulator = self.emulator()
        for zone, offset in (("Asia/Kolkata", r"UTC\+5:30"), ("JST-9", r"UTC\+9")):
            if "/" in zone and not os.path.exists(f"/usr/share/zoneinfo/{zone}"):
                continue
            with self.subTest(zone):
                job, out, err = self.run_to(emulator.url, "--rate", self.TIMETABLE, "--canary", "2",
                                            TZ=zone, expect=8)
                text = rf"local time \d\d:\d\d {zone}, {offset}"
                self.assertRegex(out + err, text)
                self.assertNotIn("no such time zone", out + err)
                out, _ = self.run_idmerge("status", "--job", job, env=self.environment(TZ=zone))
                self.assertRegex(out, rf"now [12]00/s, {text}")
                out, _ = self.run_idmerge("rate", self.TIMETABLE, "--job", job,
                                          env=self.environment(TZ=zone))
                self.assertRegex(out, text)

    # -- limits

    def test_the_emulator_limits_its_connections(self):
        emulator = self.emulator("--limit-connections", "2", "--latency", "20ms")
        self.path.write_text("anonymous_id,user_id\n" +
                             "".join(f"device-{i},user-{i}\n" for i in range(60)))
        job, _, _ = self.run_to(emulator.url, "--connections", "8", "--rate", "0", "--backoff-min",
                                "10ms", "--backoff-max", "50ms")
        self.check_account(job, delivered=60)
        for wrong in ("0", "many", "100001"):
            self.run_idmerge("emulator", "--limit-connections", wrong, expect=2)

    def limited(self, soft, hard):
        return lambda: resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))

    @unittest.skipIf(harness.SANITIZED, "sanitizers need more stack themselves")
    def test_too_small_a_stack_ends_in_words(self):
        for size in (64, 128, 512, 1023):
            with self.subTest(size):
                _, err = self.run_idmerge("plan", self.path, "--job", self.dir / "small", expect=2,
                                          preexec_fn=self.limited(size * KIB, size * KIB))
                self.assertIn("ulimit -s 8192", err)
        self.assertFalse((self.dir / "small").exists())

    @unittest.skipIf(harness.SANITIZED, "sanitizers need more stack themselves")
    def test_a_stack_that_may_be_raised_or_suffices_is_enough(self):
        for soft, hard in ((64, resource.RLIM_INFINITY), (1024, 1024)):
            with self.subTest(soft):
                hard = hard if hard == resource.RLIM_INFINITY else hard * KIB
                job = self.dir / f"job{soft}"
                out, err = self.run_idmerge("run", self.path, "--job", job, "--to", "emulator",
                                            "--yes", preexec_fn=self.limited(soft * KIB, hard))
                self.assertRegex(out + err, r"delivered +6\b")

    # -- held.ndjson

    def test_held_ndjson_is_linear_in_its_input(self):
        count = 3_000
        rows = [("shared", f"user-{i:06}" + ("x" * 200 if i < 12 else "")) for i in range(count)]
        rows += [("device-1", "u1"), ("device-1", "u2"), ("device-2", "u3")]
        self.path.write_text("anonymous_id,user_id\n" + "".join(f"{a},{u}\n" for a, u in rows))
        job = self.dir / "job"
        self.run_idmerge("plan", self.path, "--job", job, "--max-held", "none")
        held = [json.loads(line) for line in (job / "held.ndjson").read_text().splitlines()]
        self.assertEqual([(it["anonymous_id"], it["user_id"]) for it in held], rows[:-1])
        for it in held[:count]:
            named = len(it["clashes_with"])
            self.assertEqual(named + it["more_clashes"], count - 1)
            self.assertTrue(all("file" in other and "line" in other
                                for other in it["clashes_with"]))
        self.assertEqual([len(it["clashes_with"]) for it in held[count:]], [1, 1])
        self.assertLess((job / "held.ndjson").stat().st_size, (count + 2) * 700)

        # Every claim is listed for a decision, and can win it.
        out, _ = self.run_idmerge("show", "--job", job, "--held", "--format", "csv", "--show-ids",
                                  "always")
        listed = list(csv.DictReader(out.splitlines()))
        self.assertEqual(len(listed), count + 2)
        chosen = rows[count - 1][1]
        decisions = self.dir / "decisions.csv"
        decisions.write_text(f"anonymous_id,decision\nshared,{chosen}\n")
        decided = self.dir / "decided"
        self.run_idmerge("plan", self.path, "--job", decided, "--decisions", decisions,
                         "--max-held", "none")
        out, _ = self.run_idmerge("explain", "shared", "--job", decided, "--show-ids", "always")
        self.assertIn(chosen, out)
        plan = self.run_idmerge("show", "--job", decided, "--held", "--format", "csv",
                                "--show-ids", "always")[0]
        self.assertNotIn(chosen, {it["user_id"] for it in csv.DictReader(plan.splitlines())})


if __name__ == "__main__":
    harness.main()
