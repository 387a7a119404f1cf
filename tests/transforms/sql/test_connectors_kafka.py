"""The declared options of the connector kafka."""

from __future__ import annotations

import pytest

from transforms.sql.connectors_kafka import ALIASES, SOURCE_OPTIONS, parse_specific_offsets
from transforms.sql.connectors_plain import RECORDING


def test_every_alias_stands_for_an_option_that_is_declared() -> None:
    names = {option.name for option in SOURCE_OPTIONS}
    assert set(ALIASES.values()) <= names
    assert not ALIASES.keys() & names


@pytest.mark.parametrize(
    "name",
    [
        "value.debezium-avro-confluent.url",
        "value.debezium-avro-confluent.schema-registry.url",
        "debezium-avro-confluent.url",
        "value.avro-confluent.url",
        "avro-confluent.schema-registry.url",
    ],
)
def test_the_registrys_address_has_flinks_names(name: str) -> None:
    assert ALIASES[name] == "schema-registry.url"


def test_offsets_by_partition_are_read() -> None:
    assert parse_specific_offsets("partition:0,offset:42;partition:1,offset:0;") == {0: 42, 1: 0}


@pytest.mark.parametrize(
    "text", ["", "0:42", "partition:0", "partition:a,offset:1", "partition:0,offset:-1", "offset:1"]
)
def test_other_texts_are_told_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected offsets such as"):
        parse_specific_offsets(text)


def test_a_partition_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="given twice"):
        parse_specific_offsets("partition:0,offset:1;partition:0,offset:2")


def test_a_recording_is_read_with_the_options_of_its_topic() -> None:
    of_recordings = {option.name: option for option in RECORDING.options}
    for name in ("value.format", "debezium.deletes"):
        (option,) = (option for option in SOURCE_OPTIONS if option.name == name)
        assert of_recordings[name] is option
