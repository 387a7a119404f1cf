"""Records every column type in the modes of recorded_modes.py, on the servers of tests/stack.

python -m tests.proof.record_types            # all of them, into tests/data/recordings/types
python -m tests.proof.record_types mysql_string_connect
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from tests.proof.record_topics import record_topics
from tests.proof.recorded_modes import MODES, Mode, Source
from tests.proof.types_workload import (
    LAST,
    TABLES,
    Dialect,
    fill,
    printed_tables,
    stream,
)
from tests.stack.databases import Database, fresh_mysql_database, fresh_postgres_database
from tests.stack.debezium import Debezium
from tests.stack.part import StackError
from tests.stack.servers import Connect, Kafka, MySql, Postgres, Registry
from tests.stack.session import Session, session

FOLDER = Path(__file__).parents[1] / "data" / "recordings" / "types"
DIALECTS: dict[Source, Dialect] = {"mysql": "mysql", "pg": "postgresql"}
MYSQL_DATABASE = "typed"


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--folder", type=click.Path(path_type=Path), default=FOLDER, help="Where recordings go."
)
def main(names: tuple[str, ...], folder: Path) -> None:
    """Record the modes of these names; without names all."""
    unknown = set(names) - {mode.name for mode in MODES}
    if unknown:
        message = f"{sorted(unknown)} are no modes; expected of {[mode.name for mode in MODES]}"
        raise click.BadParameter(message)
    chosen = [mode for mode in MODES if not names or mode.name in names]
    try:
        with session(click.echo) as servers:
            for source in DIALECTS:
                modes = [mode for mode in chosen if mode.source == source]
                if modes:
                    record(servers, source, modes, folder)
    except StackError as error:
        raise click.ClickException(str(error)) from error


def record(servers: Session, source: Source, modes: list[Mode], folder: Path) -> None:
    """Records one workload by a connector for each mode: folders named as the modes, and
    final-mysql.json or final-pg.json."""
    kafka = servers.server("kafka", Kafka)
    registry = servers.server("registry", Registry)
    dialect = DIALECTS[source]
    with _database(servers, source) as database:
        fill(database, dialect)
        with contextlib.closing(Debezium(servers.server("connect", Connect), kafka)) as debezium:
            for mode in modes:
                settings = {**mode.settings, "topic.prefix": mode.name}
                start = debezium.mysql if source == "mysql" else debezium.postgres
                start(database, *TABLES, **settings)
            stream(database, dialect)
            schema = database.name if source == "mysql" else "public"
            for mode in modes:
                last = {f"{mode.name}.{schema}.{table}": LAST for table in TABLES}
                count = record_topics(
                    kafka.brokers, registry.url, mode.name, last, folder / mode.name
                )
                click.echo(f"{mode.name}: {count} records")
        final = json.dumps(printed_tables(database, dialect), ensure_ascii=False, indent=1)
        (folder / f"final-{source}.json").write_text(f"{final}\n", encoding="utf-8")


@contextlib.contextmanager
def _database(servers: Session, source: Source) -> Iterator[Database]:
    if source == "pg":
        with fresh_postgres_database(servers.server("postgres", Postgres)) as database:
            yield database
        return
    server = servers.server("mysql", MySql)
    # Its name is in the topics.
    with fresh_mysql_database(server) as other:
        other.execute(f"CREATE DATABASE {MYSQL_DATABASE}")
        try:
            yield Database(server, MYSQL_DATABASE)
        finally:
            other.execute(f"DROP DATABASE {MYSQL_DATABASE}")


if __name__ == "__main__":
    sys.exit(main(prog_name="python -m tests.proof.record_types"))
