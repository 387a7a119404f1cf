"""Requests to append to one table: sent ahead, settled in order, sent again when a call breaks."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence

import grpc
import pyarrow as pa

from pipeline_io.bigquery_answers import (
    Again,
    Answer,
    Verdict,
    answer_of,
    answer_of_end,
    broken,
    check_columns,
    gave_up,
)
from pipeline_io.bigquery_channel import Appends
from pipeline_io.bigquery_chunks import Chunk, Refused, request
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_errors import (
    lost_stream_error,
    may_be_new,
    stop_error,
)
from pipeline_io.bigquery_outage import Outage
from pipeline_io.bigquery_streams import Streams, waiting

# A table that was made is seen by the Storage API a little later.
_NEW_TABLE_SECONDS = 120.0
# A gap closes when all requests are sent again in their order.
_MOST_GAPS = 3
# So many rows refused one by one, with none ever taken, are no bad rows but a wrong table.
_MOST_BLIND_REFUSALS = 8


class Appender:
    """Appends to one table; not for several threads.

    Rows go to the table's default stream, or to a stream of its own, with offsets. After an error
    nothing more is sent: make another one.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        config: BigQueryConfig,
        table: str,
        stopped: threading.Event,
        on_made: Callable[[str], None] | None = None,
    ) -> None:
        self.config = config
        self.table = table
        self.counts: Counter[str] = Counter()
        self.refused: list[Refused] = []
        self._channel = channel
        self._name = config.table_name(table)
        self._outage = Outage(f"rows are not taken by {self._name}", config.retry_seconds)
        self._streams = Streams(channel, config, table, stopped, on_made)
        self._retrying = waiting(config, stopped, lambda e: isinstance(e, Again), self._tell)
        self._stream = "" if config.has_offsets else f"{config.table_path(table)}/streams/_default"
        self._next_offset = 0
        self._appends: Appends | None = None
        self._schema: pa.Schema | None = None
        self._unanswered: deque[Chunk] = deque()
        self._gaps = self._blind_refusals = self._stored = 0
        self._one_by_one = False

    @property
    def outstanding_bytes(self) -> int:
        return sum(chunk.size for chunk in self._unanswered)

    @property
    def outstanding(self) -> int:
        """Requests that are not settled."""
        return len(self._unanswered)

    @property
    def is_answered(self) -> bool:
        """Whether `settle` need not wait now."""
        return bool(self._unanswered and self._appends and self._appends.is_answered)

    @property
    def is_connected(self) -> bool:
        return self._appends is not None

    def send(self, chunk: Chunk) -> None:
        """Sends a request; `settle` says what became of it. Raises BigQueryError."""
        if not self._stream:
            self._stream = self._streams.make()
        if not self._unanswered and self._appends and self._appends.is_answered:
            # Nothing was asked: the call has ended, and what it would be given would be in doubt.
            self.disconnect()
        chunk.offset, self._next_offset = self._next_offset, self._next_offset + chunk.count
        self._unanswered.append(chunk)
        self._post()

    def settle(self) -> None:
        """Waits until one request is stored, or some of its rows are refused. Raises BigQueryError.

        What a call that has broken may have stored or not is sent again.
        """
        try:
            self._retrying(self._settle_next)
        except Again as error:
            raise gave_up(self.config, self._name, self._outage.what, error.answer) from error
        self._outage.ended()

    def commit(self) -> None:
        """Makes all rows of pending streams seen. Every request is settled before."""
        if self._stream:
            self._end_stream()
        self._streams.commit()

    def disconnect(self, in_doubt: bool = True) -> None:
        """Ends the call; the next request opens another one.

        in_doubt: whether what was sent over the call and not answered may be stored.
        """
        if self._appends is not None:
            self._appends.close()
            self._appends = None
        for chunk in self._unanswered:
            chunk.is_doubtful = chunk.is_doubtful or (in_doubt and chunk.is_sent)
            chunk.is_sent = False

    def _post(self) -> None:
        """Sends what is not sent over the call that is open, which may be a new one."""
        for chunk in self._unanswered:
            if chunk.is_sent:
                continue
            if self._one_by_one and chunk is not self._unanswered[0]:
                break
            offset = chunk.offset if self.config.has_offsets else None
            is_new = self._appends is None or chunk.rows.schema != self._schema
            body = request(chunk.rows, self._stream, is_new, offset)
            if self._appends is None:
                self._appends = Appends(self._channel, self._stream)
            self._schema = chunk.rows.schema
            self._appends.send(body)
            self.counts["requests"] += 1
            chunk.is_sent = True

    def _settle_next(self) -> None:
        if not self._unanswered:
            # What was in doubt has turned out to be stored.
            return
        self._post()
        answer = self._answer()
        if answer.ended:
            # A stream that is gone has stored nothing of what it was sent.
            self.disconnect(in_doubt=answer.verdict is not Verdict.STREAM_LOST)
        if answer.columns is not None:
            check_columns(self._name, self._unanswered[0].rows.schema.names, answer.columns)
        if answer.verdict is Verdict.STORED:
            self._done()
        elif answer.verdict is Verdict.ROWS_REFUSED:
            self._take_rows_out(answer)
        elif answer.verdict is not Verdict.REFUSED:
            self._recover(answer)
        elif answer.ended and not self._one_by_one and len(self._unanswered) > 1:
            # It does not say which request it is about.
            self._one_by_one = True
            raise Again(answer)
        else:
            self._take_apart(answer)

    def _answer(self) -> Answer:
        try:
            body = self._appends.answer(self.config.answer_seconds) if self._appends else None
        except TimeoutError as error:
            return broken(str(error))
        except grpc.RpcError as error:
            return answer_of_end(error)
        return broken("the server has ended the call") if body is None else answer_of(body)

    def _recover(self, answer: Answer) -> None:
        """What is to be done about an answer that neither stores nor refuses rows."""
        has_offsets = self.config.has_offsets
        if answer.verdict is Verdict.OFFSET_STORED and has_offsets:
            self._done()
        elif answer.verdict is Verdict.STREAM_ENDED and has_offsets:
            self._change_stream()
            raise Again(answer)
        elif answer.verdict is Verdict.STREAM_LOST and has_offsets:
            self._replace_lost_stream(answer)
            raise Again(answer)
        elif answer.verdict is Verdict.OFFSET_GAP and has_offsets and self._gaps < _MOST_GAPS:
            self._gaps += 1
            self.disconnect()
            raise Again(answer)
        elif answer.verdict is Verdict.AGAIN and not has_offsets and not answer.ended:
            # The others of the call are stored or not for themselves: this one goes behind them.
            self._unanswered[0].is_sent = False
            self._unanswered.rotate(-1)
            raise Again(answer)
        elif answer.verdict in (Verdict.AGAIN, Verdict.COLUMNS_UNSEEN) or self._may_be_new(answer):
            self.disconnect()
            raise Again(answer)
        else:
            raise stop_error(self.config, self._outage.what, answer.code, answer.details)

    def _may_be_new(self, answer: Answer) -> bool:
        is_late = self._stored or self._outage.seconds > _NEW_TABLE_SECONDS
        return not is_late and may_be_new(answer.code, answer.details)

    def _done(self) -> None:
        chunk = self._unanswered.popleft()
        self._gaps = self._blind_refusals = 0
        self._one_by_one = False
        self._stored += chunk.count
        self.counts.update(rows=chunk.count, bytes=chunk.size)

    def _take_rows_out(self, answer: Answer) -> None:
        chunk = self._unanswered[0]
        messages = {row: text for row, text in answer.row_errors if 0 <= row < chunk.count}
        if not messages:
            self._take_apart(answer)
            return
        rest = chunk.without(list(messages))
        if self._replace_first([] if rest is None else [rest]):
            for row, text in messages.items():
                self._refuse(chunk, row, text)

    def _take_apart(self, answer: Answer) -> None:
        """A request was refused as a whole, which may be a fault of some of its rows."""
        chunk = self._unanswered[0]
        if chunk.count > 1:
            # While no row was ever taken, one row at a time tells a wrong table from bad rows.
            self._replace_first(chunk.cut(chunk.count // 2 if self._stored else 1))
            return
        self._blind_refusals += 1
        if not self._stored and self._blind_refusals >= _MOST_BLIND_REFUSALS:
            raise stop_error(self.config, self._outage.what, answer.code, answer.details)
        if self._replace_first([]):
            self._refuse(chunk, 0, str(answer))

    def _refuse(self, chunk: Chunk, row: int, said: str) -> None:
        message = f"BigQuery refuses the row: {said}"
        self.refused.append(chunk.refused(self.table, row, "RefusedByBigQuery", message))
        self.counts["refused"] += 1

    def _replace_first(self, chunks: Sequence[Chunk]) -> bool:
        """Other requests in place of the first, which was refused; False when it is stored."""
        refused = self._unanswered[0]
        self._one_by_one = False
        if self.config.has_offsets:
            # All offsets behind it change. In another stream none of the requests under way can be
            # taken for one of the new ones.
            self._change_stream()
            if not self._unanswered or self._unanswered[0] is not refused:
                return False
            self._unanswered.popleft()
            self._unanswered.extendleft(reversed(chunks))
            self._number()
        else:
            self._unanswered.popleft()
            self._unanswered.extend(chunks)
        return True

    def _change_stream(self) -> None:
        """Ends the stream and goes on in another one with all that it has not stored."""
        stored = self._end_stream()
        while self._unanswered and self._unanswered[0].offset + self._unanswered[0].count <= stored:
            self._done()
        self._new_stream()

    def _replace_lost_stream(self, answer: Answer) -> None:
        self.disconnect(in_doubt=False)
        first = self._unanswered[0].offset
        # A pending stream takes with it what it has.
        if (self.config.pending and first) or any(c.is_doubtful for c in self._unanswered):
            rows = self._next_offset - (0 if self.config.pending else first)
            raise lost_stream_error(self._name, rows, str(answer))
        self._new_stream()

    def _end_stream(self) -> int:
        self.disconnect()
        stream, self._stream, self._next_offset = self._stream, "", 0
        return self._streams.end(stream)

    def _new_stream(self) -> None:
        self._stream = self._streams.make()
        for chunk in self._unanswered:
            chunk.is_doubtful = False
        self._number()

    def _number(self) -> None:
        self._next_offset = 0
        for chunk in self._unanswered:
            chunk.offset, self._next_offset = self._next_offset, self._next_offset + chunk.count

    def _tell(self, error: BaseException) -> None:
        self.counts["retries"] += 1
        self._outage.goes_on(str(error))
