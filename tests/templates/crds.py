"""The definitions of custom resources that the manifests use, kept in tests/data/crds.

`python -m tests.templates.crds FOLDER` writes them anew from FOLDER, in which each file of SOURCES
was put under its name. What is kept of a definition is what an API server refuses a document by:
the schema, without descriptions and without the status that controllers write.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "data" / "crds"

_OPERATOR = "org.apache.flink:flink-kubernetes-operator-api:1.10.0"
_SECRETS = "github.com/external-secrets/external-secrets@v1.3.2"
_PROMETHEUS = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
_KEDA = "github.com/kedacore/keda/v2@v2.17.2"


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a definition is from: an artifact of Maven or a module of Go, and a file in it."""

    package: str
    path: str

    @property
    def name(self) -> str:
        return Path(self.path).name


SOURCES = (
    Source(_OPERATOR, "META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml"),
    Source(_OPERATOR, "META-INF/fabric8/flinkstatesnapshots.flink.apache.org-v1.yml"),
    *(
        Source(_SECRETS, f"config/crds/bases/external-secrets.io_{plural}.yaml")
        for plural in ("clustersecretstores", "externalsecrets")
    ),
    *(
        Source(_PROMETHEUS, f"example/prometheus-operator-crd/monitoring.coreos.com_{plural}.yaml")
        for plural in ("podmonitors", "prometheusrules", "servicemonitors")
    ),
    Source(_KEDA, "config/crd/bases/keda.sh_scaledobjects.yaml"),
)


def slim(schema: Any) -> Any:
    """A schema without what says nothing of what is allowed."""
    if isinstance(schema, list):
        return [slim(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: slim(value)
        for key, value in schema.items()
        # A field of this name has a schema, and no text.
        if not (key in ("description", "example") and isinstance(value, str))
    }


def kept(definition: dict[str, Any], source: Source) -> dict[str, Any]:
    """What is kept of a definition: the schemas of its served versions, by version."""
    spec = definition["spec"]
    schemas = {}
    for version in spec["versions"]:
        if version["served"]:
            schema = slim(version["schema"]["openAPIV3Schema"])
            schema["properties"].pop("status", None)
            schemas[version["name"]] = schema
    return {
        "from": f"{source.package} {source.path}",
        "licence": "Apache-2.0",
        "group": spec["group"],
        "kind": spec["names"]["kind"],
        "scope": spec["scope"],
        "schemas": schemas,
    }


def main(folder: Path) -> None:
    """Writes all files anew."""
    FOLDER.mkdir(exist_ok=True)
    for source in SOURCES:
        text = (folder / source.name).read_text(encoding="utf-8")
        made = kept(yaml.safe_load(text), source)
        path = FOLDER / f"{made['kind'].lower()}.json"
        path.write_text(json.dumps(made, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
