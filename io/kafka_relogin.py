"""A password that was rotated while a client runs: read again when brokers refuse the old one."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import confluent_kafka

from pipeline_io.secrets import SecretError, read_secret

_LOGGER = logging.getLogger(__name__)
_CODE = confluent_kafka.KafkaError
_LOGIN_CODES = frozenset({_CODE._AUTHENTICATION, _CODE.SASL_AUTHENTICATION_FAILED})  # noqa: SLF001
EVERY_SECONDS = 2.0
"""A client that is refused tries again every few moments, and each secret that is read costs."""


class Relogin:
    """Shows the brokers the password that a secret holds now, after they refused another one.

    Args:
        config: of the client, with the user and the password that it shows.
        reference: of the password's secret; None for other logins, which have none.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        reference: str | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._user = config.get("sasl.username")
        self._shown = config.get("sasl.password")
        self._reference = reference
        self._clock = clock
        self._asked = -EVERY_SECONDS
        self._new: str | None = None
        self._client: Callable[[], Any] = lambda: None

    def watch(self, client: Any) -> None:
        """Says whose password it is. Nothing here keeps a client that can be let go."""
        try:
            self._client = weakref.ref(client)
        except TypeError:
            # Consumers and producers know no such references; their users close them.
            self._client = lambda: client

    def mends(self, error: confluent_kafka.KafkaError) -> bool:
        """Whether an error of a client is a refused login, and its secret holds another password,
        which `show` shows. Raises nothing: a secret that cannot be read mends no login."""
        if error.code() not in _LOGIN_CODES or self._reference is None:
            return False
        now = self._clock()
        if now - self._asked < EVERY_SECONDS:
            return self._new is not None
        self._asked = now
        try:
            password = read_secret(self._reference)
        except SecretError as failed:
            _LOGGER.warning("Kafka's password cannot be read again: %s", failed)
            return False
        if password == self._shown:
            return False
        self._new = password
        return True

    def show(self) -> None:
        """Hands the new password to the client, if there is one. Not from a callback of the client:
        the library's own call is not made for that, and ends the process."""
        client = self._client()
        if self._new is None or client is None:
            return
        client.set_sasl_credentials(self._user, self._new)
        self._shown, self._new = self._new, None
        _LOGGER.warning(
            "the brokers refused the password of %s; %s holds another one now, which is shown",
            self._user,
            self._reference,
        )
