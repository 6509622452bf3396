#!/usr/bin/env python3
"""Two daemons that find the leading master, and each other, by a real ZooKeeper server: who acts, who takes over, and
what happens when the server is gone. Run one: tests/e2e/test_zookeeper.py Daemons.test_leader
Environment: EXTVOLD_BUILD (build directory).
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cluster  # noqa: E402
from cluster import Cluster, Failure  # noqa: E402

PASSWORD = "Hush-77ab03-zookeeper"
JAVA = "/usr/bin/java"
JARS = [f"/usr/share/java/{name}.jar" for name in (
    "zookeeper", "zookeeper-jute", "slf4j-api", "slf4j-nop", "log4j-over-slf4j", "netty-all", "metrics-core",
    "commons-cli", "commons-io", "snappy-java", "jackson-databind")]
SESSION_S = 8  # of a daemon: long enough that a slow machine ends none by itself


class ZooKeeper:
    """One server on loopback, in the cluster's network namespace, and what masters write there."""

    def __init__(self, enter, port):
        self.enter = enter
        self.port = port
        self.dir = tempfile.mkdtemp(prefix="extvold-e2e-zookeeper-")
        self.server = None
        with open(f"{self.dir}/zoo.cfg", "w", encoding="utf-8") as file:
            file.write(f"tickTime=1000\ndataDir={self.dir}/data\nclientPortAddress=127.0.0.1\nclientPort={port}\n"
                       "admin.enableServer=false\nmaxClientCnxns=0\n")
        with open(f"{self.dir}/hosts", "w", encoding="utf-8") as file:
            file.write(f"127.0.0.1 localhost {os.uname().nodename}\n")
        self.start()

    def java(self, *words):
        return self.enter + [JAVA, f"-Djdk.net.hosts.file={self.dir}/hosts", "-XX:TieredStopAtLevel=1",
                             "-XX:+UseSerialGC", "-Xmx64m", "-Dzookeeper.forceSync=no", "-cp", ":".join(JARS), *words]

    def start(self):
        self.server = subprocess.Popen(
            self.java("org.apache.zookeeper.server.ZooKeeperServerMain", f"{self.dir}/zoo.cfg"),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self):
        self.server.kill()
        self.server.wait()

    def say(self, *command, done):
        """A command of ZooKeeper's own shell, until it took effect, or what it says (`done`) shows that it had already:
        a connection to a server that is just starting may hang, and its answer may be lost."""
        end = time.monotonic() + 120
        while True:
            try:
                shell = subprocess.run(
                    self.java("org.apache.zookeeper.ZooKeeperMain", "-waitforconnection", "-timeout", "10000", "-server",
                              f"127.0.0.1:{self.port}", *command),
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30,
                    check=False)
                if shell.returncode == 0 or done in shell.stdout:
                    return
                said = shell.stdout
            except subprocess.TimeoutExpired:
                said = "nothing in 30 s"
            if time.monotonic() > end:
                raise Failure(f"ZooKeeper's shell, {command}: {said}")
            time.sleep(0.2)

    def create(self, path, data=""):
        self.say("create", path, data, done="Node already exists")

    def delete(self, path):
        self.say("delete", path, done="Node does not exist")

    def add_master(self, number, address):
        host, _, port = address.rpartition(":")
        data = json.dumps({"address": {"hostname": host, "ip": host, "port": int(port)}, "hostname": host,
                           "id": f"master-{number}", "version": "1.11.0"}, separators=(",", ":"))
        self.create(f"/mesos/json.info_{number:010}", data)

    def remove_master(self, number):
        self.delete(f"/mesos/json.info_{number:010}")

    def close(self):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


