"""How a job shows a schema registry who it is: a password, a token, or Google's token."""

from __future__ import annotations

import base64
import threading
from collections.abc import Generator
from typing import Any

import httpx

from pipeline_io.schema_registry_errors import Away, RegistryError
from pipeline_io.secrets import SecretError, read_secret

_GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class Login(httpx.Auth):
    """Puts credentials on requests; after a 401 they are read anew, once, and sent again.

    This one has none. Serves several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._headers: dict[str, str] | None = None
        # Everything that was ever sent: an old password is a secret, too.
        self._secrets: set[str] = set()

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        sent = self._current(stale=None)
        request.headers.update(sent)
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED and sent:
            # Rotated while the job runs: the secret holds the new one already.
            request.headers.update(self._current(stale=sent))
            yield request

    def hidden(self, text: str) -> str:
        """The text without the credentials, should a server repeat them."""
        with self._lock:
            secrets = sorted(self._secrets, key=len, reverse=True)
        for secret in secrets:
            text = text.replace(secret, "***")
        return text

    def read_headers(self) -> dict[str, str]:
        """The headers of a request that say who asks.

        Raises RegistryError if there is no secret.
        """
        return {}

    def keep_secret(self, *texts: str) -> None:
        """Has `hidden` mask the texts from now on. Called from `read_headers`."""
        self._secrets.update(text for text in texts if text)

    def _current(self, stale: dict[str, str] | None) -> dict[str, str]:
        with self._lock:
            # Another thread may have read them anew already.
            if self._headers is None or self._headers == stale:
                self._headers = self.read_headers()
            return self._headers


class BasicLogin(Login):
    """User and password."""

    def __init__(self, username: str, password: str) -> None:
        super().__init__()
        self._username = username
        self._reference = password

    def read_headers(self) -> dict[str, str]:
        password = _read(self._reference, "password")
        encoded = base64.b64encode(f"{self._username}:{password}".encode()).decode()
        self.keep_secret(password, encoded)
        return {"Authorization": f"Basic {encoded}"}


class BearerLogin(Login):
    """A token that a secret holds."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._reference = token

    def read_headers(self) -> dict[str, str]:
        token = _read(self._reference, "token").strip()
        if not token.isascii() or not token.isprintable() or " " in token:
            message = (
                f"schema registry: the token that {self._reference} holds has characters that no "
                "HTTP header can carry; expected one word of letters, digits and signs"
            )
            raise RegistryError(message)
        self.keep_secret(token)
        return {"Authorization": f"Bearer {token}"}


class GoogleLogin(Login):
    """The token of the account that the job runs as, for Managed Kafka's registry."""

    def __init__(self) -> None:
        super().__init__()
        self._credentials: Any = None

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers.update(self._fresh(force=False))
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            request.headers.update(self._fresh(force=True))
            yield request

    def _fresh(self, *, force: bool) -> dict[str, str]:
        import google.auth
        import google.auth.exceptions
        from google.auth.transport.requests import Request

        with self._lock:
            try:
                if self._credentials is None:
                    self._credentials, _ = google.auth.default(scopes=[_GOOGLE_SCOPE])
                if force:
                    self._credentials.refresh(Request())
                headers: dict[str, str] = {}
                # It refreshes a token that is about to expire.
                self._credentials.before_request(Request(), "GET", "", headers)
            except google.auth.exceptions.TransportError as error:
                message = f"Google's token service is away ({type(error).__name__})"
                raise Away(message) from None
            except google.auth.exceptions.GoogleAuthError as error:
                if error.retryable:
                    message = f"Google's token service is away ({type(error).__name__})"
                    raise Away(message) from None
                message = (
                    f"schema registry: no token of Google ({type(error).__name__}); run as a "
                    "service account, or `gcloud auth application-default login` locally"
                )
                raise RegistryError(message) from None
            self.keep_secret(headers.get("authorization", "").removeprefix("Bearer "))
            return headers


def _read(reference: str, what: str) -> str:
    try:
        return read_secret(reference)
    except SecretError as error:
        message = f"schema registry: its {what} cannot be read: {error}"
        raise RegistryError(message) from error
