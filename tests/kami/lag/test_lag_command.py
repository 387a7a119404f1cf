"""The command line of `kami lag`, without a broker."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kami.cli import main
from kami.lag import Partition
from kami.lag_question import Group, Question

NOBODY = "127.0.0.1:1"


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["lag", "--timeout-seconds", "0.2", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result
    return result.exit_code, result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--file", "x.yaml", "--brokers", NOBODY), "--file and --brokers both say"),
        (("--file", "missing.yaml"), "the file of topics 'missing.yaml' cannot be read"),
        (("--brokers", NOBODY, "--group", ""), "one of them is empty"),
        (("--brokers", NOBODY, "--listen", "9308"), "expected HOST:PORT"),
        (("--brokers", NOBODY, "--listen", ":99999"), "expected HOST:PORT"),
        (("--brokers", NOBODY, "--listen", ":1", "--max-records", "1"), "are not of --listen"),
        (("--subscription", "s"), "expected projects/PROJECT/subscriptions/NAME"),
        (("--brokers", "nowhere"), "expected HOST:PORT[,HOST:PORT]"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_asked(
    arguments: tuple[str, ...], told: str
) -> None:
    code, text = run(*arguments)
    assert code == 2
    assert told in text


def test_a_broker_that_is_not_there_ends_it_with_3() -> None:
    code, told = run("--brokers", NOBODY)
    assert code == 3
    assert f"Kafka at {NOBODY} does not answer" in told


def test_a_file_says_where_the_cluster_is_and_its_mistakes_have_places(tmp_path: Path) -> None:
    path = tmp_path / "topics.yaml"
    path.write_text(f"brokers: {NOBODY}\ngroups:\n- {{name: loader, offsets: {{t: earliest}}}}\n")
    assert run("--file", str(path))[0] == 3
    path.write_text("brokers: nowhere\n")
    for arguments in ((), ("--group", "x"), ("--listen", "127.0.0.1:0")):
        code, told = run("--file", str(path), *arguments)
        assert code == 2
        assert f"{path}:1:10: the broker is 'nowhere'" in told


def test_groups_are_names_and_patterns() -> None:
    question = Question(("a", "b*"), ("t?",))
    assert question.named_groups == ["a"]
    assert question.has_patterns
    assert not Question(("a",)).has_patterns
    assert [question.wants_group(name) for name in ("a", "ab", "bc")] == [True, False, True]
    assert [question.wants_topic(name) for name in ("t", "t1")] == [False, True]


def test_a_group_stands_in_every_partition_of_its_topics() -> None:
    group = Group("g", 1, {Partition("t", 1): 5, Partition("gone", 3): 7}, frozenset())
    found = [(one.partition, one.committed) for one in group.positions({"t": 3, "other": 2})]
    assert found == [
        (Partition("gone", 3), 7),
        (Partition("t", 0), None),
        (Partition("t", 1), 5),
        (Partition("t", 2), None),
    ]
    assigned = Group("g", 1, {}, frozenset({Partition("t", 0)}))
    assert [one.partition.number for one in assigned.positions({"t": 2})] == [0, 1]
    assert not Group("g").is_known
