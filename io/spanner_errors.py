"""What went wrong with Spanner, sorted by what can be done about it."""

from __future__ import annotations

import google.auth.exceptions
from google.api_core import exceptions

from pipeline_io.spanner_config import SpannerConfig

# What a message quotes of Spanner's answer: some repeat a whole row.
_SHOWN_CHARACTERS = 500

ANSWERS = (
    exceptions.GoogleAPICallError,
    exceptions.RetryError,
    google.auth.exceptions.GoogleAuthError,
)
"""What a call to Spanner raises."""

_TO_RETRY = (
    exceptions.Aborted,
    exceptions.Cancelled,
    exceptions.DeadlineExceeded,
    exceptions.GatewayTimeout,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.RetryError,
    exceptions.ServiceUnavailable,
    exceptions.TooManyRequests,
    exceptions.Unknown,
    google.auth.exceptions.TransportError,
)

# Credentials that were revoked: gRPC gives UNAVAILABLE for whatever goes wrong with a token, and
# waiting does not bring these back.
_LOST_CREDENTIALS = ("invalid_grant", "Reauthentication is needed", "DefaultCredentialsError")


# gRPC's words, and Spanner's, for what no further try makes smaller.
_TOO_LARGE = "larger than"

# Values of a wrong type, constraints, sizes, too many mutations: what a row, or a commit, may lack.
_OF_ROWS = (
    exceptions.AlreadyExists,
    exceptions.FailedPrecondition,
    exceptions.InvalidArgument,
    exceptions.OutOfRange,
)
_NO_SUCH = (
    "Database not found",
    "Instance not found",
    "Table not found",
    "Column not found",
    "Unrecognized name",
)


class SpannerError(Exception):
    """Spanner cannot be used as it was asked to: who asked stops."""


class SpannerUnavailable(SpannerError):
    """Spanner did not answer for as long as was allowed."""


class SpannerAccessError(SpannerError):
    """A database or an instance does not exist, or may not be used."""


class SpannerSchemaError(SpannerError):
    """A table, a column or a type is not as it is needed."""


class RefusedRows(SpannerError):
    """Spanner refuses a commit for what is in its rows; fewer rows may pass.

    error_class: Spanner's name of the refusal, such as INVALID_ARGUMENT.
    """

    def __init__(self, message: str, error_class: str) -> None:
        super().__init__(message)
        self.error_class = error_class


def worth_a_retry(error: BaseException) -> bool:
    """Whether the same request may succeed a little later."""
    hopeless = any(text in str(error) for text in (*_LOST_CREDENTIALS, _TOO_LARGE))
    return isinstance(error, _TO_RETRY) and not hopeless


def no_session(error: BaseException) -> bool:
    """Whether Spanner has dropped the session: it does after an hour without use."""
    return isinstance(error, exceptions.NotFound) and "Session not found" in str(error)


def code_of(error: BaseException) -> str:
    """gRPC's name of an answer, such as NOT_FOUND; the class of an error that is none."""
    code = getattr(error, "grpc_status_code", None)
    return str(code.name) if code is not None else type(error).__name__


def shown(error: BaseException) -> str:
    """An answer as messages quote it."""
    text = getattr(error, "message", None) or str(error)
    text = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
    return f"{code_of(error)}: {text}"


def stop_error(config: SpannerConfig, what: str, error: BaseException) -> SpannerError:
    """The error of an answer that no waiting mends, with the next step.

    what: what could not be done, such as "the table 'orders' cannot be read".
    """
    said = shown(error)
    if isinstance(error, exceptions.PermissionDenied):
        message = (
            f"{what}: {config} does not allow it ({said}); grant the account the role Cloud "
            f"Spanner Database User: {_grant_command(config)}"
        )
        return SpannerAccessError(message)
    if _without_credentials(error):
        message = (
            f"{what}: there are no Google credentials that {config} accepts ({said}); run `gcloud "
            "auth application-default login`, or give the workers a service account; for an "
            "emulator set SPANNER_EMULATOR_HOST"
        )
        return SpannerAccessError(message)
    if isinstance(error, exceptions.NotFound):
        if any(text in said for text in ("Database not found", "Instance not found")):
            message = (
                f"{what}: {config} does not exist ({said}); see `gcloud spanner databases list "
                f"--instance={config.instance} --project={config.project}`"
            )
            return SpannerAccessError(message)
        message = f"{what}: {config} has no such thing ({said}); check the names"
        return SpannerSchemaError(message)
    if isinstance(error, exceptions.InvalidArgument):
        message = f"{what}: {config} does not understand it ({said}); check table, columns and SQL"
        return SpannerSchemaError(message)
    message = f"{what}: {config} refuses it ({said}); see the database's page in the console"
    return SpannerError(message)


def refused_rows(config: SpannerConfig, what: str, error: BaseException) -> RefusedRows | None:
    """The error of a commit that is refused for its rows alone; None where something else is."""
    if isinstance(error, exceptions.NotFound):
        # A row whose parent row is missing is not found either.
        if no_session(error) or any(text in str(error) for text in _NO_SUCH):
            return None
    elif not isinstance(error, _OF_ROWS) and _TOO_LARGE not in str(error):
        return None
    return RefusedRows(f"{what}: {config} refuses it ({shown(error)})", code_of(error))


def unavailable_error(
    config: SpannerConfig, what: str, seconds: float, said: str
) -> SpannerUnavailable:
    """The error after `seconds` of waiting; `said` is the last answer."""
    if config.emulator:
        step = (
            f"start the emulator at {config.emulator}; for the real service unset "
            "SPANNER_EMULATOR_HOST"
        )
    elif said.startswith(("RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED")):
        step = "see the instance's load in the console, and give it more nodes or ask for less"
    elif said.startswith("ABORTED"):
        step = (
            "others change the same rows all the time; let fewer of them write, or make batches "
            "smaller"
        )
    else:
        step = (
            f"check that {config.address} can be reached from here (firewall, proxy, Private "
            "Google Access)"
        )
    message = (
        f"{what}: {config} has not done it for {seconds:.0f} s, the last answer is {said}; {step}"
    )
    return SpannerUnavailable(message)


def _without_credentials(error: BaseException) -> bool:
    lost = any(text in str(error) for text in _LOST_CREDENTIALS)
    known = (exceptions.Unauthenticated, google.auth.exceptions.GoogleAuthError)
    return lost or isinstance(error, known)


def _grant_command(config: SpannerConfig) -> str:
    return (
        f"gcloud spanner databases add-iam-policy-binding {config.database} "
        f"--instance={config.instance} --project={config.project} "
        "--member=serviceAccount:ACCOUNT --role=roles/spanner.databaseUser"
    )
