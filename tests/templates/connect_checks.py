"""Whether the parts of a Connect cluster's manifests fit each other: worker, connectors, topics."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock
from urllib.parse import SplitResult, urlsplit

from kami.connectors import Connectors, Definition
from kami.connectors_file import read_connectors
from kami.connectors_plan import refuse_breaking, warnings_of
from kami.connectors_shared import AVRO
from kami.topics_file import read_wanted
from kami.topics_wanted import Wanted, WantedTopic
from tests.templates.container_view import (
    Documents,
    by_name,
    environment,
    files,
    pod_of,
    secret_keys,
)
from tests.templates.workloads import of_kind, pods_of

DATABASE = "app.kubernetes.io/instance"
_REFERENCE = re.compile(r"\$\{(\w+):([^}]*)\}")


class Cluster(NamedTuple):
    """What the manifests of a cluster say, read by those who read it there.

    Args:
        worker: the settings of a worker, with its references.
        variables: of a worker's environment.
        keys: of the mounted secret.
    """

    worker: Mapping[str, str]
    variables: Mapping[str, str]
    keys: frozenset[str]
    connectors: Connectors
    topics: Wanted
    documents: Documents


def cluster_of(documents: Documents, folder: Path) -> Cluster:
    """Reads connectors.yaml and topics.yaml as kami's job does, with all secrets known.

    Raises ConfigurationError as kami would.
    """
    (worker,) = pods_of(of_kind(documents, "Deployment"))
    database = worker.labels[DATABASE]
    keys = frozenset(key for one in secret_keys(documents).values() for key in one)
    secrets = dict.fromkeys(keys, "of the secret")
    container = worker.container("connect")
    mounted = files(documents, worker, container, secrets)
    variables = environment(documents, worker, container, secrets)
    apply = pod_of(documents, f"Job/connect-apply-{database}")
    read: dict[str, Any] = {}
    for name, path, reader in (
        ("topics", "/etc/kami/topics.yaml", read_wanted),
        ("connectors", "/etc/kami/connectors.yaml", read_connectors),
    ):
        job = apply.container(name)
        here = folder / Path(path).name
        here.write_text(files(documents, apply, job, secrets)[path], encoding="utf-8")
        given = environment(documents, apply, job, secrets)
        # What the manifest does not give is not there.
        with mock.patch.dict(os.environ, given, clear=True):
            read[name] = reader(here)
    return Cluster(
        properties(mounted["/etc/connect/worker.properties"]),
        variables,
        keys,
        read["connectors"],
        read["topics"],
        documents,
    )


def properties(text: str) -> dict[str, str]:
    """The settings of a file of properties."""
    lines = [line.partition("=") for line in text.splitlines() if line and line[0] != "#"]
    return {name.strip(): value.strip() for name, _, value in lines}


def resolved(cluster: Cluster, text: str) -> str:
    """A setting of the worker with the variables in it."""
    return _REFERENCE.sub(
        lambda found: cluster.variables.get(found[2], found[0]) if found[1] == "env" else found[0],
        text,
    )


def unfit(cluster: Cluster) -> list[str]:
    """What does not fit, each as a sentence; empty for a cluster that can work."""
    return [
        *_references(cluster),
        *_converters(cluster),
        *_topics(cluster),
        *_ports(cluster),
        *_breaking(cluster.connectors.definitions),
    ]


def _references(cluster: Cluster) -> Iterator[str]:
    settings = {"worker": cluster.worker} | {
        one.name: one.config for one in cluster.connectors.definitions
    }
    providers = cluster.worker["config.providers"].split(",")
    for where, config in settings.items():
        for key, text in config.items():
            protocol = resolved(cluster, config.get(key.rpartition("sasl.")[0] + _PROTOCOL, "SASL"))
            if "sasl." in key and "SASL" not in protocol:
                # Of a login that nobody asks for.
                continue
            for found in _REFERENCE.finditer(text):
                if found[1] not in providers:
                    yield f"{where}: {key}: the workers have no provider {found[1]!r}"
                elif problem := _unknown(cluster, found[1], found[2]):
                    yield f"{where}: {key}: {problem}"


_PROTOCOL = "security.protocol"


def _unknown(cluster: Cluster, provider: str, rest: str) -> str | None:
    setting = f"config.providers.{provider}.param."
    if provider == "env":
        if not re.fullmatch(cluster.worker[f"{setting}allowlist.pattern"], rest):
            return f"the workers do not show the variable {rest!r}"
        return None if rest in cluster.variables else f"no variable {rest!r}"
    path, _, key = rest.partition(":")
    allowed = cluster.worker[f"{setting}allowed.paths"]
    if path != allowed:
        return f"the workers do not show {path!r}"
    return None if key in cluster.keys else f"no key {key!r} in the secret"


def _converters(cluster: Cluster) -> Iterator[str]:
    for one in cluster.connectors.definitions:
        for side in ("key", "value"):
            converter = one.config.get(f"{side}.converter")
            registry = one.config.get(f"{side}.converter.schema.registry.url")
            if converter != AVRO or registry != cluster.variables["SCHEMA_REGISTRY"]:
                yield f"{one.name}: {side}s are not Avro of the registry: {converter}, {registry}"


def topics_of(cluster: Cluster) -> dict[str, dict[str, str | None]]:
    """What the workers and connectors write to, with what must be so there; `1` partition or any.

    A setting of None is one that must not be: no topic that changes are read from is compacted.
    """
    forever: dict[str, str | None] = {"retention.ms": "-1", "partitions": "1"}
    wanted: dict[str, dict[str, str | None]] = {}
    factor = resolved(cluster, cluster.worker["config.storage.replication.factor"])
    for kind, partitions in (("config", "1"), ("offset", ""), ("status", "")):
        name = resolved(cluster, cluster.worker[f"{kind}.storage.topic"])
        wanted[name] = {
            "cleanup.policy": "compact",
            "replication": factor,
            "partitions": partitions or cluster.worker[f"{kind}.storage.partitions"],
        }
    for one in cluster.connectors.definitions:
        prefix = one.topic_prefix
        wanted |= {table.topic(prefix): {} for table in one.tables.values()}
        wanted |= {name: {"partitions": "1"} for name in (f"{prefix}.transaction",)}
        wanted[f"__debezium-heartbeat.{prefix}"] = {}
        if history := one.config.get("schema.history.internal.kafka.topic"):
            wanted[history] = forever
            wanted[prefix] = {"partitions": "1"}
        if one.signals and one.signals.topic:
            wanted[one.signals.topic] = {"partitions": "1"}
        if one.signals and one.signals.table:
            wanted[one.signals.table.topic(prefix)] = {}
    return wanted


def _topics(cluster: Cluster) -> Iterator[str]:
    there = {topic.name: topic for topic in cluster.topics.topics}
    for name, asked in topics_of(cluster).items():
        if name not in there:
            yield f"topics.yaml has no {name!r}"
            continue
        has = _settings(there[name])
        for key, value in {"cleanup.policy": "delete", **asked}.items():
            if has.get(key, "delete" if key == "cleanup.policy" else None) != value:
                yield f"{name}: {key} is {has.get(key)}, expected {value}"


def _settings(topic: WantedTopic) -> dict[str, str | None]:
    return {
        **dict(topic.configs),
        "partitions": str(topic.partitions),
        "replication": str(topic.replication_factor),
    }


def _ports(cluster: Cluster) -> Iterator[str]:
    """Addresses that the network's policies do not let the pods come to."""
    (worker,) = of_kind(cluster.documents, "Deployment")
    name = worker["metadata"]["name"]
    policies = by_name(cluster.documents, "NetworkPolicy")
    open_ports = _egress(policies[name])
    of_kami = _egress(policies[name.replace("connect-", "connect-kami-", 1)])
    brokers = [("Kafka", int(one.rpartition(":")[2])) for one in cluster.topics.brokers.split(",")]
    registry = urlsplit(cluster.variables["SCHEMA_REGISTRY"])
    rest = urlsplit(cluster.connectors.connect.url)
    if rest.hostname not in by_name(cluster.documents, "Service"):
        yield f"connect.url: no Service {rest.hostname!r}"
    databases = [
        (f"the database of {one.name}", int(one.config["database.port"]))
        for one in cluster.connectors.definitions
        if "database.port" in one.config
    ]
    wanted = {
        "workers": [*brokers, ("the registry", _port(registry)), *databases],
        "kami": [*brokers, ("Connect", _port(rest))],
    }
    for who, let_out in (("workers", open_ports), ("kami", of_kami)):
        for what, port in wanted[who]:
            if not any(low <= port <= high for low, high in let_out):
                yield f"{who} may not go to port {port}, {what}"


def _port(address: SplitResult) -> int:
    return address.port or (443 if address.scheme == "https" else 80)


def _egress(policy: Mapping[str, Any]) -> list[tuple[int, int]]:
    return [
        (port["port"], port.get("endPort", port["port"]))
        for rule in policy["spec"]["egress"]
        for port in rule["ports"]
    ]


def _breaking(definitions: tuple[Definition, ...]) -> Iterator[str]:
    for one in definitions:
        refuse_breaking(one)
        yield from warnings_of(one)