class Daemon:
    """One of several, with a ledger, a socket and storage of its own."""

    def __init__(self, world, name):
        self.world = world
        self.dir = f"{world.dir}/{name}"
        self.log = f"{self.dir}/log"
        self.config = f"{self.dir}/extvold.toml"
        self.process = None
        for host in cluster.HOSTS:
            os.makedirs(f"{self.dir}/hosts/{host}")
        os.makedirs(f"{self.dir}/storage/disk")

    def configure(self, port):
        text = cluster.CONFIG.format(dir=self.dir, master="", active="true", agents_api="unfiltered", linger="500ms",
                                     more="",
                                     credential=f'zookeeper_timeout = "{SESSION_S}s"')
        text = text.replace('active = true\n', "")
        text = text.replace('master = "http://"', f'master = "zk://extvold:{PASSWORD}@127.0.0.1:{port}/mesos"')
        with open(os.open(self.config, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
            file.write(text)

    def start(self):
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.world.enter + [cluster.EXTVOLD, "serve", "--config", self.config],
                                            stderr=log, stdout=log)
        self.await_status("an answer", lambda status: True)

    def request(self, method, path, body=None):
        connection = cluster.UnixConnection(f"{self.dir}/extvold.sock")
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def order(self, path, body):
        status, answer = self.request("POST", path, body)
        if status not in (200, 201, 202):
            raise Failure(f"POST {path} {body}: {status} {answer}")

    def create_volume(self, name):
        self.order("/v1/volumes", {"name": name, "pool": cluster.POOL, "size_mb": 16, "filesystem": "none",
                                   "access": "rw"})

    def status(self):
        try:
            return self.request("GET", "/v1/status")[1]
        except OSError:
            if self.process.poll() is not None:
                raise Failure(f"{self.dir}: the daemon ended with status {self.process.returncode}") from None
            return None

    def await_status(self, what, holds, limit=120.0):
        end = time.monotonic() + limit
        while True:
            status = self.status()
            if status is not None and holds(status):
                return status
            if time.monotonic() > end:
                raise Failure(f"waited {limit} s for {what}: {json.dumps(status)}")
            time.sleep(0.05)

    def await_acting(self):
        self.await_status("the guard", lambda status: status["observe_only"] is None and guard(status)["held"])

    def await_other(self, other):
        self.await_status("the other's name", lambda status: f"(pid {other.process.pid}) acts for this cluster" in
                          (status["observe_only"] or ""))

    def await_made(self, name, limit=120.0):
        end = time.monotonic() + limit
        while not cluster.query_ledger(f"{self.dir}/ledger.db",
                                       "SELECT 1 FROM volumes WHERE name = ? AND state = 'available'", name):
            if time.monotonic() > end:
                raise Failure(f"waited {limit} s for {name}: {json.dumps(self.status())}")
            time.sleep(0.05)

    def calls(self):
        """How many calls to its provider were ever begun."""
        return cluster.query_ledger(f"{self.dir}/ledger.db",
                                    "SELECT count(*) FROM operations WHERE state <> 'recorded'")[0][0]

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        self.process = None

    def told(self):
        """All that it wrote, and how it was called."""
        out = b""
        for path in (self.log, f"{self.dir}/ledger.db", f"{self.dir}/ledger.db-wal",
                     f"/proc/{self.process.pid}/cmdline", f"/proc/{self.process.pid}/environ"):
            if os.path.exists(path):
                with open(path, "rb") as file:
                    out += file.read()
        return out


def guard(status):
    return status["mesos"]["zookeeper"]["guard"]


class World(Cluster):
    """A replayed cluster whose leader only ZooKeeper knows, and two daemons."""

    def __init__(self):
        self.zookeeper = None
        self.daemons = []
        super().__init__("basic", holds=[1.5])
        try:
            self.daemons = [Daemon(self, "one"), Daemon(self, "two")]
            self.zookeeper = ZooKeeper(self.enter, 2181 if self.netns else free_port())
            for daemon in self.daemons:
                daemon.configure(self.zookeeper.port)
            self.zookeeper.create("/mesos")
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind, error, trace):
        for daemon in self.daemons if error is not None else []:
            if os.path.exists(daemon.log):
                with open(daemon.log, encoding="utf-8", errors="replace") as file:
                    lines = [line for line in file.read().splitlines() if "level=debug" not in line]
                print("\n".join([f"--- the log of {daemon.dir}, its end"] + lines[-40:]))
        self.close()

    def close(self):
        for daemon in self.daemons:
            daemon.kill()
        if self.zookeeper is not None:
            self.zookeeper.close()
            self.zookeeper = None
        super().close()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Daemons(unittest.TestCase):
    def test_leader(self):
        """Events are those of whom ZooKeeper names, and of nobody else; without a server nobody is known to lead."""
        with World() as world:
            one = world.daemons[0]
            one.start()
            status = one.await_status("no leader", lambda status: status["mesos"]["zookeeper"]["leader_error"] and
                                      "no master has a node" in status["mesos"]["zookeeper"]["leader_error"])
            self.assertEqual(status["mesos"]["leader_by"], "zookeeper")
            self.assertFalse(status["mesos"]["view_complete"])

            world.zookeeper.add_master(5, world.master)
            status = one.await_status("the view", lambda status: status["mesos"]["view_complete"])
            self.assertEqual(status["mesos"]["master"], f"http://{world.master}/api/v1")
            self.assertEqual(status["mesos"]["zookeeper"]["leader"]["id"], "master-5")

            # Another one leads, whom nobody can reach: what the old one still sends is void at once.
            world.zookeeper.add_master(4, "127.0.0.1:1")
            status = one.await_status("the view's end", lambda status: not status["mesos"]["view_complete"])
            status = one.await_status("the new leader", lambda status:
                                      status["mesos"]["zookeeper"]["leader"]["id"] == "master-4")
            self.assertNotEqual(status["mesos"]["subscription"], "open")
            world.zookeeper.remove_master(4)
            one.await_status("the view again", lambda status: status["mesos"]["view_complete"])

            world.zookeeper.kill()
            status = one.await_status("the session's end", lambda status:
                                      status["mesos"]["zookeeper"]["leader"] is None)
            self.assertFalse(status["mesos"]["view_complete"])
            self.assertFalse(guard(status)["held"])
            self.assertIsNotNone(status["observe_only"])
            world.zookeeper.start()
            one.await_status("all of it again", lambda status: status["mesos"]["view_complete"] and
                             status["observe_only"] is None)

            shown = subprocess.run(world.enter + [cluster.EXTVOLD, "status", "--config", one.config], text=True,
                                   capture_output=True, check=True, timeout=60).stdout
            self.assertIn(f"zk://127.0.0.1:{world.zookeeper.port}/mesos: connected", shown)
            self.assertIn("guard /extvold/mesos held", shown)
            for text in (shown.encode(), json.dumps(one.status()).encode(), one.told()):
                self.assertNotIn(PASSWORD.encode(), text)

    def test_guard(self):
        """One acts. The other does nothing until the first is gone for certain: killed, frozen, or without ZooKeeper."""
        with World() as world:
            world.zookeeper.add_master(5, world.master)
            one, two = world.daemons
            one.start()
            one.await_acting()
            one.await_status("the view", lambda status: status["mesos"]["view_complete"])
            two.start()
            two.await_other(one)
            for daemon in (one, two):
                daemon.order("/v1/release", {})
                daemon.create_volume("v1")
            one.await_made("v1")
            self.assertEqual(two.calls(), 0)

            one.kill()
            two.await_acting()
            two.await_made("v1")
            one.start()
            one.await_other(two)
            one.create_volume("v2")
            before = one.calls()

            # Frozen for longer than its session lasts: it may not go on when it wakes.
            two.process.send_signal(signal.SIGSTOP)
            one.await_acting()
            one.await_made("v2")
            self.assertGreater(one.calls(), before)
            before = two.calls()
            two.process.send_signal(signal.SIGCONT)
            two.await_other(one)
            two.create_volume("v2")

            # Without a server nobody acts, and one of them does again when it is back.
            world.zookeeper.kill()
            one.await_status("no guard", lambda status: status["observe_only"] is not None)
            one.create_volume("v3")
            for daemon in (one, two):
                daemon.await_status("no session", lambda status:
                                    status["mesos"]["zookeeper"]["session"] in ("lost", "connecting"))
            self.assertEqual(two.calls(), before)
            self.assertEqual(cluster.query_ledger(f"{one.dir}/ledger.db",
                                                  "SELECT count(*) FROM operations WHERE volume = (SELECT id FROM "
                                                  "volumes WHERE name = 'v3')")[0][0], 0)
            world.zookeeper.start()
            end = time.monotonic() + 120
            while not any(guard(daemon.status())["held"] for daemon in (one, two)):
                self.assertLess(time.monotonic(), end)
                time.sleep(0.05)
            acting, other = (one, two) if guard(one.status())["held"] else (two, one)
            acting.await_made("v3" if acting is one else "v2")
            other.await_other(acting)
            # Its end hands the guard on without waiting for the session's time-out.
            acting.process.terminate()
            self.assertEqual(acting.process.wait(timeout=120), 0)
            other.await_acting()
            other.await_made("v3" if other is one else "v2")


def why_not():
    if os.geteuid() != 0:
        return "needs root: loop devices"
    for path in [JAVA, *JARS]:
        if not os.path.exists(path):
            return f"needs a ZooKeeper server ({path}): apt-get install libzookeeper-java openjdk-17-jre-headless"
    return ""


if __name__ == "__main__":
    if why_not():
        print(f"SKIPPED: {why_not()}")
        sys.exit(77)
    unittest.main(verbosity=2)
