"""The shop's tables in MySQL and PostgreSQL, and a seeded workload on them."""

from __future__ import annotations

import contextlib
import datetime
import random
import threading
from collections.abc import Iterator, Mapping

import sqlalchemy

from tests.stack.databases import Database

TABLES: Mapping[str, tuple[str, ...]] = {
    "accounts": ("id",),
    "holdings": ("account_id", "symbol"),
    "documents": ("id",),
}
"""Each table's primary key."""

MYSQL_DDL = (
    "CREATE TABLE accounts (id BIGINT PRIMARY KEY, owner VARCHAR(60), balance DECIMAL(14,2), "
    "opened DATETIME(6), tier VARCHAR(10), note VARCHAR(80)) CHARACTER SET utf8mb4",
    "CREATE TABLE holdings (account_id BIGINT, symbol VARCHAR(12), quantity DECIMAL(18,6), "
    "changed_at TIMESTAMP(6) NULL, note VARCHAR(80), PRIMARY KEY (account_id, symbol))",
    "CREATE TABLE documents (id BIGINT PRIMARY KEY, title VARCHAR(80), body LONGTEXT, "
    "seal LONGBLOB, note VARCHAR(80)) CHARACTER SET utf8mb4",
)
POSTGRES_DDL = (
    "CREATE TABLE accounts (id bigint PRIMARY KEY, owner varchar(60), balance numeric(14,2), "
    "opened timestamp(6), tier varchar(10), note varchar(80))",
    "CREATE TABLE holdings (account_id bigint, symbol varchar(12), quantity numeric(18,6), "
    "changed_at timestamptz, note varchar(80), PRIMARY KEY (account_id, symbol))",
    "CREATE TABLE documents (id bigint PRIMARY KEY, title varchar(80), body text, "
    "seal bytea, note varchar(80))",
    # Large values are stored apart however well they compress: updates leave them out.
    "ALTER TABLE documents ALTER body SET STORAGE EXTERNAL, ALTER seal SET STORAGE EXTERNAL",
)
RENAMED = {"holder": "owner"}
"""The new name of a column of accounts, and the one that older changes have."""
IN_UTC = {
    "mysql": {"init_command": "SET time_zone = '+00:00'"},
    "postgresql": {"options": "-c TimeZone=UTC"},
}
START = datetime.datetime(2026, 3, 2, 7, tzinfo=datetime.timezone.utc)
SYMBOLS = ("ASML", "ADYEN", "INGA", "PHIA", "UNA", "WKL", "KPN", "DSM")
NAMES = ("Noor", "Ömer", "Zoë", "O'Neil", 'Jan "de Boer"', "back\\slash", "Łukasz", "語")


class RolledBack(Exception):
    """Ends a transaction of which nothing may be seen."""


