#!/usr/bin/env bash
# Has systemd read the unit as it will be installed: check-unit.sh UNIT. Exit 77: no systemd-analyze here.
set -euo pipefail
command -v systemd-analyze >/dev/null || {
  echo "SKIPPED: needs systemd-analyze"
  exit 77
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# A mkfs outlives the daemon, on purpose: systemd must not kill the whole control group.
grep -qx KillMode=process "$1" || {
  echo "$1: KillMode= must be process, or a mkfs is cut off with the daemon"
  exit 1
}
# The program is not installed yet, and verify insists that it can be run.
sed -E 's#^(Exec[A-Za-z]*=)/[^ ]*/extvold#\1/bin/true#' "$1" >"$folder/extvold.service"
said=$(systemd-analyze verify --man=no --recursive-errors=no "$folder/extvold.service" 2>&1) || {
  echo "$said"
  exit 1
}
# An unknown or misspelt setting is only a warning to systemd, which then ignores it; here it is an error.
if grep -F extvold.service <<<"$said"; then exit 1; fi
