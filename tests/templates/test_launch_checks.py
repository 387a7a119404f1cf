"""Parameters that a template would not take are refused before Dataflow is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates.launch_checks import LaunchError, check_parameters, given_of, metadata_of, pipelines

CHANGE_LOG = {
    "kafka_brokers": "kafka:9092",
    "schema_registry": "https://registry",
    "kafka_group": "shop",
    "topics": r"shop\..*",
    "source_name": "shop",
    "warehouse": "bigquery:my-project",
    "dead_letters": "bigquery:my-project.shop._dead_letters",
}
SPLUNK = {
    "subscription": "projects/my-project/subscriptions/accounts",
    "splunk_url": "https://hec:8088",
    "splunk_token": "secret://projects/my-project/secrets/hec/versions/latest",
    "dead_letters": "gs://my-bucket/letters/splunk",
}


def refusal(pipeline: str, parameters: dict[str, str]) -> str:
    with pytest.raises(LaunchError) as raised:
        check_parameters(metadata_of(pipeline), parameters)
    return str(raised.value)


def test_what_a_template_must_have_is_enough() -> None:
    check_parameters(metadata_of("change_log"), CHANGE_LOG)
    check_parameters(metadata_of("splunk"), SPLUNK)


def test_an_unknown_parameter_is_told_with_the_nearest_one() -> None:
    told = refusal("change_log", {**CHANGE_LOG, "kafka_broker": "x"})
    assert told == (
        "kafka_broker is no parameter of the template 'Change log in BigQuery'; did you mean "
        "kafka_brokers?"
    )
    assert "it has source_name, " in refusal("change_log", {**CHANGE_LOG, "zzz": "x"})


@pytest.mark.parametrize("name", CHANGE_LOG)
def test_a_missing_parameter_is_told_with_what_it_is(name: str) -> None:
    without = {key: value for key, value in CHANGE_LOG.items() if key != name}
    for parameters in (without, {**without, name: ""}):
        told = refusal("change_log", parameters)
        assert told.startswith("parameters are missing:\n")
        assert f"\n  {name}=...  " in told
        assert told.count("=...") == 1


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("kafka_brokers", "kafka", "HOST:PORT"),
        ("kafka_brokers", "kafka:9092, other:9092", "HOST:PORT"),
        ("warehouse", "duckdb:shop.duckdb", "bigquery:"),
        ("source_name", "1shop", "A-Za-z_"),
        ("dead_letters", "letters.jsonl", "gs://"),
        ("dead_letters", "pubsub:letters", "pubsub:projects"),
        ("bigquery_method", "java", "expected one of native, beam"),
        ("exactly_once", "yes", "expected true or false"),
        ("discovery_seconds", "soon", "expected a number"),
        ("kafka_start", "timestamp:now", "earliest"),
        ("source_name", "shop\n", "A-Za-z_"),
    ],
)
def test_a_value_that_does_not_fit_is_told(name: str, value: str, expected: str) -> None:
    told = refusal("change_log", {**CHANGE_LOG, name: value})
    assert told.startswith(f"{name}={value!r}: ")
    assert expected in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kafka_property", "sasl.password=hunter2"),
        ("kafka_property", '["a=b","ssl.truststore.password=hunter2"]'),
        ("kafka_property", "sasl.jaas.config=Login required password='hunter2';"),
        ("kafka_property", "bearer.token=hunter2"),
        ("kafka_property", "basic.auth.user.info =reader:hunter2"),
        ("kafka_property", "ssl.keystore.key=hunter2"),
        ("kafka_property", "sasl.password=${secret://projects/p/secrets/hunter2}"),
        ("schema_registry", "https://user:hunter2@registry"),
        ("keys", "hunter2"),
        ("database", "postgresql://u:hunter2@h/d"),
        ("database", "jdbc:mysql://h/d?user=u&password=hunter2"),
    ],
)
def test_a_secret_in_clear_is_refused_and_not_shown(name: str, value: str) -> None:
    told = refusal("change_log", {**CHANGE_LOG, name: value})
    assert "hunter2" not in told
    assert name in told


def test_a_token_in_clear_is_refused_and_not_shown() -> None:
    told = refusal("splunk", {**SPLUNK, "splunk_token": "8f2c"})
    assert told.startswith("splunk_token (its value is not shown): ")
    assert "8f2c" not in told


@pytest.mark.parametrize(
    "value",
    [
        "sasl.password=secret://projects/p/secrets/s/versions/1",
        'sasl.jaas.config=Login required username="u" password="env://P";',
        "security.protocol=SASL_SSL",
        "sasl.oauthbearer.token.endpoint.url=https://login/token",
        "ssl.keystore.location=/etc/kafka/key.pem",
        '["sasl.mechanism=OAUTHBEARER","security.protocol=SASL_SSL"]',
    ],
)
def test_a_reference_is_no_secret(value: str) -> None:
    check_parameters(metadata_of("change_log"), {**CHANGE_LOG, "kafka_property": value})


def test_logins_are_taken_by_reference_and_refused_in_clear() -> None:
    parameters = {
        "kafka_brokers": "kafka:9092",
        "schema_registry": "https://registry",
        "pubsub_project": "my-project",
        "pubsub_topic": "accounts",
        "dead_letters": "gs://b/letters",
    }
    for address in ("postgresql+psycopg://reader@db:5432/c", "jdbc:mysql://db/c", "mysql://db/c"):
        check_parameters(metadata_of("aml"), {**parameters, "lookup_url": address})
    told = refusal("aml", {**parameters, "lookup_url": "postgresql+psycopg://u:hunter2@db/c"})
    assert "hunter2" not in told
    assert "take the password out" in told
    parameters["lookup_url"] = "postgresql+psycopg://db/c"
    reference = "secret://projects/my-project/secrets/customers"
    check_parameters(metadata_of("aml"), {**parameters, "lookup_password": reference})
    for name, value in (
        ("lookup_password", "hunter2"),
        ("lookup_password", "env://HUNTER2"),
        ("registry_property", "password=hunter2"),
        ("registry_property", "bearer-auth.token=hunter2"),
    ):
        told = refusal("aml", {**parameters, name: value})
        assert "hunter2" not in told.lower()
    for value in ("google-token=true", '["username=aml","password=env://P"]'):
        check_parameters(metadata_of("aml"), {**parameters, "registry_property": value})


@given(
    st.dictionaries(
        st.text("abc_", min_size=1), st.text(st.characters(exclude_categories=["Cs"])), max_size=5
    )
)
def test_what_the_command_line_says_comes_back(parameters: dict[str, str]) -> None:
    assert given_of([f"{name}={value}" for name, value in parameters.items()]) == parameters


def test_parameters_without_names_or_twice_are_refused() -> None:
    with pytest.raises(LaunchError, match=r"^a parameter is no NAME=VALUE") as raised:
        given_of(["hunter2"])
    assert "hunter2" not in str(raised.value)
    with pytest.raises(LaunchError, match=r"^topics is given twice; several values are a JSON"):
        given_of(["topics=a", "topics=b"])


def test_all_templates_can_be_launched() -> None:
    assert pipelines() == ["aml", "aml_velocity", "change_log", "splunk", "sql_job"]
