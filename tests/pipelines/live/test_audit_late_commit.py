"""A row whose transaction commits late: plain polling passes it by, ours does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.live.polled_database import PASSWORD, PolledDatabase
from tests.stack.databases import Database

TABLES = {
    "postgres_database": "CREATE TABLE items (id INT PRIMARY KEY, word TEXT, "
    "updated_at TIMESTAMPTZ NOT NULL DEFAULT now())",
    "mysql_database": "CREATE TABLE items (id INT PRIMARY KEY, word TEXT, "
    "updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) "
    "ON UPDATE CURRENT_TIMESTAMP(6), INDEX items_by_time (updated_at, id))",
}


class PlainPoller:
    """What everybody writes first: the rows that are newer than the newest one so far."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.newest: Any = None
        self.words: list[str] = []

    def poll(self) -> None:
        where = "" if self.newest is None else "WHERE updated_at > %s "
        values = () if self.newest is None else (self.newest,)
        query = f"SELECT word, updated_at FROM items {where}ORDER BY updated_at"  # noqa: S608
        for word, updated in self.database.query(query, *values):
            self.words.append(word)
            self.newest = updated


@pytest.fixture(params=list(TABLES))
def polled(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> PolledDatabase:
    database: Database = request.getfixturevalue(request.param)
    database.execute(TABLES[request.param])
    if request.param == "postgres_database":
        database.execute("CREATE INDEX items_by_time ON items (updated_at, id)")
    found = PolledDatabase(database, tmp_path)
    monkeypatch.setenv(PASSWORD, found.environment()[PASSWORD])
    return found


def test_a_late_commit_is_in_the_warehouse_and_plain_polling_has_lost_it(
    polled: PolledDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    database, plain = polled.database, PlainPoller(polled.database)

    def words() -> list[str]:
        rows = polled.query("SELECT after->>'word' FROM shop.items_change_log ORDER BY _order_key")
        return [row[0] for row in rows]

    database.execute("INSERT INTO items (id, word) VALUES (1, 'first')")
    # Without sweeps: it is the bound that has to do it.
    polled.poll_until(lambda: words() == ["first"], "--sweep_every=0")
    plain.poll()
    with database.transaction() as late:
        late.exec_driver_sql("INSERT INTO items (id, word) VALUES (2, 'late')")
        database.execute("INSERT INTO items (id, word) VALUES (3, 'early')")
        plain.poll()
        capsys.readouterr()
        assert polled.poll("--sweep_every=0") == 0
        told = capsys.readouterr().out
        assert "is open since" in told, told
        assert polled.summary()["held_back_by"] in told
        # What is newer than the open transaction waits for it.
        assert words() == ["first"]
    plain.poll()
    assert plain.words == ["first", "early"]
    polled.poll_until(lambda: len(words()) == 3, "--sweep_every=0")
    assert words() == ["first", "late", "early"]
