"""What every container of the project keeps to, and no schema asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tests.templates.workloads import Document, Pod, at, pods_of

_FACTORS = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def quantity(text: str | float) -> float:
    """The value of a quantity such as 500m or 2Gi. ValueError for what is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z]*)", str(text))
    if match is None or match[2] not in _FACTORS:
        message = f"{text!r} is no quantity; expected a number and one of {', '.join(_FACTORS)}"
        raise ValueError(message)
    return float(match[1]) * _FACTORS[match[2]]


def weaknesses(documents: Sequence[Document]) -> list[str]:
    """Containers with more rights than they need, without bounds, or that nobody looks after."""
    found = []
    for pod in pods_of(documents):
        security = pod.spec.get("securityContext", {})
        if security.get("runAsNonRoot") is not True:
            found.append(f"{pod.owner}: may run as root")
        if at(security, "seccompProfile.type") != "RuntimeDefault":
            found.append(f"{pod.owner}: may call anything of the kernel")
        if pod.spec.get("automountServiceAccountToken") is not False:
            found.append(f"{pod.owner}: every container has the account's token")
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.spec.get(name):
                found.append(f"{pod.owner}: {name}")
        for container in pod.containers:
            where = f"{pod.owner} {container['name']}"
            found += [f"{where}: {what}" for what in _of_container(pod, container)]
    return found


def _of_container(pod: Pod, container: Document) -> Iterator[str]:
    security = container.get("securityContext", {})
    if security.get("readOnlyRootFilesystem") is not True:
        yield "its root file system can be written"
    if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
        yield "may get more privileges"
    if at(security, "capabilities.drop") != ["ALL"]:
        yield "has capabilities"
    user = security.get("runAsUser", at(pod.spec, "securityContext.runAsUser"))
    if not isinstance(user, int) or user == 0:
        yield "has no user by number"
    yield from _of_resources(container)
    if not re.fullmatch(r"\S+:[\w.-]+(@sha256:[0-9a-f]{64})?", container["image"]):
        yield f"image {container['image']} without a version"
    elif container["image"].endswith(":latest"):
        yield f"image {container['image']} is another one each day"
    if container in pod.lasting and not pod.ends:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe not in container:
                yield f"no {probe}"


def _of_resources(container: Document) -> Iterator[str]:
    resources = container.get("resources", {})
    requests, limits = resources.get("requests", {}), resources.get("limits", {})
    for name in ("cpu", "memory"):
        if name not in requests:
            yield f"asks for no {name}"
    if "memory" not in limits:
        yield "takes any memory"
    for name, least in requests.items():
        if name in limits and quantity(least) > quantity(limits[name]):
            yield f"asks for more {name} than it may have"
