"""What Kubernetes takes without a word although it leads nowhere: names that nobody has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.templates.workloads import Document, Pod, at, fits, named, of_kind, pods_of

# Kubernetes puts it into each namespace.
_ALWAYS = {("ConfigMap", "kube-root-ca.crt")}
_ONE_OF_SELECTORS = {
    "NetworkPolicy": "spec.podSelector",
    "PodDisruptionBudget": "spec.selector",
    "PodMonitor": "spec.selector",
}


def loose_ends(documents: Sequence[Document], *, elsewhere: Sequence[str] = ()) -> list[str]:
    """Names, selectors and ports of the documents that lead to nothing in them.

    Args:
        elsewhere: `Kind/name` of objects that others make.
    """
    pods = list(pods_of(documents))
    there = {(one["kind"], one["metadata"]["name"]) for one in documents} | _ALWAYS
    # An ExternalSecret makes a Secret.
    there |= {("Secret", secret_of(one)) for one in of_kind(documents, "ExternalSecret")}
    for name in elsewhere:
        kind, _, what = name.partition("/")
        there.add((kind, what))
    found = [f"{name}: twice" for name, n in Counter(map(named, documents)).items() if n > 1]
    for pod in pods:
        found += _of_volumes(pod)
        found += [
            f"{pod.owner}: {kind}/{name} is not there"
            for kind, name in sorted(set(_references(pod)))
            if (kind, name) not in there
        ]
        found += _of_keys(pod, documents)
        found += _of_probes(pod)
        selector = at(pod.document, "spec.selector")
        if selector is not None and not fits(selector, pod.labels):
            found.append(f"{pod.owner}: its selector is not of its pods")
    for document in documents:
        found += _of_selectors(document, pods)
        found += [
            f"{named(document)}: {kind}/{name} is not there"
            for kind, name in _pointed(document)
            if (kind, name) not in there
        ]
    return found


def secret_of(external: Document) -> str:
    """The name of the Secret that an ExternalSecret makes."""
    return str(at(external, "spec.target.name") or external["metadata"]["name"])


def _of_volumes(pod: Pod) -> Iterator[str]:
    volumes = {one["name"] for one in pod.spec.get("volumes", [])}
    mounted = set()
    for container in pod.containers:
        places = Counter(one["mountPath"] for one in container.get("volumeMounts", []))
        for place, count in places.items():
            if count > 1:
                yield f"{pod.owner} {container['name']}: two volumes at {place}"
        for mount in container.get("volumeMounts", []):
            mounted.add(mount["name"])
            if mount["name"] not in volumes:
                yield f"{pod.owner} {container['name']}: no volume {mount['name']!r}"
    for name in sorted(volumes - mounted):
        yield f"{pod.owner}: volume {name!r} is mounted nowhere"


def _references(pod: Pod) -> Iterator[tuple[str, str]]:
    yield "ServiceAccount", pod.account
    for volume in pod.spec.get("volumes", []):
        for source in (volume, *(at(volume, "projected.sources") or ())):
            if name := at(source, "configMap.name"):
                yield "ConfigMap", name
            if name := at(source, "secret.secretName") or at(source, "secret.name"):
                yield "Secret", name
            if name := at(source, "persistentVolumeClaim.claimName"):
                yield "PersistentVolumeClaim", name
    for container in pod.containers:
        for source in container.get("envFrom", []):
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if key in source:
                    yield kind, source[key]["name"]
        for variable in container.get("env", []):
            for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if name := at(variable, f"valueFrom.{key}.name"):
                    yield kind, name


def _of_keys(pod: Pod, documents: Sequence[Document]) -> Iterator[str]:
    """Keys of Secrets and ConfigMaps that variables are made of."""
    keys: dict[tuple[str, str], set[str]] = {}
    for one in of_kind(documents, "ExternalSecret"):
        # Those that dataFrom brings are not known here.
        if "dataFrom" not in one["spec"]:
            data = one["spec"].get("data", [])
            keys["Secret", secret_of(one)] = {entry["secretKey"] for entry in data}
    for kind in ("ConfigMap", "Secret"):
        for one in of_kind(documents, kind):
            keys[kind, one["metadata"]["name"]] = set(one.get("data", {})) | set(
                one.get("stringData", {})
            )
    for container in pod.containers:
        for variable in container.get("env", []):
            for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                reference = at(variable, f"valueFrom.{key}")
                if reference is None:
                    continue
                known = keys.get((kind, reference["name"]))
                if known is not None and reference["key"] not in known:
                    where = f"{pod.owner} {container['name']}"
                    yield f"{where}: {kind}/{reference['name']} has no key {reference['key']!r}"


def ports_of(pod: Pod) -> dict[str, int]:
    """Numbers of the ports of a pod's lasting containers by their names."""
    return {
        port.get("name", str(port["containerPort"])): port["containerPort"]
        for container in pod.lasting
        for port in container.get("ports", [])
    }


def _of_probes(pod: Pod) -> Iterator[str]:
    for container in pod.containers:
        names = {one.get("name"): one["containerPort"] for one in container.get("ports", [])}
        # The operator of Flink puts its ports into the pods itself.
        open_ports = {*names, *names.values()}
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            for how in ("httpGet", "tcpSocket", "grpc"):
                port = at(container, f"{kind}.{how}.port")
                operated = pod.document["kind"] == "FlinkDeployment"
                if port is not None and port not in open_ports and not operated:
                    yield f"{pod.owner} {container['name']}: {kind} asks port {port!r}, not open"


def _of_selectors(document: Document, pods: Sequence[Pod]) -> Iterator[str]:
    kind, name = document["kind"], named(document)
    if kind == "Service":
        selector: Mapping[str, Any] = {"matchLabels": document["spec"].get("selector", {})}
    elif kind in _ONE_OF_SELECTORS:
        selector = at(document, _ONE_OF_SELECTORS[kind]) or {}
    else:
        return
    chosen = [pod for pod in pods if fits(selector, pod.labels)]
    if not chosen:
        yield f"{name}: its selector is of no pod"
        return
    if kind == "Service":
        wanted = [one.get("targetPort", one["port"]) for one in document["spec"]["ports"]]
    elif kind == "PodMonitor":
        wanted = [one["port"] for one in document["spec"]["podMetricsEndpoints"]]
    else:
        return
    for pod in chosen:
        ports = ports_of(pod)
        for port in wanted:
            if port not in ports and port not in ports.values():
                yield f"{name}: {pod.owner} has no port {port!r}"


def _pointed(document: Document) -> Iterator[tuple[str, str]]:
    """Other objects that an object names."""
    if target := at(document, "spec.scaleTargetRef"):
        yield target["kind"], target["name"]
    if document["kind"] == "RoleBinding":
        yield document["roleRef"]["kind"], document["roleRef"]["name"]
        for subject in document["subjects"]:
            yield subject["kind"], subject["name"]
