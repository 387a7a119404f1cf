"""The velocity job over the recording that is shipped, on each runner."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import aml_velocity
from pipelines.options import FlagError
from tests.pipelines.engine_runs import LOCAL, flink_flags, prism_flags, run_engine

MINUTE = datetime.timedelta(minutes=1)
ROWS = """
CREATE TABLE made (account_id BIGINT, currency STRING, amount DECIMAL(15, 2), at TIMESTAMP(6))
WITH ('connector' = 'filesystem', 'path' = '${OUTPUT_DIR}/made.jsonl', 'format' = 'json');
INSERT INTO made SELECT account_id, currency, amount, created_at FROM new_transfers;
"""


def values(*flags: str) -> dict[str, str]:
    return aml_velocity.values(PipelineOptions(list(flags)))


def script() -> str:
    return aml_velocity.SCRIPT.read_text(encoding="utf-8")


def expected(transfers: list[dict[str, Any]], flags: Mapping[str, str]) -> set[tuple[Any, ...]]:
    """The events by hand: each window that each transfer is in."""
    size, slide = int(flags["WINDOW_MINUTES"]), int(flags["SLIDE_MINUTES"])
    found: dict[tuple[Any, ...], list[Decimal]] = collections.defaultdict(list)
    for row in transfers:
        at = datetime.datetime.fromisoformat(row["at"]).replace(tzinfo=datetime.timezone.utc)
        last = datetime.datetime.fromtimestamp(
            at.timestamp() // (slide * 60) * slide * 60, datetime.timezone.utc
        )
        for number in range(size // slide):
            start = last - number * slide * MINUTE
            found[row["account_id"], row["currency"], start].append(Decimal(str(row["amount"])))
    count, total = int(flags["MIN_TRANSFERS"]), Decimal(flags["MIN_TOTAL"])
    return {
        (
            *key,
            len(amounts),
            sum(amounts),
            max(amounts),
            len(amounts) >= count,
            sum(amounts) >= total,
        )
        for key, amounts in found.items()
        if len(amounts) >= count or sum(amounts) >= total
    }


def told(events: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    found = set()
    for row in events:
        start = datetime.datetime.fromisoformat(row["window_start"].replace("Z", "+00:00"))
        reasons = row["reasons"]
        found.add(
            (
                row["account_id"],
                row["currency"],
                start,
                row["transfers"],
                Decimal(str(row["total"])),
                Decimal(str(row["largest"])),
                reasons["many_transfers"],
                reasons["large_total"],
            )
        )
    assert len(found) == len(events)
    return found


def check(out: Path, expansion: str, runner: tuple[str, ...], *flags: str) -> None:
    given = values(*flags)
    # The transfers themselves beside the windows, so that the windows can be made by hand.
    text = script().replace("CREATE TABLE events", ROWS.split("INSERT")[0] + "CREATE TABLE events")
    found = run_engine(
        f"{text} INSERT {ROWS.split('INSERT')[1]}",
        out,
        expansion,
        flags=runner,
        recording=str(aml_velocity.RECORDING),
        values=given,
    )
    assert len(found["made"]) > 300
    wanted = expected(found["made"], given)
    assert wanted
    assert told(found["events"]) == wanted
    assert found["dead_letters"] == []


def test_each_account_and_window_over_a_limit_is_one_event(beam_java: Any, tmp_path: Path) -> None:
    check(tmp_path, beam_java.expansion_address, LOCAL)


def test_limits_and_windows_are_set_by_flags(beam_java: Any, tmp_path: Path) -> None:
    flags = (
        "--velocity_window_minutes=30",
        "--velocity_slide_minutes=15",
        "--velocity_min_transfers=2",
        "--velocity_min_total=45000.50",
    )
    check(tmp_path, beam_java.expansion_address, LOCAL, *flags)


def test_prism_gives_the_same_events(beam_java: Any, prism: Any, tmp_path: Path) -> None:
    check(tmp_path, beam_java.expansion_address, prism_flags(prism))


def test_flink_gives_the_same_events(beam_java: Any, flink: Any, tmp_path: Path) -> None:
    check(tmp_path, beam_java.expansion_address, flink_flags(flink))


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--velocity_slide_minutes=7", "the first a multiple of the second"),
        ("--velocity_window_minutes=0", "expected minutes above 0"),
        ("--velocity_late_minutes=-1", "expected 0 or more"),
        ("--velocity_min_transfers=0", "expected 1 or more"),
        ("--velocity_min_total=1e9", "expected a sum as 10000.00"),
    ],
)
def test_a_flag_that_does_not_fit_is_told(flag: str, message: str) -> None:
    with pytest.raises(FlagError, match=message):
        values(flag)
