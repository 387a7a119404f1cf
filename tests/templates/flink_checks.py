"""Whether the objects of a Flink overlay hold together: flags, ports, memory, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from kami.lag_metrics import METRICS
from pipelines.runner_flags import JAVA_WORKER_POOL, PYTHON_WORKER_POOL
from templates.flink.build_jar import flags_of
from tests.stack.beam_java import DATA_BUFFER_TIME_LIMIT
from tests.templates.container_view import Documents, by_name, files, secret_keys
from tests.templates.dockerfile import FOLDER as TEMPLATES
from tests.templates.hardening import quantity
from tests.templates.loose_ends import ports_of
from tests.templates.standards import shortcomings
from tests.templates.workloads import Document, Pod, at, of_kind, pods_of

FOLDER = TEMPLATES / "flink"
FLINK = "flink-main-container"
SECRETS = "/etc/secrets"

_PORTS = {
    "jobmanager": {
        "high-availability.jobmanager.port": "rpc",
        "blob.server.port": "blob",
        "metrics.internal.query-service.port": "query",
        "rest.port": "rest",
        "metrics.reporter.prom.port": "metrics",
    },
    "taskmanager": {
        "taskmanager.data.port": "data",
        "taskmanager.rpc.port": "rpc",
        "metrics.internal.query-service.port": "query",
        "metrics.reporter.prom.port": "metrics",
    },
}


class Overlay(NamedTuple):
    """A pipeline in an environment.

    Args:
        config: Flink's configuration, without what the processes are given as -D.
        flags: the pipeline's.
        settings: settings.env.
    """

    documents: Documents
    jobmanager: Pod
    taskmanager: Pod
    config: dict[str, Any]
    flags: list[str]
    settings: dict[str, str]

    def flag(self, name: str) -> str | None:
        """The last value of a flag."""
        values = [one.partition("=")[2] for one in self.flags if one.split("=")[0] == f"--{name}"]
        return values[-1] if values else None


def overlay_of(documents: Documents, folder: Path) -> Overlay:
    """Reads rendered objects, those of Deployments or of a FlinkDeployment.

    Args:
        folder: for a file.
    """
    roles = {pod.labels["app.kubernetes.io/component"]: pod for pod in pods_of(documents)}
    jobmanager, taskmanager = roles["jobmanager"], roles["taskmanager"]
    job = jobmanager.container("job")
    path = folder / "flags.txt"
    text = files(documents, jobmanager, job, _EverySecret())["/etc/kamiflow/flags.txt"]
    path.write_text(text, encoding="utf-8")
    operated = of_kind(documents, "FlinkDeployment")
    if operated:
        config = {
            key: yaml.safe_load(value)
            for key, value in operated[0]["spec"]["flinkConfiguration"].items()
        }
    else:
        mounted = files(documents, jobmanager, jobmanager.container(FLINK), _EverySecret())
        config = yaml.safe_load(mounted["/opt/flink/conf/config.yaml"])
    settings = _given(documents, job)
    return Overlay(documents, jobmanager, taskmanager, config, flags_of(path), settings)


def told(documents: Documents, folder: Path) -> str:
    """All that is wrong with an overlay's objects; no text where nothing is."""
    return "\n".join([*shortcomings(documents), *unfit(overlay_of(documents, folder))])


def unfit(overlay: Overlay) -> list[str]:
    """What does not hold together, each as a sentence; empty for an overlay that can work."""
    return [
        *_ports(overlay),
        *_workers(overlay),
        *_memory(overlay),
        *_scaling(overlay),
        *_secrets(overlay),
        *_addresses(overlay),
        *_variables(overlay),
    ]


def _ports(overlay: Overlay) -> Iterator[str]:
    for role, ports in _PORTS.items():
        pod = overlay.jobmanager if role == "jobmanager" else overlay.taskmanager
        there = ports_of(pod)
        operated = pod.document["kind"] == "FlinkDeployment"
        for key, name in ports.items():
            # The operator opens those that it knows by itself.
            if there.get(name, overlay.config[key] if operated else None) != overlay.config[key]:
                yield f"{key} is {overlay.config[key]}, the port {name!r} {there.get(name)}"
    known = {
        role: {overlay.config[key] for key in ports if "prom" not in key}
        for role, ports in _PORTS.items()
    }
    for name, policy in by_name(overlay.documents, "NetworkPolicy").items():
        labels = at(policy, "spec.podSelector.matchLabels") or {}
        role = labels.get("app.kubernetes.io/component", "")
        for rule in policy["spec"].get("ingress", []) if role in known else []:
            for port in rule["ports"]:
                if port["port"] not in known[role]:
                    yield f"NetworkPolicy {name} lets in at {port['port']}, where nothing listens"
        if name.endswith("-jobmanager"):
            let_in = {one["port"] for rule in policy["spec"]["ingress"] for one in rule["ports"]}
            for key in ("high-availability.jobmanager.port", "blob.server.port"):
                if overlay.config[key] not in let_in:
                    yield f"NetworkPolicy {name} keeps {key} shut"


