"""Dead letters looked at, and their records sent again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from pipelines import aml, dead_letters
from pipelines.dead_letter_filter import LetterFilter, groups_of
from pipelines.dead_letter_place import (
    FilePlace,
    PlaceError,
    SubscriptionPlace,
    TablePlace,
    TopicPlace,
    kept_place_of,
    place_of,
)
from pipelines.dead_letter_read import Letter, LetterError, parse_letter, read_letters
from pipelines.dead_letter_replay import Ledger, Record, message_of, record_of, replay
from tests.pipelines.letters_made import letter, write_letters
from transforms.replay_headers import ATTEMPTS, FIRST_FAILED_AT


class Sent:
    """Keeps what is sent; refuses records whose value is in `refuse`, and breaks after `breaks`."""

    def __init__(self, refuse: Iterable[bytes] = (), breaks: int = 1_000) -> None:
        self.records: list[Record] = []
        self.refuse = set(refuse)
        self.breaks = breaks

    def takes(self, record: Record) -> str | None:
        return "not here" if record.topic == "elsewhere" else None

    def send(self, records: list[Record]) -> list[str | None]:
        if len(self.records) + len(records) > self.breaks:
            raise ConnectionError
        self.records += [record for record in records if record.value not in self.refuse]
        return ["too large" if record.value in self.refuse else None for record in records]

    def close(self) -> None: ...


def made(*fields: Mapping[str, object]) -> list[Letter]:
    return [Letter(letter(**one), "made by hand") for one in fields]  # type: ignore[arg-type]


def do_nothing() -> None: ...


def read(path: Path) -> list[Letter]:
    with read_letters(kept_place_of(str(path))) as letters:
        return list(letters)


def test_places_are_read_from_their_texts(tmp_path: Path) -> None:
    assert place_of("out/letters.jsonl") == FilePlace("out/letters.jsonl")
    assert place_of("gs://b/p/") == FilePlace("gs://b/p/dead_letters.jsonl")
    assert place_of(str(tmp_path)) == FilePlace(f"{tmp_path}/dead_letters.jsonl")
    topic = place_of("pubsub:projects/p1/topics/letters")
    assert isinstance(topic, TopicPlace)
    assert (topic.config.project, topic.config.topic) == ("p1", "letters")
    kept = kept_place_of("pubsub:projects/p1/subscriptions/letters")
    assert isinstance(kept, SubscriptionPlace)
    table = place_of("bigquery:p1.shop.letters")
    assert isinstance(table, TablePlace)
    assert (table.config.project, table.config.dataset, table.table) == ("p1", "shop", "letters")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pubsub:letters", "pubsub:projects/PROJECT/topics/TOPIC"),
        ("pubsub:projects/p1/subscriptions/letters", "topics/TOPIC"),
        ("pubsub:projects/p1/topics/go", "expected its id"),
        ("bigquery:letters", "bigquery:PROJECT.DATASET.TABLE"),
    ],
)
def test_a_place_that_is_none_says_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(PlaceError, match=expected) as raised:
        place_of(text)
    assert text in str(raised.value)


def test_a_line_that_is_no_letter_is_named(tmp_path: Path) -> None:
    path = write_letters(tmp_path / "l.jsonl", letter())
    with path.open("a") as file:
        file.write('{"payload": "cut')
    with pytest.raises(LetterError, match=r"l\.jsonl:2: no dead letter"):
        read(path)
    with pytest.raises(LetterError, match="it lacks key, headers"):
        parse_letter(b'{"payload": null}', "here")
    with pytest.raises(LetterError, match=r"none\.jsonl: no such file"):
        read(tmp_path / "none.jsonl")


def test_letters_are_counted_by_what_went_wrong() -> None:
    letters = made({}, {"offset": 1}, {"offset": 2, "stage": "decode", "statement": None})
    first, second = groups_of(letters)
    assert (first.letters, first.stage, first.statement) == (2, "project", "events")
    assert (second.letters, second.stage, second.statement) == (1, "decode", None)


@pytest.mark.parametrize(
    ("flags", "offsets"),
    [
        ([], [0, 1, 2]),
        (["--error_class=CorruptRecord"], [1]),
        (["--message=no number"], [0, 2]),
        (["--since=2026-05-02", "--until=2026-05-03"], [2]),
        (["--topic=shop.items", "--stage=decode"], [1]),
    ],
)
def test_filters_choose_letters(
    flags: list[str], offsets: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_letters(
        tmp_path / "l.jsonl",
        letter(0),
        letter(1, error_class="CorruptRecord", stage="decode", message="cut"),
        letter(2, last_failed_at="2026-05-02T00:00:00.000Z"),
    )
    command = ["replay", str(path), "--kafka_brokers=nowhere:9092", "--dry_run", "--output=json"]
    assert dead_letters.run([*command, *flags]) == 0
    assert json.loads(capsys.readouterr().out)["records"] == len(offsets)
    chosen = LetterFilter(message="cut")
    assert [one["offset"] for one in read(path) if chosen.takes(one)] == [1]


def test_a_record_is_sent_byte_for_byte_and_says_how_often_it_failed() -> None:
    (one,) = made({"attempts": 3})
    record = record_of(one)
    assert (record.topic, record.key, record.value) == ("shop.items", b"key", b"value 0")
    assert record.headers == [
        ("h", b"\xff"),
        (ATTEMPTS, b"3"),
        (FIRST_FAILED_AT, b"2026-05-01T12:00:01.000Z"),
    ]


def test_a_message_of_pubsub_keeps_its_first_id_as_that_of_its_event() -> None:
    subscription = "projects/p1/subscriptions/s"
    record = Record(subscription, b"key", b"{}", [("goog-message-id", b"17"), ("table", b"t")])
    message = message_of(record)
    assert (message.data, message.ordering_key) == (b"{}", "key")
    assert dict(message.attributes) == {
        "table": "t",
        "kamiflow-message-id": "17",
        "event_id": f"{subscription}:17",
    }
    # It failed again, as another message.
    headers = [(name, value.encode()) for name, value in message.attributes.items()]
    again = message_of(Record(subscription, None, b"{}", [("goog-message-id", b"99"), *headers]))
    assert again.attributes["event_id"] == f"{subscription}:17"
    kept = message_of(
        Record(subscription, None, b"", [("goog-message-id", b"1"), ("event_id", b"e")])
    )
    assert kept.attributes["event_id"] == "e"


def test_a_record_is_sent_once_whatever_is_repeated(tmp_path: Path) -> None:
    letters = made({}, {"statement": "others"}, {"offset": 1})
    sent = Sent()
    ledger = Ledger(tmp_path / "ledger")
    done = replay(letters, sent, ledger, do_nothing)
    assert (done.letters, done.records, done.repeated, done.noted) == (3, 2, 1, 0)
    assert [record.value for record in sent.records] == [b"value 0", b"value 1"]
    again = replay(letters, sent, Ledger(tmp_path / "ledger"), do_nothing)
    assert (again.records, again.noted, len(sent.records)) == (0, 2, 2)
    replay(letters, sent, Ledger(tmp_path / "ledger"), do_nothing, again=True)
    assert len(sent.records) == 4


def test_a_replay_that_broke_off_goes_on_where_it_was(tmp_path: Path) -> None:
    letters = made(*({"offset": number} for number in range(10)))
    broken, whole = Sent(breaks=6), Sent()
    with pytest.raises(ConnectionError):
        replay(letters, broken, Ledger(tmp_path / "ledger"), do_nothing, batch=3)
    replay(letters, whole, Ledger(tmp_path / "ledger"), do_nothing, batch=3)
    values = [record.value for record in (*broken.records, *whole.records)]
    assert values == [b"value %d" % number for number in range(10)]


def test_what_is_refused_is_told_and_not_noted(tmp_path: Path) -> None:
    letters = made({}, {"offset": 1})
    done = replay(letters, Sent([b"value 1"]), Ledger(tmp_path / "ledger"), do_nothing)
    assert done.records == 1
    assert done.refused == ["shop.items 0:1: too large"]
    assert len(Ledger(tmp_path / "ledger").sent) == 1
    with pytest.raises(LetterError, match="not here"):
        replay(made({"topic": "elsewhere"}), Sent(), Ledger(tmp_path / "none"), do_nothing)


def test_a_dry_run_sends_and_notes_nothing(tmp_path: Path) -> None:
    done = replay(made({}, {}), None, Ledger(tmp_path / "ledger"), do_nothing)
    assert (done.letters, done.records) == (2, 1)
    assert not (tmp_path / "ledger").exists()


def test_a_replay_waits_before_each_record(tmp_path: Path) -> None:
    waits: list[None] = []
    letters = made({}, {"offset": 1}, {"offset": 1})
    replay(letters, Sent(), Ledger(tmp_path / "ledger"), lambda: waits.append(None))
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ([], "--kafka_brokers or --pubsub_topic"),
        (["--kafka_brokers=nowhere"], "expected HOST:PORT"),
        (["--kafka_brokers=a:1", "--kafka_property=x"], "expected NAME=VALUE"),
        (["--pubsub_topic=letters"], "pubsub:projects/PROJECT/topics/TOPIC"),
        (["--kafka_brokers=a:1", "--per_second=0"], "per_second"),
    ],
)
def test_wrong_flags_are_told(
    flags: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_letters(tmp_path / "l.jsonl", letter())
    assert dead_letters.run(["replay", str(path), *flags]) == 2
    assert told in capsys.readouterr().err


def test_a_ledger_has_to_be_named_for_what_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    place = "pubsub:projects/p1/subscriptions/letters"
    assert dead_letters.run(["replay", place, "--kafka_brokers=a:1"]) == 2
    assert "--ledger is missing" in capsys.readouterr().err


def test_the_letters_of_a_job_go_where_the_flag_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "elsewhere" / "letters.jsonl"
    assert aml.main([f"--output_dir={tmp_path}", f"--dead_letters={path}"]) == 0
    assert str(path) in capsys.readouterr().out
    assert dead_letters.run(["inspect", str(path), "--output=json"]) == 0
    groups = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum(group["letters"] for group in groups) == 2
    assert dead_letters.run(["inspect", str(path)]) == 0
    assert "2 dead letters" in capsys.readouterr().out


def test_a_place_that_is_none_is_refused_before_the_job_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert aml.main([f"--output_dir={tmp_path}", "--dead_letters=bigquery:x"]) == 2
    assert "--dead_letters='bigquery:x'" in capsys.readouterr().err
