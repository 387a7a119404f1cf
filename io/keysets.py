"""Keys by reference: a file, a variable or Secret Manager has them, a KMS key may wrap them."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from pipeline_io.secrets import SCHEMES, SecretError, is_reference, read_secret

_KMS_KEY = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_KMS_SCHEME = "gcp-kms://"
_KMS_SECONDS = 30.0


@dataclasses.dataclass(frozen=True)
class KeysReference:
    """Where keys are: all of it that travels. Raises SecretError for what is no reference.

    reference: `file://`, `env://` or `secret://`. kms_key: the key in Cloud KMS that unwraps the
    keyset, as `gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K`; None for keys in the
    clear.
    """

    reference: str
    kms_key: str | None = None

    def __post_init__(self) -> None:
        if not is_reference(self.reference):
            message = f"keys are given by reference, as {' or '.join(SCHEMES)}, not as plain text"
            raise SecretError(message)
        if self.kms_key is not None and not _KMS_KEY.fullmatch(self._kms_name):
            message = (
                f"{self.kms_key!r} names no key of Cloud KMS: expected "
                f"{_KMS_SCHEME}projects/P/locations/L/keyRings/R/cryptoKeys/K"
            )
            raise SecretError(message)

    def __str__(self) -> str:
        return self.reference if self.kms_key is None else f"{self.reference}, {self.kms_key}"

    @property
    def _kms_name(self) -> str:
        return (self.kms_key or "").removeprefix(_KMS_SCHEME)

    def read(self) -> str:
        """The document with the keys. Raises SecretError."""
        return read_secret(self.reference)

    def unwrap(self, wrapped: bytes) -> bytes:
        """What Cloud KMS decrypts the bytes to. Raises SecretError."""
        if self.kms_key is None:
            message = f"{self.reference}: the keyset is wrapped; name the KMS key that unwraps it"
            raise SecretError(message)
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        request = {"name": self._kms_name, "ciphertext": wrapped}
        try:
            answer = kms_client().decrypt(request=request, timeout=_KMS_SECONDS)
        except (GoogleAPIError, GoogleAuthError) as error:
            # What KMS says may be long, and its class tells what is to be done.
            message = (
                f"{self.kms_key}: {type(error).__name__}; expected the key that {self.reference} "
                "was wrapped by, and the role Cloud KMS CryptoKey Decrypter"
            )
            raise SecretError(message) from error
        plain: bytes = answer.plaintext
        return plain


def kms_client() -> Any:
    """Cloud KMS's client, of the identity that the machine has."""
    from google.cloud import kms

    return kms.KeyManagementServiceClient()
