"""Tables from the live database, as its information schema has them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy
import sqlalchemy.exc
from sqlalchemy.engine import make_url

from kami.errors import ConfigurationError, UnreachableError
from kami.information_schema_mysql import read_mysql
from kami.information_schema_postgresql import read_postgresql
from kami.schema import SourceTable

CONNECT_SECONDS = 15
SPANNER = "spanner:"
_DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}


def read_live(
    url: str, patterns: Sequence[str] = ("*",), database: str | None = None
) -> list[SourceTable]:
    """The base tables of a database, by schema and name.

    Args:
        url: SQLAlchemy's address; without a driver's name ours are taken.
        patterns: names or patterns that the caller wants; it chooses among what comes back.

        database: the database, where the address names none.

    Raises:
        ConfigurationError: the address cannot be used.
        UnreachableError: the database does not answer, or refuses the user.
    """
    if url.startswith(SPANNER):
        from kami.information_schema_spanner import read_spanner

        return read_spanner(url)
    try:
        address = make_url(url)
        address = address.set(drivername=_DRIVERS.get(address.drivername, address.drivername))
        address = address.set(database=address.database or database)
        backend = address.get_backend_name()
    except (sqlalchemy.exc.ArgumentError, ValueError):
        # SQLAlchemy's error holds the address, and with it a password.
        message = (
            "`url` is no address of a database; expected "
            "mysql+pymysql://USER:PASSWORD@HOST/DATABASE "
            "or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE "
            "or spanner:PROJECT/INSTANCE/DATABASE"
        )
        raise ConfigurationError(message) from None
    if backend not in ("mysql", "mariadb", "postgresql"):
        message = f"`url` is of {backend!r}; expected mysql, mariadb or postgresql"
        raise ConfigurationError(message)
    read = read_postgresql if backend == "postgresql" else read_mysql
    try:
        engine = sqlalchemy.create_engine(
            address,
            poolclass=sqlalchemy.NullPool,
            connect_args={"connect_timeout": CONNECT_SECONDS},
        )
    except (ModuleNotFoundError, sqlalchemy.exc.NoSuchModuleError) as error:
        extra = "postgresql" if backend == "postgresql" else "mysql"
        message = (
            f"the driver of {address.drivername!r} is not there ({error}); install "
            f"kamiflow[{extra}]"
        )
        raise ConfigurationError(message) from error
    try:
        with engine.connect() as connection:
            return read(connection)
    except sqlalchemy.exc.OperationalError as error:
        message = (
            f"the database {address.render_as_string(hide_password=True)} does not answer: "
            f"{error.orig}; check `url`, the user and the network"
        )
        raise UnreachableError(message) from error
    except sqlalchemy.exc.DBAPIError as error:
        message = (
            f"the database {address.render_as_string(hide_password=True)} refused to show its "
            f"information schema: {error.orig}"
        )
        raise ConfigurationError(message) from error
