"""One consistent read of a live database, and the place in its log that the read is of."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator

import sqlalchemy
import sqlalchemy.exc
from sqlalchemy.engine import make_url

from kami.config import Source
from kami.errors import ConfigurationError, UnreachableError
from kami.information_schema import CONNECT_SECONDS

_DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
MAX_BEGINS = 20
"""How often MySQL's read is begun anew, until nothing is committed while it begins."""


@dataclasses.dataclass(frozen=True)
class Moment:
    """What the database was at the consistent read.

    `position`: no change after this place of the log is part of the read, as text. `seen`: all
    changes up to this one are; the same as `position` where nothing was committed in between, None
    where it is not known. PostgreSQL: of the changes, those are part of the read whose transaction
    is older than `xmax` and not in `in_progress`. `polled_at`: when the read began, of a source
    whose changes are polled; its position is the order key of that time.
    """

    position: str
    seen: str | None = None
    xmax: int | None = None
    in_progress: tuple[int, ...] = ()
    polled_at: datetime.datetime | None = None


@contextlib.contextmanager
def consistent_read(source: Source) -> Iterator[tuple[sqlalchemy.Connection, Moment]]:
    """A connection in a read-only transaction that sees the database as of one moment.

    Raises:
        ConfigurationError: the source has no `url`.
        UnreachableError: the database does not answer.
    """
    if source.url is None:
        message = (
            f"source {source.name!r} has `ddl` and no `url`: there is no database to compare with; "
            "give `url`, or compare with a file: --against FILE.json"
        )
        raise ConfigurationError(message)
    if source.dialect == "spanner":
        message = (
            f"source {source.name!r} is of Spanner, whose tables are not read to be compared yet; "
            "compare with a file: --against FILE.json"
        )
        raise ConfigurationError(message)
    address = make_url(source.url)
    address = address.set(drivername=_DRIVERS.get(address.drivername, address.drivername))
    engine = sqlalchemy.create_engine(
        address,
        poolclass=sqlalchemy.NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"connect_timeout": CONNECT_SECONDS},
    )
    begin = begin_postgresql if source.dialect == "postgresql" else begin_mysql
    try:
        with engine.connect() as connection:
            # AUTOCOMMIT, so that the one BEGIN is ours; what is open at the end is rolled back.
            moment = begin(connection)
            if source.polled:
                moment = polled_moment(connection, source)
            yield connection, moment
            connection.exec_driver_sql("ROLLBACK")
    except sqlalchemy.exc.OperationalError as error:
        message = (
            f"the database {address.render_as_string(hide_password=True)} does not answer: "
            f"{error.orig}; check `url`, the user and the network"
        )
        raise UnreachableError(message) from error


def begin_postgresql(connection: sqlalchemy.Connection) -> Moment:
    """Begins the consistent read in PostgreSQL."""
    seen = str(_only(connection, "SELECT pg_current_wal_lsn()::text"))
    connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
    # "xmin:xmax:xip,xip"
    parts = str(_only(connection, "SELECT pg_current_snapshot()::text")).split(":")
    running = tuple(int(one) for one in parts[2].split(",") if one)
    position = str(_only(connection, "SELECT pg_current_wal_lsn()::text"))
    return Moment(position, seen, int(parts[1]), running)


def polled_moment(connection: sqlalchemy.Connection, source: Source) -> Moment:
    """The moment of a read that has begun, of a source whose log has no places of the database's:
    by the database's clock."""
    if source.dialect == "postgresql":
        query = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
    else:
        query = "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)"
    micros = int(str(_only(connection, query)))
    position = f"{0:04x}/{micros:016x}/{'f' * 16}/{'f' * 8}"
    began = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return Moment(position, position, polled_at=began + datetime.timedelta(microseconds=micros))


def begin_mysql(connection: sqlalchemy.Connection) -> Moment:
    """Begins the consistent read in MySQL or MariaDB."""
    connection.exec_driver_sql("SET SESSION time_zone = '+00:00'")
    connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    moment = None
    for _ in range(MAX_BEGINS):
        # A transaction is in gtid_executed once it can be read, and in gtid_owned before that.
        seen = _executed(connection)
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        exact = _snapshots_own_position(connection)
        if exact:
            return Moment(exact, exact)
        owned = _variable(connection, "gtid_owned")
        executed = _executed(connection)
        if not executed:
            # Without GTIDs, a transaction that has its place in the log cannot be read yet.
            return Moment(_binlog_position(connection))
        moment = Moment(f"{executed},{_without_threads(owned)}".strip(","), seen)
        if moment.position == moment.seen:
            break
    assert moment is not None  # noqa: S101 - tells mypy
    return moment


def _executed(connection: sqlalchemy.Connection) -> str:
    """The GTIDs that can be read; MariaDB's have their place in the log a little before that."""
    return _variable(connection, "gtid_executed") or _variable(connection, "gtid_binlog_pos")


def _without_threads(owned: str) -> str:
    """`uuid:5#19:6#20, uuid:1#7` of gtid_owned as GTIDs: the number after # is a connection's."""
    gtids = []
    for part in owned.split(","):
        server, _, numbers = part.strip().partition(":")
        gtids += [f"{server}:{one.split('#')[0]}" for one in numbers.split(":") if one]
    return ",".join(gtids)


def _snapshots_own_position(connection: sqlalchemy.Connection) -> str:
    """Where MariaDB says it, the place of the read itself; else ''."""
    rows = connection.exec_driver_sql("SHOW STATUS LIKE 'binlog\\_snapshot\\_%%'").all()
    status = {str(name).lower(): str(value) for name, value in rows}
    file = status.get("binlog_snapshot_file", "")
    if not file:
        return ""
    position = status["binlog_snapshot_position"]
    try:
        gtids = connection.exec_driver_sql(
            "SELECT BINLOG_GTID_POS(%s, %s)", (file, int(position))
        ).scalar()
    except sqlalchemy.exc.DBAPIError:
        gtids = None
    return str(gtids) if gtids else f"{file}:{position}"


def _binlog_position(connection: sqlalchemy.Connection) -> str:
    for query in ("SHOW BINARY LOG STATUS", "SHOW MASTER STATUS"):
        try:
            row = connection.exec_driver_sql(query).first()
        except sqlalchemy.exc.DBAPIError:
            continue
        if row is not None:
            return f"{row[0]}:{row[1]}"
    return ""


def _variable(connection: sqlalchemy.Connection, name: str) -> str:
    """A global variable; '' where the server does not know it."""
    try:
        found = _only(connection, f"SELECT @@GLOBAL.{name}")
    except sqlalchemy.exc.DBAPIError:
        return ""
    return str(found or "").replace("\n", "")


def _only(connection: sqlalchemy.Connection, query: str) -> object:
    return connection.exec_driver_sql(query).scalar()
