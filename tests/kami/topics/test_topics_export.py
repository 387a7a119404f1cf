"""What is exported of a cluster is a file by which nothing differs."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis
import pytest
import yaml

from kami.errors import ConfigurationError
from kami.topics_export import exported
from kami.topics_file import read_connection, read_wanted
from kami.topics_plan import plan_of
from kami.topics_state import ClusterState
from kami.topics_wanted import Acl, Managed
from tests.kami.topics.any_cluster import states
from tests.kami.topics.model_cluster import topic_state

# A machine that is busy with something else is no failure of a property.
EXAMPLES = hypothesis.settings(
    max_examples=40, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
ALL = Managed(("*",), ("*",), ("*",))
CONNECTION = {"brokers": "one:9092", "client": {"sasl.password": "${HUSH}"}}


@EXAMPLES
@hypothesis.given(states())
def test_nothing_differs_by_the_file_that_was_exported(state: ClusterState) -> None:
    text, notes = exported(state, ALL, {"brokers": "one:9092"})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "topics.yaml"
        path.write_text(text, encoding="utf-8")
        found = plan_of(state, read_wanted(path))
    assert notes == []
    assert found.differences == ()
    assert found.refusals == ()


def test_the_file_says_what_was_set_and_no_password() -> None:
    rule = Acl("User:shop", "*", "READ", "ALLOW", "topic", "shop.", "PREFIXED")
    useless = Acl("User:shop", "*", "WRITE", "ALLOW", "group", "shop", "LITERAL")
    elsewhere = Acl("User:shop", "host.example", "READ", "ALLOW", "topic", "shop", "LITERAL")
    state = ClusterState(
        topics={"shop.a": topic_state(2, retention_ms="-1", cleanup_policy="compact,delete")}
        | {"connect-offsets": topic_state(), "bank": topic_state()},
        acls=frozenset({rule, useless, elsewhere}),
        users={("shop-loader", "SCRAM-SHA-256"): 8192},
    )
    text, notes = exported(state, Managed(("shop*", "connect*"), ("*",), ("*",)), CONNECTION)
    document = yaml.safe_load(text)
    assert list(document) == ["brokers", "client", "manage", "topics", "acls", "users"]
    assert document["client"] == CONNECTION["client"]
    assert document["topics"] == [
        {
            "name": "shop.a",
            "partitions": 2,
            "replication_factor": 1,
            "configs": {"cleanup.policy": "compact,delete", "retention.ms": -1},
        }
    ]
    assert [one["operation"] for one in document["acls"]] == [["READ"]]
    (loader,) = document["users"]
    reference = "env://SHOP_LOADER_PASSWORD"
    assert loader["password"] == reference
    assert notes == [f"{acl}: nothing ever asks for it" for acl in sorted([useless, elsewhere])]


def test_the_connection_is_copied_with_its_references(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUSH", "hush-hush")
    path = tmp_path / "connection.yaml"
    path.write_text(yaml.safe_dump({**CONNECTION, "topics": "not looked at"}), encoding="utf-8")
    found = read_connection(path)
    assert found.written == CONNECTION
    assert found.wanted.client == {"sasl.password": "hush-hush"}
    path.write_text("client: {}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="the key 'brokers' is missing"):
        read_connection(path)
