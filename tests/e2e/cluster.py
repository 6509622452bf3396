"""A whole cluster on this machine: a recorded master and its agents (extvold-replay), the daemon with the `local`
provider on real loop devices, a ledger. What the end-to-end tests of this folder are made of. Standard library only.

Everything lives below one temporary directory, and close() removes what is left of it: processes, mounts, loop devices.
"""

import glob
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARIES = os.environ.get("EXTVOLD_BUILD", os.path.join(SOURCE, "build", "dev"))
EXTVOLD = os.environ.get("EXTVOLD_PROGRAM", os.path.join(BINARIES, "extvold"))
REPLAY = os.environ.get("EXTVOLD_REPLAY", os.path.join(BINARIES, "extvold-replay"))
HOSTS = ("a1.cluster", "a2.cluster", "a3.cluster", "format")
POOL = "local~laptop~disk"

CONFIG = """
[daemon]
active = {active}
[mesos]
master = "http://{master}"
{credential}
poll = "2s"
poll_min = "200ms"
agent_poll_min = "200ms"
agent_poll_max = "1s"
agent_deadline = "2s"
reconnect_min = "100ms"
reconnect_max = "500ms"
[mesos.agents]
launcher = "linux"
api = "{agents_api}"
[ledger]
path = "{dir}/ledger.db"
[api]
socket = "{dir}/extvold.sock"
[log]
level = "debug"
[providers.laptop]
type = "local"
root = "{dir}/storage"
hosts_dir = "{dir}/hosts"
pools = [{{ name = "disk", iops = 1000 }}]
reach = "all"
format_host = "format"
[drivers.extvold]
provider = "local~laptop"
[drivers.rexray]
provider = "local~laptop"
[policy]
linger = "{linger}"
provider_list = "5s"
{more}
"""


