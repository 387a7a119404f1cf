"""The customers that a job looks up: in a database, and as a test knows them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests.stack.databases import Database

_KINDS = ("Testkundin", "Musterfirma", "Müsterli", "Próba", "Client d'essai")
_FLAGS = ("structuring", "cash_intensive", "adverse_media", "dormant_reactivated")
_TABLES = (
    "CREATE TABLE customers (id BIGINT PRIMARY KEY, name VARCHAR(100) NOT NULL, "
    "country CHAR(2) NOT NULL, risk_class VARCHAR(10) NOT NULL, birth_date VARCHAR(10), "
    "pep INT NOT NULL)",
    "CREATE TABLE customer_flags (customer_id BIGINT, flag VARCHAR(30), raised_at VARCHAR(30), "
    "severity INT)",
)


class Customers:
    """Customers with gaps: some that the changes name are unknown, some flags have no customer."""

    unknown = (9, 31, 58)

    def __init__(self, count: int = 60) -> None:
        rng = random.Random("customers")
        self._rows: dict[int, tuple[str, str, str, int]] = {}
        self._flags: dict[int, list[tuple[str, int]]] = {58: [("adverse_media", 3)]}
        self.ids: Sequence[int] = tuple(range(1, count + 1))
        for number in self.ids:
            if number in self.unknown:
                continue
            self._rows[number] = (
                f"{rng.choice(_KINDS)} {number:03d}",
                rng.choice(["DE", "AT", "CH", "FR", "PL"]),
                rng.choice(["low", "medium", "high"]),
                int(rng.random() < 0.1),
            )
            chosen = rng.sample(_FLAGS, rng.choice([0, 0, 1, 2, 3]))
            # The job asks for them by their severity, the highest first.
            severities = sorted(rng.sample(range(1, 6), len(chosen)), reverse=True)
            self._flags[number] = list(zip(chosen, severities, strict=True))

    def install(self, database: Database) -> None:
        """Makes the two tables and fills them."""
        database.execute(*_TABLES)
        database.insert(
            "INSERT INTO customers VALUES (%s, %s, %s, %s, NULL, %s)",
            [(number, *row) for number, row in self._rows.items()],
        )
        database.insert(
            "INSERT INTO customer_flags VALUES (%s, %s, '2026-01-15 09:30:00', %s)",
            [(number, *flag) for number, flags in self._flags.items() for flag in flags],
        )

    def seen(self, number: int | None) -> Mapping[str, Any]:
        """The members `customer` and `flags` of an event."""
        known = self._rows.get(number) if number is not None else None
        name, country, risk_class, pep = known or (None, None, "unknown", None)
        return {
            "customer": {
                "id": number,
                "name": name,
                "country": country,
                "risk_class": risk_class,
                "pep": None if pep is None else pep == 1,
            },
            "flags": [
                {"flag": flag, "severity": severity}
                for flag, severity in self._flags.get(number or 0, [])
            ],
        }
