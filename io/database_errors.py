"""What went wrong with a database, sorted by what can be done about it."""

import enum
import re

import sqlalchemy.exc


class DatabaseError(Exception):
    """A lookup database cannot be used; the message names it with its password masked."""


class LookupUnavailable(DatabaseError):
    """The database stayed unreachable through all attempts: the pipeline stops."""


class LookupAccessError(DatabaseError):
    """The database refuses the user or its rights: the pipeline stops."""


class LookupQueryError(DatabaseError):
    """The database refuses the query, or it cannot be written: the pipeline stops."""


class RefusedKeyError(DatabaseError):
    """The database refuses a bound value: it concerns the records with that key alone."""


class Recovery(enum.Enum):
    """What can be done about an error."""

    RETRY = "retry"
    REFUSED_VALUE = "refused value"
    ACCESS = "access"
    QUERY = "query"


ERRORS: dict[Recovery, type[DatabaseError]] = {
    Recovery.RETRY: LookupUnavailable,
    Recovery.REFUSED_VALUE: RefusedKeyError,
    Recovery.ACCESS: LookupAccessError,
    Recovery.QUERY: LookupQueryError,
}

# SQLSTATE classes of the SQL standard and of PostgreSQL's appendix A: connection exceptions,
# transaction rollback (deadlock), insufficient resources, operator intervention (shutdown, query
# cancelled by a timeout), system error.
_STATES_TO_RETRY = ("08", "40", "53", "57", "58")
_STATES_OF_ACCESS = ("28", "42501")
_STATES_OF_VALUES = ("22",)

# MySQL's error numbers. Too many connections, shutdown in progress, network read and write, lock
# wait timeout, deadlock, too many connections of the user, cannot connect, server gone, lost.
_MYSQL_TO_RETRY = frozenset(
    {1040, 1053, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1927, 2002, 2003, 2005, 2006, 2013, 3024}
)
# Access denied to the database, to the user, to the table, to the column; unsupported login.
_MYSQL_OF_ACCESS = frozenset({1044, 1045, 1142, 1143, 1227, 1251, 1698})

# Connecting fails without a SQLSTATE, and SQLite has no codes before Python 3.11: only texts.
_TEXTS_OF_ACCESS = re.compile(
    r"password authentication failed|no pg_hba\.conf entry|no password supplied"
    r"|role .* does not exist|permission ?denied|unauthenticated",
    re.IGNORECASE,
)
_TEXTS_OF_QUERIES = re.compile(
    r"no such (table|column|function)|syntax error|has no column|database .* does not exist"
    r"|file is not a database|attempt to write a readonly|ambiguous column|row value misused"
    r"|wrong number of arguments|sub-select returns",
    re.IGNORECASE,
)


def classify(error: BaseException) -> Recovery:
    """What to do about an error of SQLAlchemy, of a driver under it or of the network.

    Unknown operational errors are retried: attempts are limited, and a needless stop costs more.
    """
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.orig is not None:
        return _classify_driver_error(error, error.orig)
    if isinstance(error, (OSError, sqlalchemy.exc.TimeoutError)):
        return Recovery.RETRY
    return Recovery.QUERY


def _classify_driver_error(error: sqlalchemy.exc.DBAPIError, original: BaseException) -> Recovery:
    if error.connection_invalidated:
        return Recovery.RETRY
    number = original.args[0] if original.args else None
    # Before the state: that of most of MySQL's errors says nothing, or only that SQL was wrong.
    if isinstance(number, int) and number in _MYSQL_TO_RETRY:
        return Recovery.RETRY
    if isinstance(number, int) and number in _MYSQL_OF_ACCESS:
        return Recovery.ACCESS
    state = getattr(original, "sqlstate", None)
    if isinstance(state, str):
        for recovery, states in (
            (Recovery.RETRY, _STATES_TO_RETRY),
            (Recovery.ACCESS, _STATES_OF_ACCESS),
            (Recovery.REFUSED_VALUE, _STATES_OF_VALUES),
        ):
            if state.startswith(states):
                return recovery
        return Recovery.QUERY
    if _TEXTS_OF_ACCESS.search(str(original)):
        return Recovery.ACCESS
    if _TEXTS_OF_QUERIES.search(str(original)):
        return Recovery.QUERY
    if isinstance(error, sqlalchemy.exc.DataError):
        return Recovery.REFUSED_VALUE
    if isinstance(error, (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError)):
        # A driver's number that is none of the above is the server's verdict on the statement.
        return Recovery.QUERY if isinstance(number, int) and number else Recovery.RETRY
    return Recovery.QUERY
