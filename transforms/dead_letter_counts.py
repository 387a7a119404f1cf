"""Dead letters counted by what they failed for, as Beam metrics of a closed set of names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from apache_beam.metrics.metric import Metrics

from transforms.dead_letters import Refusal

NAMESPACE = "kamiflow.dead_letters"

OTHER = "Other"
"""The name of error classes that are none of ERROR_CLASSES: metrics are kept for each name, for
ever, so no text of a server or a library may become one."""

REFUSED_BY_WAREHOUSE = "RefusedByWarehouse"
"""The name for rows of a change log, whose own classes are in its table of dead letters."""

ERROR_CLASSES = frozenset(
    {
        # What a record holds.
        "CorruptRecord",
        "FieldRefused",
        "LateRow",
        "NoChangeEvent",
        "NoOrderKey",
        "NotConfluentAvro",
        "OtherDatabase",
        "SchemaMismatch",
        "UnknownSchemaId",
        "UnsupportedSchema",
        "ValueRefused",
        # What a database is asked for it.
        "LookupKeyError",
        "LookupValueError",
        # What a sink takes.
        "AttributeTooLarge",
        "BadMetadata",
        "EmptyMessage",
        "EventTooLarge",
        "MessageRefused",
        "MessageTooLarge",
        "NotANumber",
        "NotJson",
        "NullInArray",
        "NullKey",
        "OrderingKeyNotText",
        "OrderingKeyTooLarge",
        "RefusedByBigQuery",
        "RefusedByDatabase",
        "RefusedByPubsub",
        "RefusedBySplunk",
        REFUSED_BY_WAREHOUSE,
        "RowTooLarge",
        "SplunkUnavailable",
        "TimeOutOfRange",
        # Spanner's own words for rows that it refuses.
        "ALREADY_EXISTS",
        "FAILED_PRECONDITION",
        "INVALID_ARGUMENT",
        "OUT_OF_RANGE",
    }
)


class DeadLetterCounts:
    """Counts dead letters by error class."""

    def __init__(self) -> None:
        self._counters: dict[str, Any] = {}

    def add(self, of: str, error_classes: Iterable[str | None]) -> None:
        """of: the statement, sink or source that the dead letters are of."""
        for name, count in Counter(error_classes).items():
            known = f"{of}/{name if name in ERROR_CLASSES else OTHER}"
            if known not in self._counters:
                self._counters[known] = Metrics.counter(NAMESPACE, known)
            self._counters[known].inc(count)

    def add_refusals(self, source: str, refusals: Iterable[Refusal]) -> None:
        """Each by its statement; those of all statements by their source."""
        classes: dict[str, list[str]] = {}
        for refusal in refusals:
            classes.setdefault(refusal.statement or source, []).append(refusal.error_class)
        for of, found in classes.items():
            self.add(of, found)
