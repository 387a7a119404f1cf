"""What putting a connector would change, and which changes would make it another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kami.connectors_diff import IDENTITY, compared

settings = st.dictionaries(
    st.sampled_from(["a", "b.c", "database.password", "topic.prefix"]), st.sampled_from("xyz")
)


@given(settings, settings)
def test_the_changes_lead_from_one_to_the_other(old: dict[str, str], new: dict[str, str]) -> None:
    made = dict(old)
    for change in compared("shop", old, new).changes:
        if change.kind == "removed":
            assert change.key in made
            assert change.new is None
            del made[change.key]
        else:
            assert (change.key in made) == (change.kind == "changed")
            made[change.key] = new[change.key]
    assert made == new


@given(settings, settings)
def test_nothing_secret_is_in_a_change(old: dict[str, str], new: dict[str, str]) -> None:
    for change in compared("shop", old, new).changes:
        if change.key == "database.password":
            assert {change.old, change.new} <= {None, "(secret)"}


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("database.password", "hunter2", "(secret)"),
        ("database.password", "${env:P}", "${env:P}"),
        ("database.password", "a${env:P}", "(secret)"),
        ("value.converter.basic.auth.user.info", "u:hunter2", "(secret)"),
        ("signal.consumer.sasl.jaas.config", "x password='hunter2';", "(secret)"),
        ("transforms.e.cipher_data_keys", "[]", "(secret)"),
        ("connection.url", "jdbc:x://h/d?user=a&password=hunter2&b=c", None),
        ("connection.url", "http://u:hunter2@h/d", None),
        ("database.user", "debezium", "debezium"),
        ("key.converter", "x.AvroConverter", "x.AvroConverter"),
    ],
)
def test_a_secret_is_known_by_its_setting_or_its_place_in_an_address(
    key: str, value: str, shown: str | None
) -> None:
    (change,) = compared("shop", {}, {key: value}).changes
    assert "hunter2" not in str(change)
    if shown is not None:
        assert change.new == shown
    else:
        assert "(secret)" in str(change.new)


@pytest.mark.parametrize("key", IDENTITY)
def test_who_a_connector_is_does_not_change_unasked(key: str) -> None:
    (change,) = compared("shop", {key: "a"}, {key: "b"}).identity
    assert change.key == key
    assert compared("shop", {key: "a"}, {key: "a", "poll.interval.ms": "1"}).identity == ()


def test_a_default_that_was_in_use_is_part_of_it() -> None:
    assert compared("shop", {"x": "1"}, {"x": "1", "slot.name": "shop"}).identity
    assert not compared("shop", {"x": "1"}, {"x": "1", "database.server.id": "7"}).identity


def test_tables_that_come_and_go_are_told() -> None:
    old = {"table.include.list": r"(?-i:s\.a),(?-i:s\.b)"}
    new = {"table.include.list": r"(?-i:s\.b),(?-i:s\.c)"}
    diff = compared("shop", old, new)
    assert diff.new_tables == (r"(?-i:s\.c)",)
    assert diff.gone_tables == (r"(?-i:s\.a)",)
    assert compared("shop", {}, new).new_tables == ()
    assert compared("shop", old, {}).gone_tables == ()
