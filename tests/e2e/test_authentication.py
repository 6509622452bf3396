#!/usr/bin/env python3
"""The daemon against masters and agents that speak TLS and want credentials: certificates are made here, servers are
python3's own. Which certificates count, who gets credentials, and that secrets are found nowhere afterwards.
Environment: EXTVOLD_BUILD (build directory).
"""

import base64
import glob
import http.server
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cluster  # noqa: E402

SECRET = "Hush-5f2c9e71-" + "x" * 20
AGENT_SECRET = "Quiet-8d13ab40-" + "y" * 20
BASIC = "Basic " + base64.b64encode(f"extvold:{SECRET}".encode()).decode()


class Certificates:
    """Two authorities; servers and clients of the first, one of them expired, one for another name."""

    def __init__(self, folder):
        self.dir = folder
        for authority in ("ca", "stranger"):
            self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={authority}",
                         "-keyout", f"{authority}.key", "-out", f"{authority}.pem")
        self.make("server", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        self.make("other-name", "subjectAltName=DNS:elsewhere.example")
        self.make("agent", "subjectAltName=DNS:a1.cluster")
        self.make("client", "extendedKeyUsage=clientAuth")
        self.make("expired", "subjectAltName=IP:127.0.0.1", days="-1")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.dir, check=True, capture_output=True)

    def make(self, name, extension, days="2"):
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                     "-out", f"{name}.csr")
        with open(f"{self.dir}/{name}.ext", "w", encoding="utf-8") as file:
            file.write(extension + "\n")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.pem")

    def path(self, name):
        return f"{self.dir}/{name}"


class Server:
    """One HTTP(S) server on loopback; `answer(handler, call)` answers a request, `seen` keeps what came."""

    def __init__(self, answer, certificates=None, certificate="server", wants_client=False,
                 newest=ssl.TLSVersion.TLSv1_3):
        self.seen = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                call = json.loads(body)["type"] if body else self.path
                server.seen.append((call, self.headers.get("Authorization")))
                answer(self, call)

            do_GET = do_POST

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # handshakes that fail are what is tested

            def finish_request(self, request, client_address):
                if server.context is not None:
                    request = server.context.wrap_socket(request, server_side=True)
                super().finish_request(request, client_address)

        self.context = None
        if certificates is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificates.path(f"{certificate}.pem"), certificates.path(f"{certificate}.key"))
            self.context.maximum_version = newest
            if wants_client:
                self.context.verify_mode = ssl.CERT_REQUIRED
                self.context.load_verify_locations(certificates.path("ca.pem"))
        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self):
        return f"http{'' if self.context is None else 's'}://127.0.0.1:{self.port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def plain(handler, status, body=b"", headers=()):
    handler.send_response(status)
    for name, value in headers:
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def master_answers(wanted, agent_port=None):
    """A master with at most one agent, that wants this Authorization (None: any)."""
    def answer(handler, call):
        given = handler.headers.get("Authorization")
        if wanted() is not None and given != wanted():
            return plain(handler, 401, b"401 Unauthorized: " + (given or "").encode())  # a proxy that repeats it
        agents = []
        if agent_port is not None:
            agents = [{"agent_info": {"id": {"value": "S0"}, "hostname": "a1.cluster"}, "active": True,
                       "pid": f"slave(1)@127.0.0.1:{agent_port}", "version": "1.11.0"}]
        lists = {"GET_AGENTS": {"agents": agents, "recovered_agents": []}, "GET_TASKS": {}, "GET_EXECUTORS": {},
                 "GET_MASTER": {"master_info": {"id": "m", "ip": 1, "port": 5050}},
                 "GET_MAINTENANCE_SCHEDULE": {"schedule": {}}, "GET_MAINTENANCE_STATUS": {"status": {}}}
        if call == "SUBSCRIBE":
            record = json.dumps({"type": "SUBSCRIBED", "subscribed": {"heartbeat_interval_seconds": 15.0, "get_state": {
                "get_tasks": {}, "get_executors": {}, "get_frameworks": {},
                "get_agents": lists["GET_AGENTS"]}}}).encode()
            handler.send_response(200)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            framed = str(len(record)).encode() + b"\n" + record
            handler.wfile.write(f"{len(framed):x}\r\n".encode() + framed + b"\r\n")
            handler.wfile.flush()
            return time.sleep(30)
        if call in lists:
            return plain(handler, 200, json.dumps({"type": call, call.lower(): lists[call]}).encode())
        if handler.path == "/registrar(1)/registry":
            return plain(handler, 200, b'{"master": {"info": {"id": "m"}}, "slaves": {}}')
        return plain(handler, 200, b'{"master/slaves_active": 1.0, "master/tasks_running": 0.0}')
    return answer


