"""CPU seconds a million records from raw bytes to change log rows, and where they go.

    python -m tests.benchmarks.change_log_speed [--records 200000] [--repeats 3] [--recording NAME]

The records of a recording's table `items`, repeated, in batches of 5,000 as a reader hands them
over, in this process alone: no Beam, no warehouse. The steps are measured in a run of their own,
since measuring costs time too.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

# First, as in `python -m pipelines.change_log`: it sets the size of polars' thread pool.
import pipelines  # noqa: F401
from kami.tables import warehouse_name
from pipeline_io.recording import Recording, RecordingSchemas
from transforms import change_log_order, change_log_rows, change_log_write
from transforms.avro import choose_decoder
from transforms.change_log_lives import OneSource
from transforms.change_log_order import EventOrder
from transforms.change_log_rows import ChangeLog
from transforms.change_log_tables import TableNames

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"
BATCH_SIZE = 5_000
STEPS: dict[str, tuple[Any, str]] = {
    "decode values": (change_log_rows, "decode"),
    "keys": (change_log_rows, "KeyColumns"),
    "coordinates": (change_log_order, "usual_events"),
    "order keys": (change_log_order, "usual_keys"),
    "event ids": (change_log_order, "usual_ids"),
    "before and after": (change_log_write, "_row_texts"),
}


def batches(folder: Path, records: int) -> list[pa.RecordBatch]:
    """The recording's records of `items`, over and over, in batches of BATCH_SIZE."""
    (whole,) = Recording(str(folder)).batches(1_000_000)
    topics: Any = whole.column("topic")
    keep = [str(topic).endswith(".items") for topic in topics.to_pylist()]
    items = whole.filter(pa.array(keep, pa.bool_()))
    times = -(-BATCH_SIZE // items.num_rows)
    table = pa.Table.from_batches([items] * times).combine_chunks()
    (batch,) = table.slice(0, BATCH_SIZE).combine_chunks().to_batches()
    return [batch] * (records // BATCH_SIZE)


def change_log(folder: Path) -> ChangeLog:
    def now() -> datetime.datetime:
        return datetime.datetime.now(datetime.timezone.utc)

    schemas = RecordingSchemas(str(folder))
    order = EventOrder(OneSource("shop"))
    return ChangeLog(schemas, choose_decoder(), order, TableNames(warehouse_name), now)


def seconds_a_million(folder: Path, given: list[pa.RecordBatch]) -> float:
    log = change_log(folder)
    log.process(given[0])
    started = time.process_time()
    rows = sum(log.process(batch).counts.records for batch in given)
    return (time.process_time() - started) / rows * 1_000_000


def shares(folder: Path, given: list[pa.RecordBatch]) -> Iterator[tuple[str, float]]:
    """Each step and its CPU seconds a million records; `the rest` is what no step has."""
    spent: Counter[str] = Counter()
    originals = {step: getattr(*where) for step, where in STEPS.items()}
    for step, (module, name) in STEPS.items():
        setattr(module, name, _timed(originals[step], step, spent))
    try:
        whole = seconds_a_million(folder, given)
    finally:
        for step, (module, name) in STEPS.items():
            setattr(module, name, originals[step])
    records = sum(batch.num_rows for batch in given) + given[0].num_rows
    found = {step: spent[step] / records * 1_000_000 for step in STEPS}
    yield from found.items()
    yield "the rest", whole - sum(found.values())


def _timed(call: Callable[..., Any], step: str, spent: Counter[str]) -> Callable[..., Any]:
    def timed(*arguments: Any, **named: Any) -> Any:
        started = time.process_time()
        try:
            return call(*arguments, **named)
        finally:
            spent[step] += time.process_time() - started  # type: ignore[assignment]

    return timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--recording", default="mysql_adaptive")
    flags = parser.parse_args()
    folder = RECORDINGS / flags.recording
    given = batches(folder, flags.records)
    values: Any = given[0].column("value")
    size = values.nbytes // len(values)
    found = [seconds_a_million(folder, given) for _ in range(flags.repeats)]
    lines = [
        f"{flags.recording}: {flags.records:,} records of {size} bytes, decoder "
        f"{choose_decoder().name}",
        f"CPU s/M: {min(found):.2f} (of {', '.join(f'{each:.2f}' for each in found)})",
    ]
    lines += [f"  {step:17} {spent:5.2f}" for step, spent in shares(folder, given)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
