"""A file of topics: what it says, and what is told of mistakes in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kami.errors import ConfigurationError
from kami.topics_file import read_wanted
from kami.topics_wanted import EARLIEST, LATEST, Acl, Managed, Target, Wanted

WHOLE = """\
brokers: [one:9092, "two:9092"]
client:
  security.protocol: SASL_SSL
  sasl.username: ${KAFKA_USER}
  sasl.password: env://KAFKA_PASSWORD
  enable.ssl.certificate.verification: no
manage:
  topics: [shop.*]
  acls: "User:shop*"
  exclude: shop.keep
defaults:
  partitions: 6
  replication_factor: 3
  configs: {min.insync.replicas: 2, retention.ms: -1}
topics:
  - name: shop.orders
    partitions: 12
    configs: {cleanup.policy: [compact, delete], preallocate: yes, retention.ms: null}
  - {name: shop.log, replication_factor: 1, keyed: false, configs: {compression.type: ''}}
acls:
  - {principal: "User:shop", operation: [READ, WRITE], resource_type: topic, name: shop.,
     pattern: PREFIXED, host: 10.0.0.7}
  - {principal: "User:*", operation: DESCRIBE, permission: DENY, resource_type: cluster}
users:
  - {name: shop, mechanism: SCRAM-SHA-512, iterations: 8192, password: "${SHOP_PASSWORD}"}
groups:
  - name: loader
    offsets:
      shop.orders: {0: latest, 3: 1200, 4: 2026-01-01T01:00:00+01:00}
      shop.log: earliest
      shop.more: 1970-01-01T00:00:01.5Z
"""


def read(path: Path, text: str) -> Wanted:
    file = path / "topics.yaml"
    file.write_text(text, encoding="utf-8")
    return read_wanted(file)


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wanted:
    monkeypatch.setenv("KAFKA_USER", "kami")
    monkeypatch.setenv("KAFKA_PASSWORD", "hush-hush")
    return read(tmp_path, WHOLE)


def test_brokers_and_properties(whole: Wanted) -> None:
    assert whole.brokers == "one:9092,two:9092"
    assert whole.client == {
        "security.protocol": "SASL_SSL",
        "sasl.username": "kami",
        "sasl.password": "hush-hush",
        "enable.ssl.certificate.verification": "false",
    }
    assert "hush-hush" not in repr(whole)
    assert whole.manage == Managed(("shop.*",), ("User:shop*",), (), ("shop.keep",))


def test_topics_have_the_defaults_that_they_do_not_replace(whole: Wanted) -> None:
    orders, log = whole.topics
    assert (orders.partitions, orders.replication_factor, orders.keyed) == (12, 3, True)
    assert dict(orders.configs) == {
        "cleanup.policy": "compact,delete",
        "min.insync.replicas": "2",
        "preallocate": "true",
        "retention.ms": None,
    }
    assert orders.place.endswith("topics.yaml:16:5")
    assert orders.places["min.insync.replicas"].endswith("topics.yaml:14:34")
    assert (log.partitions, log.replication_factor, log.keyed) == (6, 1, False)
    assert dict(log.configs)["compression.type"] == ""


def test_a_rule_for_each_operation(whole: Wanted) -> None:
    assert [one.acl for one in whole.acls] == [
        Acl("User:shop", "10.0.0.7", "READ", "ALLOW", "topic", "shop.", "PREFIXED"),
        Acl("User:shop", "10.0.0.7", "WRITE", "ALLOW", "topic", "shop.", "PREFIXED"),
        Acl("User:*", "*", "DESCRIBE", "DENY", "cluster", "kafka-cluster", "LITERAL"),
    ]


def test_a_users_password_is_read_when_it_is_needed(
    whole: Wanted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (user,) = whole.users
    assert (user.name, user.mechanism, user.iterations) == ("shop", "SCRAM-SHA-512", 8192)
    assert user.password is not None
    with pytest.raises(ConfigurationError, match="'SHOP_PASSWORD' is not set"):
        user.password.read()
    monkeypatch.setenv("SHOP_PASSWORD", "one")
    assert user.password.read() == "one"
    secret = tmp_path / "secret"
    secret.write_text("two\n", encoding="utf-8")
    for reference in (f"file://{secret}", f"${{file://{secret}}}"):
        text = f"""\
