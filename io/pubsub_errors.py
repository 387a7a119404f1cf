"""What went wrong with Pub/Sub, sorted by what can be done about it."""

from __future__ import annotations

import enum

import grpc

from pipeline_io.pubsub_config import PubsubConfig

# What a message quotes of Pub/Sub's answer: some repeat the whole request.
_SHOWN_CHARACTERS = 500


class PubsubError(Exception):
    """Messages cannot be published: the pipeline stops."""


class PubsubUnavailable(PubsubError):
    """Pub/Sub took no messages for as long as was allowed: the pipeline stops."""


class PubsubAccessError(PubsubError):
    """The topic does not exist, or may not be published to: the pipeline stops."""


class Recovery(enum.Enum):
    """What can be done about a status code."""

    RETRY = "retry"
    BISECT = "bisect"
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


def recovery(code: grpc.StatusCode, details: str) -> Recovery:
    """What to do about a request that ended with `code`."""
    if any(text in details for text in _LOST_CREDENTIALS):
        return Recovery.STOP
    if code in _TO_RETRY:
        return Recovery.RETRY
    # Of a request that is invalid one message alone may be.
    return Recovery.BISECT if code is grpc.StatusCode.INVALID_ARGUMENT else Recovery.STOP


def shown(code: grpc.StatusCode, details: str) -> str:
    """An answer as messages quote it."""
    text = details if len(details) <= _SHOWN_CHARACTERS else details[:_SHOWN_CHARACTERS] + "…"
    return f"{code.name}: {text}" if text else code.name


def stop_error(config: PubsubConfig, code: grpc.StatusCode, details: str) -> PubsubError:
    """The error of an answer that no waiting mends, with the next step."""
    said = shown(code, details)
    if code is grpc.StatusCode.NOT_FOUND:
        message = f"{config} does not exist ({said}); create it: {_create_command(config)}"
        return PubsubAccessError(message)
    if code is grpc.StatusCode.PERMISSION_DENIED:
        message = (
            f"{config} may not be published to ({said}); grant the role Pub/Sub Publisher to the "
            f"account that the workers run as: {grant_command(config)}"
        )
        return PubsubAccessError(message)
    if code is grpc.StatusCode.UNAUTHENTICATED or recovery(code, details) is not recovery(code, ""):
        message = (
            f"{config}: Google does not accept the credentials ({said}); run `gcloud auth "
            "application-default login`, or give the workers a service account"
        )
        return PubsubAccessError(message)
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        message = f"{config} is refused as a topic ({said}); check the project's and its names"
        return PubsubError(message)
    message = f"{config} refuses messages for good: {said}; see the topic's page in the console"
    return PubsubError(message)


def unavailable_error(config: PubsubConfig, seconds: float, said: str) -> PubsubUnavailable:
    """The error after `seconds` of waiting."""
    if config.emulator:
        step = (
            f"start it: gcloud beta emulators pubsub start --host-port={config.emulator}; for the "
            "real service unset PUBSUB_EMULATOR_HOST and the option 'endpoint'"
        )
    else:
        step = (
            f"check that the workers can reach {config.address} (firewall, proxy, Private Google "
            "Access) and the project's quota; what was not confirmed is sent again by the next run"
        )
    where = f"the emulator at {config.emulator}" if config.emulator else config.address
    message = f"{config}: {where} took no messages for {seconds:.0f} s, the last answer is {said}"
    return PubsubUnavailable(f"{message}; {step}")


def grant_command(config: PubsubConfig) -> str:
    return (
        f"gcloud pubsub topics add-iam-policy-binding {config.topic} --project={config.project} "
        "--member=serviceAccount:ACCOUNT --role=roles/pubsub.publisher"
    )


def _create_command(config: PubsubConfig) -> str:
    if config.emulator:
        return f"curl -X PUT http://{config.emulator}/v1/{config.path}"
    return f"gcloud pubsub topics create {config.topic} --project={config.project}"
