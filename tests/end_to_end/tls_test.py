# SPDX-License-Identifier: MIT
"""Credentials go to nobody whose certificate does not say who they are."""
import http.server
import ssl
import subprocess
import threading

import harness


class Yes(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bodies = []
    names = []

    def do_POST(self):
        type(self).bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        answer = b'{"status":1}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # handshakes that the client breaks off


class Tls(harness.Case):
    def setUp(self):
        super().setUp()
        Yes.bodies, Yes.names = [], []
        self.path = self.pairs("pairs.csv", "--rows", 50)
        self.certificate("localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.dir / "cert.pem", self.dir / "key.pem")
        context.sni_callback = lambda _, name, __: Yes.names.append(name)
        self.server = Server(("127.0.0.1", 0), Yes)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def certificate(self, name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-keyout", self.dir / "key.pem", "-out", self.dir / "cert.pem", "-subj",
                        f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"], check=True,
                       stderr=subprocess.DEVNULL)

    def run_to(self, host, *more, expect):
        return self.run_idmerge("run", self.path, "--job", self.dir / "job", "--to",
                                f"https://{host}:{self.server.server_port}", "--yes", "--rate",
                                "0", "--give-up-after", "500ms", "--backoff-min", "50ms",
                                "--backoff-max", "100ms", *more, expect=expect)

    def test_a_certificate_that_is_trusted(self):
        self.run_to("localhost", "--ca-cert", self.dir / "cert.pem", expect=0)
        self.assertEqual(len(Yes.bodies), 50)
        self.assertEqual(set(Yes.names), {"localhost"})

    def test_a_certificate_that_nobody_vouches_for(self):
        _, err = self.run_to("localhost", expect=7)
        self.assertIn("certificate", err)
        self.assertEqual(Yes.bodies, [])

    def test_a_certificate_of_another_host(self):
        _, err = self.run_to("127.0.0.1", "--ca-cert", self.dir / "cert.pem", expect=7)
        self.assertIn("certificate", err)
        self.assertEqual(Yes.bodies, [])


if __name__ == "__main__":
    harness.main()
