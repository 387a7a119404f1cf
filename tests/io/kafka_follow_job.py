"""A job that follows a topic on Prism and appends the values to a file.

python kafka_follow_job.py BROKERS PRISM TOPIC FILE
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_fusion import steps_outside
from pipeline_io.kafka_reader import ReadTopics
from pipeline_io.kafka_source import KafkaSource, Start
from pipeline_io.kafka_topics import plan_read


class Append(beam.DoFn):
    """Writes when the bundle ends, as a sink that waits for its confirmations does."""

    def __init__(self, path: str) -> None:
        self.path = path

    def start_bundle(self) -> None:
        self.values: list[bytes] = []

    def process(self, element: pa.RecordBatch) -> None:
        self.values += [row["value"] for row in element.select(["value"]).to_pylist()]

    def finish_bundle(self) -> None:
        time.sleep(0.05)
        with Path(self.path).open("ab") as file:
            file.write(b"".join(value + b"\n" for value in self.values))


def main(brokers: str, prism: str, topic: str, path: str) -> None:
    source = KafkaSource(
        KafkaCluster(brokers),
        (topic,),
        group=f"group-{topic}",
        start=Start.parse("committed"),
        bounded=False,
        batch_size=1_000,
        discovery_seconds=1.0,
    )
    options = PipelineOptions(
        [
            "--runner=PrismRunner",
            f"--prism_location={prism}",
            "--environment_type=LOOPBACK",
            "--streaming",
        ]
    )
    pipeline = beam.Pipeline(options=options)
    # A program that is run has its DoFns in __main__; they are pickled with what they use.
    _ = pipeline | ReadTopics(source, plan_read(source)) | beam.ParDo(Append(path))
    assert steps_outside(pipeline) == []
    pipeline.run().wait_until_finish()


if __name__ == "__main__":
    main(*sys.argv[1:])
