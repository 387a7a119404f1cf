from __future__ import annotations

import datetime

import pytest

from kami.errors import ConfigurationError
from kami.history_position import Identity, order_key_of, time_of
from kami.schema import Dialect

OLD = "11111111-1111-1111-1111-111111111111"
NEW = "22222222-2222-2222-2222-222222222222"
KNOWN = [Identity(1, OLD), Identity(2, NEW)]
LAST = "f" * 16 + "/" + "f" * 8


@pytest.mark.parametrize(
    ("text", "dialect", "known", "order_key"),
    [
        (f"{OLD}:23", "mysql", KNOWN, f"0001/{23:016x}/{LAST}"),
        (f"{OLD}:1-23,\n{NEW}:1-4:7-9", "mysql", KNOWN, f"0002/{9:016x}/{LAST}"),
        (f"{OLD.upper()}:23", "mysql", KNOWN, f"0001/{23:016x}/{LAST}"),
        ("0-5-100", "mysql", [Identity(1, "0")], f"0001/{100:016x}/{LAST}"),
        ("binlog.000012:4711", "mysql", [], f"0000/{12:016x}/{4711:016x}/ffffffff"),
        ("16/B374D848", "postgresql", [], f"0000/{0x16B374D848:016x}/{LAST}"),
        ("123", "postgresql", [Identity(3, "")], f"0003/{123:016x}/{LAST}"),
    ],
)
def test_a_position_is_the_highest_order_key_at_it(
    text: str, dialect: Dialect, known: list[Identity], order_key: str
) -> None:
    assert order_key_of(text, dialect, known) == order_key
    assert order_key_of(order_key, dialect, known) == order_key


@pytest.mark.parametrize(
    ("text", "dialect", "message"),
    [
        ("yesterday", "mysql", "the position is 'yesterday'; expected a time"),
        (f"{OLD}:23", "postgresql", "of a postgresql source"),
        (f"{OLD[:-1]}9:23", "mysql", "is of no server that the log has shown; known: 1111"),
    ],
)
def test_what_is_no_position_is_refused(text: str, dialect: Dialect, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        order_key_of(text, dialect, KNOWN)


def test_times_are_utc_unless_they_name_a_zone() -> None:
    noon = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)
    for text in ("2026-01-31T12:00:00Z", "2026-01-31 12:00", "2026-01-31T13:00:00.0+01:00"):
        assert time_of(text) == noon
    assert time_of("16/B374D848") is None
    with pytest.raises(ConfigurationError, match="the time '2026-13-01' cannot be read"):
        time_of("2026-13-01")