class Daemon:
    def __init__(self, folder, mesos, agents="", environment=None):
        self.dir = folder
        self.log_path = f"{folder}/log"
        self.config = f"{folder}/extvold.toml"
        self.write(mesos, agents)
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([cluster.EXTVOLD, "serve", "--config", self.config], stderr=log, stdout=log,
                                            env={**os.environ, **(environment or {})})

    def write(self, mesos, agents=""):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f'[daemon]\nactive = true\n[mesos]\n{mesos}\nreconnect_min = "50ms"\nreconnect_max = "200ms"\n'
                       f'poll = "1s"\nagent_poll_min = "100ms"\n[mesos.agents]\n{agents}\n'
                       f'[ledger]\npath = "{self.dir}/ledger.db"\n[api]\nsocket = "{self.dir}/s"\n')

    def get(self, path):
        connection = cluster.UnixConnection(f"{self.dir}/s")
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        except OSError:
            return ""
        finally:
            connection.close()

    def mesos(self):
        return json.loads(self.get("/v1/status") or "{}").get("mesos", {})

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def close(self):
        self.process.kill()
        self.process.wait()


class Authentication(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="extvold-auth-")
        cls.certificates = Certificates(cls.dir)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir, ignore_errors=True)

    def server(self, *arguments, **named):
        server = Server(*arguments, **named)
        self.addCleanup(server.close)
        return server

    def daemon(self, mesos, agents="", environment=None):
        folder = tempfile.mkdtemp(dir=self.dir)
        daemon = Daemon(folder, mesos, agents, environment)
        self.addCleanup(daemon.close)
        return daemon

    def await_true(self, daemon, condition):
        end = time.monotonic() + 30
        while not condition():
            if time.monotonic() > end or daemon.process.poll() is not None:
                self.fail(f"it did not come\n{daemon.mesos()}\n{daemon.log()[-4000:]}")
            time.sleep(0.05)

    def await_open(self, daemon):
        self.await_true(daemon, lambda: daemon.mesos().get("subscription") == "open")

    def await_error(self, daemon, *texts):
        self.await_true(daemon, lambda: daemon.mesos().get("error"))
        for text in texts:
            self.assertIn(text, daemon.mesos()["error"])
        self.assertNotEqual(daemon.mesos()["subscription"], "open")
        self.assertFalse(daemon.mesos()["view_complete"])

    def secret_file(self, text, mode=0o600):
        descriptor, path = tempfile.mkstemp(dir=self.dir)
        os.write(descriptor, text.encode())
        os.close(descriptor)
        os.chmod(path, mode)
        return path

    def test_tls_that_is_trusted(self):
        master = self.server(master_answers(lambda: BASIC), self.certificates)
        credential = self.secret_file(f"extvold {SECRET}\n")
        daemon = self.daemon(f'master = "{master.url()}"\nca = "{self.dir}/ca.pem"\ncredential = "{credential}"')
        self.await_open(daemon)

    def test_certificates_that_do_not_count(self):
        """Wrong authority, expired, another name, and none at all of ours: no request is answered, each says why."""
        for name, certificate, ca, more, text in (
                ("authority", "server", "stranger.pem", {}, "stranger.pem"),
                ("system", "server", None, {}, "the system's list (name another with `ca`)"),
                ("expired", "expired", "ca.pem", {}, "expired"),
                ("name", "other-name", "ca.pem", {}, "127.0.0.1"),
                ("no CA file", "server", "none.pem", {}, "none.pem"),
                ("client", "server", "ca.pem", {"wants_client": True, "newest": ssl.TLSVersion.TLSv1_2},
                 "it wants a client certificate, and none is configured"),
                ("client 1.3", "server", "ca.pem", {"wants_client": True}, "wants a client certificate")):
            with self.subTest(name):
                master = self.server(master_answers(lambda: None), self.certificates, certificate, **more)
                daemon = self.daemon(f'master = "{master.url()}"\n' + (f'ca = "{self.dir}/{ca}"' if ca else ""))
                self.await_error(daemon, text)
                self.assertEqual(master.seen, [])

    def test_verification_off_is_said(self):
        master = self.server(master_answers(lambda: None), self.certificates, "expired")
        daemon = self.daemon(f'master = "{master.url()}"\ninsecure_skip_verify = true')
        self.await_open(daemon)
        self.assertIn("event=tls_not_verified", daemon.log())

    def test_client_certificate(self):
        master = self.server(master_answers(lambda: None), self.certificates, wants_client=True)
        tls = f'master = "{master.url()}"\nca = "{self.dir}/ca.pem"\n'
        daemon = self.daemon(tls + f'certificate = "{self.dir}/client.pem"\nkey = "{self.dir}/client.key"')
        self.await_open(daemon)
        other = self.daemon(tls + f'certificate = "{self.dir}/client.pem"\nkey = "{self.dir}/server.key"')
        self.await_error(other, "client.pem must be our certificate and")

    def test_redirect_from_https_to_http_is_refused(self):
        leader = self.server(master_answers(lambda: None))
        follower = self.server(lambda handler, call: plain(
            handler, 307, headers=[("Location", f"http://127.0.0.1:{leader.port}/api/v1")]), self.certificates)
        credential = self.secret_file(f"extvold {SECRET}\n")
        daemon = self.daemon(f'master = "{follower.url()}"\nca = "{self.dir}/ca.pem"\ncredential = "{credential}"')
        self.await_error(daemon, "refused", "http is not as safe")
        self.assertEqual(leader.seen, [])

    def test_redirect_keeps_tls_and_credentials(self):
        leader = self.server(master_answers(lambda: BASIC), self.certificates)
        follower = self.server(lambda handler, call: plain(
            handler, 307, headers=[("Location", f"//127.0.0.1:{leader.port}/api/v1")]), self.certificates)
        credential = self.secret_file(json.dumps({"principal": "extvold", "secret": SECRET}))
        daemon = self.daemon(f'master = "{follower.url()}"\nca = "{self.dir}/ca.pem"\ncredential = "{credential}"')
        self.await_open(daemon)
        self.assertIn(("SUBSCRIBE", BASIC), leader.seen)

    def test_token_refreshed_and_hup(self):
        """A token that ran out: after the 401 the file's new one is used. SIGHUP names another file."""
        wanted = [f"token={SECRET}1"]
        master = self.server(master_answers(lambda: wanted[0]))
        token = self.secret_file(f"Authorization: token={SECRET}0\n")
        other = self.secret_file(f"{SECRET}2\n")
        daemon = self.daemon(f'master = "{master.url()}"\ntoken = "{token}"')
        self.await_error(daemon, "401", f"the token of {token}")
        with open(token, "w", encoding="utf-8") as file:
            file.write(f"Authorization: token={SECRET}1\n")
        self.await_open(daemon)
        wanted[0] = f"Bearer {SECRET}2"
        daemon.write(f'master = "{master.url()}"\ntoken = "{other}"\ntoken_prefix = "Bearer "')
        daemon.process.send_signal(signal.SIGHUP)
        self.await_true(daemon, lambda: ("GET_MASTER", wanted[0]) in master.seen)
        self.assertNotIn("reload_needs_restart", daemon.log())

    def test_systemd_credential(self):
        master = self.server(master_answers(lambda: BASIC))
        folder = tempfile.mkdtemp(dir=self.dir)
        with open(f"{folder}/mesos", "w", encoding="utf-8") as file:
            file.write(f"extvold {SECRET}")
        daemon = self.daemon(f'master = "{master.url()}"\ncredential = "systemd:mesos"',
                             environment={"CREDENTIALS_DIRECTORY": folder})
        self.await_open(daemon)
        without = self.daemon(f'master = "{master.url()}"\ncredential = "systemd:mesos"')
        self.await_error(without, "LoadCredential=mesos:/PATH")

    def test_agents_have_their_own(self):
        """https agents, dialled by address, with a certificate for their hostname and credentials of their own."""
        agent_basic = "Basic " + base64.b64encode(f"watcher:{AGENT_SECRET}".encode()).decode()
        agent = self.server(lambda handler, call: plain(handler, 401 if handler.headers.get("Authorization") !=
                                                        agent_basic else 403, b"no"), self.certificates, "agent")
        master = self.server(master_answers(lambda: BASIC, agent.port))
        masters = self.secret_file(f"extvold {SECRET}")
        agents = self.secret_file(f"watcher {AGENT_SECRET}")
        daemon = self.daemon(f'master = "{master.url()}"\ncredential = "{masters}"',
                             f'https = true\nca = "{self.dir}/ca.pem"\ncredential = "{agents}"')
        self.await_true(daemon, lambda: ("GET_AGENT", agent_basic) in agent.seen)
        self.assertEqual({sent for call, sent in agent.seen}, {agent_basic})
        self.assertEqual({sent for call, sent in master.seen}, {BASIC})
        self.await_true(daemon, lambda: "ACLs" in daemon.get("/v1/hosts"))

    def test_secrets_are_nowhere(self):
        """Ledger with its WAL, log, command line, environment, every answer of the API, `config check`."""
        master = self.server(master_answers(lambda: "Basic other"))  # which repeats what it got, in a 401
        open_to_all = self.secret_file(f"extvold {SECRET}\n", mode=0o644)
        agents = self.secret_file(f"Bearer {AGENT_SECRET}\n")
        daemon = self.daemon(f'master = "{master.url()}"\ncredential = "{open_to_all}"', f'token = "{agents}"')
        self.await_error(daemon, "401", 'principal "extvold"', "[redacted]")
        self.assertIn(f"chmod 600 {open_to_all}", daemon.log())
        found = {"log": daemon.log().encode()}
        for name in ("cmdline", "environ"):
            with open(f"/proc/{daemon.process.pid}/{name}", "rb") as file:
                found[name] = file.read()
        for path in glob.glob(f"{daemon.dir}/ledger.db*"):
            with open(path, "rb") as file:
                found[path] = file.read()
        for path in ("status", "volumes", "attachments", "claims", "operations", "hosts", "pools", "plan", "history",
                     "recording"):
            found[path] = daemon.get(f"/v1/{path}").encode()
            self.assertTrue(found[path], path)
        for output in ("table", "json"):
            ran = subprocess.run([cluster.EXTVOLD, "--config", daemon.config, "config", "check", "--output", output],
                                 capture_output=True, check=False)
            found[f"config check {output}"] = ran.stdout + ran.stderr
            self.assertIn(b"chmod 600", ran.stdout)
        for where, text in found.items():
            for secret in (SECRET, AGENT_SECRET, BASIC.split()[1]):
                self.assertNotIn(secret.encode(), text, where)


if __name__ == "__main__":
    if not os.path.exists(cluster.EXTVOLD):
        print(f"skipped: {cluster.EXTVOLD} is not built")
        sys.exit(77)
    if shutil.which("openssl") is None:
        print("skipped: no openssl command (Debian: openssl)")
        sys.exit(77)
    unittest.main(verbosity=2, warnings="ignore")
