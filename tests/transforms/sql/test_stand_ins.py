import pytest

from transforms.sql.errors import Script, SqlErrors
from transforms.sql.run import JobText
from transforms.sql.stand_ins import StandIns

JOB = """
CREATE TABLE t (id BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH (
  'connector' = 'kafka', 'properties.bootstrap.servers' = 'b:1', 'topic' = 'shop.t',
  'value.format' = 'debezium-avro-confluent', 'schema-registry.url' = 'http://r',
  'debezium.deletes' = 'key');
CREATE TABLE o (id BIGINT) WITH (
  'connector' = 'kafka', 'properties.bootstrap.servers' = 'b:1', 'topic' = 'out',
  'value.format' = 'json',  'json.encode.ignore-null-fields' = 'true');
CREATE TABLE p (id BIGINT) WITH ('connector' = 'print');
INSERT INTO o SELECT id FROM t;
INSERT INTO p SELECT id FROM t;
"""


def test_without_stand_ins_the_tables_are_those_of_the_script() -> None:
    _, plan = JobText(Script("job.sql", JOB), {}).compile()
    assert [table.connector.name for table in plan.sources()] == ["kafka"]
    assert [table.connector.name for table in plan.sinks()] == ["kafka", "print"]


def test_a_recording_stands_in_for_a_topic_and_a_file_for_messages() -> None:
    text = JobText(Script("job.sql", JOB), {}, StandIns("recorded", "out"))
    job, plan = text.compile()
    (source,) = plan.sources()
    assert source.connector.name == "recording"
    assert source.options == {
        "path": "recorded",
        "topic": "shop.t",
        "value.format": "debezium-avro-confluent",
        "debezium.deletes": "key",
    }
    sink, terminal = plan.sinks()
    assert (sink.connector.name, terminal.connector.name) == ("filesystem", "print")
    assert sink.options["path"] == "out/o.jsonl"
    assert sink.options["json.encode.ignore-null-fields"] is True
    assert job.tables["t"].connector.name == "recording"


def test_each_stands_in_alone() -> None:
    for stand_ins, expected in (
        (StandIns(recording="r"), ["recording", "kafka"]),
        (StandIns(files="f"), ["kafka", "filesystem"]),
    ):
        _, plan = JobText(Script("job.sql", JOB), {}, stand_ins).compile()
        assert [plan.sources()[0].connector.name, plan.sinks()[0].connector.name] == expected


def test_several_topics_have_no_recording() -> None:
    job = JOB.replace("'topic' = 'shop.t'", "'topic' = 'shop.t;shop.u'")
    with pytest.raises(SqlErrors, match="reads several topics"):
        JobText(Script("job.sql", job), {}, StandIns("recorded")).compile()
