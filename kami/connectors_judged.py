"""What a connector's settings cost its god view: modes that lose values, changes or order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from kami.connectors_encryption import CIPHER_FIELD
from kami.connectors_shared import AVRO

PLACEHOLDER = "__debezium_unavailable_value"


class Finding(NamedTuple):
    """A setting by which the rows would be others than the source's.

    Args:
        breaks: rows are wrong or missing; else it is for somebody to know.
    """

    key: str
    value: str
    breaks: bool
    why: str


class _Rule(NamedTuple):
    key: str
    is_met: Callable[[str], bool]
    breaks: bool
    why: str


def _is(*values: str) -> Callable[[str], bool]:
    return lambda value: value.lower() in values


def _is_not(*values: str) -> Callable[[str], bool]:
    return lambda value: value.lower() not in values


_RULES = (
    _Rule("time.precision.mode", _is("connect"), True, "times are cut to milliseconds"),
    _Rule(
        "time.precision.mode",
        _is("isostring"),
        False,
        "MySQL's TIME beyond a day is NULL, PostgreSQL's 24:00 is 00:00",
    ),
    _Rule(
        "time.precision.mode", _is("nanoseconds"), False, "PostgreSQL's infinity is a time of 1970"
    ),
    _Rule("decimal.handling.mode", _is("double"), True, "digits beyond the fifteenth are lost"),
    _Rule(
        "binary.handling.mode", _is("hex", "base64-url-safe"), True, "the view reads base64 there"
    ),
    _Rule(
        "bigint.unsigned.handling.mode",
        _is("long"),
        False,
        "numbers above 2^63-1 are negative; in a key they stay so",
    ),
    _Rule("skipped.operations", _is_not("none"), True, "rows that were changed or truncated stay"),
    _Rule("errors.tolerance", _is("all"), True, "changes that cannot be written are left out"),
    *(
        _Rule(key, _is_not("fail"), True, "changes that cannot be read are left out")
        for key in (
            "event.processing.failure.handling.mode",
            "event.deserialization.failure.handling.mode",
            "inconsistent.schema.handling.mode",
        )
    ),
    _Rule(
        "schema.history.internal.skip.unparseable.ddl",
        _is("true"),
        True,
        "after a skipped statement rows are read with wrong columns",
    ),
    _Rule(
        "unavailable.value.placeholder",
        _is_not(PLACEHOLDER),
        True,
        f"unsent values are known by {PLACEHOLDER!r}",
    ),
    _Rule(
        "slot.drop.on.stop", _is("true"), True, "changes while the connector is stopped are lost"
    ),
    _Rule(
        "provide.transaction.metadata",
        _is("false"),
        False,
        "event ids of rows without a key may be equal (COPY)",
    ),
    _Rule("include.schema.changes", _is("false"), False, "renamed columns are not followed"),
    _Rule(
        "snapshot.mode",
        _is("when_needed", "always"),
        False,
        "after a lost place rows are read anew, and missed deletes are not told; "
        "run `kami reconcile`",
    ),
    _Rule("snapshot.mode", _is("initial_only"), False, "it ends after the rows; no change follows"),
    _Rule(
        "snapshot.mode",
        _is("recovery"),
        False,
        "it is for one start with a schema history made anew; take it away after",
    ),
    _Rule(
        "field.name.adjustment.mode",
        _is_not("none"),
        False,
        "columns whose names Avro does not take have other names in the view",
    ),
    _Rule("key.converter", _is_not(AVRO.lower()), True, "the pipelines read Confluent's Avro"),
    _Rule("value.converter", _is_not(AVRO.lower()), True, "the pipelines read Confluent's Avro"),
    _Rule(
        "topic.naming.strategy",
        _is_not("io.debezium.schema.schematopicnamingstrategy"),
        False,
        "the pipelines expect PREFIX.SCHEMA.TABLE as topics",
    ),
    _Rule(
        "topic.creation.default.cleanup.policy",
        lambda value: "compact" in value,
        False,
        "older changes of a key are dropped: histories begin late, and a view that is made "
        "anew knows the newest rows alone",
    ),
    _Rule(
        "snapshot.select.statement.overrides",
        lambda _: True,
        False,
        "rows that the statement leaves out are missing in the view",
    ),
)
_COLUMNS = re.compile(r"column\.(mask|truncate)\.")
_TRANSFORMS = (
    (
        re.compile(r"ExtractNewRecordState|ExtractNewDocumentState|UnwrapFromEnvelope"),
        True,
        "it flattens changes: op, before and the place in the log are gone",
    ),
    (re.compile(r"\.Filter$"), True, "it leaves changes out"),
    (re.compile(r"EventRouter"), True, "it makes other records of changes"),
    (
        re.compile(r"(RegexRouter|ByLogicalTableRouter|TimestampRouter|PartitionRouting)"),
        False,
        "it sends changes elsewhere than to PREFIX.SCHEMA.TABLE or their key's partition",
    ),
    (re.compile(r"\$(Key|Value)$"), False, "it changes records; its fields are not the source's"),
)
_ENCRYPTS = re.compile(r"CipherField\$Value$")


def judged(config: Mapping[str, str]) -> list[Finding]:
    """What is to be known of a Debezium connector's settings, in their order."""
    findings = [
        Finding(rule.key, config[rule.key], rule.breaks, rule.why)
        for rule in _RULES
        if rule.key in config and rule.is_met(config[rule.key])
    ]
    if config.get("tombstones.on.delete") == "false" and "compact" in config.get(
        "topic.creation.default.cleanup.policy", ""
    ):
        why = "without tombstones a compacted topic keeps every deleted row"
        findings.append(Finding("tombstones.on.delete", "false", False, why))
    findings += [
        Finding(key, config[key], False, "the view has the changed values, not the source's")
        for key in config
        if _COLUMNS.match(key)
    ]
    for name in filter(None, (one.strip() for one in config.get("transforms", "").split(","))):
        key = f"transforms.{name}.type"
        kind = config.get(key, "")
        for pattern, breaks, why in _TRANSFORMS:
            if pattern.search(kind) and not _ENCRYPTS.search(kind):
                findings.append(Finding(key, kind, breaks, why))
                break
        if kind == CIPHER_FIELD and config.get("tombstones.on.delete") != "false":
            why = "CipherField takes no tombstone: the task stops at the first deleted row"
            value = config.get("tombstones.on.delete", "true")
            findings.append(Finding("tombstones.on.delete", value, True, why))
    return sorted(findings, key=lambda finding: finding.key)