brokers: a:1
users: [{{name: u, mechanism: SCRAM-SHA-256, password: "{reference}"}}]
"""
        (user,) = read(tmp_path, text).users
        assert user.password is not None
        assert user.password.read() == "two"


def test_offsets_of_groups(whole: Wanted) -> None:
    (group,) = whole.groups
    assert [(one.topic, one.partition, one.target) for one in group.offsets] == [
        ("shop.orders", 0, LATEST),
        ("shop.orders", 3, Target("offset", 1200)),
        ("shop.orders", 4, Target("time", 1767225600000)),
        ("shop.log", None, EARLIEST),
        ("shop.more", None, Target("time", 1500)),
    ]


ACL = 'principal: "User:a", operation: READ, resource_type: topic, name: t'
USER = "name: u, mechanism: SCRAM-SHA-256, password: env://U"
MISTAKES = {
    "": ":1:1: the file is empty",
    "brokers: [": ":1:11: this is no YAML",
    "topics: []": ":1:1: the key 'brokers' is missing",
    "brokers: a:1\ntopic: []": ":2:1: the key 'topic' is unknown; did you mean 'topics'",
    "brokers: a": ":1:10: the broker is 'a'; expected HOST:PORT",
    "brokers: a:1\nclient:\n  sasl.password: hush": ":3:18: a password is given by reference",
    "brokers: a:1\nclient: {bootstrap.servers: b:1}": ":2:29: the brokers' addresses",
    "brokers: a:1\ntopics: [{name: a}]": ":2:10: the key 'partitions' is missing",
    "brokers: a:1\ntopics: [{name: a, partitions: 0}]": ":2:32: expected a whole number of 1",
    "brokers: a:1\ntopics: [{name: a/b, partitions: 1}]": ":2:17: expected a name of at most",
    "brokers: a:1\ntopics: [{name: .., partitions: 1}]": ":2:17: expected a name of at most",
    "brokers: a:1\ntopics:\n- {name: a, partitions: 1}\n- {name: a, partitions: 1}": (
        "topics.yaml:4:3: the topic 'a' is here twice"
    ),
    "brokers: a:1\ntopics: [{name: a, partitions: 1, keyed: 3}]": ":2:42: expected true or false",
    "brokers: a:1\ntopics: [{name: a, partitions: 1, configs: {a: {b: c}}}]": (
        ":2:48: expected a list with at least one element"
    ),
    f"brokers: a:1\nacls: [{{{ACL}, pattern: PREFIX}}]": "expected one of LITERAL, PREFIXED",
    f"brokers: a:1\nacls: [{{{ACL}, host: example.com}}]": "expected '*' or one IP address",
    f"brokers: a:1\nacls: [{{{ACL}}}, {{{ACL}}}]": "User:a may READ topic t: this is here twice",
    f"brokers: a:1\nacls: [{{{ACL.replace('User:', '')}}}]": ":2:20: expected a principal with",
    f"brokers: a:1\nacls: [{{{ACL.replace('topic', 'topics')}}}]": "expected one of topic, group",
    f"brokers: a:1\nacls: [{{{ACL.replace('topic', 'cluster')}}}]": "the cluster's name is",
    f"brokers: a:1\nacls: [{{{ACL.replace('READ', 'WRITE').replace('topic', 'group')}}}]": (
        ":2:41: 'WRITE' is nothing that Kafka asks for of a group"
    ),
    f"brokers: a:1\nusers: [{{{USER}, iterations: 100}}]": "the iterations are 100; Kafka takes",
    f"brokers: a:1\nusers: [{{{USER}}}, {{{USER}}}]": "'u', SCRAM-SHA-256: twice here",
    "brokers: a:1\nusers: [{name: u, mechanism: PLAIN, password: env://U}]": (
        ":2:30: expected one of SCRAM-SHA-256, SCRAM-SHA-512, found 'PLAIN'"
    ),
    "brokers: a:1\nusers: [{name: u, mechanism: SCRAM-SHA-256, password: hush}]": (
        ":2:55: a password is given by reference"
    ),
    "brokers: a:1\ngroups: [{name: g, offsets: {t: first}}]": ":2:33: expected earliest, latest,",
    "brokers: a:1\ngroups: [{name: g, offsets: {t: 2026-01-01T00:00:00}}]": "names no zone",
    "brokers: a:1\ngroups: [{name: g, offsets: {t: 1900-01-01T00:00:00Z}}]": "is before 1970",
    "brokers: a:1\ngroups: [{name: g, offsets: {t: {x: latest}}}]": "the partition is 'x'",
    "brokers: a:1\ngroups: [{name: g, offsets: {t: {00: latest}}}]": "the partition is '00'",
    "brokers: a:1\ngroups: [{name: g, offsets: {}}, {name: g, offsets: {}}]": (
        "the group 'g' is here twice"
    ),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_told_with_its_place(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'topics.yaml'}:")
    assert MISTAKES[text] in message
    assert "hush" not in message


def test_a_file_that_is_not_there_is_told_with_the_option(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none.yaml' cannot be read .* with --file"):
        read_wanted(tmp_path / "none.yaml")


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="this is no YAML"):
        read(tmp_path, "brokers: \x01")


def test_the_example_of_the_documentation_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "hush-hush")
    docs = Path(__file__).parents[3] / "docs" / "kami_topics.md"
    example = docs.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    wanted = read(tmp_path, example)
    assert [topic.partitions for topic in wanted.topics] == [12, 6]
    assert len(wanted.acls) == 3
    assert len(wanted.groups[0].offsets) == 4
