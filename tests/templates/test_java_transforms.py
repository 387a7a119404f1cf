"""Every Java transform is expanded by the service that is given, the image's: no jar is fetched."""

from __future__ import annotations

import concurrent.futures
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import grpc
import pyarrow as pa
import pytest
from apache_beam.portability.api import beam_expansion_api_pb2 as messages
from apache_beam.portability.api import beam_expansion_api_pb2_grpc as services
from apache_beam.utils.subprocess_server import JavaJarServer

from pipeline_io.bigquery_beam import WriteBigQueryLogByBeam
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_log import TableRows
from pipeline_io.kafka_java import JavaTransforms, KafkaIORead, ReadTopicsWithKafkaIO
from pipelines.lookups import DatabaseLookups
from pipelines.sinks import SchemaRegistrar
from tests.io.test_bigquery_log import LAYOUT
from tests.io.test_kafka_java import source
from tests.pipelines.test_step_names import SCRIPTS, VALUES
from transforms.dead_letters import Origin
from transforms.sql.beam_sql import RunBeamSql
from transforms.sql.beam_sql_job import MixedJobText
from transforms.sql.errors import Script

ROOT = Path(__file__).parents[2]
REFUSED = "the stand-in expands nothing"


class Stand(NamedTuple):
    """A service in the place of the image's jar, and what it was asked for."""

    address: str
    asked: list[str]


class _Refusing(services.ExpansionServiceServicer):
    def __init__(self, asked: list[str]) -> None:
        self._asked = asked

    def Expand(self, request: Any, _context: Any) -> Any:
        self._asked.append(request.transform.spec.urn)
        return messages.ExpansionResponse(error=REFUSED)

    def DiscoverSchemaTransform(self, _request: Any, _context: Any) -> Any:
        self._asked.append("discover")
        return messages.DiscoverSchemaTransformResponse(error=REFUSED)


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    def fetch(*arguments: Any, **_named: Any) -> str:
        message = f"a jar is fetched: {arguments}"
        raise AssertionError(message)

    monkeypatch.setattr(JavaJarServer, "local_jar", fetch)
    asked: list[str] = []
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    services.add_ExpansionServiceServicer_to_server(_Refusing(asked), server)
    server.start()
    yield Stand(f"127.0.0.1:{port}", asked)
    server.stop(None).wait()


def batches(begin: Any, address: str | None) -> Any:
    return begin | ReadTopicsWithKafkaIO(KafkaIORead(source(), JavaTransforms(address, True)))


def rows(begin: Any, address: str | None) -> Any:
    return begin | ReadTopicsWithKafkaIO(KafkaIORead(source(), JavaTransforms(address)))


def bigquery(begin: Any, address: str | None) -> Any:
    config = BigQueryConfig("shop-1", "shop")
    found = begin | beam.Impulse() | beam.Map(lambda _: None).with_output_types(TableRows)
    return found | WriteBigQueryLogByBeam(config, LAYOUT, address)


def sql(begin: Any, address: str | None) -> Any:
    text = MixedJobText(Script("job.sql", SCRIPTS["aml_velocity"].read_text("utf-8")), VALUES)
    _, plan = text.compile()
    (branch,) = plan.beam_sql
    (only,) = branch.inputs
    found = begin | beam.Impulse() | beam.Map(lambda _: None).with_output_types(pa.RecordBatch)
    run = RunBeamSql(
        branch, text, DatabaseLookups(), SchemaRegistrar(), Origin("job", "1"), address
    )
    return {only.name: found} | run


TRANSFORMS = {
    "kamiflow:kafka_batches:v1": batches,
    "beam:transform:org.apache.beam:kafka_read_with_metadata:v1": rows,
    "discover": bigquery,
    "beam:external:java:sql:v1": sql,
}


@pytest.mark.parametrize("urn", TRANSFORMS)
def test_the_service_that_is_given_is_asked(stand: Stand, urn: str) -> None:
    made: Callable[[Any, str | None], Any] = TRANSFORMS[urn]
    # Beam does not look at the error of a discovery, but for what it discovers.
    with pytest.raises((RuntimeError, ValueError), match=f"{REFUSED}|Did not discover"):
        made(beam.Pipeline(), stand.address)
    assert stand.asked == [urn]


@pytest.mark.parametrize("urn", [urn for urn in TRANSFORMS if not urn.startswith("kamiflow:")])
def test_without_one_a_jar_would_be_fetched(stand: Stand, urn: str) -> None:
    made = TRANSFORMS[urn]
    with pytest.raises(AssertionError, match="a jar is fetched"):
        made(beam.Pipeline(), None)


def test_no_other_transform_of_java_is_in_the_code() -> None:
    # One more has to be given the image's service too, and a place in TRANSFORMS.
    pattern = re.compile(r"(SqlTransform|ReadFromKafka|ExternalTransform)\(")
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("io", "pipelines", "transforms")
        for path in (ROOT / folder).rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"io/bigquery_beam.py", "io/kafka_java.py", "transforms/sql/beam_sql.py"}
