"""A table of a real server that is polled into a warehouse file, and read by kami."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import yaml
from click.testing import CliRunner, Result
from sqlalchemy.engine import make_url

from kami.cli import main as kami
from pipelines import audit_columns
from tests.stack.databases import Database

PASSWORD = "POLLED_DATABASE_PASSWORD"  # noqa: S105 - the name of a variable
WAIT_SECONDS = 60.0


class PolledDatabase:
    """Polls tables of a database into `shop.*` of `file`, with the password by reference."""

    def __init__(self, database: Database, folder: Path, tables: str = "items") -> None:
        self.database = database
        self.folder = folder
        self.tables = tables
        self.file = folder / "w.duckdb"
        self.url = make_url(database.url)

    @property
    def is_mysql(self) -> bool:
        return self.url.get_backend_name() in ("mysql", "mariadb")

    def environment(self) -> dict[str, str]:
        """What a process that polls has to have."""
        return {PASSWORD: str(self.url.password)}

    def arguments(self, *more: str) -> list[str]:
        """A command line; a flag in `more` takes the place of the usual one."""
        address = self.url._replace(password=None)
        usual = {
            "source_name": "shop",
            "database": address.render_as_string(hide_password=False),
            "database_password": f"env://{PASSWORD}",
            "tables": self.tables,
            "state": f"sqlite:///{self.folder / 'state.db'}",
            "output": f"duckdb:{self.file}",
            "output_dir": str(self.folder / "out"),
        }
        given = {text.split("=")[0] for text in more}
        return [
            *(f"--{name}={value}" for name, value in usual.items() if f"--{name}" not in given),
            *more,
        ]

    def poll(self, *more: str) -> int:
        return audit_columns.main(self.arguments(*more))

    def poll_until(self, done: Callable[[], bool], *more: str) -> None:
        """Polls until it is so: the newest second is left to the next poll."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            assert self.poll(*more) == 0
            if done():
                return
            assert time.monotonic() < deadline, "what was polled is not what was waited for"

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "out" / "summary.json").read_text())
        return found

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query; none before the first poll that has found something."""
        if not self.file.exists():
            return []
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def kami(self, *arguments: str) -> Result:
        """A command of kami, with this database as a polled source."""
        config = self.folder / "kami.yaml"
        source = {
            "name": "shop",
            "type": "mysql" if self.is_mysql else "postgresql",
            "url": self.database.url,
            "tables": self.tables.split(","),
            "polled": True,
        }
        config.write_text(yaml.safe_dump({"warehouse": f"duckdb:{self.file}", "sources": [source]}))
        return CliRunner().invoke(kami, ["--config", str(config), *arguments])
