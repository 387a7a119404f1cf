"""The field format of kryptonite-for-kafka: base64 of an envelope around Tink's ciphertext.

Two envelopes: "k2" (0.7.0) has a header of its own, "k1" (before) is a Kryo object. The plaintext
is a value of Kryo's, the associated data are version, algorithm and key of the envelope.
"""

from __future__ import annotations

from collections.abc import Mapping

from transforms.encryption_kryo import (
    EncryptedField,
    Value,
    read_field,
    read_value,
)
from transforms.encryption_kryo_versions import PLAIN, KryoError
from transforms.encryption_kryo_write import write_value
from transforms.encryption_tink import TinkKeyset
from transforms.encryption_values import FieldRefused, UnknownKey, base64_text, bytes_of_base64

FORM = "kryptonite-for-kafka"
_MAGIC = b"k2"
_VERSIONS = ("k1", "k2")
_KRYO = b"00"
_SERDES = {_KRYO: "KRYO", b"01": "AVRO"}
_GCM, _SIV = "02", "03"
_ALGORITHMS = {
    _GCM: "TINK/AES_GCM",
    _SIV: "TINK/AES_GCM_SIV",
    "04": "CUSTOM/MYSTO_FPE_FF3_1",
    "05": "TINK/AES_GCM_ENVELOPE_KEYSET",
    "06": "TINK/AES_GCM_ENVELOPE_KMS",
}
_HEADER_BYTES = 7


class KryptoniteKeys:
    """Keysets by their identifiers; the first encrypts."""

    form = FORM

    def __init__(self, keysets: Mapping[str, TinkKeyset]) -> None:
        if not keysets:
            message = "expected one key or more"
            raise ValueError(message)
        self._keysets = dict(keysets)
        self.names = tuple(self._keysets)

    def __repr__(self) -> str:
        return f"KryptoniteKeys({', '.join(self.names)})"

    def decrypt(self, text: str, associated: bytes) -> Value:
        """The value of a field; the form has associated data of its own. Raises FieldRefused."""
        field = _envelope(bytes_of_base64(text, "an envelope"))
        keyset = self._keysets.get(field.key)
        if keyset is None:
            message = f"there is no key of this identifier; the keys are {', '.join(self.names)}"
            raise UnknownKey(message, field.key)
        if field.algorithm != (_SIV if keyset.is_deterministic else _GCM):
            wanted = _ALGORITHMS.get(field.algorithm, "unknown")
            message = f"its algorithm {field.algorithm} ({wanted}) is not the key's"
            raise FieldRefused(message, field.key)
        own = f"{field.version}{field.algorithm}{field.key}".encode()
        try:
            return read_value(keyset.open(field.ciphertext, own, field.key), PLAIN)
        except KryoError as error:
            message = f"it decrypts, and is no value: {error}"
            raise FieldRefused(message, field.key) from None

    def encrypt(self, value: Value, associated: bytes) -> str:
        """The field of a value, in the envelope k2. Raises FieldRefused."""
        key = self.names[0]
        keyset = self._keysets[key]
        algorithm = _SIV if keyset.is_deterministic else _GCM
        try:
            plain = write_value(value, PLAIN, has_byte_class=True)
        except KryoError as error:
            raise FieldRefused(str(error), key) from None
        sealed = keyset.seal(plain, f"{_MAGIC.decode()}{algorithm}{key}".encode())
        name = key.encode()
        head = _MAGIC + _KRYO + algorithm.encode() + bytes([len(name)]) + name
        return base64_text(head + sealed)


def _envelope(data: bytes) -> EncryptedField:
    if not data.startswith(_MAGIC):
        return _first_envelope(data)
    name_end = _HEADER_BYTES + data[_HEADER_BYTES - 1] if len(data) >= _HEADER_BYTES else 0
    try:
        algorithm, key = data[4:6].decode("ascii"), data[_HEADER_BYTES:name_end].decode()
    except UnicodeDecodeError:
        name_end = 0
    if not name_end or len(data) <= name_end:
        message = f"it is not of this form: no header of {FORM}'s k2"
        raise FieldRefused(message)
    serde = data[2:4]
    if serde != _KRYO:
        told = _SERDES.get(serde, "unknown")
        message = (
            f"its value was written with serde {told}, and KRYO alone is read; set "
            "serde_type=KRYO where it is encrypted"
        )
        raise FieldRefused(message, key)
    return EncryptedField(data[name_end:], algorithm, key, _MAGIC.decode())


def _first_envelope(data: bytes) -> EncryptedField:
    try:
        field = read_field(data)
    except KryoError as error:
        message = f"it is not of this form: neither k2, nor k1: {error}"
        raise FieldRefused(message) from None
    if field.version not in _VERSIONS:
        message = "it is not of this form: its version is neither k1 nor k2"
        raise FieldRefused(message)
    return field
