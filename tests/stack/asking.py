"""Questions that show whether a server answers."""

from __future__ import annotations

import http.client as http_client
import socket
import urllib.parse

from tests.stack.part import Endpoints, NotReady

TIMEOUT_SECONDS = 5


def listens(address: str) -> None:
    """Raises NotReady unless `host:port` takes a connection."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=TIMEOUT_SECONDS).close()
    except OSError as error:
        message = f"{address} does not take a connection: {error}"
        raise NotReady(message) from error


def http(url: str) -> str:
    """What a server answers to GET; NotReady for no answer, and for a status other than 200.

    Args:
        url: starts with http://, and is asked without the proxies of the environment.
    """
    parts = urllib.parse.urlsplit(url)
    connection = http_client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    except (OSError, http_client.HTTPException) as error:
        message = f"{url} does not answer: {error}"
        raise NotReady(message) from error
    finally:
        connection.close()
    if response.status != http_client.OK:
        message = f"{url} answers {response.status}: {text[:200]!r}"
        raise NotReady(message)
    return text


def database_endpoints(port: int, user: str, password: str) -> Endpoints:
    """The endpoints of a database server of this machine."""
    return {"host": "127.0.0.1", "port": port, "user": user, "password": password}


def lets_in(driver: str, endpoints: Endpoints, database: str) -> None:
    """Raises NotReady unless a database server lets the user of its endpoints in.

    Args:
        driver: SQLAlchemy's name of dialect and driver.
    """
    # Loaded where it is used: every run of pytest and every command loads the list of parts.
    import sqlalchemy

    address = sqlalchemy.URL.create(
        driver,
        username=str(endpoints["user"]),
        password=str(endpoints["password"]),
        host=str(endpoints["host"]),
        port=int(endpoints["port"]),
        database=database,
    )
    engine = sqlalchemy.create_engine(
        address,
        poolclass=sqlalchemy.NullPool,
        connect_args={"connect_timeout": TIMEOUT_SECONDS},
    )
    try:
        engine.connect().close()
    except sqlalchemy.exc.DBAPIError as error:
        message = f"the server at port {endpoints['port']} lets nobody in: {error.orig}"
        raise NotReady(message) from error
