"""What a topic of a connector holds, told by the schema of its records."""

from __future__ import annotations

import enum

import pyarrow as pa

_TRANSACTION_FIELDS = {"status", "id", "event_count"}


class Kind(enum.Enum):
    """A record's kind: a row's change, a schema's change, what is passed over, or neither."""

    CHANGE = "change"
    SCHEMA_CHANGE = "schema change"
    PASSED_OVER = "passed over"
    FOREIGN = "foreign"


def kind_of(schema: pa.Schema) -> Kind:
    """The kind of the records of a value schema.

    Passed over are heartbeats (a time alone), the begins and ends of transactions, and the
    messages that PostgreSQL's log carries for applications: none of them is a row of a table.
    """
    names = set(schema.names)
    has_source = "source" in names and pa.types.is_struct(schema.field("source").type)
    if has_source and "ddl" in names:
        return Kind.SCHEMA_CHANGE
    if has_source and "op" in names:
        return Kind.CHANGE if names & {"before", "after"} else Kind.PASSED_OVER
    if names == {"ts_ms"} or names >= _TRANSACTION_FIELDS:
        return Kind.PASSED_OVER
    return Kind.FOREIGN
