import pyarrow as pa
import pytest

from transforms.records import RECORD_SCHEMA
from transforms.topic_batches import KeepTopics, of_topics


def batch(*topics: str) -> pa.RecordBatch:
    rows = [
        {"topic": topic, "partition": 0, "offset": offset} for offset, topic in enumerate(topics)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=RECORD_SCHEMA)


@pytest.mark.parametrize(
    ("topics", "wanted", "offsets"),
    [
        (("a", "a"), ("a",), [0, 1]),
        (("a", "b", "a"), ("a",), [0, 2]),
        (("a", "b", "c"), ("c", "a"), [0, 2]),
        (("a", "b"), ("x",), []),
        ((), ("a",), []),
    ],
)
def test_a_batch_is_cut_to_its_topics(
    topics: tuple[str, ...], wanted: tuple[str, ...], offsets: list[int]
) -> None:
    kept = of_topics(batch(*topics), wanted)
    assert kept.schema == RECORD_SCHEMA
    assert kept.column("offset").to_pylist() == offsets
    assert [one.num_rows for one in KeepTopics(wanted).process(batch(*topics))] == (
        [len(offsets)] if offsets else []
    )
