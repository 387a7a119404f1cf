"""Settings that would make a god view wrong are refused, and others told."""

from __future__ import annotations

from pathlib import Path

import pytest

from kami.connectors_judged import judged
from kami.connectors_plan import refuse_breaking, warnings_of
from kami.errors import RefusedError
from tests.kami.connectors.connectors_files import judged_config, shop

BREAKING = {
    "time__precision__mode": "connect",
    "decimal__handling__mode": "double",
    "binary__handling__mode": "hex",
    "skipped__operations": "t",
    "errors__tolerance": "all",
    "event__processing__failure__handling__mode": "warn",
    "inconsistent__schema__handling__mode": "skip",
    "schema__history__internal__skip__unparseable__ddl": "true",
    "unavailable__value__placeholder": "none",
    "slot__drop__on__stop": "true",
    "value__converter": "org.apache.kafka.connect.json.JsonConverter",
}
TOLD = {
    "time__precision__mode": "isostring",
    "bigint__unsigned__handling__mode": "long",
    "provide__transaction__metadata": "false",
    "include__schema__changes": "false",
    "snapshot__mode": "when_needed",
    "field__name__adjustment__mode": "avro",
    "topic__creation__default__cleanup__policy": "compact",
    "column__mask__with__8__chars": "shop.orders.card",
}
FLATTENING = """
config:
  transforms: unwrap
  transforms.unwrap.type: io.debezium.transforms.ExtractNewRecordState
"""
ENCRYPTED = """
encrypt:
  key: one
  keysets: ${file:/etc/keysets.properties:keysets}
  fields: {orders: [card]}
"""


def test_what_kami_renders_by_itself_needs_no_word(tmp_path: Path) -> None:
    assert judged(shop(tmp_path).config) == []
    assert judged(shop(tmp_path, ENCRYPTED).config) == []


@pytest.mark.parametrize("key", BREAKING)
def test_a_mode_that_loses_values_or_changes_is_refused(tmp_path: Path, key: str) -> None:
    name = key.replace("__", ".")
    config = judged_config(tmp_path, **{key: BREAKING[key]})
    assert [(found.key, found.breaks) for found in judged(config)] == [(name, True)]
    definition = shop(tmp_path, f"config: {{{name}: '{BREAKING[key]}'}}")
    with pytest.raises(RefusedError, match=f"'shop' would give a wrong god view: {name}="):
        refuse_breaking(definition)


@pytest.mark.parametrize("key", BREAKING)
def test_it_is_only_told_where_no_god_view_is_made(tmp_path: Path, key: str) -> None:
    name = key.replace("__", ".")
    text = f"god_view: false\nconfig: {{{name}: '{BREAKING[key]}'}}"
    definition = shop(tmp_path, text)
    refuse_breaking(definition)
    assert [text.startswith(f"shop: {name}=") for text in warnings_of(definition)] == [True]


@pytest.mark.parametrize("key", TOLD)
def test_a_mode_with_a_price_is_told(tmp_path: Path, key: str) -> None:
    name = key.replace("__", ".")
    config = judged_config(tmp_path, **{key: TOLD[key]})
    assert [(found.key, found.breaks) for found in judged(config)] == [(name, False)]


@pytest.mark.parametrize(
    ("kind", "breaks"),
    [
        ("io.debezium.transforms.ExtractNewRecordState", True),
        ("io.debezium.transforms.Filter", True),
        ("io.debezium.transforms.outbox.EventRouter", True),
        ("org.apache.kafka.connect.transforms.RegexRouter", False),
        ("org.apache.kafka.connect.transforms.MaskField$Value", False),
    ],
)
def test_a_transformation_of_changes_is_judged_by_its_class(
    tmp_path: Path, kind: str, breaks: bool
) -> None:
    text = FLATTENING.replace("io.debezium.transforms.ExtractNewRecordState", kind)
    (found,) = judged(shop(tmp_path, text).config)
    assert (found.key, found.breaks) == ("transforms.unwrap.type", breaks)


def test_encryption_stays_first_when_there_are_other_transformations(tmp_path: Path) -> None:
    config = shop(tmp_path, ENCRYPTED + FLATTENING).config
    assert config["transforms"] == "encrypt1,unwrap"


def test_tombstones_with_encryption_would_stop_the_task(tmp_path: Path) -> None:
    definition = shop(tmp_path, ENCRYPTED + "config: {tombstones.on.delete: true}")
    (found,) = judged(definition.config)
    assert (found.key, found.breaks) == ("tombstones.on.delete", True)


def test_a_compacted_topic_without_tombstones_keeps_deleted_rows(tmp_path: Path) -> None:
    config = judged_config(
        tmp_path,
        tombstones__on__delete="false",
        topic__creation__default__cleanup__policy="compact",
    )
    assert [found.key for found in judged(config)] == [
        "tombstones.on.delete",
        "topic.creation.default.cleanup.policy",
    ]
