"""The pods that Kubernetes objects make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Document = Mapping[str, Any]

_TEMPLATES = {
    "CronJob": ("spec.jobTemplate.spec.template",),
    "DaemonSet": ("spec.template",),
    "Deployment": ("spec.template",),
    "FlinkDeployment": ("spec.jobManager.podTemplate", "spec.taskManager.podTemplate"),
    "Job": ("spec.template",),
    "StatefulSet": ("spec.template",),
}


class Pod(NamedTuple):
    """A template of pods.

    Args:
        owner: `Kind/name` of the object that makes them, with the place in it where it has two.
        template: labels in its metadata, containers in its spec.
        document: the whole object.
    """

    owner: str
    template: Document
    document: Document

    @property
    def spec(self) -> Document:
        return dict(self.template["spec"])

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.template.get("metadata", {}).get("labels", {}))

    @property
    def account(self) -> str:
        """The service account."""
        own = self.document["spec"].get("serviceAccount")
        return str(own or self.spec.get("serviceAccountName", "default"))

    @property
    def init_containers(self) -> list[Document]:
        return list(self.spec.get("initContainers", []))

    @property
    def containers(self) -> list[Document]:
        """All of them, those that run before the others first."""
        return [*self.init_containers, *self.spec["containers"]]

    @property
    def lasting(self) -> list[Document]:
        """Those that run as long as the pod."""
        started = [one for one in self.init_containers if one.get("restartPolicy") == "Always"]
        return [*started, *self.spec["containers"]]

    @property
    def ends(self) -> bool:
        """Whether the pod's work has an end."""
        return self.document["kind"] in ("CronJob", "Job")

    def container(self, name: str) -> Document:
        (found,) = [one for one in self.containers if one["name"] == name]
        return found


def named(document: Document) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def pods_of(documents: Iterable[Document]) -> Iterator[Pod]:
    """The templates of pods in the documents."""
    for document in documents:
        paths = _TEMPLATES.get(document["kind"], ())
        for path in paths:
            template = at(document, path)
            if template is not None:
                place = f" {path.split('.')[1]}" if len(paths) > 1 else ""
                yield Pod(named(document) + place, template, document)


def at(document: Document, path: str) -> Any:
    """What is at a path of names; None where nothing is."""
    found: Any = document
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def of_kind(documents: Iterable[Document], kind: str) -> list[Document]:
    return [one for one in documents if one["kind"] == kind]


def fits(selector: Document, labels: Mapping[str, str]) -> bool:
    """Whether a selector (matchLabels, matchExpressions) is of these labels; an empty one is."""
    wanted = selector.get("matchLabels", {})
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_holds(one, labels) for one in selector.get("matchExpressions", []))


def _holds(expression: Document, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values", [])
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            message = f"operator {other!r} of a selector; expected In, NotIn, Exists, DoesNotExist"
            raise ValueError(message)
