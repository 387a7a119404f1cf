"""What the processes of a Flink cluster read: what is shipped for pods (templates/flink/base), with
the addresses and the memory of this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.stack.home import ROOT

SHIPPED = ROOT / "templates" / "flink" / "base"
LOGGING = SHIPPED / "log4j-console.properties"

# The whole memory of a task manager has to be said where the image's scripts do not work it out.
_MEMORY = {
    "jobmanager.memory.process.size": "1024m",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "64m",
    "taskmanager.memory.task.heap.size": "256m",
    "taskmanager.memory.task.off-heap.size": "64m",
    "taskmanager.memory.managed.size": "0m",
    "taskmanager.memory.network.min": "32m",
    "taskmanager.memory.network.max": "32m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "jobmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "128m",
    "taskmanager.memory.jvm-overhead.max": "128m",
    "taskmanager.cpu.cores": 1,
}
_LOOPBACK = dict.fromkeys(
    (
        "jobmanager.rpc.address",
        "jobmanager.bind-host",
        "taskmanager.host",
        "taskmanager.bind-host",
        "rest.address",
        "rest.bind-address",
    ),
    "127.0.0.1",
)
# Two task managers share one machine here.
_ANY_PORT = dict.fromkeys(
    ("taskmanager.rpc.port", "taskmanager.data.port", "metrics.internal.query-service.port"), 0
)
# Pods have longer times. No session of ZooKeeper may be shorter than two of its ticks.
_TIMES = {
    "high-availability.zookeeper.client.session-timeout": 6000,
    "heartbeat.interval": 1000,
    "heartbeat.timeout": 8000,
    "restart-strategy.exponential-delay.max-backoff": "5s",
    "restart-strategy.exponential-delay.reset-backoff-threshold": "15s",
    "jobmanager.adaptive-scheduler.resource-stabilization-timeout": "1s",
}
_OF_PODS = ("taskmanager.memory.process.size", "blob.storage.directory", "env.pid.dir")

_ZOOKEEPER = """\
tickTime=2000
dataDir={folder}/zookeeper
clientPort={port}
clientPortAddress=127.0.0.1
admin.enableServer=false
"""


@dataclasses.dataclass(frozen=True)
class Ports:
    """Of a cluster.

    metrics: of Prometheus's reporter, by a process of the cluster.
    """

    zookeeper: int
    rest: int
    rpc: int
    blob: int
    python: int
    java: int
    metrics: Mapping[str, int] = dataclasses.field(default_factory=dict)


def java_options() -> list[str]:
    """What every JVM of Flink is started with."""
    return str(_shipped()["env.java.opts.all"]).split()


def slots() -> int:
    """Of a task manager."""
    return int(_shipped()["taskmanager.numberOfTaskSlots"])


def write_zookeeper(folder: Path, ports: Ports) -> Path:
    """The file that ZooKeeper reads."""
    (folder / "zookeeper").mkdir(exist_ok=True)
    path = folder / "zoo.cfg"
    path.write_text(_ZOOKEEPER.format(folder=folder, port=ports.zookeeper))
    return path


def write_configuration(
    folder: Path, ports: Ports, process: str, cluster: str, more: Mapping[str, str]
) -> Path:
    """Writes the file of one process; its folder, for `--configDir`.

    cluster: the name that high availability knows it by. more: further settings.
    """
    made = folder / f"conf-{process}"
    made.mkdir(parents=True, exist_ok=True)
    (folder / "scratch").mkdir(exist_ok=True)
    here = {
        "high-availability.type": "zookeeper",
        "high-availability.zookeeper.quorum": f"127.0.0.1:{ports.zookeeper}",
        "high-availability.cluster-id": f"/{cluster}",
        "high-availability.storageDir": f"file://{folder}/ha",
        "high-availability.jobmanager.port": ports.rpc,
        "jobmanager.rpc.port": ports.rpc,
        "rest.port": ports.rest,
        "blob.server.port": ports.blob,
        "state.checkpoints.dir": f"file://{folder}/checkpoints",
        "state.savepoints.dir": f"file://{folder}/savepoints",
        "metrics.reporter.prom.port": ports.metrics.get(process, 0),
        "io.tmp.dirs": f"{folder}/scratch",
    }
    settings = {name: value for name, value in _shipped().items() if name not in _OF_PODS}
    settings |= {**_LOOPBACK, **_ANY_PORT, **_MEMORY, **_TIMES, **here, **more}
    (made / "config.yaml").write_text(yaml.safe_dump(settings))
    return made


def _shipped() -> dict[str, Any]:
    return dict(yaml.safe_load((SHIPPED / "config.yaml").read_text()))