def _workers(overlay: Overlay) -> Iterator[str]:
    slots = overlay.config["taskmanager.numberOfTaskSlots"]
    processes = int(overlay.flag("sdk_worker_parallelism") or 1)
    if processes != slots:
        yield f"{slots} slots of a task manager, and {processes} Python processes"
    ports = ports_of(overlay.taskmanager)
    for name, address in (("python", PYTHON_WORKER_POOL), ("java", JAVA_WORKER_POOL)):
        port = int(address.rpartition(":")[2])
        if ports.get(name) != port:
            yield f"the job looks for {name}'s workers at {port}, they are at {ports.get(name)}"
        container = overlay.taskmanager.container(f"{name}-workers")
        if container.get("restartPolicy") != "Always":
            yield f"{name}-workers are not there before Flink"
    command = overlay.taskmanager.container("java-workers")["command"]
    if DATA_BUFFER_TIME_LIMIT not in command:
        yield f"java-workers are not told {DATA_BUFFER_TIME_LIMIT}, with which latency was measured"
    python = overlay.taskmanager.container("python-workers")["resources"]["requests"]
    if quantity(python["cpu"]) < processes:
        yield f"{processes} Python processes ask for {python['cpu']} CPUs"


def _memory(overlay: Overlay) -> Iterator[str]:
    for role, pod in (("jobmanager", overlay.jobmanager), ("taskmanager", overlay.taskmanager)):
        key = f"{role}.memory.process.size"
        if key not in overlay.config:
            # The operator's own, of its resource.
            continue
        limit = pod.container(FLINK)["resources"]["limits"]["memory"]
        size = overlay.config[key].removesuffix("m")
        room = quantity(limit) - quantity(f"{size}Mi")
        if not 0.05 * quantity(limit) <= room <= 0.25 * quantity(limit):
            yield f"{key} is {size} MiB of a container's {limit}"


def _scaling(overlay: Overlay) -> Iterator[str]:
    (scaler,) = of_kind(overlay.documents, "HorizontalPodAutoscaler")
    spec = scaler["spec"]
    metric = at(spec["metrics"][0], "external.metric")
    described = {one.name: one for one in METRICS}.get(metric["name"])
    labels = metric["selector"]["matchLabels"]
    if described is None or set(labels) != set(described.labels):
        yield f"kami lag has no {metric['name']} with {', '.join(labels)}"
    if labels.get("group") != overlay.flag("lag_group"):
        yield f"scaled by the group {labels.get('group')!r}, --lag_group is another"
    slots = spec["maxReplicas"] * overlay.config["taskmanager.numberOfTaskSlots"]
    if slots > overlay.config["pipeline.max-parallelism"]:
        yield f"{slots} slots, pipeline.max-parallelism is less"
    if int(overlay.flag("parallelism") or 1) != slots:
        yield f"{slots} slots at most, and --parallelism is {overlay.flag('parallelism')}"
    # Reactive gives Beam's impulse a subtask on each slot, and all of them read everything.
    if overlay.config["jobmanager.scheduler"] != "adaptive" or "scheduler-mode" in overlay.config:
        yield "task managers come and go, and the job does not take them: jobmanager.scheduler"


def _secrets(overlay: Overlay) -> Iterator[str]:
    known = {key for keys in secret_keys(overlay.documents).values() for key in keys}
    readers = [
        overlay.jobmanager.container("job"),
        overlay.taskmanager.container("python-workers"),
        overlay.taskmanager.container("java-workers"),
    ]
    for flag in overlay.flags:
        for path in re.findall(r"file://(/\S+)", flag):
            folder, _, name = path.rpartition("/")
            if folder != SECRETS or name not in known:
                yield f"{flag.split('=')[0]}: no secret is at {path}"
        if "env://" in flag:
            yield f"{flag.split('=')[0]}: the containers have no variables of secrets"
    for container in readers:
        places = {one["mountPath"] for one in container["volumeMounts"]}
        if SECRETS not in places:
            yield f"{container['name']} has no {SECRETS}"


def _addresses(overlay: Overlay) -> Iterator[str]:
    policies = by_name(overlay.documents, "NetworkPolicy")
    (ours,) = [one for name, one in policies.items() if name.endswith("-addresses")]
    (platform,) = [one for name, one in policies.items() if name.endswith("-platform")]
    out = {
        port["port"]
        for policy in (ours, platform)
        for rule in policy["spec"]["egress"]
        for port in rule["ports"]
    }
    bucket = (overlay.flag("output_dir") or "").removeprefix("gs://").partition("/")[0]
    if bucket != overlay.settings.get("BUCKET", bucket) or not bucket:
        yield f"--output_dir is in {bucket!r}, which is not the bucket of settings.env"
    for name in ("kafka_brokers", "schema_registry", "lookup_url"):
        for port in re.findall(r":(\d+)", overlay.flag(name) or ""):
            if int(port) not in out:
                yield f"--{name} leads to port {port}, which network.yaml does not name"


def _variables(overlay: Overlay) -> Iterator[str]:
    """Arguments with $(NAME): Kubernetes leaves it as it is where nobody says what it is."""
    for pod in (overlay.jobmanager, overlay.taskmanager):
        for container in pod.containers:
            known = _given(overlay.documents, container)
            words = [*container.get("command", []), *container.get("args", [])]
            for name in re.findall(r"\$\((\w+)\)", " ".join(words)):
                if not known.get(name):
                    yield f"{pod.owner} {container['name']}: $({name}) is nowhere"


def _given(documents: Documents, container: Document) -> dict[str, str]:
    """The variables of a container; those that are not in the objects have a text of some kind."""
    maps = by_name(documents, "ConfigMap")
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found |= maps[source["configMapRef"]["name"]]["data"]
    return found | {one["name"]: one.get("value", "given") for one in container.get("env", ())}


class _EverySecret(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "of the secret"


def process_arguments(pod: Pod) -> dict[str, str]:
    """What Flink is given as -D."""
    container: Document = pod.container(FLINK)
    pairs = [word[2:].partition("=") for word in container["args"] if word.startswith("-D")]
    return {key: value for key, _, value in pairs}
