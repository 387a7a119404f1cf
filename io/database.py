"""Databases that lookups read: how they are reached, checked before the start, and retried.

Every connection only reads, and no transaction stays open between two queries.
"""

import dataclasses
import difflib
import urllib.parse
from collections.abc import Iterable
from typing import Any

import sqlalchemy
import sqlalchemy.event
import sqlalchemy.exc
from sqlalchemy.engine import URL, make_url

from pipeline_io.database_address import masked, sqlalchemy_url
from pipeline_io.database_errors import (
    DatabaseError,
    LookupAccessError,
    LookupQueryError,
    LookupUnavailable,
    RefusedKeyError,
)
from pipeline_io.database_login import log_in_by
from pipeline_io.database_retry import DEFAULT_RETRY, RetryPolicy, with_retries
from pipeline_io.secrets import Secret

__all__ = [
    "DEFAULT_RETRY",
    "Database",
    "DatabaseError",
    "LookupAccessError",
    "LookupQueryError",
    "LookupUnavailable",
    "RefusedKeyError",
    "RetryPolicy",
    "describe_columns",
    "masked",
    "sqlalchemy_url",
    "with_retries",
]

# A worker that waits longer for a handshake is better off trying again.
CONNECT_TIMEOUT_SECONDS = 10
# How long a writer may hold SQLite's file before the query counts as failed and is retried.
SQLITE_LOCK_TIMEOUT_SECONDS = 5
# PyMySQL waits for ever by default: a server that went away without a word would hang the worker.
MYSQL_READ_TIMEOUT_SECONDS = 120


@dataclasses.dataclass(frozen=True, repr=False)
class Database:
    """A database and who reads it; its texts never show the password.

    Args:
        address: in JDBC's or SQLAlchemy's form.
        user, password: take the place of those in the address. A password that is a Secret is read
            when a connection is made, and again when it is refused.

    Raises ValueError for an address that is not supported.
    """

    address: str
    user: str | None = None
    password: str | Secret | None = None

    def __post_init__(self) -> None:
        sqlalchemy_url(self.address)

    def __str__(self) -> str:
        return masked(self.url.render_as_string(hide_password=True))

    def __repr__(self) -> str:
        return f"Database({str(self)!r})"

    @property
    def url(self) -> URL:
        """SQLAlchemy's URL, password included unless it is a Secret."""
        url = make_url(sqlalchemy_url(self.address))
        if url.get_backend_name() == "sqlite":  # a file knows no users
            return url
        # Texts mask the password in its proper place, a driver's setting they would show.
        for setting in ("password", "passwd"):
            if isinstance(secret := url.query.get(setting), str):
                url = url.difference_update_query([setting]).set(password=secret)
        if self.user is not None:
            url = url.set(username=self.user)
        if isinstance(self.password, Secret):
            return url._replace(password=None)
        if self.password is not None:
            url = url.set(password=self.password)
        return url

    @property
    def kind(self) -> str:
        """SQLAlchemy's name of the dialect: 'postgresql', 'mysql', 'sqlite', 'spanner'."""
        return self.url.get_backend_name()

    def without_password(self, text: str) -> str:
        """The text of a driver's error, which may hold the password or the address."""
        if isinstance(self.password, Secret):
            text = self.password.hidden(text)
        elif self.password:
            text = text.replace(self.password, "***")
        inside = self.url.password
        return text.replace(inside, "***") if inside else text

    def dialect(self) -> sqlalchemy.Dialect:
        """What writes SQL for this database; nothing is connected.

        Raises LookupQueryError when it is not installed.
        """
        try:
            return self.url.get_dialect()()
        except sqlalchemy.exc.NoSuchModuleError as error:
            raise self._not_installed(error) from error

    def _not_installed(self, error: Exception) -> LookupQueryError:
        package = "; pip install sqlalchemy-spanner" if self.kind == "spanner" else ""
        return LookupQueryError(
            f"{self}: the Python driver is not installed ({error}){package}; or use an address "
            "with another driver (postgresql+psycopg, mysql+pymysql)"
        )

    def engine(self) -> sqlalchemy.Engine:
        """A new engine that connects at its first query. The caller disposes of it.

        Raises LookupQueryError when the driver is not installed.
        """
        url, settings = _read_only(self.url)
        try:
            engine = sqlalchemy.create_engine(
                url, pool_pre_ping=True, hide_parameters=True, **settings
            )
        except (ModuleNotFoundError, sqlalchemy.exc.NoSuchModuleError) as error:
            raise self._not_installed(error) from error
        if self.kind in ("mysql", "mariadb"):
            sqlalchemy.event.listen(engine, "connect", _mysql_reads_only)
        if isinstance(self.password, Secret):
            log_in_by(engine, self.password)
        return engine


