"""The writer over the stand-in: what arrives, and what comes out as refused."""

from __future__ import annotations

import time
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that
from apache_beam.transforms.window import FixedWindows, TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from pipeline_io import splunk_sender
from pipeline_io.splunk import NAMESPACE, WriteEvents
from pipeline_io.splunk_errors import SplunkAccessError, SplunkError
from pipeline_io.splunk_events import encoded
from tests.splunk.bundles import WINDOW, bundle, writer_of, written
from tests.splunk.process import Hec
from tests.splunk.rows import refused_offsets, sink_rows

GOOD = b'{"a":1}'


def ids_of(hec: Hec) -> list[str]:
    return [event["fields"]["event_id"] for event in hec.events()]


def test_an_event_is_the_payload_with_its_time_place_and_coordinates(hec: Hec) -> None:
    rows = sink_rows(
        [b'{"price":1.10,"name":"\\u00e9"}'],
        [b'{"index":"history","host":"db \\"1\\""}'],
        [{"event_id": "e1", "order_key": "0001", "table": "items", "op": "u"}],
        first=7,
    )
    config = hec.config(index="main", source="kafka:{topic}", sourcetype="{table}:{op}")

    assert written(config, rows) == []
    assert hec.events() == [
        {
            "time": 1_767_225_600.123,
            "host": 'db "1"',
            "source": "kafka:shop.items",
            "sourcetype": "items:u",
            "index": "history",
            "event": {"price": 1.10, "name": "é"},
            "fields": {
                "event_id": "e1",
                "order_key": "0001",
                "table": "items",
                "op": "u",
                "topic": "shop.items",
                "partition": "0",
                "offset": "7",
            },
        }
    ]


@pytest.mark.parametrize("gzip_level", [0, 1, 9])
def test_batches_of_a_bundle_share_requests(hec: Hec, gzip_level: int) -> None:
    batches = [sink_rows([GOOD] * 30, first=30 * number) for number in range(10)]

    written(hec.config(max_events=100, gzip_level=gzip_level, max_in_flight=1), *batches)

    assert ids_of(hec) == [f"e-{number}" for number in range(300)]
    assert hec.report()["requests"] == 3


def test_exactly_the_events_that_splunk_refuses_come_out(hec: Hec) -> None:
    payloads = [GOOD] * 500
    keys: list[bytes | None] = [None] * 500
    payloads[3], payloads[250], payloads[499] = b'""', b"null", b"{no json"
    keys[0], keys[100], keys[498] = (b'{"index":"secret"}',) * 3
    keys[7] = b"[]"

    refused = written(hec.config(), sink_rows(payloads, keys))

    assert refused_offsets(refused) == [
        (0, "RefusedBySplunk"),
        (3, "RefusedBySplunk"),
        (7, "BadMetadata"),
        (100, "RefusedBySplunk"),
        (250, "RefusedBySplunk"),
        (498, "RefusedBySplunk"),
        (499, "NotJson"),
    ]
    bad = {0, 3, 7, 100, 250, 498, 499}
    assert set(ids_of(hec)) == {f"e-{number}" for number in set(range(500)) - bad}
    assert hec.report()["repeats_of_confirmed"] == 0
    said = [row["message"] for one in refused for row in one.to_pylist()]
    assert any("code 7: Incorrect index" in text for text in said)


@pytest.mark.parametrize("off", [-1, 1, 5, 100])
def test_a_bad_event_is_found_though_splunk_names_another(hec: Hec, off: int) -> None:
    hec.set_up(number_off=off)
    payloads = [GOOD] * 20
    payloads[3] = payloads[17] = b'""'

    refused = written(hec.config(), sink_rows(payloads))

    assert [offset for offset, _ in refused_offsets(refused)] == [3, 17]
    assert set(ids_of(hec)) == {f"e-{n}" for n in range(20) if n not in (3, 17)}
    assert hec.report()["repeats_of_confirmed"] == 0


def test_a_batch_of_bad_events_costs_few_more_requests_than_events(hec: Hec) -> None:
    keys: list[bytes | None] = [b'{"index":"secret"}'] * 200

    rows = sink_rows([GOOD] * 200, keys)

    refused = written(hec.config(), rows)

    assert len(refused_offsets(refused)) == 200
    assert hec.report()["requests"] < 3 * 200
    # Taken out one after the other, each with all the rest behind it, they would be 100 times.
    bytes_of_all = int(encoded(rows, hec.config()).events.bounds[-1])
    assert hec.report()["bytes"] < 30 * bytes_of_all
    assert hec.report()["events"] == 0


def test_a_bad_event_that_nobody_names_is_found_by_halves(hec: Hec) -> None:
    hec.fails({"kind": "status", "status": 400, "times": 3})

    assert written(hec.config(), sink_rows([GOOD] * 8)) == []
    assert len(ids_of(hec)) == 8
    assert hec.report()["requests"] > 4


def test_a_request_over_splunks_limit_goes_in_parts_and_a_larger_event_is_refused(
    hec: Hec,
) -> None:
    hec.set_up(max_content_length=2_000)
    payloads = [GOOD] * 50
    payloads[20] = b'"%s"' % (b"x" * 3_000)

    refused = written(hec.config(), sink_rows(payloads))

    assert refused_offsets(refused) == [(20, "EventTooLarge")]
    assert sorted(ids_of(hec)) == sorted(f"e-{n}" for n in range(50) if n != 20)


