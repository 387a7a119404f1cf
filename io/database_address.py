"""Addresses of databases: JDBC's in SQLAlchemy's form, and never a password in a text."""

import re
from collections.abc import Mapping

import sqlalchemy.exc
from sqlalchemy.engine import URL, make_url

SUPPORTED = (
    "jdbc:postgresql://HOST:5432/DATABASE, jdbc:mysql://HOST:3306/DATABASE, "
    "jdbc:cloudspanner:/projects/P/instances/I/databases/D, jdbc:sqlite:PATH, or an address of "
    "SQLAlchemy such as postgresql+psycopg://HOST/DATABASE"
)

_JDBC_DRIVERS: Mapping[str, str] = {
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
# Settings of the Java drivers that say nothing about the connection itself.
_JAVA_ONLY = frozenset(
    {
        "allowPublicKeyRetrieval",
        "ApplicationName",
        "cachePrepStmts",
        "characterEncoding",
        "prepareThreshold",
        "reWriteBatchedInserts",
        "rewriteBatchedStatements",
        "serverTimezone",
        "stringtype",
        "tinyInt1isBit",
        "useServerPrepStmts",
        "useUnicode",
        "zeroDateTimeBehavior",
    }
)
# Settings that psycopg understands under the same name.
_KEPT: Mapping[str, frozenset[str]] = {
    "postgresql": frozenset({"sslmode", "sslrootcert", "sslcert", "sslkey"}),
    "mysql": frozenset(),
    "mariadb": frozenset(),
}
_SECRET_SETTINGS = re.compile(r"([?&;](?:password|passwd|pwd|sslpassword)=)[^&;#\s]*", re.I)
# Greedy: a password may hold @ and /.
_USER_AND_PASSWORD = re.compile(r"(//[^:/@]*):.*@")


def masked(text: str) -> str:
    """The address or message without the passwords that addresses in it hold."""
    return _SECRET_SETTINGS.sub(r"\1***", _USER_AND_PASSWORD.sub(r"\1:***@", text))


def sqlalchemy_url(address: str) -> str:
    """The address in SQLAlchemy's form; one that is SQLAlchemy's already is returned unchanged.

    Raises ValueError, with the password masked, for any other address.
    """
    if address.startswith("jdbc:"):
        return _from_jdbc(address)
    try:
        make_url(address).get_dialect()
    except sqlalchemy.exc.NoSuchModuleError:
        dialect = address.partition(":")[0]
        raise _unsupported(address, f"no dialect {dialect!r} is installed") from None
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        # SQLAlchemy's error holds the address: it must not be the cause of this one.
        raise _unsupported(address, masked(str(error))) from None
    except ModuleNotFoundError as error:
        raise _unsupported(address, f"its driver is not installed ({error.name})") from None
    return address


def _from_jdbc(address: str) -> str:
    kind, _, rest = address.removeprefix("jdbc:").partition(":")
    if kind == "sqlite" and rest:
        return "sqlite://" if rest == ":memory:" else f"sqlite:///{rest}"
    if kind == "cloudspanner":
        if not re.fullmatch(r"/projects/[^/]+/instances/[^/]+/databases/[^/;?]+", rest):
            raise _unsupported(address, "it is not /projects/P/instances/I/databases/D")
        return f"spanner+spanner://{rest}"
    if kind not in _JDBC_DRIVERS:
        # Where such an address keeps its password is not known either.
        shown = f"jdbc:{kind}:..."
        raise _unsupported(shown, f"no driver is known for jdbc:{kind}")
    if not rest.startswith("//"):
        raise _unsupported(address, "the host is missing")
    try:
        url = make_url(f"{_JDBC_DRIVERS[kind]}:{rest}")
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise _unsupported(address, "host, port or database cannot be read") from None
    return _with_settings(address, kind, url).render_as_string(hide_password=False)


def _with_settings(address: str, kind: str, url: URL) -> URL:
    kept: dict[str, str] = {}
    password: str | None = None
    for name, value in url.query.items():
        text = value if isinstance(value, str) else value[-1]
        if name == "user":
            url = url.set(username=text)
        elif name == "password":
            password = text
        elif name in _KEPT[kind]:
            kept[name] = text
        elif name not in _JAVA_ONLY:
            raise _unsupported(address, f"the setting {name!r} has no translation")
    if password is not None and url.username is None:
        # As a text, SQLAlchemy's address has a password only beside a user.
        kept["password"] = password
    elif password is not None:
        url = url.set(password=password)
    return url.set(query=kept)


def _unsupported(address: str, reason: str) -> ValueError:
    return ValueError(f"{masked(address)!r} is not a database address: {reason}; use {SUPPORTED}")
