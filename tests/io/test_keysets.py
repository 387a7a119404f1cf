"""Keys by reference, and keysets that Cloud KMS unwraps: asked over gRPC, of a server of KMS's own
messages."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
import tink  # type: ignore[import-untyped]
from google.cloud import kms
from google.cloud.kms_v1.services.key_management_service.transports import (
    KeyManagementServiceGrpcTransport,
)
from tink import aead, cleartext_keyset_handle, json_proto_keyset_format

from pipeline_io import keysets
from pipeline_io.keysets import KeysReference
from pipeline_io.secrets import SecretError
from tests.transforms.encryption_vectors import KEYS, PLACE, keys_of, secrets_of
from transforms.encryption_ring import KeyRing

KEY = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"
URI = f"gcp-kms://{KEY}"


class Kms(grpc.GenericRpcHandler):
    """Decrypts with one key, and refuses every other."""

    def __init__(self) -> None:
        aead.register()
        template = aead.aead_key_templates.AES256_GCM
        self.wrapper: Any = tink.new_keyset_handle(template).primitive(aead.Aead)
        self.asked: list[str] = []

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        if details.method != "/google.cloud.kms.v1.KeyManagementService/Decrypt":
            return None
        return grpc.unary_unary_rpc_method_handler(
            self.decrypt, kms.DecryptRequest.deserialize, kms.DecryptResponse.serialize
        )

    def decrypt(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.asked.append(request.name)
        if request.name != KEY:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "denied: the secret detail")
        return kms.DecryptResponse(plaintext=self.wrapper.decrypt(request.ciphertext, b""))

    def wrapped(self, keyset: dict[str, Any]) -> str:
        handle = cleartext_keyset_handle.read(tink.JsonKeysetReader(json.dumps(keyset)))
        text: str = json_proto_keyset_format.serialize_encrypted(handle, self.wrapper, b"")
        return text


@pytest.fixture
def cloud_kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kms]:
    handler = Kms()
    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    client = kms.KeyManagementServiceClient(
        transport=KeyManagementServiceGrpcTransport(channel=channel)
    )
    monkeypatch.setattr(keysets, "kms_client", lambda: client)
    yield handler
    channel.close()
    server.stop(None)


def test_a_keyset_that_kms_has_wrapped_decrypts(cloud_kms: Kms, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(cloud_kms.wrapped(KEYS["tink_gcm"]))
    source = KeysReference(f"file://{file}", URI)
    ring = KeyRing(source)
    field = keys_of("tink_gcm").encrypt("a", PLACE)
    assert ring.decrypt(ring.keys(), field, PLACE) == "a"
    assert cloud_kms.asked == [KEY]
    again = pickle.dumps((source, ring))
    for secret in secrets_of(KEYS["tink_gcm"]):
        assert secret.encode() not in again
        assert secret not in repr((source, ring))


def test_a_kms_that_denies_is_told_with_what_to_do(cloud_kms: Kms, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(cloud_kms.wrapped(KEYS["tink_gcm"]))
    source = KeysReference(f"file://{file}", URI[:-1] + "other")
    with pytest.raises(SecretError, match=r"PermissionDenied.*CryptoKey Decrypter") as refused:
        KeyRing(source).keys()
    assert "the secret detail" not in str(refused.value)


def test_a_wrapped_keyset_needs_a_kms_key(cloud_kms: Kms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRAPPED", cloud_kms.wrapped(KEYS["tink_siv"]))
    with pytest.raises(ValueError, match="name the KMS key"):
        KeyRing(KeysReference("env://WRAPPED")).keys()


def test_a_rotated_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    platform = KEYS["platform"]
    file.write_text(json.dumps({"keys": {"1": platform["keys"]["1"]}}))
    source = KeysReference(f"file://{file}")
    assert KeyRing(source).keys().names == ("1",)
    file.write_text(json.dumps(platform))
    assert KeyRing(source).keys().names == ("2", "1")


def test_what_is_no_reference_is_refused_and_not_shown() -> None:
    with pytest.raises(SecretError, match="by reference") as refused:
        KeysReference(json.dumps(KEYS["platform"]))
    assert not [one for one in secrets_of(KEYS["platform"]) if one in str(refused.value)]


@pytest.mark.parametrize("name", ["", "k", "gcp-kms://projects/p", KEY + "/cryptoKeyVersions/1"])
def test_what_names_no_kms_key_is_refused(name: str) -> None:
    with pytest.raises(SecretError, match="names no key of Cloud KMS"):
        KeysReference("env://KEYS", name)


def test_keys_that_are_not_there_are_told_by_their_reference(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="missing"):
        KeyRing(KeysReference(f"file://{tmp_path}/missing")).keys()


def test_a_source_is_shown_as_its_reference() -> None:
    assert str(KeysReference("env://KEYS")) == "env://KEYS"
    assert str(KeysReference("env://KEYS", URI)) == f"env://KEYS, {URI}"
    assert hash(KeysReference("env://KEYS")) == hash(KeysReference("env://KEYS"))
