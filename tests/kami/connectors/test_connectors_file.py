"""connectors.yaml: what is wrong in it is told with its line and column."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kami.connectors_debezium import server_id, slot_name
from kami.errors import ConfigurationError
from tests.kami.connectors.connectors_files import HEAD, MYSQL, read, shop

POSTGRESQL = MYSQL.replace("name: shop", "name: crm").replace("mysql", "postgresql")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("tabels: [a]", ":11:5: the key 'tabels' is unknown; did you mean 'tables'"),
        ("slot: x", ":11:11: a connector of type 'mysql' has no 'slot'"),
        ("port: many", ":11:11: 'port' is 'many'; expected a port"),
        ("tls: verify-full", "'tls' is 'verify-full'; expected one of disabled, preferred"),
        ("snapshot: schema_only", "'snapshot' is 'schema_only'; expected one of initial"),
        ("keys: {people: [a]}", ":11:20: 'people' is none of `tables`"),
        ("signals: {}", "`signals` needs `table`, or `topic`, or both"),
        ("heartbeat: {table: a, query: b}", "either `table` or `query`"),
        ("god_view: maybe", "expected true or false, found 'maybe'"),
        ("config: {name: x}", ":11:20: 'name' is not taken here; the key `name` says it"),
        ("config: {tables: x}", "'tables' is a key of the connector itself"),
        ("config: {a: [x]}", ":11:17: expected a text, found a list or keys"),
        ("config: {a.password: hunter2}", ":11:26: a secret stands here itself"),
        ("config: {a: '${NOT_SET}'}", "the environment variable 'NOT_SET' is not set"),
        ("encrypt: {key: a, fields: {orders: [b]}}", "`keysets` is missing"),
        (
            "encrypt: {key: a, keysets: '${env:K}', fields: {b: [c]}}",
            "'b' is none of `tables`",
        ),
        ("topics: {partitions: 0}", "expected a number of 1 or more for 'partitions'"),
    ],
)
def test_a_wrong_key_is_told_with_its_place(tmp_path: Path, more: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(told)) as raised:
        shop(tmp_path, more)
    assert re.match(r".*connectors\.yaml:\d+:\d+: ", str(raised.value))
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ":1:1: the file is empty"),
        ("a: [", "this is no YAML"),
        ("connect: {url: 'ftp://x'}\nconnectors:\n" + MYSQL, "is no address of Connect's REST API"),
        (
            "connect: {url: 'http://a:b@x'}\nconnectors:\n" + MYSQL,
            "is no address of Connect's REST API",
        ),
        (
            "connect: {url: 'http://x', username: a}\nconnectors:\n" + MYSQL,
            "`username` and `password` of Connect stand together",
        ),
        (
            "connect: {url: 'http://x', username: a, password: b}\nconnectors:\n" + MYSQL,
            "a password stands here itself",
        ),
        ("connect: {url: 'http://x'}\nconnectors:\n" + MYSQL, "add `kafka: {brokers: HOST:PORT}`"),
        (HEAD + MYSQL + MYSQL, "two connectors named 'shop'"),
        (
            HEAD + MYSQL + MYSQL.replace("name: shop", "name: b\n    prefix: shop"),
            "'shop' and 'b' would both have topic.prefix 'shop'",
        ),
        (
            HEAD + MYSQL.replace("[orders]", "[a b]"),
            ":10:14: 'a b' is no table's name; patterns are not taken",
        ),
        (
            HEAD + MYSQL.replace("[orders]", "['\"a b\"', a_b]"),
            "would both be in the topic 'shop.shop.a_b'",
        ),
        (HEAD + MYSQL.replace("${env:SHOP_PASSWORD}", "hunter2"), "a secret stands here itself"),
        (
            HEAD + POSTGRESQL.replace("crm", "a-b") + POSTGRESQL.replace("crm", "a_b"),
            "would both have slot.name 'a_b'; give one of them another by `slot`",
        ),
        (
            HEAD + "  - {name: s, type: jdbc_sink, url: 'jdbc:x', user: u, "
            "password: '${env:P}', from: shop}\n",
            "'shop' is no Debezium connector that stands before this one in the file; these do: "
            "none",
        ),
        (
            HEAD + "  - {name: s, type: jdbc_sink, url: 'jdbc:x?user=a&password=hunter2', user: u, "
            "password: '${env:P}', topics: [t]}\n",
            "'connection.url' holds a password",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(told)) as raised:
        read(tmp_path, text)
    assert "hunter2" not in str(raised.value)


def test_a_missing_file_is_told_with_the_option() -> None:
    from kami.connectors_file import read_connectors

    with pytest.raises(ConfigurationError, match="name another with --config"):
        read_connectors(Path("absent/connectors.yaml"))


def test_a_connectors_numbers_and_names_come_from_its_name_and_stay(tmp_path: Path) -> None:
    assert shop(tmp_path).config["database.server.id"] == str(server_id("shop"))
    assert server_id("shop") == 703749693
    numbers = {server_id(f"shop-{number}") for number in range(1000)}
    assert len(numbers) == 1000
    assert all(0 < number < 2**31 for number in numbers)
    assert slot_name("CRM-people.v2") == "crm_people_v2"
    assert len(slot_name("a" * 99)) == 63


def test_two_databases_may_have_slots_of_one_name(tmp_path: Path) -> None:
    other = POSTGRESQL.replace("name: crm", "name: b\n    slot: crm").replace("host: db", "host: c")
    slots = [
        one.config["slot.name"] for one in read(tmp_path, HEAD + POSTGRESQL + other).definitions
    ]
    assert slots == ["crm", "crm"]


def test_what_config_says_wins(tmp_path: Path) -> None:
    more = "config: {max.batch.size: 10, connect.keep.alive: false, x.y: '$${topic}'}"
    config = shop(tmp_path, more).config
    assert config["max.batch.size"] == "10"
    assert config["connect.keep.alive"] == "false"
    assert config["x.y"] == "${topic}"


def test_references_of_connects_stay_and_those_of_kami_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_HOST", "db-7")
    text = HEAD + MYSQL.replace("host: db", "host: ${DB_HOST}")
    (definition,) = read(tmp_path, text).definitions
    assert definition.config["database.hostname"] == "db-7"
    assert definition.config["database.password"] == "${env:SHOP_PASSWORD}"
    assert definition.secrets == {}


def test_a_secret_that_kami_resolves_is_shown_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("hunter2\n", encoding="utf-8")
    monkeypatch.setenv("REGISTRY", "hunter3")
    registry = "registry: {url: 'http://r', username: u, password: '${REGISTRY}'}\n"
    shop = MYSQL.replace("${env:SHOP_PASSWORD}", f"${{file://{tmp_path}/secret}}")
    text = registry + HEAD + shop
    (definition,) = read(tmp_path, text).definitions
    assert definition.config["database.password"] == f"${{file://{tmp_path}/secret}}"
    assert definition.config["value.converter.basic.auth.user.info"] == "u:${REGISTRY}"
    resolved = {key: secret.resolved() for key, secret in definition.secrets.items()}
    assert resolved == {
        "database.password": "hunter2",
        "key.converter.basic.auth.user.info": "u:hunter3",
        "value.converter.basic.auth.user.info": "u:hunter3",
    }
    assert "hunter" not in repr(definition)
