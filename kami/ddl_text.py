"""DDL as the parser can read it: types that it does not know, under names that mean the same."""

from __future__ import annotations

import re

from kami.schema import Dialect

_LITERALS = re.compile(r"('(?:[^'\\]|\\.|'')*'|`[^`]*`|\"[^\"]*\")", re.DOTALL)
_SHAPES = (
    "point|linestring|polygon|multipoint|multilinestring|multipolygon|geometrycollection"
    "|geomcollection"
)
# What follows a column's type; a column that is named like a type is followed by its type.
_AFTER_A_TYPE = (
    r"(?=\s*(?:,|\)|$|not\b|null\b|default\b|comment\b|srid\b|generated\b|as\b|first\b|after\b))"
)

_MYSQL = (
    (rf"(?<=[\s`])(?:{_SHAPES})\b{_AFTER_A_TYPE}", "geometry"),
    (r"\b(?:ref_system_id\s*=|srid)\s*\d+", ""),
    (rf"\binet[46]\b{_AFTER_A_TYPE}", "varchar(39)"),
    (r"\bnational\s+(var)?char(acter)?\b", r"\1char"),
    (r"\blong\s+varchar\b", "mediumtext"),
    (r"\blong\s+varbinary\b", "mediumblob"),
    (r"\b(float(?:\s*\([^)]*\))?)\s+unsigned\b", r"\1"),
    (r"\bzerofill\b", "unsigned"),
    (r"\bunsigned\s+unsigned\b", "unsigned"),
    (r"\breal\b", "double"),
)
_POSTGRESQL = (
    (r"\bbit\s+varying\b", "varbit"),
    (
        r"\binterval\s+(?:year|month|day|hour|minute|second)\b(?:\s+to\s+\w+)?(?:\s*\(\d\))?",
        "interval",
    ),
    (r"\binterval\s*\(\d\)", "interval"),
    (r"\b(?:numeric|decimal)\s*\((\d+),\s*-\d+\)", r"numeric"),
)


def readable(text: str, dialect: Dialect) -> str:
    """The script with the types that the parser knows; literals and quoted names are kept."""
    mends = _POSTGRESQL if dialect == "postgresql" else _MYSQL
    parts = _LITERALS.split(text)
    # Every second part is a literal.
    for index in range(0, len(parts), 2):
        for pattern, by in mends:
            parts[index] = re.sub(pattern, by, parts[index], flags=re.IGNORECASE)
    return "".join(parts)
