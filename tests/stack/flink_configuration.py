"""What the processes of a Flink cluster read: as in its image, on this machine's loopback alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

# The whole memory of a task manager has to be said where the image's scripts do not work it out.
_MEMORY = """\
jobmanager.memory.process.size: 1024m
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 64m
taskmanager.memory.task.heap.size: 256m
taskmanager.memory.task.off-heap.size: 64m
taskmanager.memory.managed.size: 32m
taskmanager.memory.network.min: 32m
taskmanager.memory.network.max: 32m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 128m
taskmanager.memory.jvm-overhead.max: 128m
taskmanager.cpu.cores: 1
"""

# A job manager that ends with its job, as by a savepoint, would be started again with the same job
# from the beginning. Times are short: a cluster of pods has ten times as long. No session of
# ZooKeeper may be shorter than two ticks (tickTime below).
_CONFIGURATION = """\
scheduler-mode: reactive
execution.shutdown-on-application-finish: false
jobmanager.adaptive-scheduler.resource-stabilization-timeout: 1s
high-availability.type: zookeeper
high-availability.zookeeper.quorum: 127.0.0.1:{zookeeper}
high-availability.zookeeper.client.session-timeout: 6000
high-availability.cluster-id: /{cluster}
high-availability.storageDir: file://{folder}/ha
high-availability.jobmanager.port: {rpc}
jobmanager.rpc.address: 127.0.0.1
jobmanager.bind-host: 127.0.0.1
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: 1
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest}
blob.server.port: {blob}
heartbeat.interval: 1000
heartbeat.timeout: 8000
restart-strategy.type: exponential-delay
restart-strategy.exponential-delay.initial-backoff: 1s
restart-strategy.exponential-delay.max-backoff: 5s
restart-strategy.exponential-delay.reset-backoff-threshold: 15s
state.backend.type: hashmap
state.checkpoints.dir: file://{folder}/checkpoints
state.savepoints.dir: file://{folder}/savepoints
state.checkpoints.num-retained: 3
execution.checkpointing.externalized-checkpoint-retention: RETAIN_ON_CANCELLATION
metrics.reporters: prometheus
metrics.reporter.prometheus.factory.class: org.apache.flink.metrics.prometheus.PrometheusReporterFactory
metrics.reporter.prometheus.port: {metrics}
io.tmp.dirs: {folder}/scratch
"""  # noqa: E501  (a line of Flink's file)

_LOGGING = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss.SSS} %-5p %c{1} - %m%n
logger.configuration.name = org.apache.flink.configuration
logger.configuration.level = WARN
logger.zookeeper.name = org.apache.flink.shaded.zookeeper3
logger.zookeeper.level = WARN
logger.curator.name = org.apache.flink.shaded.curator5
logger.curator.level = WARN
"""

_ZOOKEEPER = """\
tickTime=2000
dataDir={folder}/zookeeper
clientPort={zookeeper}
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


def write_configuration(folder: Path, ports: Ports, process: str, more: Mapping[str, str]) -> Path:
    """Writes the files of one process; the folder for its `--configDir`.

    more: further settings of Flink.
    """
    made = folder / f"conf-{process}"
    made.mkdir(parents=True, exist_ok=True)
    for name in ("ha", "checkpoints", "savepoints", "scratch", "zookeeper"):
        (folder / name).mkdir(exist_ok=True)
    text = _CONFIGURATION.format(
        folder=folder,
        cluster=folder.name,
        zookeeper=ports.zookeeper,
        rpc=ports.rpc,
        rest=ports.rest,
        blob=ports.blob,
        metrics=ports.metrics.get(process, 0),
    )
    text += _MEMORY + "".join(f"{name}: {value}\n" for name, value in more.items())
    (made / "flink-conf.yaml").write_text(text)
    (made / "log4j.properties").write_text(_LOGGING)
    (made / "zoo.cfg").write_text(_ZOOKEEPER.format(folder=folder, zookeeper=ports.zookeeper))
    return made
