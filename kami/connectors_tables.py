"""Names of tables in connectors.yaml: as Debezium's patterns, topics and SQL have them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

_PART = re.compile(r'"((?:[^"]|"")+)"|`((?:[^`]|``)+)`|([^\s.,"`*?\[\]\\()|]+)')


@dataclasses.dataclass(frozen=True, order=True)
class TableName:
    """A table; `schema` is MySQL's database or PostgreSQL's schema."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{_plain(self.schema)}.{_plain(self.name)}"

    @property
    def pattern(self) -> str:
        """Debezium's regular expression for this table, and for no other.

        Debezium ignores case unless it is told not to.
        """
        return f"(?-i:{quoted(self.schema)}\\.{quoted(self.name)})"

    @property
    def key_pattern(self) -> str:
        """The same for `message.key.columns`, which has a colon after the pattern alone."""
        return f"(?-i){quoted(self.schema)}\\.{quoted(self.name)}"

    @property
    def collection(self) -> str:
        """The table in a signal for Debezium.

        A pattern; but of the tables that a pattern matches Debezium reads the names again, and
        knows those with other signs in quotes alone.
        """
        if all(re.fullmatch(r"\w+", part) for part in (self.schema, self.name)):
            return self.pattern
        parts = (part.replace('"', '""') for part in (self.schema, self.name))
        return ".".join(f'"{part}"' for part in parts)

    def topic(self, prefix: str) -> str:
        """The topic of its changes."""
        return re.sub(r"[^A-Za-z0-9._-]", "_", f"{prefix}.{self.schema}.{self.name}")

    def sql(self, kind: str) -> str:
        """The name in a statement for the database of this kind."""
        mark = '"' if kind == "postgresql" else "`"
        parts = (part.replace(mark, mark * 2) for part in (self.schema, self.name))
        return ".".join(f"{mark}{part}{mark}" for part in parts)


def table_name(text: str, default_schema: str | None) -> TableName | str:
    """The table that a text names, or what is wrong with the text.

    A name with dots or other signs stands in "..." or `...`.
    """
    parts, place = [], 0
    while found := _PART.match(text, place):
        parts.append((found[1] or "").replace('""', '"') or (found[2] or "").replace("``", "`"))
        parts[-1] = parts[-1] or found[3]
        place = found.end()
        if text[place : place + 1] != "." or place + 1 == len(text):
            break
        place += 1
    if place != len(text) or not parts:
        return (
            f"{text!r} is no table's name; patterns are not taken: write each table as NAME or "
            'SCHEMA.NAME, and a name with other signs in quotes, such as shop."a.b"'
        )
    if len(parts) == 1 and default_schema is not None:
        return TableName(default_schema, parts[0])
    if len(parts) == 1:
        return f"{text!r} does not say of which database; write DATABASE.{text}, or add `database`"
    if len(parts) > 2:
        return f"{text!r} has {len(parts)} parts; a table is NAME or SCHEMA.NAME"
    return TableName(*parts)


def include_list(patterns: Iterable[str]) -> str:
    """Patterns as one setting of Debezium's."""
    return ",".join(patterns)


def patterns_of(setting: str) -> list[str]:
    """The patterns of a setting; commas that stand within a pattern are written as \\x2C."""
    return [pattern.strip() for pattern in setting.split(",") if pattern.strip()]


def quoted(text: str) -> str:
    """A regular expression for a text: of Java and of Python."""
    return "".join(map(_quoted_sign, text))


def _quoted_sign(sign: str) -> str:
    if sign == "_" or sign.isalnum() or not sign.isascii():
        return sign
    # Debezium splits at these and trims spaces; the others have no place in a line of text.
    if sign in ",:; " or not sign.isprintable():
        return f"\\x{ord(sign):02X}"
    return "\\" + sign


def _plain(part: str) -> str:
    found = _PART.fullmatch(part)
    return part if found and found[3] else '"' + part.replace('"', '""') + '"'
