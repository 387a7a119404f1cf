"""The YAML file with the settings of single tables that are polled.

tables:
  shop.orders:
    updated: changed_at
    key: [region, id]
    index: orders_by_change
    shard_column: shard_id
    shards: {count: 4, low: 0, high: 1023}
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import yaml

from kami.config_nodes import Mapping, Node, refusal
from kami.errors import ConfigurationError
from pipeline_io.audit_tables import UNITS

KEYS = (
    "updated",
    "updated_unit",
    "key",
    "query",
    "index",
    "shard_column",
    "shards",
    "overlap",
)


@dataclasses.dataclass(frozen=True)
class TableSettings:
    """What the file says of one table; None and () where it says nothing."""

    updated: str | None = None
    updated_unit: str | None = None
    key: tuple[str, ...] = ()
    query: str | None = None
    index: str | None = None
    shard_column: str | None = None
    shards: tuple[int, int, int] | None = None
    overlap: float | None = None


def settings_of(path: Path) -> dict[str, TableSettings]:
    """The settings by table, in the file's order.

    Raises ConfigurationError, which says line and column.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        message = f"--config={path} cannot be read ({type(error).__name__}); check the path"
        raise ConfigurationError(message) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        message = f"{place}: this is no YAML: {error.problem}"
        raise ConfigurationError(message) from error
    if root is None:
        message = f"{path}:1:1: the file is empty; it needs the key `tables`"
        raise ConfigurationError(message)
    tables = Node(path, root).mapping(("tables",)).required("tables")
    return {name: _settings(_keys(node)) for name, node in tables.members().items()}


def _keys(node: Node) -> Mapping:
    # `shop.orders:` alone is a table without settings of its own.
    if isinstance(node.node, yaml.ScalarNode) and node.node.tag.endswith(":null"):
        return Mapping(node, {})
    return node.mapping(KEYS)


def _settings(keys: Mapping) -> TableSettings:
    def text(name: str) -> str | None:
        node = keys.optional(name)
        return node.text() if node else None

    key, overlap, unit = (keys.optional(name) for name in ("key", "overlap", "updated_unit"))
    shards = keys.optional("shards")
    if (shards is None) != (keys.optional("shard_column") is None):
        raise refusal(keys.node, "`shard_column` and `shards` are given together or not at all")
    return TableSettings(
        text("updated"),
        unit.one_of(tuple(UNITS)) if unit else None,
        key.texts() if key else (),
        text("query"),
        text("index"),
        text("shard_column"),
        _shards(shards) if shards else None,
        overlap.number() if overlap else None,
    )


def _shards(node: Node) -> tuple[int, int, int]:
    keys = node.mapping(("count", "low", "high"))
    count, low, high = (keys.required(name).count() for name in ("count", "low", "high"))
    if not 1 <= count <= high - low + 1:
        raise refusal(
            node,
            f"{count} shards of the values {low} to {high}; expected at least one value for each",
        )
    return count, low, high