def test_a_payload_cannot_forge_another_event(hec: Hec) -> None:
    forged = b'1},{"event":"forged"'
    halves = [b'{"a":1', b'"b":2}']

    refused = written(hec.config(), sink_rows([GOOD, forged, *halves, b"1,2"]))

    assert [offset for offset, _ in refused_offsets(refused)] == [1, 2, 3, 4]
    assert [event["event"] for event in hec.events()] == [{"a": 1}]


def test_counters_tell_what_happened(hec: Hec) -> None:
    hec.fails({"kind": "busy"}, {"kind": "cut_before"})
    batches = [sink_rows([GOOD, b'""'], first=0), sink_rows([b"no"], first=2)]

    pipeline = TestPipeline()
    refused = pipeline | beam.Create(batches) | WriteEvents(hec.config())
    found: list[Any] = []
    assert_that(refused, lambda batches: found.extend(batches))
    result = pipeline.run()
    result.wait_until_finish()

    queried = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))
    counts = {one.key.metric.name: one.committed for one in queried["counters"]}
    assert (counts["events"], counts["sent"], counts["refused"]) == (3, 1, 2)
    assert (counts["retries"], counts["no_answer"], counts["status_5xx"]) == (2, 1, 1)
    distributions = {one.key.metric.name: one.committed for one in queried["distributions"]}
    assert distributions["request_events"].sum == 1
    assert distributions["age_ms"].min > 0


def placed(
    batch: pa.RecordBatch,
    timestamp: Any = beam.DoFn.TimestampParam,
    window: Any = beam.DoFn.WindowParam,
) -> tuple[int, int, int]:
    return batch.to_pylist()[0]["record"]["offset"], int(timestamp), int(window.start)


def test_a_refused_event_keeps_its_window_and_time(hec: Hec) -> None:
    batches = [
        TimestampedValue(sink_rows([b'""'], first=1), 25),
        TimestampedValue(sink_rows([b'""'], first=2), 71),
    ]

    def expect(found: list[Any]) -> None:
        assert sorted(found) == [(1, 25, 20), (2, 71, 70)]

    with TestPipeline() as pipeline:
        refused = (
            pipeline
            | beam.Create(batches)
            | beam.Map(lambda batch: batch)
            | beam.WindowInto(FixedWindows(10))
            | WriteEvents(hec.config())
        )
        assert_that(refused | beam.Map(placed), expect)


def test_several_requests_are_in_flight_and_no_more_than_allowed(hec: Hec) -> None:
    hec.fails({"kind": "slow", "seconds": 0.3, "times": 9})

    assert written(hec.config(max_events=1, max_in_flight=3), sink_rows([GOOD] * 9)) == []
    assert hec.report()["most_at_once"] == 3


def test_the_pace_counts_every_try(hec: Hec, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    class Noted:
        def take(self, count: int) -> float:
            taken.append(count)
            return 0.0

    monkeypatch.setattr(splunk_sender, "shared_pace", lambda urls, rate: Noted())
    hec.fails({"kind": "busy"})

    written(hec.config(max_events=4, max_events_per_second=5), sink_rows([GOOD] * 10))
    assert sorted(taken) in ([2, 2, 4, 4], [2, 4, 4, 4])


def test_the_first_event_of_a_request_waits_no_longer_than_the_linger(hec: Hec) -> None:
    writer = writer_of(hec.config(linger_seconds=0.05))
    writer.setup()
    writer.start_bundle()
    assert list(writer.process(sink_rows([GOOD]), Timestamp(5), WINDOW)) == []
    # The bundle is open: only the linger can have sent it.
    while not hec.events():
        time.sleep(0.01)
    list(writer.finish_bundle())
    writer.teardown()

    assert ids_of(hec) == ["e-0"]


def test_a_bundle_after_one_that_failed_starts_afresh(hec: Hec) -> None:
    hec.set_up(disabled=True)
    writer = writer_of(hec.config())
    writer.setup()
    with pytest.raises(SplunkAccessError):
        bundle(writer, [sink_rows([GOOD])])

    hec.set_up(disabled=False)
    assert bundle(writer, [sink_rows([GOOD])]) == []
    assert ids_of(hec) == ["e-0"]
    writer.teardown()


def test_what_an_abandoned_bundle_left_unsent_stays_unsent(hec: Hec) -> None:
    writer = writer_of(hec.config(linger_seconds=60.0))
    writer.setup()
    writer.start_bundle()
    list(writer.process(sink_rows([GOOD], first=1), Timestamp(5), WINDOW))
    # Another step of the bundle failed: it is tried again without finish_bundle.
    assert bundle(writer, [sink_rows([GOOD], first=2)]) == []
    writer.teardown()

    assert ids_of(hec) == ["e-2"]


def test_an_answer_of_somebody_else_stops_the_bundle(hec: Hec) -> None:
    hec.fails({"kind": "status", "status": 200, "text": "Welcome, log in"})
    with pytest.raises(SplunkError, match=r"expected HEC's own answer") as caught:
        written(hec.config(), sink_rows([GOOD]))
    assert "Welcome" not in str(caught.value)
    hec.fails({"kind": "status", "status": 404})
    with pytest.raises(SplunkError, match="HTTP 404; check the URL"):
        written(hec.config(), sink_rows([GOOD]))


def test_a_writer_is_closed_twice_without_harm(hec: Hec) -> None:
    writer = writer_of(hec.config())
    writer.setup()
    writer.teardown()
    writer.teardown()
    with pytest.raises(RuntimeError, match="after teardown"):
        list(writer.process(sink_rows([GOOD]), Timestamp(5), WINDOW))
