"""The flags of pipelines that decrypt and encrypt."""

from __future__ import annotations

import datetime
import json
import pickle
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pytest

from pipelines.change_log_letters import letters_of_refused
from pipelines.change_log_options import ChangeLogConfig
from pipelines.options import FlagError, parse_options
from pipelines.snapshot_options import SnapshotConfig
from tests.transforms.encryption_vectors import KEYS, secrets_of
from transforms.encryption_rules import Action, FieldRules

LOG = ("--source=recording:somewhere", "--warehouse=duckdb:w.duckdb")


@pytest.fixture
def keys(tmp_path: Path) -> str:
    (tmp_path / "keys.json").write_text(json.dumps(KEYS["platform"]))
    return f"--keys=file://{tmp_path}/keys.json"


def fields(*flags: str) -> FieldRules | None:
    return ChangeLogConfig.from_options(parse_options([*LOG, *flags])).fields


def test_fields_are_named_with_commas_or_by_several_flags(keys: str) -> None:
    given = ("--decrypt=items.card,users.address.street", "--decrypt=a.b:io.debezium.time.Date")
    found = fields(*given, "--encrypt=items.note", keys)
    assert found is not None
    assert [str(rule) for rule in found.rules] == [
        "items.card",
        "users.address.street",
        "a.b",
        "items.note",
    ]
    assert [rule.semantic for rule in found.rules] == [None, None, "io.debezium.time.Date", None]
    assert [rule.action for rule in found.rules] == [Action.DECRYPT] * 3 + [Action.ENCRYPT]
    assert found.associated(found.rules[1]) == b"users.address.street"


def test_the_associated_data_may_be_other_than_the_place(keys: str) -> None:
    found = fields("--decrypt=items.card", "--associated_data={path}@{table}", keys)
    assert found is not None
    assert found.associated(found.rules[0]) == b"card@items"
    none = fields("--decrypt=items.card", "--associated_data=", keys)
    assert none is not None
    assert none.associated(none.rules[0]) == b""


def test_without_the_flags_nothing_is_changed() -> None:
    assert fields() is None


def test_rules_travel_without_keys(keys: str) -> None:
    found = fields("--decrypt=items.card", keys)
    again = pickle.dumps(found)
    for secret in secrets_of(KEYS["platform"]):
        assert secret.encode() not in again
        assert secret not in repr(found)


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--decrypt=items.card",), "--decrypt needs --keys"),
        (("--keys=env://A",), "--keys is of --decrypt and --encrypt"),
        (("--keys_kms=projects/p",), "--keys_kms is of --decrypt"),
        (("--decrypt=items", "--keys=env://A"), "expected TABLE.COLUMN"),
        (("--decrypt=items.", "--keys=env://A"), "expected TABLE.COLUMN"),
        (("--decrypt=items.a[*]", "--keys=env://A"), "in the JSON of a column"),
        (("--encrypt=items.a:b", "--keys=env://A"), "an encrypted field is a text"),
        (("--decrypt=i.a", "--encrypt=i.a", "--keys=env://A"), "are one field"),
        (("--decrypt=i.a,i.a.b", "--keys=env://A"), "one within the other"),
        (("--decrypt=i.a", "--keys=env://NO_SUCH_KEYS"), "NO_SUCH_KEYS is not set"),
        (("--decrypt=i.a", "--keys=SECRET-KEY"), "given by reference"),
        (("--decrypt=i.a", "--keys=env://A", "--keys_kms=k"), "names no key of Cloud KMS"),
    ],
)
def test_what_does_not_fit_is_told(flags: tuple[str, ...], why: str) -> None:
    with pytest.raises(FlagError) as refused:
        fields(*flags)
    assert why in str(refused.value)
    assert "SECRET-KEY" not in str(refused.value)


def test_a_json_snapshot_is_written_as_it_is(keys: str) -> None:
    flags = ("--source=json:a.json", "--anchor=b", "--warehouse=duckdb:w", "--source_name=shop")
    with pytest.raises(FlagError, match="snapshots of a live database"):
        SnapshotConfig.from_options(parse_options([*flags, "--encrypt=items.a", keys]))


class Refused(NamedTuple):
    """A row that a warehouse has refused."""

    table: str
    rows: pa.RecordBatch
    row: int = 0
    error_class: str = "InvalidArgument"
    message: str = "the field name has the value SECRET"


@pytest.mark.parametrize("hides_rows", [False, True])
def test_a_row_that_a_warehouse_refuses_is_not_kept_where_it_was_decrypted(
    hides_rows: bool,
) -> None:
    names = ("_topic", "_topic_partition", "_offset", "_order_key", "after")
    rows = pa.RecordBatch.from_pylist([dict(zip(names, ("t", 0, 7, "k", "SECRET"), strict=True))])
    found = letters_of_refused(
        [Refused("items_change_log", rows)],
        datetime.datetime.now(datetime.timezone.utc),
        hides_rows=hides_rows,
    )
    (letter,) = found.to_pylist()
    assert (letter["topic_offset"], letter["order_key"]) == (7, "k")
    assert ("SECRET" in str(letter)) is not hides_rows
