"""Queries tried again while their database is away, and errors that say what to do."""

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

import sqlalchemy.exc
import tenacity

from pipeline_io.database_errors import ERRORS, DatabaseError, Recovery, classify

_LOGGER = logging.getLogger(__name__)
_T = TypeVar("_T")

# A refused query is shown up to here: a batched one repeats itself a thousand times.
_SHOWN_CHARACTERS = 500


class Nameable(Protocol):
    """A database in messages: its text names it, without the password."""

    def without_password(self, text: str) -> str:
        """The text of a driver's error with the password masked."""


@dataclasses.dataclass(frozen=True)
class RetryPolicy:
    """How often a query is tried while the database is away, with random exponential delays.

    The defaults try for about a minute: a failover of a managed database takes up to that long,
    and a Beam bundle that waits longer holds up its watermark.
    """

    attempts: int = 8
    first_delay_seconds: float = 0.5
    longest_delay_seconds: float = 20.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            message = f"attempts is {self.attempts!r}; expected at least 1"
            raise ValueError(message)


DEFAULT_RETRY = RetryPolicy()


def with_retries(
    work: Callable[[], _T],
    database: Nameable,
    what: str,
    policy: RetryPolicy,
    sleep: Callable[[float], None] = time.sleep,
    on_retry: Callable[[], None] = lambda: None,
) -> _T:
    """What `work` returns, tried again while the database is away.

    Args:
        what: names the thing looked up, for messages.

    Raises LookupUnavailable after the last attempt; at once LookupAccessError, LookupQueryError
    and RefusedKeyError (the database refuses a bound value).
    """

    def tell(state: tenacity.RetryCallState) -> None:
        on_retry()
        error = state.outcome.exception() if state.outcome else None
        delay = state.next_action.sleep if state.next_action else 0
        _LOGGER.warning(
            "%s: looking up %s, attempt %d of %d: %s; next attempt in %.1f s",
            database,
            what,
            state.attempt_number,
            policy.attempts,
            database.without_password(_text(error)),
            delay,
        )

    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(policy.attempts),
        wait=tenacity.wait_random_exponential(
            multiplier=policy.first_delay_seconds, max=policy.longest_delay_seconds
        ),
        retry=tenacity.retry_if_exception(_is_worth_a_retry),
        sleep=sleep,
        before_sleep=tell,
        reraise=True,
    )
    try:
        return retrying(work)
    except (sqlalchemy.exc.SQLAlchemyError, OSError) as error:
        found = _translated(error, database, what, policy.attempts)
        # The driver's error would be printed with ours: only when it says no secret.
        hides_nothing = database.without_password(str(error)) == str(error)
        raise found from (error if hides_nothing else None)


def _is_worth_a_retry(error: BaseException) -> bool:
    known = isinstance(error, (sqlalchemy.exc.SQLAlchemyError, OSError))
    return known and classify(error) is Recovery.RETRY


def _text(error: BaseException | None) -> str:
    original = getattr(error, "orig", None)
    return str(original if original is not None else error).strip()


def _translated(error: Exception, database: Nameable, what: str, attempts: int) -> DatabaseError:
    recovery = classify(error)
    told = database.without_password(_text(error))
    statement = (getattr(error, "statement", None) or "")[:_SHOWN_CHARACTERS]
    messages: Mapping[Recovery, str] = {
        Recovery.RETRY: (
            f"{database} is unavailable: looking up {what} was tried {attempts} times, the last "
            f"answer is {told!r}; check that the database is up and can be reached from the "
            "workers (address, port, firewall), then start the pipeline again"
        ),
        Recovery.ACCESS: (
            f"{database} refuses access to {what}: {told!r}; check user, password and the right "
            "to SELECT"
        ),
        Recovery.REFUSED_VALUE: f"{database} refuses a key for {what}: {told!r}",
        Recovery.QUERY: (
            f"{database} refuses the query for {what}: {told!r}; check table, columns and SQL"
            + (f": {statement}" if statement else "")
        ),
    }
    return ERRORS[recovery](messages[recovery])
