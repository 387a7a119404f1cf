"""connectors.yaml files for tests, and one connector of one."""

from __future__ import annotations

import textwrap
from pathlib import Path

from kami.connectors import Connectors, Definition
from kami.connectors_file import read_connectors

HEAD = """\
connect: {url: "http://connect:8083"}
kafka: {brokers: "kafka:9092"}
connectors:
"""
MYSQL = """\
  - name: shop
    type: mysql
    host: db
    user: debezium
    password: ${env:SHOP_PASSWORD}
    database: shop
    tables: [orders]
"""


def read(folder: Path, text: str) -> Connectors:
    """The connectors of a file with this text."""
    path = folder / "connectors.yaml"
    path.write_text(text, encoding="utf-8")
    return read_connectors(path)


def shop(folder: Path, more: str = "", head: str = HEAD) -> Definition:
    """A MySQL connector with more keys."""
    (definition,) = read(
        folder, head + MYSQL + textwrap.indent(textwrap.dedent(more), "    ")
    ).definitions
    return definition


def judged_config(folder: Path, **config: str) -> dict[str, str]:
    """The settings of that connector with some in `config`; `__` stands for a dot."""
    lines = "".join(f"  {key.replace('__', '.')}: {value!r}\n" for key, value in config.items())
    return shop(folder, f"config:\n{lines}").config
