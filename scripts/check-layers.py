#!/usr/bin/env python3
"""Who may include whom, and which system header only where: the table of ARCHITECTURE.md as a program."""

import os
import re

import lint

# folder: the folders it may include besides itself. The longest matching folder counts. Each provider's
# folder is a layer of its own, so that providers do not know each other.
LAYERS = {
    "model": [],
    "ledger": ["model"],
    "reconcilers": ["model"],
    "host": ["model"],
    "providers": ["model"],
    "providers/": ["model", "providers"],  # a provider's own folder
    "providers/local": ["model", "providers", "host"],
    "providers/rexray": ["model", "providers", "host"],  # formats what it attached on its own host
    "daemon": ["model", "ledger", "reconcilers", "host", "providers"],
    "daemon/ingest": ["model"],
    "daemon/uv": ["model"],
    "daemon/zookeeper": ["model", "daemon/uv", "daemon"],  # of daemon/: Clock, Random, Backoff
    "tests": None,  # everything
    "bench": None,
}

# header (as a regular expression): the folders that may include it. tests/ and bench/ may include all of
# these.
ONLY_IN = [
    (r"sqlite3\.h", ["ledger"]),
    (r"uv\.h", ["daemon"]),
    (r"curl/.*", ["daemon"]),
    (r"simdjson\.h", ["daemon/ingest"]),
    (r"(blkid|libmount)/.*", ["host"]),
    (r"nlohmann/.*", ["daemon", "providers", "host"]),
    (r"(CLI|toml\+\+|systemd|microhttpd)(/.*|\.h)", ["daemon"]),
    (r"zookeeper/.*", ["daemon/zookeeper"]),
    (r"(grpc|grpcpp|google/protobuf|csi_proto)/.*", ["providers/csi"]),
    (r"(thread|(shared_)?mutex|condition_variable|atomic|future|semaphore|latch|barrier)|pthread\.h",
     ["ledger", "daemon"]),
    (r"(coroutine)", []),
    # What the outside world is made of: not in the vocabulary and not in the pure core.
    (r"(chrono|ctime|time\.h|random|fstream|filesystem|iostream|unordered_map|unordered_set|csignal|signal\.h"
     r"|locale)",
     ["ledger", "providers", "host", "daemon"]),
    (r"(unistd|fcntl|errno|dirent|poll|termios|grp|pwd|ifaddrs|netdb|fts|ftw|sched|libgen)\.h"
     r"|(sys|linux|net|netinet|arpa|asm)/.*",
     ["ledger", "providers", "host", "daemon"]),
]
# Catch2 and RapidCheck are for tests only; fuzz targets and benchmarks do without.
TESTS_ONLY = r"(catch2/.*|rapidcheck.*)"

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)


def layer_of(path):
    own = re.match(r"providers/[^/]+(?=/)", path)
    if own:
        return own.group(0)
    return max((folder for folder in LAYERS if path.startswith(folder + "/")), key=len, default="")


def layers_allowed(layer):
    if layer in LAYERS:
        return LAYERS[layer]
    return LAYERS["providers/"]


def inside(path, folders):
    return any(path.startswith(folder + "/") for folder in folders)


def check_project_include(root, path, line, header, findings):
    layer = layer_of(path)
    if not os.path.exists(os.path.join(root, header)) and not header.endswith(".inc"):
        findings.add(path, line, f'"{header}" is not a file of the project',
                     "write the path from the project's root")
        return
    allowed = layers_allowed(layer)
    if allowed is None:
        return
    target = layer_of(header)
    if target == layer or target in allowed:
        return
    if layer == "daemon" and target.startswith(("daemon/", "providers/")):  # where things meet
        return
    may = ", ".join(allowed) or "nothing"
    findings.add(path, line, f"{layer}/ includes {header}",
                 f"{layer}/ may include {may}; move the code or its vocabulary")


def check_system_include(path, line, header, findings):
    if inside(path, ["tests", "bench"]):
        return
    if re.fullmatch(TESTS_ONLY, header):
        findings.add(path, line, f"<{header}> outside tests/", "test libraries stay in tests/")
    for pattern, folders in ONLY_IN:
        if re.fullmatch(pattern, header) and not inside(path, folders):
            where = ", ".join(folder + "/" for folder in folders) or "no folder"
            findings.add(path, line, f"<{header}> in {layer_of(path)}/",
                         f"allowed only in {where}; reach it through a port")


