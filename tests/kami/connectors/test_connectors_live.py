"""`kami connectors` on a real Connect: from a file to rows in topics, and what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kami import connectors_health
from tests.kami.connectors.connectors_live import (
    PATIENCE_SECONDS,
    SIGNALS,
    LiveConnectors,
    of_database,
    until,
)
from tests.kami.connectors.registry_behind import Gateway
from tests.stack.databases import Database
from tests.stack.servers import Connect, Kafka, MySql, Registry
from tests.stack.topics import Topics

APPLY = ("apply", "--send-secrets")


@pytest.fixture
def live(
    tmp_path: Path,
    connect: Connect,
    kafka: Kafka,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[LiveConnectors]:
    monkeypatch.setenv("CONNECTORS_PASSWORD", "kamiflow-password")
    # What a connector does is seen by its topics here.
    monkeypatch.setattr(connectors_health, "STEADY_SECONDS", 1.0)
    made = LiveConnectors(tmp_path, connect, kafka, registry)
    yield made
    made.close()


def test_mysqls_rows_come_and_a_new_tables_rows_too(
    mysql_database: Database, live: LiveConnectors
) -> None:
    database, name = mysql_database, f"{live.prefix}-shop"
    url = database.url.replace(database.password, "${CONNECTORS_PASSWORD}")
    database.execute(
        "CREATE TABLE orders (id INT PRIMARY KEY, big BIGINT UNSIGNED)",
        "CREATE TABLE `or,ders b` (id INT PRIMARY KEY)",
        "CREATE TABLE other (id INT PRIMARY KEY)",
        f"CREATE TABLE signals ({SIGNALS})",
        "INSERT INTO orders VALUES (1, 18446744073709551615)",
        "INSERT INTO `or,ders b` VALUES (7)",
        "INSERT INTO other VALUES (9)",
    )
    signals = {"table": "signals", "url": url}
    shop = of_database(database, name, "mysql", tables=["orders"], signals=signals)
    live.write(shop)
    (made,) = live.rows(*APPLY)
    assert (made["change"], made["state"], made["exit"]) == ("create", "RUNNING", 0), made
    topic = f"{name}.{database.name}.orders"
    (first,) = live.changes(topic, 1)
    assert (first["op"], first["after"]["id"]) == ("r", 1)
    assert first["after"]["big"] == 18446744073709551615

    again = live.run(*APPLY)
    assert again.exit_code == 0
    assert "nothing differs" in again.stderr
    assert live.rows("status")[0]["tasks"] == "1/1"

    live.write({**shop, "tables": ["orders", '"or,ders b"']})
    told = live.run(*APPLY, "--dry-run")
    assert "will be captured from now on" in told.stderr
    assert "INSERT INTO" in told.stderr
    result = live.run(*APPLY, "--snapshot-new-tables")
    assert result.exit_code == 0, result.stderr
    (read,) = live.changes(f"{name}.{database.name}.or_ders_b", 1)
    assert (read["op"], read["after"]["id"]) == ("r", 7)
    database.execute("TRUNCATE orders")
    assert [change["op"] for change in live.changes(topic, 2)] == ["r", "t"]


@pytest.mark.slow
def test_a_connector_of_a_mysql_that_is_soon_back_goes_on(
    mysql: MySql, mysql_database: Database, live: LiveConnectors
) -> None:
    database, name = mysql_database, f"{live.prefix}-shop"
    database.execute("CREATE TABLE orders (id INT PRIMARY KEY)", "INSERT INTO orders VALUES (1)")
    # The server must be back by then, on a busy machine too.
    after = {"retriable.restart.connector.wait.ms": "20000"}
    live.write(of_database(database, name, "mysql", tables=["orders"], config=after))
    assert live.rows(*APPLY)[0]["state"] == "RUNNING"
    topic = f"{name}.{database.name}.orders"
    assert len(live.changes(topic, 1)) == 1

    with mysql.stopped():
        pass
    database.execute("INSERT INTO orders VALUES (2)")

    assert [change["after"]["id"] for change in live.changes(topic, 2)] == [1, 2]
    assert live.rows("status")[0]["state"] == "RUNNING"


def test_a_registry_that_is_away_is_asked_again(
    postgres_database: Database, live: LiveConnectors, registry: Registry
) -> None:
    gateway = Gateway(registry.url)
    with gateway.serving():
        live.registry_url = gateway.url
        database, name = postgres_database, f"{live.prefix}_app"
        table = "CREATE TABLE orders (id INT PRIMARY KEY)"
        database.execute(table, "INSERT INTO orders VALUES (1)")
        live.write(of_database(database, name, "postgresql", tables=["public.orders"]))
        assert live.rows(*APPLY)[0]["state"] == "RUNNING"
        topic = f"{name}.public.orders"
        assert len(live.changes(topic, 1)) == 1

        gateway.away.set()
        # What changes a table makes its records' schema anew.
        database.execute("ALTER TABLE orders ADD note INT", "INSERT INTO orders VALUES (2, 3)")
        assert gateway.refused.wait(PATIENCE_SECONDS)
        gateway.away.clear()

        assert live.changes(topic, 2)[1]["after"] == {"id": 2, "note": 3}
        assert live.rows("status")[0]["state"] == "RUNNING"


def test_postgresqls_rows_come_of_the_named_tables_alone(
    postgres_database: Database, live: LiveConnectors, topic: Topics
) -> None:
    database, name = postgres_database, f"{live.prefix}_app"
    database.execute(
        'CREATE TABLE "Orders" (id INT)',
        "CREATE TABLE orders (id INT PRIMARY KEY)",
        'INSERT INTO "Orders" VALUES (1)',
        "INSERT INTO orders VALUES (2)",
        f"CREATE TABLE signals ({SIGNALS})",
    )
    app = of_database(
        database,
        name,
        "postgresql",
        tables=["Orders"],
        keys={"Orders": ["id"]},
        # Without the database's address kami sends its signal to the topic.
        signals={"table": "signals", "topic": topic()},
    )
    live.write(app)
    (made,) = live.rows(*APPLY)
    assert (made["change"], made["state"]) == ("create", "RUNNING"), made
    (first,) = live.changes(f"{name}.public.Orders", 1)
    assert first["after"] == {"id": 1}
    assert live.first_key(f"{name}.public.Orders") == {"id": 1}
    published = "SELECT tablename FROM pg_publication_tables WHERE pubname = %s ORDER BY 1"
    assert database.query(published, name) == [("Orders",), ("signals",)]

    live.write({**app, "tables": ["Orders", "orders"]})
    result = live.run(*APPLY, "--snapshot-new-tables")
    assert result.exit_code == 0, result.stderr
    (read,) = live.changes(f"{name}.public.orders", 1)
    assert (read["op"], read["after"]) == ("r", {"id": 2})

    live.write({**app, "slot": "another", "tables": ["Orders", "orders"]})
    refused = live.run(*APPLY)
    assert refused.exit_code == 2
    assert "slot.name" in refused.stderr
    assert "--allow-identity-change" in refused.stderr


def test_what_does_not_run_is_told_with_its_reason_and_started_again(
    postgres_database: Database, live: LiveConnectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connectors_health, "STEADY_SECONDS", 3.0)
    database, name = postgres_database, f"{live.prefix}_app"
    database.execute(
        "CREATE TABLE orders (id INT PRIMARY KEY)",
        f"CREATE USER {name} PASSWORD '{name}' REPLICATION",
        f"GRANT CREATE ON DATABASE {database.name} TO {name}",
        f"CREATE PUBLICATION {name} FOR TABLE orders",
    )
    app = of_database(
        database,
        name,
        "postgresql",
        tables=["orders"],
        user=name,
        config={"errors.max.retries": 0, "publication.autocreate.mode": "disabled"},
    )
    live.write(app)
    wrong = live.run(*APPLY)
    assert wrong.exit_code == 2
    assert "password authentication failed" in wrong.stderr
    assert live.rows("status")[0]["state"] == "missing"

    monkeypatch.setenv("CONNECTORS_PASSWORD", name)
    (made,) = live.rows(*APPLY)
    assert (made["state"], made["exit"]) == ("FAILED", 1), made
    assert "permission denied for table orders" in made["reason"]
    (seen,) = live.rows("status")
    assert (seen["state"], seen["tasks"], seen["exit"]) == ("FAILED", "0/1", 1)
    assert "permission denied" in seen["reason"]

    database.execute(f"GRANT SELECT ON orders TO {name}")
    (mended,) = live.rows("status", "--restart-failed")
    assert (mended["state"], mended["exit"]) == ("RUNNING", 0), mended
    live.ask("PUT", f"/connectors/{name}/pause")
    assert until(lambda: live.rows("status")[0]["state"] == "PAUSED")
    assert live.rows("status")[0]["exit"] == 1
    live.close()
    database.execute(f"DROP OWNED BY {name}", f"DROP USER {name}")


def test_settings_are_refused_by_name_and_what_is_not_in_the_file_goes_by_a_flag(
    postgres_database: Database, live: LiveConnectors
) -> None:
    database = postgres_database
    database.execute("CREATE TABLE orders (id INT PRIMARY KEY)")
    kept = of_database(database, f"{live.prefix}_kept", "postgresql", tables=["orders"])
    gone = of_database(database, f"{live.prefix}_gone", "postgresql", tables=["orders"])
    bad = {**gone, "config": {"max.batch.size": -5, "snapshot.isolation.mode": "none"}}
    live.write(kept, bad)
    rows = {row["connector"]: row for row in live.rows(*APPLY)}
    assert rows[kept["name"]]["state"] == "RUNNING"
    refused = rows[gone["name"]]
    assert (refused["change"], refused["exit"]) == ("refused", 2)
    assert "max.batch.size: " in refused["reason"]
    assert "snapshot.isolation.mode: " in refused["reason"]

    live.write(kept, gone)
    live.run(*APPLY)
    live.write(kept)
    told = live.run(*APPLY)
    assert "the file does not" in told.stderr
    assert live.ask("GET", f"/connectors/{gone['name']}/config").is_success
    deleted = live.run(*APPLY, "--allow-delete")
    assert deleted.exit_code == 0
    assert f"pg_drop_replication_slot('{gone['name']}')" in deleted.stderr
    assert live.ask("GET", f"/connectors/{gone['name']}/config").status_code == 404
    assert live.ask("GET", f"/connectors/{kept['name']}/config").is_success
