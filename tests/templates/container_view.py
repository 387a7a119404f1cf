"""What a container of rendered Kubernetes objects sees: its environment and its files.

Secrets are made by ExternalSecrets: their keys are known, and values are the caller's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tests.templates.loose_ends import secret_of
from tests.templates.workloads import Document, Pod, of_kind, pods_of

Documents = Sequence[Document]

_LABEL = re.compile(r"metadata\.labels\['([^']+)'\]")


def pod_of(documents: Documents, owner: str) -> Pod:
    """The pod of the object `Kind/name`."""
    (found,) = [pod for pod in pods_of(documents) if pod.owner == owner]
    return found


def by_name(documents: Documents, kind: str) -> dict[str, Document]:
    """The objects of a kind by their names."""
    return {one["metadata"]["name"]: one for one in of_kind(documents, kind)}


def secret_keys(documents: Documents) -> dict[str, set[str]]:
    """The keys of each Secret that an ExternalSecret makes."""
    return {
        secret_of(one): {entry["secretKey"] for entry in one["spec"]["data"]}
        for one in of_kind(documents, "ExternalSecret")
    }


def environment(
    documents: Documents, pod: Pod, container: Document, secrets: Mapping[str, str]
) -> dict[str, str]:
    """The variables that the manifest gives a container.

    Args:
        secrets: values by the keys of secrets; a pod's address is 127.0.0.1.
    """
    maps = by_name(documents, "ConfigMap")
    values: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        if "configMapRef" in source:
            values |= maps[source["configMapRef"]["name"]]["data"]
        else:
            keys = secret_keys(documents)[source["secretRef"]["name"]]
            values |= {key: secrets[key] for key in keys}
    for variable in container.get("env", ()):
        values[variable["name"]] = _value(pod, variable, secrets)
    return values


def _value(pod: Pod, variable: Document, secrets: Mapping[str, str]) -> str:
    if "value" in variable:
        return str(variable["value"])
    source = variable["valueFrom"]
    if "secretKeyRef" in source:
        return secrets[source["secretKeyRef"]["key"]]
    path = source["fieldRef"]["fieldPath"]
    if path == "status.podIP":
        return "127.0.0.1"
    label = _LABEL.fullmatch(path)
    assert label, path
    return pod.labels[label[1]]


def files(
    documents: Documents, pod: Pod, container: Document, secrets: Mapping[str, str]
) -> dict[str, str]:
    """The files that are mounted into a container, by their paths."""
    volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", ())}
    maps, found = by_name(documents, "ConfigMap"), {}
    for mount in container.get("volumeMounts", ()):
        volume = volumes[mount["name"]]
        if "configMap" in volume:
            data = maps[volume["configMap"]["name"]]["data"]
        elif "secret" in volume:
            keys = secret_keys(documents)[volume["secret"]["secretName"]]
            data = {key: secrets[key] for key in keys}
        else:
            continue
        if "subPath" in mount:
            found[mount["mountPath"]] = data[mount["subPath"]]
        else:
            found |= {f"{mount['mountPath']}/{name}": text for name, text in data.items()}
    return found
