"""What polling remembers, over crashes, two pollers and wrong tokens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_io.audit_errors import AuditError, LeaseHeld
from pipeline_io.audit_poll import Poll
from pipeline_io.audit_state import AuditState
from pipeline_io.audit_tables import TableRequest, shards_of
from tests.io.audit_polling import Items, order, rows, told

# Polls, prints what it told, and waits for its end before it commits.
KILLED = """
import sys, time
from pathlib import Path
from tests.io.audit_polling import Clock, ITEMS, Items, START
items = Items.__new__(Items)
items.folder, items.clock, items.tokens = Path(sys.argv[1]), Clock(START + 60_000_000), 100
with items.polling() as polling:
    for batch in polling.poll.changes("killed"):
        for row in batch.to_pylist():
            print(row["id"], row["name"], row["_updated_us"], row["_revision"], flush=True)
    print("told", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def items(tmp_path: Path) -> Items:
    found = Items(tmp_path)
    for key in range(3):
        found.put(key, "x")
    found.clock.move(60)
    return found


def test_a_process_that_is_killed_between_poll_and_commit_tells_the_same_again(
    items: Items,
) -> None:
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(items.folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        if line == "told\n":
            break
        lines.append(line)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    # At once: its lease ends with it.
    with items.polling() as polling:
        again = polling.changes()
        assert [
            f"{row['id']} {row['name']} {row['_updated_us']} {row['_revision']}\n" for row in again
        ] == lines
        assert len(again) == 3
        assert polling.changes() == []


def test_what_an_ended_run_may_have_told_is_followed_by_what_is_different_now(
    items: Items,
) -> None:
    with items.polling() as polling:
        first = rows(polling.poll.changes("never committed"))
    items.execute("UPDATE items SET name = 'y' WHERE id = 1")
    with items.polling() as polling:
        second = polling.changes()
    assert [order(row) for row in first] == [(first[0]["_updated_us"], 0)] * 3
    assert [(row["name"], row["_op"], row["_revision"]) for row in second] == [
        ("x", "r", 0),
        ("y", "u", 1),
        ("x", "r", 0),
    ]


def test_two_pollers_of_one_table_are_refused(items: Items) -> None:
    with items.polling() as polling, items.polling() as other:
        polling.changes()
        with pytest.raises(LeaseHeld, match=r"shop: items \(shard 0/1\) is polled by .* already"):
            other.changes()


def test_a_lease_that_has_run_out_is_taken_over_and_the_first_poller_told(items: Items) -> None:
    with items.polling() as polling, items.polling() as other:
        stream = polling.poll.changes("first")
        next(stream)
        items.clock.move(301)
        assert len(other.changes()) == 3
        with pytest.raises(LeaseHeld, match="somebody else has taken over"):
            next(stream)
        with pytest.raises(AuditError, match="nothing is pending under 'first'"):
            polling.state.commit("first")


def test_a_poller_that_is_closed_leaves_its_table_to_the_next(items: Items) -> None:
    with items.polling() as polling:
        assert len(polling.changes()) == 3
    with items.polling() as polling:
        assert polling.changes() == []


def test_a_first_pass_that_was_committed_in_between_goes_on_there(items: Items) -> None:
    for key in range(10, 20):
        items.put(key, "y")
        items.clock.move(30)
    items.clock.move(60)
    with items.polling() as polling:
        stream = polling.poll.changes("first")
        batches = [next(stream) for _ in range(4)]
        polling.state.commit("first")
    done = [row["id"] for row in rows(batches)]
    with items.polling() as polling:
        rest = polling.changes()
    assert sorted([*done, *(row["id"] for row in rest)]) == sorted(items.content())
    assert {row["_op"] for row in rest} == {"r"}


def test_what_is_abandoned_is_told_again(items: Items) -> None:
    with items.polling() as polling:
        first = rows(polling.poll.changes("abandoned"))
        polling.state.abandon("abandoned")
        assert polling.changes() == first


def test_one_commit_is_of_all_shards_of_the_token(items: Items) -> None:
    request = TableRequest(
        "items", "updated_us", updated_unit="us", shard_column="id", shards=(2, 0, 2)
    )
    database, state = items.database(), items.state()
    table = database.describe(request)
    polls = [Poll(database, state, table, shard, source="shop") for shard in shards_of(request)]
    assert [told(rows(poll.changes("both"))) for poll in polls] == [
        [("r", 0, "x")],
        [("r", 1, "x"), ("r", 2, "x")],
    ]
    state.commit("both")
    assert [rows(poll.changes("next")) for poll in polls] == [[], []]
    state.close()


def test_state_of_another_key_is_refused(items: Items) -> None:
    with items.polling() as polling:
        polling.changes()
    request = TableRequest("items", "updated_us", key=("id", "name"), updated_unit="us")
    with items.polling(request) as polling, pytest.raises(AuditError, match="under another source"):
        polling.changes()


def test_a_state_that_cannot_be_opened_says_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("no database, and long enough to be seen as none" * 20)
    with pytest.raises(AuditError, match=r"the state in sqlite:.*state\.db: .*not a database"):
        AuditState(f"sqlite:///{tmp_path}/state.db")
