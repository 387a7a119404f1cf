"""`kami connectors apply` and `status` by their exit codes and words, on a stand-in for Connect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kami import connectors_health
from kami.cli import main
from tests.kami.connectors.connect_stand_in import ConnectStandIn
from tests.kami.connectors.connectors_files import HEAD, MYSQL

SECRET = MYSQL.replace("${env:SHOP_PASSWORD}", "${SHOP_PASSWORD}")


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[ConnectStandIn]:
    monkeypatch.setattr(connectors_health, "STEADY_SECONDS", 0.0)
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2")
    with ConnectStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def file(tmp_path: Path, connect: ConnectStandIn) -> Path:
    path = tmp_path / "connectors.yaml"
    write(path, connect, MYSQL)
    return path


def write(path: Path, connect: ConnectStandIn, *connectors: str, owns: str = "shop*") -> None:
    head = HEAD.replace('"http://connect:8083"', f'"{connect.url}", owns: ["{owns}"]')
    path.write_text(head + "".join(connectors), encoding="utf-8")


def run(path: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(main, ["connectors", *arguments, "--config", str(path)])
    assert "hunter2" not in result.output
    return result


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_connector_is_made_once_and_changed_where_it_differs(
    connect: ConnectStandIn, file: Path
) -> None:
    made = run(file, "apply")
    assert made.exit_code == 0
    assert "-- create: shop\n" in made.stdout
    assert "+ topic.prefix: shop\n" in made.stdout
    again = run(file, "apply")
    assert (again.exit_code, "nothing differs" in again.stderr, len(connect.puts)) == (0, True, 1)
    write(file, connect, MYSQL + "    config: {max.batch.size: 9}\n")
    (row,) = rows(run(file, "apply", "--output", "json"))
    assert row["change"] == "update"
    assert row["changes"] == [
        {"key": "max.batch.size", "kind": "changed", "old": "4096", "new": "9"}
    ]


def test_a_dry_run_asks_the_plugin_and_puts_nothing(connect: ConnectStandIn, file: Path) -> None:
    assert run(file, "apply", "--dry-run").exit_code == 0
    connect.errors = {"database.hostname": ["Unable to connect"], "tasks.max": ["Invalid value"]}
    refused = run(file, "apply", "--dry-run")
    assert refused.exit_code == 2
    assert "database.hostname: Unable to connect; tasks.max: Invalid value" in refused.stderr
    assert connect.puts == []


def test_a_secret_of_kamis_is_sent_when_that_is_said_and_never_shown(
    connect: ConnectStandIn, file: Path
) -> None:
    write(file, connect, SECRET)
    refused = run(file, "apply")
    assert refused.exit_code == 2
    assert "database.password (${SHOP_PASSWORD})" in refused.stderr
    assert "--send-secrets" in refused.stderr
    connect.errors = {"database.user": ["hunter2 is wrong"]}
    assert "(secret) is wrong" in run(file, "apply", "--send-secrets").stderr
    connect.errors = {}
    assert run(file, "apply", "--send-secrets").exit_code == 0
    assert connect.puts[0]["database.password"] == "hunter2"
    assert "nothing differs" in run(file, "apply", "--send-secrets").stderr
    connect.states["shop"] = ("FAILED", "FAILED")
    connect.trace = "org.x.ConnectException: hunter2 is not accepted"
    write(file, connect, SECRET + "    config: {max.batch.size: 9}\n")
    failed = run(file, "apply", "--send-secrets")
    assert failed.exit_code == 1
    assert "(secret) is not accepted" in failed.stderr


def test_a_wrong_login_with_references_may_be_a_worker_without_their_provider(
    connect: ConnectStandIn, file: Path
) -> None:
    connect.errors = {"database.hostname": ["Access denied for user 'debezium'"]}
    assert "the workers need config.providers=env for the references" in run(file, "apply").stderr
    write(file, connect, SECRET)
    assert "config.providers=" not in run(file, "apply", "--send-secrets").stderr


def test_a_part_of_a_secret_is_not_shown_either(
    connect: ConnectStandIn, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_PASSWORD", "hunter2-of-the-registry")
    registry = "registry: {url: 'http://r', username: u, password: '${REGISTRY_PASSWORD}'}\n"
    write(file, connect, SECRET)
    file.write_text(registry + file.read_text(encoding="utf-8"), encoding="utf-8")
    connect.errors = {"value.converter": ["no login for hunter2-of-the-registry"]}
    refused = run(file, "apply", "--send-secrets")
    assert "value.converter: no login for (secret)\n" in refused.stderr


def test_an_unchanged_connector_that_has_failed_is_told(
    connect: ConnectStandIn, file: Path
) -> None:
    run(file, "apply")
    connect.states["shop"] = ("RUNNING", "FAILED")
    result = run(file, "apply", "--output", "json")
    (row,) = rows(result)
    assert (row["change"], row["state"], result.exit_code) == ("nothing", "FAILED", 1)


def test_a_connector_stays_who_it_is_unless_that_is_said(
    connect: ConnectStandIn, file: Path
) -> None:
    run(file, "apply")
    write(file, connect, MYSQL + "    prefix: other\n")
    refused = run(file, "apply")
    assert refused.exit_code == 2
    assert "topic.prefix from 'shop' to 'other': offsets are kept by it" in refused.stderr
    assert len(connect.puts) == 1
    assert run(file, "apply", "--allow-identity-change").exit_code == 0
    assert connect.puts[1]["topic.prefix"] == "other"


def test_only_what_is_owned_and_said_to_go_is_deleted(connect: ConnectStandIn, file: Path) -> None:
    connect.configs = {"shop-old": {"slot.name": "it's"}, "others": {}}
    run(file, "apply")
    run(file, "apply", "shop", "--allow-delete")
    assert set(connect.configs) == {"shop", "shop-old", "others"}
    planned = run(file, "apply", "--allow-delete", "--dry-run", "--output", "json")
    changes = {row["connector"]: row["change"] for row in rows(planned)}
    assert changes == {"shop": "nothing", "shop-old": "delete", "others": "unmanaged"}
    deleted = run(file, "apply", "--allow-delete")
    assert set(connect.configs) == {"shop", "others"}
    assert "SELECT pg_drop_replication_slot('it''s')" in deleted.stderr


def test_new_tables_are_told_with_the_statement_that_reads_them(
    connect: ConnectStandIn, file: Path
) -> None:
    signals = "    signals: {table: signals}\n"
    write(file, connect, MYSQL + signals)
    run(file, "apply")
    write(file, connect, MYSQL.replace("[orders]", "[orders, items]") + signals)
    told = run(file, "apply", "--dry-run")
    assert "shop.items will be captured from now on" in told.stderr
    assert "INSERT INTO `shop`.`signals` (id, type, data)" in told.stderr
    # MySQL reads a backslash of a literal as the start of a sign.
    assert r"(?-i:shop\\\\.items)" in told.stderr
    asked = run(file, "apply", "--snapshot-new-tables")
    assert asked.exit_code == 2
    assert "add `signals` with `table` and `url`" in asked.stderr
    write(file, connect, MYSQL)
    assert "no longer captured: (?-i:shop\\.items)" in run(file, "apply").stderr


@pytest.mark.parametrize(
    ("states", "shown", "tasks"),
    [
        (("RUNNING",), "no tasks", "0/0"),
        (("RUNNING", "PAUSED"), "PAUSED", "0/1"),
        (("STOPPED",), "STOPPED", "0/0"),
        (("RUNNING", "RUNNING", "FAILED"), "FAILED", "1/2"),
        (("RUNNING", "UNASSIGNED"), "UNASSIGNED", "0/1"),
        (("RUNNING", "RUNNING"), "RUNNING", "1/1"),
    ],
)
def test_the_status_is_the_worst_of_a_connector_and_its_tasks(
    connect: ConnectStandIn, file: Path, states: tuple[str, ...], shown: str, tasks: str
) -> None:
    connect.configs["shop"] = {}
    connect.states["shop"] = states
    result = run(file, "status", "--output", "json")
    (row,) = rows(result)
    assert (row["state"], row["tasks"]) == (shown, tasks)
    assert result.exit_code == (0 if shown == "RUNNING" else 1)
    assert bool(row["reason"]) == (shown != "RUNNING")


def test_a_connector_that_connect_does_not_have_is_missing(file: Path) -> None:
    result = run(file, "status")
    assert result.exit_code == 1
    assert "shop missing" in result.stderr
    assert "run `kami connectors apply`" in result.stdout


def test_what_has_failed_is_started_again_when_that_is_said(
    connect: ConnectStandIn, file: Path
) -> None:
    connect.configs["shop"] = {}
    connect.states["shop"] = ("RUNNING", "FAILED")
    assert run(file, "status").exit_code == 1
    assert connect.restarts == []
    result = run(file, "status", "--restart-failed")
    assert (result.exit_code, connect.restarts) == (0, ["shop"])
    assert "shop: started again" in result.stderr


def test_a_name_that_the_file_does_not_have_is_told(file: Path) -> None:
    for command in ("render", "apply", "status"):
        result = run(file, command, "shp")
        assert result.exit_code == 2
        assert "'shp' is no connector of" in result.stderr


def test_the_default_file_is_connectors_yaml(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    result = CliRunner().invoke(main, ["connectors", "render", "--output", "json"])
    assert [row["name"] for row in rows(result)] == ["shop"]
    named = CliRunner().invoke(main, ["--config", "absent.yaml", "connectors", "render"])
    assert (named.exit_code, "'absent.yaml' cannot be read" in named.stderr) == (2, True)
