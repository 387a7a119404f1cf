"""Secrets that a configuration names."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from google.cloud import secretmanager
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcTransport,
)

from kami import secret_references
from kami.config_file import read_config
from kami.errors import ConfigurationError
from kami.secret_references import SecretReferenceError, secret_of_reference
from tests.io.secret_manager_server import Secrets, serving

NAME = "projects/bank/secrets/db-password"


def test_the_environment_and_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAMI_TEST", "päss")
    (tmp_path / "secret").write_text("of a file\r\n")
    assert secret_of_reference("KAMI_TEST") == secret_of_reference("env://KAMI_TEST") == "päss"
    assert secret_of_reference(f"file://{tmp_path / 'secret'}") == "of a file"
    for reference, said in (
        ("env://KAMI_OTHER", "'KAMI_OTHER' is not set; set it"),
        ("file:///nowhere", "is the secret mounted there"),
        ("vault://x", "expected NAME, env://NAME, file://PATH or secret://"),
    ):
        with pytest.raises(SecretReferenceError, match=said):
            secret_of_reference(reference)


def test_an_address_takes_its_password_from_secret_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = Secrets()
    secrets.versions[f"{NAME}/versions/latest"] = b"a/b@c\n"
    path = tmp_path / "kami.yaml"

    def config_of(reference: str) -> str:
        path.write_text(
            "warehouse: duckdb:w.duckdb\nsources:\n- name: shop\n  type: mysql\n"
            f"  url: mysql://kami:${{{reference}}}@db/shop\n"
        )
        return str(read_config(path).sources[0].url)

    with serving(secrets) as address, grpc.insecure_channel(address) as channel:
        client = secretmanager.SecretManagerServiceClient(
            transport=SecretManagerServiceGrpcTransport(channel=channel)
        )
        monkeypatch.setattr(secret_references, "secret_manager", lambda: client)
        assert config_of(f"secret://{NAME}") == "mysql://kami:a%2Fb%40c@db/shop"
        # Once a command, however often it is named.
        assert config_of(f"secret://{NAME}/versions/latest") == "mysql://kami:a%2Fb%40c@db/shop"
        assert len(secrets.asked) == 1
        secrets.failing = [grpc.StatusCode.PERMISSION_DENIED]
        with pytest.raises(ConfigurationError) as refused:
            config_of("secret://projects/bank/secrets/other")
    assert f"{path}:5:8: ${{secret://projects/bank/secrets/other}}: PermissionDenied" in str(
        refused.value
    )
    assert "Secret Manager Secret Accessor" in str(refused.value)
    assert "hunter2" not in str(refused.value)
