"""Flink SQL's driver runs scripts one after the other, and tells of one that fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline_io.schema_registry import SchemaRegistry
from tests.benchmarks.flink_elements import ShapeEach
from tests.benchmarks.flink_rows import check_same, multiset
from tests.benchmarks.flink_scripts import Dialect, FlinkScript, Workload
from tests.benchmarks.flink_sql import NAME, FlinkSql, FlinkSqlJob, flink_sql
from tests.benchmarks.growth_load import VariedLoad, varied_records
from tests.benchmarks.growth_records import VariedRecords
from tests.benchmarks.live_jobs import JobFailed
from tests.benchmarks.live_sinks import KafkaSink, settled
from tests.stack.part import Missing
from tests.stack.servers import Kafka, Registry
from tests.stack.topics import Topics

pytestmark = pytest.mark.slow
PATIENCE = 300.0
RECORDS = 500
DATAGEN = """\
CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen'{options});
CREATE TABLE nothing (id BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO nothing SELECT id FROM numbers;
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkSql]:
    try:
        with flink_sql(tmp_path_factory.mktemp("flink") / "log") as running:
            yield running
    except Missing as error:
        pytest.skip(str(error))


def test_a_script_runs_to_its_end_and_its_cpu_is_told(driver: FlinkSql, tmp_path: Path) -> None:
    script = tmp_path / "job.sql"
    script.write_text(DATAGEN.format(options=", 'number-of-rows' = '10'"))
    for _ in range(2):
        job = FlinkSqlJob(driver, script, ends=True)
        usage = job.end(by_itself=True, patience_seconds=PATIENCE)
        assert usage[NAME].cpu_seconds > 0
        assert job.has_ended()


def test_a_job_without_an_end_is_cancelled(driver: FlinkSql, tmp_path: Path) -> None:
    script = tmp_path / "job.sql"
    script.write_text(DATAGEN.format(options=", 'rows-per-second' = '10'"))
    job = FlinkSqlJob(driver, script, ends=False)
    assert not job.has_ended()
    job.end(by_itself=False, patience_seconds=PATIENCE)


def test_what_is_wrong_with_a_script_is_told_and_the_next_one_runs(
    driver: FlinkSql, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.sql"
    wrong.write_text(DATAGEN.format(options="").replace("SELECT id", "SELECT nobody"))
    with pytest.raises(JobFailed, match="nobody"):
        FlinkSqlJob(driver, wrong, ends=True).end(by_itself=True, patience_seconds=PATIENCE)
    test_a_script_runs_to_its_end_and_its_cpu_is_told(driver, tmp_path)


def test_the_measured_statement_makes_the_rows_of_the_per_record_route(
    driver: FlinkSql, kafka: Kafka, registry: Registry, tmp_path: Path
) -> None:
    topics = Topics(kafka)
    varied = varied_records(registry.url, truncates=True)
    source, sink = topics(name="items"), KafkaSink(kafka.brokers, topics(name="events"))
    VariedLoad(kafka.brokers, varied).fill(source, RECORDS)
    script = FlinkScript(
        Workload.JSON,
        Dialect.FLINK,
        brokers=kafka.brokers,
        registry=registry.url,
        topic=source,
        sink_topic=sink.topic,
        group="flink",
    ).write(tmp_path)
    job = FlinkSqlJob(driver, script, ends=True)
    job.end(by_itself=True, patience_seconds=PATIENCE)
    assert settled(sink, RECORDS) == RECORDS
    found = multiset(message.payload for message in sink.messages())
    sink.close()
    topics.close()
    check_same("flink-sql", found, "per-record", multiset(expected(registry, varied)), once=True)


def expected(registry: Registry, varied: VariedRecords) -> Iterator[bytes]:
    """The events of the per-record route."""
    step = ShapeEach(SchemaRegistry.from_text(registry.url), None)
    step.setup()
    _, values = varied.block(0, RECORDS)
    for value in values:
        yield from step.process(value)
