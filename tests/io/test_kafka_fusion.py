"""A commit of offsets is safe where the sinks are in the reader's bundle, and told where not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.pvalue import AsList
from apache_beam.transforms.window import FixedWindows

from pipeline_io.kafka_fusion import steps_outside
from pipeline_io.kafka_positions import PartitionRange
from pipeline_io.kafka_reader import ReadTopics
from pipeline_io.kafka_topics import ReadPlan
from tests.io.kafka_fakes import source


def read(pipeline: beam.Pipeline, *, bounded: bool = False) -> Any:
    wanted = source(bounded=bounded)
    plan = ReadPlan(wanted, (PartitionRange("t", 0, 0, 1 if bounded else None),))
    return pipeline | ReadTopics(wanted, plan)


def test_sinks_of_their_own_are_in_the_bundle() -> None:
    pipeline = beam.Pipeline()
    outputs = read(pipeline) | beam.Map(lambda row: row).with_outputs("dead", main="rows")
    _ = outputs.rows | "Sink" >> beam.Map(lambda row: row) | "More" >> beam.Map(lambda row: row)
    _ = outputs.dead | "Dead" >> beam.Map(lambda row: row)
    assert steps_outside(pipeline) == []


def flatten(rows: Any) -> Any:
    return (rows, rows) | "Joined" >> beam.Flatten()


def group(rows: Any) -> Any:
    keyed = rows | beam.WindowInto(FixedWindows(1)) | beam.Map(lambda row: (1, row))
    return keyed | "Joined" >> beam.GroupByKey()


def reshuffle(rows: Any) -> Any:
    return rows | "Joined" >> beam.Reshuffle()


def side_input(rows: Any) -> Any:
    return rows | "Joined" >> beam.Map(lambda row, side: row, side=AsList(rows))


@pytest.mark.parametrize("joined", [flatten, group, reshuffle, side_input])
def test_a_step_in_another_bundle_is_told(joined: Callable[[Any], Any]) -> None:
    pipeline = beam.Pipeline()
    _ = joined(read(pipeline)) | "Sink" >> beam.Map(lambda row: row)
    outside = steps_outside(pipeline)
    assert outside
    assert all(label.startswith("Joined") for label in outside)


def test_a_read_up_to_now_is_committed_by_the_launcher_and_may_have_any_shape() -> None:
    pipeline = beam.Pipeline()
    _ = flatten(read(pipeline, bounded=True))
    assert steps_outside(pipeline) == []