class Failure(Exception):
    """What was expected did not come; the message says what, and what there was instead."""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Watcher(threading.Thread):
    """Looks at the kernel and at the hosts' folders, past extvold and its ledger: no volume may have two loop devices,
    or be recorded as attached at two hosts, at any look."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder = folder
        self.stop = threading.Event()
        self.violations = []
        self.looks = 0
        self.seen = {}  # file of the volume: hosts where it was seen attached, in order, without repeats

    def run(self):
        while not self.stop.wait(0.02):
            self.look()

    def look(self):
        self.looks += 1
        images = {}
        for path in glob.glob("/sys/block/loop*/loop/backing_file"):
            try:
                with open(path, encoding="utf-8") as file:
                    image = file.read().strip()
            except OSError:
                continue
            if image.startswith(self.folder + "/"):
                images.setdefault(os.path.basename(image), []).append(path.split("/")[3])
        hosts = {}
        for path in glob.glob(f"{self.folder}/hosts/*/attachments/*.json"):
            try:
                with open(path, encoding="utf-8") as file:
                    state = json.load(file).get("state")
            except (OSError, ValueError):
                continue
            if state == "attached":
                image = os.path.basename(path)[: -len(".json")].partition("~")[2]
                hosts.setdefault(image, []).append(path.split("/")[-3])
        for image, devices in images.items():
            if len(devices) > 1:
                self.violations.append(f"{image} has two loop devices: {devices}")
        for image, at in hosts.items():
            if len(at) > 1 and image in images:
                self.violations.append(f"{image} is attached at {at}")
            for host in at:
                history = self.seen.setdefault(image, [])
                if image in images and (not history or history[-1] != host):
                    history.append(host)


class Cluster:
    def __init__(self, recording, speed=1.0, holds=(), active="true", agents_api="unfiltered", linger="500ms",
                 log=None, credential=None, more=""):
        """`recording`: a name below tests/data/mesos, or a folder's path. `more`: sections of the configuration."""
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix=f"extvold-e2e-{os.path.basename(recording)}-"))
        self.replay = self.daemon = self.netns = None
        self.log_path = log or os.path.join(self.dir, "log")
        try:
            for host in HOSTS:
                os.makedirs(f"{self.dir}/hosts/{host}")
            os.makedirs(f"{self.dir}/storage/disk")
            self.start_replay(recording, speed, holds)
            self.config = f"{self.dir}/extvold.toml"
            with open(self.config, "w", encoding="utf-8") as file:
                file.write(CONFIG.format(dir=self.dir, master=self.master, active=active, agents_api=agents_api,
                                         linger=linger, credential=self.write_credential(credential), more=more))
            self.watcher = Watcher(self.dir)
            self.watcher.start()
        except BaseException:
            self.close()
            raise

    def write_credential(self, credential):
        """The lines of [mesos] for this "PRINCIPAL SECRET", which is put into a file."""
        if credential is None:
            return ""
        path = f"{self.dir}/credential"
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
            file.write(credential + "\n")
        return f'credential = "{path}"'

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None and os.path.exists(self.log_path):
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
            print("\n".join(["--- the daemon's log, its end"] + lines[-60:]))
        self.close()

    # ---- the recorded master and agents

    def start_replay(self, recording, speed, holds):
        """At the recorded addresses, in a network namespace of its own, where that may be made; else at others."""
        command = [REPLAY, "--die-with-parent", "--recording", os.path.join(SOURCE, "tests/data/mesos", recording),
                   "--speed", str(speed), "--netns", f"extvold-e2e-{os.getpid()}"]
        for hold in holds:
            command += ["--hold-at", str(hold)]
        self.replay = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.replay.stdout.readline())
        self.master = ready["master"]
        self.netns = ready["netns"]
        # Only the network: `ip netns exec` would also hide the daemon's mounts from everybody else.
        self.enter = ["nsenter", f"--net=/run/netns/{self.netns}"] if self.netns else []
        self.speed = speed
        self.ends_at = ready["ends_at"]
        self.holds = list(holds)
        self.clock = (None, ready["starts_at"])  # at this moment of ours the recording was at that second

    def clock_started(self):
        """The first subscriber came: the recording runs. Later than it really did, so that hold() waits long enough."""
        self.clock = (time.monotonic(), self.clock[1])

    def recorded_now(self):
        began, at = self.clock
        return at + (time.monotonic() - began) * self.speed

    def await_recorded(self, second):
        began, at = self.clock
        time.sleep(max(0.0, (second - at) / self.speed - (time.monotonic() - began)))

    def release_clock(self):
        """Lets the recording's clock go on from where the next --hold-at stops it."""
        hold = self.holds.pop(0)
        self.await_recorded(hold)
        time.sleep(0.1)  # a release before the hold would be none
        self.replay.send_signal(signal.SIGUSR1)
        self.clock = (time.monotonic(), hold)

    # ---- the daemon

    def start_daemon(self, wait=True):
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.daemon = subprocess.Popen(self.enter + [EXTVOLD, "serve", "--config", self.config], stderr=log,
                                           stdout=log)
        if wait:
            self.await_true("the daemon answers", lambda: self.try_get("/v1/status") is not None)
            if self.clock[0] is None:
                self.await_sql("the daemon's first view", "SELECT 1 FROM history WHERE kind = 'view.complete'")
                self.clock_started()

    def kill_daemon(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()
        self.daemon = None

    def stop_daemon(self):
        self.daemon.send_signal(signal.SIGTERM)
        status = self.daemon.wait(timeout=60)
        self.daemon = None
        if status != 0:
            raise Failure(f"the daemon ended with status {status}")

    def command(self, *words):
        """`extvold WORDS…`, as an operator types it on the daemon's machine."""
        return subprocess.run(self.enter + [EXTVOLD, *words, "--config", self.config], capture_output=True, text=True,
                              timeout=90, check=False)

    def request(self, method, path, body=None):
        connection = UnixConnection(f"{self.dir}/extvold.sock")
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def try_get(self, path):
        try:
            status, body = self.request("GET", path)
        except (OSError, http.client.HTTPException):
            if self.daemon.poll() is not None:
                raise Failure(f"the daemon ended with status {self.daemon.returncode}") from None
            return None
        return body if status == 200 else None

    def order(self, method, path, body):
        status, answer = self.request(method, path, body)
        if status not in (200, 201, 202):
            raise Failure(f"{method} {path} {body}: {status} {answer}")
        return answer

    def create_volume(self, name, size_mb=16, filesystem="ext4", access="rw"):
        if filesystem == "xfs":
            size_mb = max(size_mb, 320)
        self.order("POST", "/v1/volumes", {"name": name, "pool": POOL, "size_mb": size_mb, "filesystem": filesystem,
                                           "access": access})

    # ---- the ledger, read as an operator would

    def sql(self, query, *values):
        return query_ledger(f"{self.dir}/ledger.db", query, *values)

    def await_true(self, what, condition, limit=60.0, every=0.05):
        end = time.monotonic() + limit
        while not condition():
            if self.daemon is not None and self.daemon.poll() is not None:
                raise Failure(f"waiting for {what}: the daemon ended with status {self.daemon.returncode}")
            if time.monotonic() > end:
                raise Failure(f"waited {limit} s for: {what}\n{self.picture()}")
            time.sleep(every)

    def await_sql(self, what, query, *values, limit=60.0):
        self.await_true(what, lambda: self.sql(query, *values), limit)

    def picture(self):
        try:
            rows = [dict(row) for row in self.sql("SELECT * FROM volume_status")]
            rows += [dict(row) for row in self.sql("SELECT * FROM blocked")]
            rows += [dict(row) for row in self.sql("SELECT * FROM claims")]
            return "\n".join(str(row) for row in rows)
        except sqlite3.Error as error:
            return f"(the ledger: {error})"

    # ---- what the tests of the recordings share

    def prepare(self, volumes, release=True):
        """Daemon up, acting, the volumes made, formatted and detached; the recording stands at its first hold."""
        self.start_daemon()
        if release:
            self.order("POST", "/v1/release", {})
        for name in volumes:
            self.create_volume(name)
        if release and volumes:
            self.await_sql("the volumes to be made", f"""SELECT 1 FROM (SELECT count(*) AS n FROM volumes AS v
                WHERE v.format = 'formatted' AND NOT EXISTS (SELECT 1 FROM attachments AS a WHERE a.volume = v.id
                AND a.state <> 'detached')) WHERE n = {len(volumes)}""")
            self.await_idle()

    def await_idle(self):
        self.await_sql("nothing under way", "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM open_operations)")

    def volume(self, name):
        return dict(self.sql("SELECT * FROM volume_status WHERE volume = ?", name)[0])

    def await_attached(self, name, host, limit=60.0):
        self.await_sql(f"{name} at {host}", "SELECT 1 FROM attachment_status WHERE volume = ? AND host = ? AND "
                       "state = 'attached'", name, host, limit=limit)

    def await_detached(self, name, limit=60.0):
        self.await_sql(f"{name} at no host", "SELECT 1 FROM volume_status WHERE volume = ? AND attached_to IS NULL",
                       name, limit=limit)

    def await_blocked(self, name, reason, host=None, limit=60.0):
        self.await_sql(f"{name} blocked: {reason}", "SELECT 1 FROM blocked WHERE volume = ? AND reason = ? AND "
                       "(? IS NULL OR host = ?)", name, reason, host, host, limit=limit)

    def blocked(self, name):
        return {(row["host"], row["reason"]): row["owner"]
                for row in self.sql("SELECT * FROM blocked WHERE volume = ?", name)}

    # ---- the end

    def close(self):
        watcher = getattr(self, "watcher", None)
        if watcher is not None:
            watcher.stop.set()
            watcher.join()
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()
        if self.replay is not None and self.replay.poll() is None:
            self.replay.terminate()  # it removes its namespace
            self.replay.wait()
        if self.netns and os.path.exists(f"/run/netns/{self.netns}"):
            subprocess.run(["ip", "netns", "delete", self.netns], check=False)
        if self.replay is not None:
            self.replay.stdout.close()
        self.end_helpers()
        with open("/proc/self/mounts", encoding="utf-8") as file:
            mounts = file.read().splitlines()
        for line in reversed(mounts):
            target = line.split()[1].replace("\\040", " ")
            if target.startswith(self.dir + "/"):
                subprocess.run(["umount", "-l", target], check=False)
        for path in glob.glob("/sys/block/loop*/loop/backing_file"):
            with open(path, encoding="utf-8") as file:
                if file.read().startswith(self.dir + "/"):
                    subprocess.run(["losetup", "-d", "/dev/" + path.split("/")[3]], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def end_helpers(self):
        """A killed daemon's helpers go on: wait until none of this cluster holds a lock below our folder."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            busy = subprocess.run(["fuser", "-s"] + (glob.glob(f"{self.dir}/storage/.lock-*") or ["/nonexistent"]),
                                  check=False, stderr=subprocess.DEVNULL).returncode == 0
            if not busy:
                return
            time.sleep(0.1)


def query_ledger(path, query, *values):
    if not os.path.exists(path):
        return []
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute(query, values).fetchall()
    except sqlite3.OperationalError:
        if query.lstrip().upper().startswith("SELECT 1"):
            return []  # not migrated yet
        raise
    finally:
        connection.close()