class Shop:
    """Tables that change: the same statements for the same seed and steps.

    columns: of accounts, as they are called now: what is added, renamed and dropped.
    """

    def __init__(self, database: Database, seed: int = 5) -> None:
        self.rng = random.Random(seed)
        self.columns = {"owner": "owner", "tier": "tier", "country": ""}
        self._keys: dict[str, list[tuple[object, ...]]] = {name: [] for name in TABLES}
        self._next_id = 0
        self._engine = _engine(database)
        self._connection: sqlalchemy.Connection
        # Statements that alter a table come between transactions, never into one.
        self._between = threading.Lock()

    def prepare(self, rows: int) -> None:
        """Makes the tables, with rows from before the connector: only a snapshot has them."""
        is_mysql = self._engine.dialect.name == "mysql"
        self.alter(*(MYSQL_DDL if is_mysql else POSTGRES_DDL))
        with self._transaction():
            for _ in range(rows):
                for table in TABLES:
                    self._insert(table)

    def move_to(self, database: Database) -> None:
        """The workload goes on in another database that has the same rows."""
        self._engine.dispose()
        self._engine = _engine(database)

    def close(self) -> None:
        self._engine.dispose()

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """The workload goes on in a thread of its own during the block."""
        end = threading.Event()
        raised: list[BaseException] = []

        def work() -> None:
            try:
                while not end.is_set():
                    self.step()
                    end.wait(0.01)
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
        if raised:
            raise raised[0]

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.step()

    def step(self) -> None:
        """A transaction of one to four changes; one in twenty is rolled back."""
        before = {table: list(keys) for table, keys in self._keys.items()}
        try:
            with self._transaction():
                for _ in range(self.rng.choice([1, 1, 2, 4])):
                    self._change(self.rng.choice(list(TABLES)))
                if self.rng.random() < 0.05:
                    raise RolledBack
        except RolledBack:
            self._keys = before

    def alter(self, *statements: str) -> None:
        """Statements between two transactions of the workload."""
        with self._between, self._engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def alter_accounts(self) -> None:
        """A column is added, one renamed, one dropped, with changes before, between and after."""
        self.steps(5)
        self.alter("ALTER TABLE accounts ADD COLUMN country VARCHAR(2) DEFAULT 'NL'")
        self.columns["country"] = "country"
        self.steps(15)
        self.alter("ALTER TABLE accounts RENAME COLUMN owner TO holder")
        self.columns["owner"] = "holder"
        self.steps(15)
        self.alter("ALTER TABLE accounts DROP COLUMN tier")
        self.columns["tier"] = ""
        self.steps(15)

    def truncate(self, table: str) -> None:
        """All rows go at once; the first keys come back with other values."""
        self.alter(f"TRUNCATE TABLE {table}")
        again, self._keys[table] = self._keys[table][:3], []
        with self._transaction():
            for key in again:
                self._insert(table, key)

    def move_documents(self, count: int) -> None:
        """Documents get other keys; their large values are not touched."""
        for _ in range(count):
            with self._transaction():
                self._change_key("documents")

    def mark(self, text: str) -> None:
        """A row that says so, of every table: when it has arrived, all before it has."""
        with self._transaction():
            for table, key in TABLES.items():
                values = (0, "MARK")[: len(key)]
                where = " AND ".join(f"{name} = %s" for name in key)
                self._run(f"DELETE FROM {table} WHERE {where}", *values)  # noqa: S608
                self._run(
                    f"INSERT INTO {table} ({', '.join(key)}, note) "  # noqa: S608
                    f"VALUES ({', '.join(['%s'] * (len(key) + 1))})",
                    *values,
                    text,
                )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._between, self._engine.begin() as self._connection:
            yield

    def _run(self, statement: str, *values: object) -> None:
        self._connection.exec_driver_sql(statement, values)

    def _change(self, table: str) -> None:
        kind = self.rng.random()
        if kind < 0.35 or len(self._keys[table]) < 6:
            self._insert(table)
        elif kind < 0.80:
            self._update(table)
        elif kind < 0.88:
            self._change_key(table)
        else:
            key = self.rng.choice(self._keys[table])
            self._keys[table].remove(key)
            self._run(f"DELETE FROM {table} WHERE {self._where(table)}", *key)  # noqa: S608

    def _insert(self, table: str, key: tuple[object, ...] | None = None) -> None:
        key = key or self._new_key()[: len(TABLES[table])]
        self._keys[table].append(key)
        values = dict(zip(TABLES[table], key, strict=True)) | self._values(table)
        self._run(
            f"INSERT INTO {table} ({', '.join(values)}) "  # noqa: S608
            f"VALUES ({', '.join(['%s'] * len(values))})",
            *values.values(),
        )

    def _update(self, table: str) -> None:
        values = self._values(table)
        if self.rng.random() < 0.7:
            # Large values are mostly left as they are.
            values = {name: value for name, value in values.items() if name not in ("body", "seal")}
        self._set(table, self.rng.choice(self._keys[table]), values)

    def _change_key(self, table: str) -> None:
        old = self.rng.choice(self._keys[table])
        new = self._new_key()[: len(TABLES[table])]
        self._keys[table].remove(old)
        self._keys[table].append(new)
        self._set(table, old, dict(zip(TABLES[table], new, strict=True)))

    def _set(self, table: str, key: tuple[object, ...], values: Mapping[str, object]) -> None:
        sets = ", ".join(f"{name} = %s" for name in values)
        self._run(
            f"UPDATE {table} SET {sets} WHERE {self._where(table)}",  # noqa: S608
            *values.values(),
            *key,
        )

    @staticmethod
    def _where(table: str) -> str:
        return " AND ".join(f"{name} = %s" for name in TABLES[table])

    def _new_key(self) -> tuple[object, ...]:
        self._next_id += 1
        return (self._next_id, self.rng.choice(SYMBOLS))

    def _values(self, table: str) -> dict[str, object]:
        rng = self.rng
        moment = START + datetime.timedelta(
            seconds=rng.randrange(10**7),
            microseconds=rng.choice([0, 1, 500_000, 999_999, rng.randrange(10**6)]),
        )
        note = rng.choice([None, "", f"{rng.randrange(10**6)} % {rng.choice(NAMES)}"])
        if table == "accounts":
            cents = f"{rng.randrange(-(10**9), 10**9)}.{rng.randrange(100):02}"
            values: dict[str, object] = {"balance": cents, "opened": moment, "note": note}
            mine = {"owner": rng.choice(NAMES), "tier": "gold", "country": rng.choice(["BE", "FR"])}
            return values | {self.columns[name]: mine[name] for name in mine if self.columns[name]}
        if table == "holdings":
            quantity = f"{rng.randrange(10**8)}.{rng.randrange(10**6):06}"
            return {"quantity": quantity, "changed_at": moment, "note": note}
        return {
            "title": rng.choice(NAMES),
            "body": "".join(rng.choices("abcdefgh \n", k=rng.choice([20, 5_000]))),
            "seal": rng.choice([None, rng.randbytes(3_000)]),
            "note": note,
        }


def _engine(database: Database) -> sqlalchemy.Engine:
    in_utc = IN_UTC[database.url.partition("+")[0]]
    return sqlalchemy.create_engine(database.url, pool_pre_ping=True, connect_args=in_utc)
