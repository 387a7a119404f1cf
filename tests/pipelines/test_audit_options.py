"""What a poll is asked for, and what is wrong with it, is told by the name of the flag."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import audit_columns
from pipelines.audit_options import AuditConfig
from tests.pipelines.polled_shop import PolledShop

BASE = {
    "database": "postgresql+psycopg://reader@db/shop",
    "tables": "orders,app.notes",
    "source_name": "shop",
    "output": "duckdb:w.duckdb",
    "state": "sqlite:///state.db",
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[PolledShop]:
    opened = PolledShop(tmp_path)
    opened.put(1, "a")
    yield opened
    opened.connection.close()


def _config(**given: str | None) -> AuditConfig:
    flags = {**BASE, **given}
    arguments = [f"--{name}={value}" for name, value in flags.items() if value is not None]
    return AuditConfig.from_options(PipelineOptions(arguments))


def test_flags_are_for_all_tables_and_the_file_for_single_ones(tmp_path: Path) -> None:
    file = tmp_path / "tables.yaml"
    file.write_text(
        "tables:\n"
        "  orders:\n    updated: changed\n    key: [region, id]\n    index: by_change\n"
        "    shard_column: shard\n    shards: {count: 4, low: 0, high: 7}\n    overlap: 300\n"
        "  app.notes:\n"
    )
    config = _config(config=str(file), updated_column="moved", key="a,b", overlap="60")
    orders, notes = config.requests
    assert (orders.name, orders.updated, orders.key) == ("orders", "changed", ("region", "id"))
    assert (orders.index, orders.shard_column, orders.shards) == ("by_change", "shard", (4, 0, 7))
    assert orders.overlap_seconds == 300
    assert (notes.name, notes.updated, notes.key) == ("app.notes", "moved", ("a", "b"))
    assert notes.overlap_seconds == 60
    assert _config(config=str(file), tables=None).requests[0].name == "orders"


def test_the_overlap_is_never_less_than_two_intervals_by_itself() -> None:
    assert {one.overlap_seconds for one in _config().requests} == {120}
    assert {one.overlap_seconds for one in _config(interval="100").requests} == {200}


def test_the_texts_of_a_configuration_hold_no_password() -> None:
    config = _config(
        database="postgresql+psycopg://reader:geheim@db/shop", state="mysql+pymysql://u:geheim@h/d"
    )
    assert "geheim" not in repr(config) + str(config)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"database": None}, "--database is missing: its address, such as postgresql"),
        ({"tables": None}, "--tables is missing: which tables to poll"),
        ({"tables": "a,b,a"}, "--tables: 'a' is there twice; keep one"),
        ({"source_name": None}, "--source_name is missing"),
        ({"source_name": "a-b"}, "--source_name=a-b: expected letters, digits and _"),
        ({"output": None}, "--output is missing: where changes go: kafka, pubsub:"),
        ({"state": None}, "--state is missing: the address of the database that keeps"),
        ({"interval": "0"}, "--interval=0: expected seconds above 0"),
        ({"sweep_every": "-1"}, "--sweep_every=-1: expected seconds, or 0 for no sweeps"),
        ({"overlap": "-5"}, "orders: overlap_seconds is -5.0; expected 0 or more"),
        ({"readers": "0"}, "--readers=0: expected 1 or more"),
        ({"database_password": "geheim"}, "--database_password is no reference; expected env://"),
        ({"state_password": "geheim"}, "--state_password is no reference; expected env://"),
        ({"kafka_group": "g"}, "--kafka_group is of other jobs, and this one polls tables"),
        ({"output": "kafka"}, "--output=kafka needs --kafka_brokers"),
        ({"kafka_property": "x"}, "--kafka_property=x: expected NAME=VALUE"),
    ],
)
def test_a_wrong_flag_is_told_by_its_name(
    given: dict[str, str | None], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = {**BASE, **given}
    arguments = [f"--{name}={value}" for name, value in flags.items() if value is not None]
    assert audit_columns.main(arguments) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "geheim" not in error


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("", "1:1", "the file is empty; it needs the key `tables`"),
        ("tables: [", "1:10", "this is no YAML"),
        ("table:\n", "1:1", "'table' is unknown; did you mean 'tables'"),
        ("tables:\n  a: {update: x}\n", "2:7", "'update' is unknown; did you mean 'updated'"),
        ("tables:\n  a: {updated_unit: days}\n", "2:21", "expected one of s, ms, us"),
        ("tables:\n  a: {shard_column: s}\n", "2:6", "are given together or not at all"),
        (
            "tables:\n  a:\n    shard_column: s\n    shards: {count: 9, low: 0, high: 7}\n",
            "4:13",
            "9 shards of the values 0 to 7",
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_its_place(
    text: str, place: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tables.yaml"
    file.write_text(text)
    arguments = [f"--{name}={value}" for name, value in BASE.items() if name != "tables"]
    assert audit_columns.main([*arguments, f"--config={file}"]) == 2
    error = capsys.readouterr().err
    assert f"{file}:{place}: " in error
    assert told in error


def test_settings_of_a_table_that_is_not_polled_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tables.yaml"
    file.write_text("tables:\n  order: {}\n")
    arguments = [f"--{name}={value}" for name, value in BASE.items()]
    assert audit_columns.main([*arguments, f"--config={file}"]) == 2
    assert "has settings of 'order', which --tables does not name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            ["--config=NONE", "--tables=item"],
            "no table 'item'; the nearest names are items",
        ),
        (["--config=NONE", "--tables=items", "--updated_column=update_at"], "names are updated_at"),
        (["--config=NONE", "--tables=items", "--updated_column=id"], "--tables=items: "),
        (["--config=NONE", "--tables=items", "--key=nr"], "--tables=items: "),
        (["--database=sqlite://nowhere"], "--database"),
        (["--database=oracle://h/d"], "--database"),
        (["--time_zone=Mars"], "'Mars' is no time zone"),
    ],
)
def test_a_table_that_cannot_be_polled_is_told_before_anything_is_read(
    shop: PolledShop, more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shop.poll(*more) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert told in error
    assert not shop.file.exists()


def test_a_table_without_a_key_is_told(
    shop: PolledShop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.execute("CREATE TABLE keyless (a INTEGER, updated_at TEXT)")
    assert shop.poll("--config=NONE", "--tables=keyless") == 2
    assert "keyless" in capsys.readouterr().err


def test_files_of_this_machine_are_refused_where_workers_are_elsewhere(
    shop: PolledShop, capsys: pytest.CaptureFixture[str]
) -> None:
    runner = ["--runner=FlinkRunner", "--flink_master=flink:8081", "--environment_type=DOCKER"]
    assert shop.poll(*runner) == 2
    assert "is a file of this machine, and FlinkRunner writes" in capsys.readouterr().err
    output = ["--output=pubsub:project/topic"]
    assert shop.poll(*runner, *output) == 2
    assert "--state=sqlite:" in capsys.readouterr().err
    state = ["--state=postgresql+psycopg://u@h/d", "--database=postgresql+psycopg://u:geheim@h/d"]
    assert shop.poll(*runner, *output, *state) == 2
    error = capsys.readouterr().err
    assert "--database=postgresql+psycopg://u:***@h/d holds a password" in error


def test_a_state_that_another_run_has_is_told(
    shop: PolledShop, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop.folder / "no").mkdir()
    assert shop.poll(f"--state=sqlite:///{shop.folder / 'no'}") == 1
    assert "the state in" in capsys.readouterr().err


def test_help_tells_of_all_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit_columns.main(["--help"]) == 0
    told = capsys.readouterr().out
    for flag in ("--database", "--sweep_every", "--state_password", "--ignore_transactions"):
        assert flag in told
