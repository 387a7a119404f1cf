"""What the objects of Connect and kami keep to, beyond schemas, loose ends and hardened pods."""

from __future__ import annotations

from collections.abc import Iterator

from tests.templates.container_view import Documents
from tests.templates.hardening import weaknesses
from tests.templates.loose_ends import loose_ends
from tests.templates.workloads import Document, Pod, at, fits, named, of_kind, pods_of

NAMESPACE = "kamiflow"
PREFIX = "app.kubernetes.io"


def shortcomings(documents: Documents) -> list[str]:
    """Where objects fall short, each as `Kind/name: what`."""
    found = [*loose_ends(documents), *weaknesses(documents)]
    for one in documents:
        found += [f"{named(one)}: {problem}" for problem in _of_object(one)]
    for pod in pods_of(documents):
        found += [f"{pod.owner}: {problem}" for problem in _of_pod(documents, pod)]
    return found


def _of_object(document: Document) -> Iterator[str]:
    if at(document, "metadata.namespace") != NAMESPACE:
        yield f"namespace {at(document, 'metadata.namespace')!r}"
    if document["metadata"].get("labels", {}).get(f"{PREFIX}/part-of") != "kamiflow":
        yield "no label part-of"
    spec = document.get("spec", {})
    if document["kind"] == "CronJob":
        for key, value in (("concurrencyPolicy", "Forbid"), ("timeZone", "Etc/UTC")):
            if spec.get(key) != value:
                yield f"{key} {spec.get(key)!r}"
        if "startingDeadlineSeconds" not in spec:
            # After 100 missed starts Kubernetes starts it no more.
            yield "no startingDeadlineSeconds"
    if document["kind"] in ("CronJob", "Job"):
        job = at(spec, "jobTemplate.spec") or spec
        for key in (
            "activeDeadlineSeconds",
            "backoffLimit",
            "podFailurePolicy",
            "ttlSecondsAfterFinished",
        ):
            if key not in job:
                yield f"no {key}"


def _of_pod(documents: Documents, pod: Pod) -> Iterator[str]:
    for label in ("name", "component", "part-of"):
        if f"{PREFIX}/{label}" not in pod.labels:
            yield f"no label {label}"
    policies = [
        set(policy["spec"]["policyTypes"])
        for policy in of_kind(documents, "NetworkPolicy")
        if fits(policy["spec"]["podSelector"], pod.labels)
    ]
    if {"Ingress", "Egress"} not in policies:
        yield "no NetworkPolicy"
    for container in pod.containers:
        if container.get("terminationMessagePolicy") != "FallbackToLogsOnError":
            yield f"{container['name']}: why it ended is not in its status"
