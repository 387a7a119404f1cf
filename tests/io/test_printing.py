import apache_beam as beam
import pyarrow as pa
import pytest

from pipeline_io.printing import PrintLines


def test_rows_of_all_collections_are_printed_a_line_each(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    def batch(*values: str) -> pa.RecordBatch:
        encoded = [value.encode() for value in values]
        return pa.record_batch([pa.array(encoded, pa.large_binary())], names=["payload"])

    with beam.Pipeline() as pipeline:
        one = pipeline | "One" >> beam.Create([batch('{"a":"ä"}', "2").slice(0, 1), batch()])
        other = pipeline | "Other" >> beam.Create([batch("日本", "")])
        _ = (one, other) | PrintLines()
    out = capfdbinary.readouterr().out.decode()
    assert sorted(out.split("\n")) == sorted(["", '{"a":"ä"}', "日本", ""])
    assert "日本\n\n" in out
