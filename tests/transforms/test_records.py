import pyarrow as pa
import pytest

from transforms.records import RECORD_SCHEMA, check_records


def empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=schema)


def test_records_are_taken() -> None:
    check_records(empty(RECORD_SCHEMA))
    check_records(empty(RECORD_SCHEMA.with_metadata({"by": "a reader"})))


@pytest.mark.parametrize("index", range(len(RECORD_SCHEMA)))
def test_a_missing_or_other_column_is_the_readers_mistake(index: int) -> None:
    other = RECORD_SCHEMA.set(index, pa.field(RECORD_SCHEMA.names[index], pa.float32()))
    for schema in (RECORD_SCHEMA.remove(index), other):
        with pytest.raises(TypeError, match="mend the reader that made it"):
            check_records(empty(schema))


def test_wide_bytes_are_not_taken_for_the_records_of_a_reader() -> None:
    wide = RECORD_SCHEMA.set(6, pa.field("value", pa.large_binary()))
    with pytest.raises(TypeError, match="large_binary"):
        check_records(empty(wide))
