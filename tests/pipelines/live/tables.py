"""The two tables of the example: transfers in MySQL, card payments in PostgreSQL."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal

from tests.pipelines.live.customers import Customers
from tests.pipelines.live.expected import NO_DAY, Change, Row, card_change, transfer_change
from tests.pipelines.live.workload import Workload

# Invented firms.
_COUNTERPARTIES = [
    ("Nordwind Handels GmbH", "DE", "EUR"),
    ("Ölmühle Grünau KG", "DE", "EUR"),
    ("Edelweiß Treuhand AG", "CH", "CHF"),
    ("Żółw Transport Sp. z o.o.", "PL", "PLN"),
    ("Palmview Nominees Ltd", "KY", "USD"),
    ("日本海産物商事", "JP", "JPY"),
    ("Emoji Shop 🙂 UG", "DE", "EUR"),
    ('O\'Brine "Pickles" & Sons', "IE", "EUR"),
    ("Back\\Slash Software e.U.", "AT", "EUR"),
    (None, "VG", "USD"),
]
_MERCHANTS = [
    ("Bakery Morgenröte", 5462, "DE"),
    ("  Casino Glücksklee ", 7995, "AT"),
    ("CoinHarbour Exchange", 6051, "EE"),
    ("ラーメン 三日月", 5812, "JP"),
    ('Pawn "Half Moon"', 5933, "US"),
    (None, None, None),
]
_METADATA = [
    None,
    "{}",
    '{"terminal": "T0417", "contactless": true}',
    '{"country": "MT", "note": "größer \\"hoch\\""}',
]


class Transfers(Workload):
    """bank.transfers in MySQL. Now and then a row has no day: planted for a dead letter."""

    table = "transfers"
    ddl = """
CREATE TABLE transfers (
  id BIGINT NOT NULL PRIMARY KEY,
  account_id BIGINT NOT NULL,
  customer_id BIGINT NOT NULL,
  counterparty_name VARCHAR(140) NULL,
  counterparty_iban VARCHAR(34) NULL,
  counterparty_country CHAR(2) NULL,
  amount DECIMAL(15,2) NOT NULL,
  currency CHAR(3) NOT NULL,
  channel ENUM('branch','online','api') NOT NULL,
  purpose VARCHAR(140) NULL,
  value_date VARCHAR(10) NULL,
  status VARCHAR(20) NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at TIMESTAMP(6) NULL
) CHARACTER SET utf8mb4
"""
    _next_id = 1
    _has_sanction_hit = False

    def __init__(self, url: str, customers: Customers) -> None:
        super().__init__(url, customers, init_command="SET time_zone = '+00:00'")

    def add_sanction_hit(self) -> None:
        """A new column, while the connector streams: the records have another schema from here on.

        In a table that is there when a connector starts, Debezium takes a BOOLEAN for a number.
        """
        with self.transaction():
            self._run("ALTER TABLE transfers ADD COLUMN sanction_hit BOOLEAN NULL")
        self._has_sanction_hit = True

    def new_row(self) -> Row:
        rng, number, at = self.rng, self._next_id, self.moment()
        self._next_id += rng.choice([1, 1, 1, 5])
        name, country, currency = rng.choice(_COUNTERPARTIES)
        customer = rng.choice(self.customers.ids)
        day = at.strftime("%d.%m.%Y")
        amounts = [
            Decimal("9999999999999.99"),
            -Decimal(rng.randint(1, 400_000)) / 100,
            Decimal("0.00"),
            Decimal("10000.00"),
            Decimal(rng.randint(900_000, 999_999)) / 100,
        ]
        common = Decimal(int(rng.lognormvariate(11.5, 1.6)) + 1) / 100
        return {
            "id": number,
            "account_id": 5_000_000 + customer,
            "customer_id": customer,
            "counterparty_name": name,
            "counterparty_iban": None,
            "counterparty_country": country,
            "amount": rng.choice([*amounts, *[common] * 15]),
            "currency": currency,
            "channel": rng.choice(["branch", "online", "api"]),
            "purpose": f"purpose {number};",
            "value_date": rng.choice([*[day] * 60, None, NO_DAY]),
            "status": "received",
            "created_at": at.replace(tzinfo=None),
            "updated_at": None,
            **({"sanction_hit": rng.choice([None, 0, 0, 1])} if self._has_sanction_hit else {}),
        }

    def updated(self, row: Row) -> Row:
        at = self.moment().replace(tzinfo=None)
        choices: list[dict[str, object]] = [
            {"status": self.rng.choice(["booked", "held", "reversed"])},
            {"sanction_hit": 1} if self._has_sanction_hit else {},
            {"amount": -row["amount"]},
        ]
        return {**row, **self.rng.choice(choices), "updated_at": at}

    def new_key(self, row: Row) -> int:
        return int(row["id"]) + 1_000_000_000

    def change(self, op: str, row: Row | None) -> Change:
        return transfer_change(op, row, self.customers)


class CardPayments(Workload):
    """public.card_payments in PostgreSQL."""

    table = "card_payments"
    ddl = """
CREATE TABLE card_payments (
  id UUID PRIMARY KEY,
  card_token TEXT NOT NULL,
  customer_id BIGINT NOT NULL,
  merchant_name TEXT,
  merchant_category INT,
  merchant_country CHAR(2),
  amount NUMERIC(12,2) NOT NULL,
  currency CHAR(3) NOT NULL,
  auth_date TEXT,
  approved BOOLEAN NOT NULL,
  risk_score DOUBLE PRECISION,
  metadata JSONB,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMP(6)
)
"""

    def new_row(self) -> Row:
        rng, at = self.rng, self.moment()
        name, category, country = rng.choice(_MERCHANTS)
        customer = rng.choice(self.customers.ids)
        common = int(rng.lognormvariate(8.5, 1.3)) + 1
        return {
            "id": self._uuid(),
            "card_token": f"tok_{customer:03d}",
            "customer_id": customer,
            "merchant_name": name,
            "merchant_category": category,
            "merchant_country": country,
            "amount": Decimal(rng.choice([0, -999_999_999_999, *[common] * 20])) / 100,
            "currency": rng.choice(["EUR", "CHF", "JPY"]),
            "auth_date": rng.choice([at.strftime("%Y%m%d"), at.strftime("%Y%m%d"), None]),
            "approved": rng.random() < 0.9,
            "risk_score": rng.choice([None, 0.0, 0.8, round(rng.random(), 4)]),
            "metadata": rng.choice(_METADATA),
            "created_at": at,
            "updated_at": None,
        }

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def updated(self, row: Row) -> Row:
        country = json.dumps({"country": self.rng.choice(["FR", "TR"])})
        choices: list[dict[str, object]] = [
            {"risk_score": round(self.rng.random(), 6)},
            {"approved": not row["approved"]},
            {"metadata": country},
        ]
        return {**row, **self.rng.choice(choices), "updated_at": self.moment().replace(tzinfo=None)}

    def new_key(self, row: Row) -> str:
        return self._uuid()

    def change(self, op: str, row: Row | None) -> Change:
        return card_change(op, row, self.customers)
