"""Rows that change all the time, in a thread of its own."""

from __future__ import annotations

import threading

from tests.pipelines.live.bank import Bank

PAUSE_SECONDS = 0.25


class SteadyLoad:
    """Some dozen changes a second on both tables of a bank, within the block."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="load", daemon=True)

    def __enter__(self) -> SteadyLoad:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def check(self) -> None:
        """Raises what has ended the load."""
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            while not self._ended.wait(PAUSE_SECONDS):
                self._bank.transfers.step()
                self._bank.cards.step()
        except BaseException as error:  # raised again where the load is watched
            self._error = error
