import functools
import json
import random

import polars as pl
import pytest

from tests.transforms import order_key_recordings as recordings
from transforms.event_id import event_ids
from transforms.incarnation import Incarnations
from transforms.order_key import LOWEST, order_keys


@functools.cache
def events(name: str) -> dict[tuple[str, int], pl.DataFrame]:
    """The change events of a recording with their order keys and ids."""
    incarnations = Incarnations()
    frames = {}
    for place, frame in recordings.change_events(name).items():
        keys = order_keys(frame["source"], frame["op"], incarnations)
        assert keys.errors.null_count() == len(frame)
        ids = event_ids(frame["source"], frame["op"], None, frame["key"], incarnations)
        frames[place] = frame.with_columns(keys.order_key, ids)
    return frames


@pytest.mark.parametrize("name", recordings.NAMES)
def test_the_streamed_changes_of_a_key_have_rising_order_keys(name: str) -> None:
    for frame in events(name).values():
        # Records without a key are truncates, and rows of tables without a primary key.
        streamed = frame.filter(pl.col("op") != "r", pl.col("key").is_not_null())
        for _, changes in streamed.group_by("key", maintain_order=True):
            keys = changes["order_key"].to_list()
            assert keys == sorted(set(keys))


@pytest.mark.parametrize("name", [name for name in recordings.NAMES if "types" not in name])
def test_the_order_keys_of_one_writer_have_the_order_of_the_log(name: str) -> None:
    for frame in events(name).values():
        keys = frame["order_key"].to_list()
        assert keys == sorted(keys)


@pytest.mark.parametrize("name", recordings.NAMES)
def test_all_event_ids_of_a_recording_differ(name: str) -> None:
    ids = pl.concat([frame["event_id"] for frame in events(name).values()])
    assert ids.n_unique() == len(ids)
    assert ids.str.contains("^[0-9a-f]{32}$").all()


@pytest.mark.parametrize("name", recordings.NAMES)
def test_redelivered_streamed_events_have_the_same_key_and_id(name: str) -> None:
    for frame in events(name).values():
        streamed = frame.filter(pl.col("op") != "r")
        half = streamed.tail(len(streamed) // 2 + 1)
        again = pl.concat([streamed, half])
        incarnations = Incarnations()
        keys = order_keys(again["source"], again["op"], incarnations)
        ids = event_ids(again["source"], again["op"], None, again["key"], incarnations)
        assert keys.order_key.to_list() == again["order_key"].to_list()
        assert ids.to_list() == again["event_id"].to_list()


@pytest.mark.parametrize("name", recordings.NAMES)
def test_batches_of_any_size_give_the_same_keys_when_the_newest_is_carried(name: str) -> None:
    draw = random.Random(name)
    incarnations = Incarnations()
    for frame in events(name).values():
        newest = None
        start = 0
        while start < len(frame):
            batch = frame.slice(start, draw.randint(1, 60))
            keys = order_keys(batch["source"], batch["op"], incarnations, newest)
            assert keys.order_key.to_list() == batch["order_key"].to_list()
            newest = keys.newest
            start += len(batch)


@pytest.mark.parametrize("name", [name for name in recordings.NAMES if "types" not in name])
def test_replayed_by_order_key_in_any_order_a_table_has_its_final_rows(name: str) -> None:
    database = name.partition("_")[0]
    text = (recordings.RECORDINGS / f"final-{database}.json").read_text()
    final = json.loads(text)
    for (topic, _), frame in events(name).items():
        table = topic.rpartition(".")[2]
        expected = sorted(row["id"] for row in final.get(table, []))
        shuffled = frame.sample(fraction=1.0, shuffle=True, seed=7)
        assert ids_after_replay(shuffled) == expected


def ids_after_replay(frame: pl.DataFrame) -> list[int]:
    truncated = frame.filter(pl.col("op") == "t")["order_key"].max()
    rows = frame.filter(pl.col("op") != "t", pl.col("order_key") > (truncated or ""))
    newest = rows.sort("order_key").unique("key", keep="last")
    return sorted(
        json.loads(after)["id"]
        for op, after in newest.select("op", "after").iter_rows()
        if op != "d"
    )


def test_the_keys_of_a_recording_are_as_written_down() -> None:
    mysql = events("mysql_adaptive")["mysql_adaptive.shop.items", 0]
    mariadb = events("mariadb_adaptive")["mariadb_adaptive.shop.items", 0]
    postgresql = events("pg_adaptive")["pg_adaptive.public.items", 0]
    place = mysql["op"].to_list().index("u")
    assert mysql["order_key"][0] == LOWEST
    assert mysql["order_key"][place] == f"0001/{11:016x}/{9216:016x}/00000001"
    assert mariadb["order_key"][place].startswith(f"0001/{12:016x}/")
    assert postgresql["order_key"][0] == f"0000/{26711576:016x}/{0:016x}/00000000"
    rows = mysql["order_key"].str.slice(-8)
    assert rows.n_unique() > 2
    assert mysql["event_id"][place] == "446a244472a22988b023c8bcea9d447d"
