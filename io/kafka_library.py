"""librdkafka's own C API, as the Python client has loaded it, where it can be reached."""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

import confluent_kafka

from pipeline_io.kafka_errors import KafkaConfigError, did_you_mean

CLIENT_VARIABLE = "KAMIFLOW_KAFKA_CLIENT"
"""Who hands over records and messages: LIBRDKAFKA, the default, or PYTHON."""
LIBRDKAFKA, PYTHON = "librdkafka", "python"

_POINTER, _TEXT, _INT = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
_SIZE = ctypes.c_size_t

# Results and arguments, as rdkafka.h declares them.
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "conf_destroy": (None, [_POINTER]),
    "conf_new": (_POINTER, []),
    "conf_set": (_INT, [_POINTER, _TEXT, _TEXT, _POINTER, _SIZE]),
    "conf_set_events": (None, [_POINTER, _INT]),
    "conf_set_log_cb": (None, [_POINTER, _POINTER]),
    "destroy": (None, [_POINTER]),
    "err2str": (_TEXT, [_INT]),
    "error_destroy": (None, [_POINTER]),
    "error_string": (_TEXT, [_POINTER]),
    "event_destroy": (None, [_POINTER]),
    "event_error": (_INT, [_POINTER]),
    "event_error_string": (_TEXT, [_POINTER]),
    "event_message_next": (_POINTER, [_POINTER]),
    "event_type": (_INT, [_POINTER]),
    "fatal_error": (_INT, [_POINTER, _POINTER, _SIZE]),
    "flush": (_INT, [_POINTER, _INT]),
    "name": (_POINTER, [_POINTER]),
    "new": (_POINTER, [_INT, _POINTER, _POINTER, _SIZE]),
    "outq_len": (_INT, [_POINTER]),
    "produce_batch": (_INT, [_POINTER, ctypes.c_int32, _INT, _POINTER, _INT]),
    "purge": (_INT, [_POINTER, _INT]),
    "queue_destroy": (None, [_POINTER]),
    "queue_forward": (None, [_POINTER, _POINTER]),
    "queue_get_main": (_POINTER, [_POINTER]),
    "queue_get_partition": (_POINTER, [_POINTER, _TEXT, ctypes.c_int32]),
    "queue_new": (_POINTER, [_POINTER]),
    "queue_poll": (_POINTER, [_POINTER, _INT]),
    "sasl_set_credentials": (_POINTER, [_POINTER, _TEXT, _TEXT]),
    "topic_destroy": (None, [_POINTER]),
    "topic_new": (_POINTER, [_POINTER, _TEXT, _POINTER]),
}


class Library:
    """The functions of rdkafka.h that are called here, without their prefix `rd_kafka_`.

    Raises AttributeError: the library is hidden in the Python client, as some builds have it.
    """

    def __init__(self) -> None:
        self._loaded = ctypes.CDLL(confluent_kafka.cimpl.__file__)
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._loaded, f"rd_kafka_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def address(self, name: str) -> int:
        """Where a function of the library begins, by its whole name."""
        return ctypes.cast(getattr(self._loaded, name), _POINTER).value or 0


def library() -> Library | None:
    """None where it cannot be reached, or is not wanted (CLIENT_VARIABLE); the Python client does
    the same then, in more time.

    Raises KafkaConfigError: the variable has another value.
    """
    wanted = os.environ.get(CLIENT_VARIABLE, LIBRDKAFKA)
    if wanted not in (LIBRDKAFKA, PYTHON):
        message = (
            f"the environment variable {CLIENT_VARIABLE} is {wanted!r}; "
            f"{did_you_mean(wanted, (LIBRDKAFKA, PYTHON))}"
        )
        raise KafkaConfigError(message)
    return _loaded() if wanted == LIBRDKAFKA else None


@functools.cache
def _loaded() -> Library | None:
    try:
        return Library()
    except (AttributeError, OSError):
        return None
