"""What each committed change must become at Pub/Sub, worked out in plain Python from its row."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.pipelines.live.customers import Customers

Row = Mapping[str, Any]

NO_DAY = "00.00.0000"
"""What the legacy system writes for "none": no day, so that its record is a dead letter."""

_OPERATIONS = {"c": "created", "u": "updated", "d": "deleted", "t": "table truncated"}


@dataclasses.dataclass(frozen=True)
class Change:
    """A committed change of one row.

    event: what arrives, without its time and ids; None for one that becomes a dead letter.
    mark: a text that the record holds, unique for a change that becomes a dead letter.
    committed_at: seconds of the epoch, just before the commit was sent.
    """

    source: str
    event: str | None
    mark: str
    committed_at: float = 0.0


def canonical(value: Any) -> Any:
    """A value of JSON in which equal numbers are written alike."""
    match value:
        case bool() | None:
            return value
        case Decimal() | int():
            number = Decimal(value)
            return f"{number.normalize():f}" if number else "0"
        case Mapping():
            return {name: canonical(each) for name, each in sorted(value.items())}
        case list() | tuple():
            return [canonical(each) for each in value]
    return value


def event_text(source: str, op: str, event: Mapping[str, Any]) -> str:
    """One text for equal events."""
    return json.dumps(canonical({"source": source, "op": op, **event}), sort_keys=True)


def transfer_change(op: str, row: Row | None, customers: Customers) -> Change:
    """The change of a row of bank.transfers; of no row, where the table was truncated."""
    row = row or {}
    source = "mysql:core.bank.transfers"
    day = row.get("value_date")
    mark = str(row.get("purpose"))
    if day == NO_DAY:
        return Change(source, None, mark)
    amount = row.get("amount")
    event = {
        "event_name": f"transfer {_OPERATIONS[op]}",
        "id": _text(row.get("id")),
        **customers.seen(row.get("customer_id")),
        "counterparty": row.get("counterparty_name"),
        "counterparty_country": row.get("counterparty_country"),
        "amount": amount,
        "currency": row.get("currency"),
        "booked_on": None if day is None else "-".join(reversed(day.split("."))),
        "screening": _screening(row, amount),
        "created_at": _moment(row.get("created_at")),
        "updated_at": _moment(row.get("updated_at")),
    }
    return Change(source, event_text(source, op, event), mark)


def _screening(row: Row, amount: Decimal | None) -> str:
    if row.get("sanction_hit"):
        return "sanctions list"
    if row.get("status") == "reversed":
        return "reversal"
    if amount is not None and amount >= 10_000:
        return "above the reporting limit"
    if amount is not None and amount >= 9_000:
        return "just below the reporting limit"
    return "standard"


def card_change(op: str, row: Row | None, customers: Customers) -> Change:
    """The change of a row of card_payments. The database tells of a deleted row its key alone."""
    row = row or {}
    if op == "d":
        row = {"id": row["id"]}
    source = "postgresql:cards.public.card_payments"
    name, day, risk = row.get("merchant_name"), row.get("auth_date"), row.get("risk_score")
    metadata = json.loads(row.get("metadata") or "{}")
    if row.get("approved") is False:
        screening = "declined"
    else:
        screening = "risky card payment" if risk is not None and risk >= 0.8 else "standard"
    event = {
        "event_name": f"card payment {_OPERATIONS[op]}",
        "id": row.get("id"),
        **customers.seen(row.get("customer_id")),
        "counterparty": None if name is None else name.strip(" ").upper(),
        "counterparty_country": metadata.get("country") or row.get("merchant_country"),
        "amount": row.get("amount"),
        "currency": row.get("currency"),
        "booked_on": None if day is None else f"{day[:4]}-{day[4:6]}-{day[6:]}",
        "screening": screening,
        "created_at": _moment(row.get("created_at")),
        "updated_at": _moment(row.get("updated_at")),
    }
    return Change(source, event_text(source, op, event), str(row.get("id")))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _moment(time: datetime.datetime | None) -> str | None:
    """UTC in milliseconds, cut off, without zeros at the end."""
    if time is None:
        return None
    millis = f".{time.microsecond // 1000:03d}".rstrip("0").rstrip(".")
    return f"{time:%Y-%m-%d %H:%M:%S}{millis}Z"
