"""What does not hold together in the objects of a Flink overlay is found."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.templates.container_view import Documents, by_name
from tests.templates.flink_checks import FOLDER, told
from tests.templates.manifests import rendered

Change = Callable[[Documents], None]


def changed(kind: str, name: str, path: str, value: Any) -> Change:
    """Sets a value at a path of names and numbers in an object, where one stands already."""

    def change(documents: Documents) -> None:
        at_it: Any = next(
            one for found, one in by_name(documents, kind).items() if found.startswith(name)
        )
        *steps, last = (int(step) if step.isdecimal() else step for step in path.split("/"))
        for step in steps:
            at_it = at_it[step]
        at_it[last]
        at_it[last] = value

    return change


def replaced(name: str, file: str, old: str, new: str) -> Change:
    """Replaces a text in a file of a ConfigMap."""

    def change(documents: Documents) -> None:
        data: Any = next(
            one["data"]
            for found, one in by_name(documents, "ConfigMap").items()
            if found.startswith(name)
        )
        assert old in data[file]
        data[file] = data[file].replace(old, new)

    return change


POD = "spec/template/spec"


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (replaced("aml-flink-config", "config.yaml", "server.port: 6124", "server.port: 6199"),
         "blob.server.port is 6199, the port 'blob' 6124"),
        (replaced("aml-flink-config", "config.yaml", "TaskSlots: 2", "TaskSlots: 4"),
         "4 slots of a task manager, and 2 Python processes"),
        (replaced("aml-flink-config", "config.yaml", "size: 3500m", "size: 4000m"),
         "taskmanager.memory.process.size is 4000 MiB"),
        (replaced("aml-flink-config", "config.yaml", "scheduler: adaptive", "scheduler: default"),
         "jobmanager.scheduler"),
        (replaced("aml-flags", "flags.txt", "--parallelism=16", "--parallelism=4"),
         "16 slots at most, and --parallelism is 4"),
        (replaced("aml-flags", "flags.txt", "lag_group=aml", "lag_group=other"),
         "scaled by the group 'aml'"),
        (replaced("aml-flags", "flags.txt", "secrets/kafka-password", "secrets/other"),
         "--kafka_property: no secret is at /etc/secrets/other"),
        (replaced("aml-flags", "flags.txt", "file:///etc/secrets/lookup-password", "env://X"),
         "--lookup_password: the containers have no variables"),
        (replaced("aml-flags", "flags.txt", ":5432/", ":3306/"),
         "--lookup_url leads to port 3306"),
        (replaced("aml-flags", "flags.txt", "parallelism=2", "parallelism=3"),
         "3 Python processes ask for 2 CPUs"),
        (changed("HorizontalPodAutoscaler", "aml", "spec/maxReplicas", 100), "200 slots"),
        (changed("HorizontalPodAutoscaler", "aml", "spec/scaleTargetRef/name", "x"),
         "Deployment/x is not there"),
        (changed("HorizontalPodAutoscaler", "aml",
                 "spec/metrics/0/external/metric/name", "kamiflow_lag"),
         "kami lag has no kamiflow_lag"),
        (changed("NetworkPolicy", "aml-jobmanager", "spec/ingress/0/ports/0/port", 6199),
         "lets in at 6199, where nothing listens"),
        (changed("NetworkPolicy", "aml-jobmanager", "spec/ingress/0/ports", []),
         "keeps blob.server.port shut"),
        (changed("Deployment", "aml-taskmanager", f"{POD}/initContainers/0/restartPolicy", None),
         "python-workers are not there before Flink"),
        (changed("Deployment", "aml-taskmanager", f"{POD}/initContainers/1/command", ["java"]),
         "java-workers are not told --experiments=data_buffer_time_limit_ms=100"),
        (changed("Deployment", "aml-taskmanager",
                 f"{POD}/initContainers/1/ports/0/containerPort", 50009),
         "they are at 50009"),
        (replaced("aml-flags", "flags.txt", "dir=gs://BUCKET/", "dir=gs://OTHER/"),
         "--output_dir is in 'OTHER'"),
        (replaced("aml-flags", "flags.txt", "dir=gs://BUCKET/", "dir=/tmp/"), "--output_dir is in"),
        (changed("ConfigMap", "aml-settings", "data", {"PIPELINE": "aml", "GENERATION": "1"}),
         "$(BUCKET) is nowhere"),
        (changed("ServiceAccount", "aml-taskmanager", "metadata/name", "x"),
         "ServiceAccount/aml-taskmanager is not there"),
    ],
)  # fmt: skip
def test_a_broken_overlay_is_found(change: Change, wrong: str, tmp_path: Path) -> None:
    documents = copy.deepcopy(rendered(FOLDER / "prod"))
    change(documents)
    assert wrong in told(documents, tmp_path)
