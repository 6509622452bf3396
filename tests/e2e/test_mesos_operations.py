"""What operators have extvold ask of the master, against the recorded one: it answers exactly the calls that a real
master was asked, and its lists show afterwards what came of them."""

import os
import sys
import unittest

from cluster import Cluster, Failure

LABELS = ["--label", "extvold.volume=warehouse", "--label", "extvold.fs=xfs", "--label", "extvold.iops=900",
          "--label", "extvold.profile=gold"]
WAREHOUSE = ["a1.cluster", "ext-storage-inst1", "7500000", "--role", "db", *LABELS]


class MesosOperations(unittest.TestCase):
    def ask(self, cluster, *words, status=0):
        done = cluster.command(*words)
        text = done.stdout + done.stderr
        if done.returncode != status:
            raise Failure(f"extvold {' '.join(words)}: status {done.returncode}: {text}")
        return text

    def allow(self, cluster, *kinds):
        with open(cluster.config, encoding="utf-8") as file:
            text = file.read()
        words = ", ".join(f'"{kind}"' for kind in kinds)
        with open(cluster.config, "w", encoding="utf-8") as file:
            file.write(text.replace("[mesos]\n", f"[mesos]\noperations = [{words}]\n"))

    def test_reservations(self):
        with Cluster("reservations", holds=(1.7,)) as cluster:
            self.allow(cluster, "reserve_resources", "unreserve_resources")
            cluster.start_daemon()
            cluster.await_sql("its agents",
                              "SELECT 1 FROM agents WHERE hostname = 'a1.cluster' AND state = 'registered'")
            cluster.await_recorded(1.7)
            self.assertIn("a1.cluster", self.ask(cluster, "agent", "list"))
            refused = self.ask(cluster, "reservation", "reserve", *WAREHOUSE, status=1)
            self.assertIn("observe mode", refused)
            self.ask(cluster, "release", "--all")
            would = self.ask(cluster, "reservation", "reserve", *WAREHOUSE, "--dry-run")
            self.assertIn("would ask the master to reserve 7500000 of ext-storage-inst1 for role db", would)
            self.assertEqual(cluster.sql("SELECT count(*) FROM mesos_operations")[0][0], 0)
            self.assertIn("allow", self.ask(cluster, "agent", "drain", "a1.cluster", status=1))
            self.assertIn("no agent nosuch", self.ask(cluster, "reservation", "reserve", "nosuch", *WAREHOUSE[1:],
                                                      status=1))

            self.ask(cluster, "reservation", "reserve", *WAREHOUSE, "--principal", "ops", "--reason", "ticket 4711")
            cluster.await_sql("the master was asked", "SELECT 1 FROM mesos_operations WHERE state = 'issued'")
            self.assertIn("under way", self.ask(cluster, "reconcile", "--dry-run", "--of-daemon"))
            cluster.release_clock()
            done = "SELECT 1 FROM mesos_operations WHERE kind = '%s' AND state = 'done' AND outcome = 'changed'"
            cluster.await_sql("the reservation is read back", done % "reserve_resources")
            self.assertIn("warehouse", self.ask(cluster, "reservation", "list"))

            cluster.await_recorded(9.2)
            self.ask(cluster, "reservation", "unreserve", *WAREHOUSE)
            cluster.await_sql("it is given back", done % "unreserve_resources")
            self.assertNotIn("warehouse", self.ask(cluster, "reservation", "list"))
            history = self.ask(cluster, "history", "--host", "a1.cluster")
            self.assertIn("ticket 4711", history)
            self.assertIn("read back", history)
            self.ask(cluster, "ledger", "check")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: needs root: a network namespace for the recorded master")
        sys.exit(77)
    unittest.main(verbosity=2)
