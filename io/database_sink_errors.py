"""Errors of a database that rows are written to, sorted by what can be done about them."""

from __future__ import annotations

import enum
import re
from typing import Any

import sqlalchemy.exc

from pipeline_io.database_errors import Recovery, classify


class Verdict(enum.Enum):
    """What an error is about."""

    RETRY = "retry"
    ROW = "row"
    ACCESS = "access"
    TABLE = "table"


# SQLSTATE classes: data exceptions, constraints, a view's WITH CHECK OPTION, an error that a
# trigger raises, limits of one row (an index entry that is too large).
_STATES_OF_ROWS = ("22", "23", "44", "P0001", "54")
# A row that is locked for longer than the server waits.
_STATES_TO_RETRY = ("55P03",)

# MySQL: a NULL, a duplicate, foreign keys, out of range, cut values, too long, no such value, JSON,
# a CHECK, SIGNAL of a trigger, no default, and what is too large for one request.
_MYSQL_OF_ROWS = frozenset(
    {
        1048, 1062, 1153, 1216, 1217, 1264, 1265, 1292, 1364, 1366, 1406, 1411, 1416, 1451, 1452,
        1525, 1526, 1586, 1644, 1690, 1748, 3140, 3141, 3156, 3157, 3819, 4025, 1118, 1300,
    }
)  # fmt: skip
_MYSQL_TEXT_OF_ROWS = re.compile(r"can ?not be used with MySQL", re.IGNORECASE)


def verdict(error: BaseException) -> Verdict:
    """What an error of SQLAlchemy, of a driver under it or of the network is about."""
    original = getattr(error, "orig", None)
    number = original.args[0] if original is not None and original.args else None
    if isinstance(number, int) and number in _MYSQL_OF_ROWS:
        return Verdict.ROW
    state = getattr(original, "sqlstate", None)
    if isinstance(state, str):
        if state.startswith(_STATES_TO_RETRY):
            return Verdict.RETRY
        if state.startswith(_STATES_OF_ROWS):
            return Verdict.ROW
    if isinstance(error, (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.DataError)):
        return Verdict.ROW
    if original is not None and _MYSQL_TEXT_OF_ROWS.search(str(original)):
        return Verdict.ROW
    return {
        Recovery.RETRY: Verdict.RETRY,
        Recovery.REFUSED_VALUE: Verdict.ROW,
        Recovery.ACCESS: Verdict.ACCESS,
        Recovery.QUERY: Verdict.TABLE,
    }[classify(error)]


def code(error: BaseException) -> str:
    """The kind of an error alone: the database may quote values of a row in all else."""
    original: Any = getattr(error, "orig", None)
    found: Any = original if original is not None else error
    number = found.args[0] if found.args and isinstance(found.args[0], int) else None
    said = number or getattr(found, "sqlstate", None) or getattr(found, "sqlite_errorname", None)
    name = f"{type(found).__name__} ({said})" if said else type(found).__name__
    return f"{name}; its text is not shown, since the job decrypts and it may quote a value"


def told(error: BaseException) -> str:
    """The database's own sentence, without the values of other columns where it has them apart."""
    original: Any = getattr(error, "orig", None)
    diagnosis = getattr(original, "diag", None)
    primary = getattr(diagnosis, "message_primary", None)
    if primary:
        return str(primary)
    if original is not None and len(original.args) > 1 and isinstance(original.args[0], int):
        return f"{original.args[1]} ({original.args[0]})"
    return str(original if original is not None else error).strip()
