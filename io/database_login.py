"""Connections whose password is a secret: read when one is made, and again when it is refused."""

from __future__ import annotations

from typing import Any

import sqlalchemy
import sqlalchemy.event
import sqlalchemy.exc

from pipeline_io.database_errors import Recovery, classify
from pipeline_io.secrets import Secret


def log_in_by(engine: sqlalchemy.Engine, password: Secret) -> None:
    """Has every connection of an engine show the password, which the engine itself never holds.

    One that was rotated while the job runs is in the secret already: it is tried once.
    """

    def connect(dialect: sqlalchemy.Dialect, record: object, args: Any, settings: Any) -> Any:
        shown = password.value()
        try:
            return dialect.connect(*args, **{**settings, "password": shown})
        except dialect.loaded_dbapi.Error as error:
            wrapped = sqlalchemy.exc.OperationalError(None, None, error)
            if classify(wrapped) is not Recovery.ACCESS or not password.changed(shown):
                raise
        return dialect.connect(*args, **{**settings, "password": password.value()})

    sqlalchemy.event.listen(engine, "do_connect", connect)
