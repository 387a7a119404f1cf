"""Reads kami.yaml, and says line and column of what is wrong in it."""

from __future__ import annotations

from pathlib import Path

import yaml

from kami.config import (
    DEFAULT_KEEP_DELETED_DAYS,
    DEFAULT_PRICE_PER_TIB,
    Config,
    Source,
    TableOptions,
)
from kami.config_nodes import Mapping, Node, refusal
from kami.errors import ConfigurationError

KEYS = ("warehouse", "price_per_tib", "sources")
SOURCE_KEYS = (
    "name",
    "type",
    "url",
    "ddl",
    "tables",
    "exclude",
    "database",
    "options",
    "keep_deleted_days",
    "polled",
)
TABLE_KEYS = ("key", "renamed", "fresh_within_minutes")
TYPES = ("mysql", "mariadb", "postgresql", "spanner")
NAME = r"[A-Za-z_][A-Za-z0-9_]{0,254}"


def read_config(path: Path) -> Config:
    """The configuration in a YAML file.

    Raises:
        ConfigurationError: the file cannot be read, or something in it cannot be used; the message
            starts with the file, the line and the column.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = (
            f"the configuration {str(path)!r} cannot be read ({type(error).__name__}); write it, "
            "or name another with --config"
        )
        raise ConfigurationError(message) from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        message = f"{place}: this is no YAML: {error.problem}"
        raise ConfigurationError(message) from error
    if root is None:
        message = f"{path}:1:1: the file is empty; it needs the keys `warehouse` and `sources`"
        raise ConfigurationError(message)
    return _config(Node(path, root).mapping(KEYS), path)


def _config(keys: Mapping, path: Path) -> Config:
    sources = tuple(_source(node.mapping(SOURCE_KEYS)) for node in keys.required("sources").list())
    names = [source.name for source in sources]
    for name, node in zip(names, keys.required("sources").list(), strict=True):
        if names.count(name) > 1:
            raise refusal(
                node, f"there are two sources named {name!r}; each is a dataset of its own"
            )
    price = keys.optional("price_per_tib")
    return Config(
        warehouse=_warehouse(keys.required("warehouse")),
        sources=sources,
        path=path,
        price_per_tib=price.number() if price else DEFAULT_PRICE_PER_TIB,
    )


def _warehouse(node: Node) -> str:
    address = node.text()
    kind, _, place = address.partition(":")
    if kind == "duckdb" and place == ":memory:":
        raise refusal(node, "a warehouse in memory ends with the command; name a file")
    if kind == "duckdb" and place:
        return f"duckdb:{node.beside(place)}"
    if kind == "bigquery" and place:
        return address
    raise refusal(node, f"the warehouse is {address!r}; expected duckdb:PATH or bigquery:PROJECT")


def _source(keys: Mapping) -> Source:
    url, ddl = keys.optional("url"), keys.optional("ddl")
    if (url is None) == (ddl is None):
        raise refusal(
            keys.node,
            "a source has either `url`, the address of its database, or `ddl`, a file of "
            "CREATE TABLE statements",
        )
    kind = keys.required("type").one_of(TYPES)
    if kind == "spanner" and ddl is not None:
        raise refusal(
            keys.node,
            "a source of Spanner has `url`, spanner:PROJECT/INSTANCE/DATABASE: its CREATE TABLE "
            "statements are not read from files",
        )
    tables, exclude = keys.optional("tables"), keys.optional("exclude")
    options, days = keys.optional("options"), keys.optional("keep_deleted_days")
    database, polled = keys.optional("database"), keys.optional("polled")
    return Source(
        name=keys.required("name").matching(NAME, "a name of letters, digits and _"),
        type=kind,
        url=url.text(address=True) if url else None,
        ddl=ddl.beside(ddl.text()) if ddl else None,
        tables=tables.texts() if tables else ("*",),
        exclude=exclude.texts() if exclude else (),
        database=database.text() if database else None,
        options={
            name: _options(node.mapping(TABLE_KEYS)) for name, node in options.members().items()
        }
        if options
        else {},
        keep_deleted_days=days.count() if days else DEFAULT_KEEP_DELETED_DAYS,
        polled=polled.flag() if polled else False,
    )


def _options(keys: Mapping) -> TableOptions:
    key, renamed = keys.optional("key"), keys.optional("renamed")
    fresh = keys.optional("fresh_within_minutes")
    return TableOptions(
        key=key.texts() if key else (),
        renamed={new: node.text() for new, node in renamed.members().items()} if renamed else {},
        fresh_within_minutes=fresh.number() if fresh else None,
    )