def check(root, findings):
    for path in lint.project_files(root):
        if not path.endswith((".cpp", ".h")) or not layer_of(path):
            continue
        text = lint.read_text(root, path)
        for match in INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            if match.group(1) == '"':
                check_project_include(root, path, line, match.group(2), findings)
            else:
                check_system_include(path, line, match.group(2), findings)


GOOD = {
    "model/volume.h": "#pragma once\n#include <string>\n",
    "ledger/database.cpp": '#include "ledger/database.h"\n#include <sqlite3.h>\n#include "model/volume.h"\n',
    "ledger/database.h": "#pragma once\n",
    "host/probe.h": "#pragma once\n#include <blkid/blkid.h>\n",
    "providers/provider.h": '#pragma once\n#include "model/volume.h"\n',
    "providers/local/local.cpp": '#include "providers/provider.h"\n#include "host/probe.h"\n',
    "daemon/driver.cpp": '#include "daemon/uv/loop.h"\n#include "providers/local/local.h"\n',
    "daemon/uv/loop.h": "#pragma once\n#include <uv.h>\n",
    "daemon/zookeeper/session.cpp": '#include <zookeeper/zookeeper.h>\n#include "daemon/uv/loop.h"\n',
    "providers/local/local.h": "#pragma once\n",
    "providers/csi/channel.cpp": "#include <grpcpp/grpcpp.h>\n#include <csi_proto/csi.pb.h>\n",
    "tests/lib/fake.h": '#include "daemon/uv/loop.h"\n#include <catch2/catch.hpp>\n#include <sqlite3.h>\n',
}
BAD = [
    ({"reconcilers/planner.cpp": '#include "ledger/database.h"\n'},
     "reconcilers/ includes ledger/database.h"),
    ({"reconcilers/planner.cpp": "#include <chrono>\n"}, "<chrono> in reconcilers/"),
    ({"reconcilers/planner.cpp": "\n#include <unordered_map>\n"}, "planner.cpp:2: <unordered_map>"),
    ({"reconcilers/planner.cpp": "#include <sys/stat.h>\n"}, "<sys/stat.h> in reconcilers/"),
    ({"model/x.h": "#include <sqlite3.h>\n"}, "<sqlite3.h> in model/"),
    ({"model/x.h": "#include <nlohmann/json.hpp>\n"}, "<nlohmann/json.hpp> in model/"),
    ({"model/x.h": '#include "volume.h"\n'}, "write the path from the project's root"),
    ({"ledger/x.cpp": '#include "providers/provider.h"\n'}, "ledger/ includes providers/provider.h"),
    ({"providers/csi/x.cpp": '#include "host/probe.h"\n'}, "providers/csi/ includes host/probe.h"),
    ({"providers/csi/x.cpp": '#include "providers/local/local.h"\n'},
     "providers/csi/ includes providers/local/local.h"),
    ({"providers/x.cpp": '#include "providers/local/local.h"\n'},
     "providers/ includes providers/local/local.h"),
    ({"daemon/x.cpp": "#include <grpcpp/grpcpp.h>\n"}, "<grpcpp/grpcpp.h> in daemon/"),
    ({"providers/x.cpp": "#include <csi_proto/csi.pb.h>\n"}, "<csi_proto/csi.pb.h> in providers/"),
    ({"host/x.cpp": "#include <thread>\n"}, "<thread> in host/"),
    ({"daemon/x.cpp": "#include <simdjson.h>\n"}, "<simdjson.h> in daemon/"),
    ({"daemon/x.cpp": "#include <zookeeper/zookeeper.h>\n"}, "<zookeeper/zookeeper.h> in daemon/"),
    ({"daemon/x.cpp": "#include <coroutine>\n"}, "<coroutine> in daemon/"),
    ({"daemon/uv/x.cpp": '#include "ledger/database.h"\n'}, "daemon/uv/ includes ledger/database.h"),
    ({"daemon/x.cpp": '#include "tests/lib/fake.h"\n'}, "daemon/ includes tests/lib/fake.h"),
    ({"daemon/x.cpp": "#include <catch2/catch.hpp>\n"}, "<catch2/catch.hpp> outside tests/"),
]

if __name__ == "__main__":
    lint.main(__doc__, check, GOOD, BAD)