def _read_only(url: URL) -> tuple[URL, dict[str, Any]]:
    """The address and the engine's settings with which the database lets us read only."""
    kind = url.get_backend_name()
    if kind == "postgresql":
        # Not autocommit: PostgreSQL knows read-only only of transactions. Each query has its own.
        return url, {
            "connect_args": {"connect_timeout": CONNECT_TIMEOUT_SECONDS},
            "execution_options": {"postgresql_readonly": True},
        }
    if kind in ("mysql", "mariadb"):
        timeouts = {
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "read_timeout": MYSQL_READ_TIMEOUT_SECONDS,
        }
        return url, {"connect_args": timeouts, "isolation_level": "AUTOCOMMIT"}
    if kind == "spanner":
        return url, {"execution_options": {"read_only": True}}
    settings: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}
    if kind == "sqlite" and url.database not in (None, "", ":memory:"):
        settings["connect_args"] = {"timeout": SQLITE_LOCK_TIMEOUT_SECONDS}
        # A kept connection goes on reading a file that was deleted or replaced.
        settings["poolclass"] = sqlalchemy.NullPool
        if not str(url.database).startswith("file:"):
            # A plain path would be created, empty, when it does not exist.
            path = urllib.parse.quote(str(url.database))
            query = {**url.query, "mode": "ro", "uri": "true"}
            url = url.set(database=f"file:{path}", query=query)
    return url, settings


def _mysql_reads_only(connection: Any, record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION READ ONLY")


def describe_columns(
    database: Database, table: str, policy: RetryPolicy = DEFAULT_RETRY
) -> dict[str, str]:
    """The columns of the table (`name` or `schema.name`) or view with their SQL types, in order.

    Raises LookupQueryError with the nearest names when there is no such table, and what
    `with_retries` raises.
    """
    schema, _, name = table.rpartition(".")
    engine = database.engine()

    def describe() -> dict[str, str]:
        inspector = sqlalchemy.inspect(engine)
        try:
            columns = inspector.get_columns(name, schema=schema or None)
        except sqlalchemy.exc.NoSuchTableError:
            tables = inspector.get_table_names(schema or None)
            tables += inspector.get_view_names(schema or None)
            message = f"{database} has no table {table!r}; {nearest(name, tables)}"
            raise LookupQueryError(message) from None
        return {column["name"]: _type_text(column["type"], engine) for column in columns}

    try:
        return with_retries(describe, database, f"table {table}", policy)
    finally:
        engine.dispose()


def _type_text(column_type: sqlalchemy.types.TypeEngine[Any], engine: sqlalchemy.Engine) -> str:
    try:
        # The database's own words: without a dialect a time zone is not mentioned.
        return column_type.compile(engine.dialect)
    except sqlalchemy.exc.CompileError:  # a type that SQLAlchemy does not know
        return str(column_type)


def nearest(name: str, names: Iterable[str]) -> str:
    """A sentence with the names most like `name`, or all of them when none is."""
    known = sorted(names)
    similar = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if similar:
        return f"the nearest names are {', '.join(similar)}"
    return f"it has {', '.join(known[:20]) or 'none'}"
