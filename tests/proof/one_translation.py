"""What a compaction says is compiled and translated once for all histories.

It writes its cut and its anchor into its statements. To compile and translate each of them anew
would take most of the time of a thousand histories, and neither an order key within a string
literal nor the number of a transaction can change how.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator
from unittest.mock import patch

import jinja2

from kami.duckdb_dialect import translated

_KEY = re.compile(r"'([0-9a-f]{4}/[0-9a-f]{16}/[0-9a-f]{16}/[0-9a-f]{8})'")
_TRANSACTIONS = re.compile(r"(?<=`txId` - )[0-9]+|(?<=`txId`, 4294967296\) IN \()[0-9, ]+")
_STAND_IN = 99_000_000_000
_from_string = functools.lru_cache(maxsize=None)(jinja2.Environment.from_string)


@contextlib.contextmanager
def said_once() -> Iterator[None]:
    """In the block, templates given as text are cached, and statements but for what differs."""
    with (
        patch("kami.warehouse_duckdb.translated", translated_once),
        patch("jinja2.Environment.from_string", _from_template_text),
    ):
        yield


def translated_once(bigquery_sql: str) -> tuple[str, ...]:
    """What `translated` gives for the text."""
    said: dict[str, str] = {}
    for number, key in enumerate(dict.fromkeys(_KEY.findall(bigquery_sql))):
        said[f"order key {number};"] = key
        bigquery_sql = bigquery_sql.replace(key, f"order key {number};")

    def stand_in(found: re.Match[str]) -> str:
        name = str(_STAND_IN + len(said))
        said[name] = found[0]
        return name

    statements = translated(_TRANSACTIONS.sub(stand_in, bigquery_sql))
    for name, text in said.items():
        statements = tuple(each.replace(name, text) for each in statements)
    return statements


def _from_template_text(environment: jinja2.Environment, text: str) -> jinja2.Template:
    return _from_string(environment, text)
