"""What went wrong with BigQuery, sorted by what can be done about it."""

from __future__ import annotations

import enum

import grpc

from pipeline_io.bigquery_config import BigQueryConfig

# What a message quotes of BigQuery's answer: some repeat the whole request.
_SHOWN_CHARACTERS = 500


class BigQueryError(Exception):
    """Rows cannot be written: the pipeline stops."""


class BigQueryUnavailable(BigQueryError):
    """BigQuery took no rows for as long as was allowed: the pipeline stops."""


class BigQueryAccessError(BigQueryError):
    """A table or its dataset does not exist, or may not be written to: the pipeline stops."""


class BigQuerySchemaError(BigQueryError):
    """A table's columns are not those of the rows: the pipeline stops."""


class Recovery(enum.Enum):
    """What can be done about a status code."""

    RETRY = "retry"
    BISECT = "bisect"
    STORED = "stored"
    GAP = "gap"
    STOP = "stop"


_TO_RETRY = frozenset(
    {
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    }
)

# Credentials that were revoked: gRPC gives UNAVAILABLE for whatever goes wrong with a token, and
# waiting does not bring these back.
_LOST_CREDENTIALS = ("invalid_grant", "Reauthentication is needed", "DefaultCredentialsError")

# gRPC's own words for a request over the server's bound: smaller ones may pass, waiting is no use.
_TOO_LARGE = "larger than max"


def recovery(code: grpc.StatusCode, details: str) -> Recovery:
    """What to do about an append that was answered with `code`."""
    if any(text in details for text in _LOST_CREDENTIALS):
        return Recovery.STOP
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE in details:
        return Recovery.BISECT
    if code in _TO_RETRY:
        return Recovery.RETRY
    return {
        grpc.StatusCode.INVALID_ARGUMENT: Recovery.BISECT,
        grpc.StatusCode.ALREADY_EXISTS: Recovery.STORED,
        grpc.StatusCode.OUT_OF_RANGE: Recovery.GAP,
    }.get(code, Recovery.STOP)


def may_be_new(code: grpc.StatusCode, details: str) -> bool:
    """Whether a table that was made a moment ago may be answered so: it is seen a little later."""
    return code is grpc.StatusCode.NOT_FOUND or (
        code is grpc.StatusCode.PERMISSION_DENIED and "may not exist" in details
    )


def shown(code: grpc.StatusCode, details: str) -> str:
    """An answer as messages quote it."""
    text = details if len(details) <= _SHOWN_CHARACTERS else details[:_SHOWN_CHARACTERS] + "…"
    return f"{code.name}: {text}" if text else code.name


def stop_error(
    config: BigQueryConfig, what: str, code: grpc.StatusCode, details: str
) -> BigQueryError:
    """The error of an answer that no waiting mends, with the next step.

    what: what could not be done, such as "rows are not taken by the BigQuery table shop.orders".
    """
    said = shown(code, details)
    if code is grpc.StatusCode.NOT_FOUND:
        message = (
            f"{what}: it does not exist ({said}); check the project {config.project!r} and the "
            f"dataset {config.dataset!r}, and whether somebody has dropped the table"
        )
        return BigQueryAccessError(message)
    if code is grpc.StatusCode.PERMISSION_DENIED:
        message = (
            f"{what}: it is not allowed ({said}); check the project {config.project!r}, and grant "
            f"the role BigQuery Data Editor to the account that the workers run as: "
            f"{grant_command(config)}"
        )
        return BigQueryAccessError(message)
    if code is grpc.StatusCode.UNAUTHENTICATED or recovery(code, details) is not recovery(code, ""):
        message = (
            f"{what}: Google does not accept the credentials ({said}); run `gcloud auth "
            "application-default login`, or give the workers a service account"
        )
        return BigQueryAccessError(message)
    message = f"{what}: {said}; see the table in the console, and the dataset's audit log"
    return BigQueryError(message)


def unavailable_error(
    config: BigQueryConfig, what: str, seconds: float, said: str
) -> BigQueryError:
    """The error after `seconds` of waiting; `said` is the last answer."""
    if config.emulator:
        step = (
            f"start the emulator at {config.emulator}; for the real service unset "
            "BIGQUERY_EMULATOR_HOST"
        )
    elif said.startswith(grpc.StatusCode.RESOURCE_EXHAUSTED.name):
        step = (
            "see the project's quotas of the BigQuery Storage Write API, and ask for more, or run "
            "fewer workers"
        )
    else:
        step = (
            f"check that the workers can reach {config.address} (firewall, proxy, Private Google "
            "Access)"
        )
    message = (
        f"{what}: for {seconds:.0f} s now, the last answer is {said}; {step}; what was not "
        "confirmed is written again by the next run"
    )
    return BigQueryUnavailable(message)


def columns_error(table: str, said: str) -> BigQuerySchemaError:
    """The error of rows with columns that their table lacks, whatever is waited for."""
    message = (
        f"{table} does not have the columns of the rows ({said}); see whether somebody has dropped "
        "a column, and start again: missing columns are added at the start"
    )
    return BigQuerySchemaError(message)


def lost_stream_error(table: str, rows: int, said: str) -> BigQueryError:
    """The error of a stream that is gone with rows that may be in the table or not."""
    message = (
        f"a stream of {table} is gone ({said}) with {rows} rows under way, and nothing tells "
        "whether they are stored; the next run writes them again, and repeats have the same "
        "_event_id"
    )
    return BigQueryError(message)


def grant_command(config: BigQueryConfig) -> str:
    return (
        f"gcloud projects add-iam-policy-binding {config.project} "
        "--member=serviceAccount:ACCOUNT --role=roles/bigquery.dataEditor"
    )
