"""The one bank of a test run: its topics have fixed names, so that two could not stand side by
side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.stack.servers import Connect, Kafka, MySql, Postgres
from tests.stack.session import Session

# Every run of pytest loads this file.
if TYPE_CHECKING:
    from tests.pipelines.live.bank import Bank


@pytest.fixture(scope="session")
def bank(
    stack_session: Session, kafka: Kafka, connect: Connect, mysql: MySql, postgres: Postgres
) -> Iterator[Bank]:
    """A bank in which much has happened, the same for all tests."""
    from tests.pipelines.live.bank import opened_bank

    with opened_bank(kafka, connect, mysql, postgres) as opened:
        opened.run(50)
        opened.transfers.add_sanction_hit()
        opened.run(100)
        yield opened
        stack_session.repair()
