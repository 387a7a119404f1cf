"""Whether connectors and their tasks run, and what to do about those that do not."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import NamedTuple

from kami.connect_rest import ConnectorStatus, ConnectRest

RUNNING = "RUNNING"
_COMING = ("UNASSIGNED", "RESTARTING", "missing", "no tasks")
STEADY_SECONDS = 3.0
"""For so long a state must last: a task counts as running before it has done anything."""
_PAUSE_SECONDS = 0.5
_LONGEST_REASON = 600
# What Java says of a part of a failure that is none of the reader's business.
_CLASS = re.compile(r"^(?:Caused by: )?(?:[a-z_$][\w$]*\.)+([A-Z]\w*)(?::\s*|$)")

_ADVICE = (
    (
        re.compile(r"Access denied|password authentication failed|Unable to connect", re.I),
        "check `user`, `password` and the network of the connector's database",
    ),
    (
        re.compile(r"permission denied|privilege|must be (superuser|owner)|command denied", re.I),
        "give the connector's user the rights that Debezium needs, then --restart-failed",
    ),
    (
        re.compile(r"no longer available on the server|binlog.*(purged|position)|1236", re.I),
        "the log that it needs is gone: read the tables anew with another `prefix`, or "
        "`snapshot: when_needed` and `kami reconcile`",
    ),
    (
        re.compile(r"replication slot .* (does not exist|is active)|slot.*invalidated", re.I),
        "see pg_replication_slots: another reader holds the slot, or it was dropped",
    ),
    (
        re.compile(r"db history topic|schema history|schema isn't known", re.I),
        "the schema history is missing: `snapshot: recovery` makes it anew, if no table changed "
        "since",
    ),
    (
        re.compile(r"registry|AvroConverter|Schema being registered is incompatible", re.I),
        "check `registry`: its address, login and the subjects' compatibility",
    ),
    (
        re.compile(r"UnknownTopicOrPartition|TimeoutException|TopicAuthorization", re.I),
        "check the brokers, and the rights on topics",
    ),
)


class Health(NamedTuple):
    """One connector.

    Args:
        state: RUNNING when it and all of its tasks run; FAILED, PAUSED, STOPPED, UNASSIGNED,
            `no tasks` or `missing` else.
        tasks: how many run, of how many: `1/1`.
        reason: why it does not run, and what to do; empty when it does.
    """

    connector: str
    state: str
    tasks: str
    workers: str
    reason: str

    @property
    def is_well(self) -> bool:
        return self.state == RUNNING


def health(rest: ConnectRest, name: str) -> Health:
    """How a connector is."""
    status = rest.status(name)
    if status is None:
        reason = "Connect does not have it; run `kami connectors apply`"
        return Health(name, "missing", "0/0", "", reason)
    return judged_status(name, status)


def judged_status(name: str, status: ConnectorStatus) -> Health:
    """How a connector is, by what Connect says of it."""
    parts = (status.connector, *status.tasks)
    running = sum(task.state == RUNNING for task in status.tasks)
    bad = [part for part in parts if part.state != RUNNING]
    failed = [part for part in bad if part.state == "FAILED"]
    state = RUNNING
    if failed:
        state = "FAILED"
    elif bad:
        state = bad[0].state
    elif not status.tasks:
        state = "no tasks"
    return Health(
        name,
        state,
        f"{running}/{len(status.tasks)}",
        ", ".join(sorted({part.worker for part in parts if part.worker})),
        _reason(state, failed[0].trace if failed else ""),
    )


def settled(
    rest: ConnectRest, name: str, seconds: float, config: Mapping[str, str] | None = None
) -> Health:
    """How a connector is when it has run or failed for a little while, or time is up.

    Args:
        config: what it was given just now: what Connect says before its tasks have that is of
            before.
    """
    deadline = time.monotonic() + seconds
    since, last = time.monotonic(), ""
    while True:
        found = health(rest, name)
        waits = found.state in _COMING or (config is not None and not _has(rest, name, config))
        if waits or found.state != last:
            since, last = time.monotonic(), found.state
        now = time.monotonic()
        if now > deadline or now - since >= STEADY_SECONDS:
            return found
        time.sleep(_PAUSE_SECONDS)


def _has(rest: ConnectRest, name: str, config: Mapping[str, str]) -> bool:
    tasks = rest.task_configs(name)
    # A connector may give its tasks other settings than its own.
    return bool(tasks) and all(
        config[key] == value for task in tasks for key, value in task.items() if key in config
    )


def reason_of(trace: str) -> str:
    """The first line of a Java trace and its deepest cause, in one line."""
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by:")]
    told = [_CLASS.sub(r"\1: ", line).rstrip(": ") for line in (*lines[:1], *causes[-1:])]
    if len(told) == 2 and told[1] in told[0]:
        told.pop()
    return "; ".join(told)[:_LONGEST_REASON]


def _reason(state: str, trace: str) -> str:
    if state == RUNNING:
        return ""
    if trace:
        told = reason_of(trace)
        advice = [text for pattern, text in _ADVICE if pattern.search(told)]
        hint = advice[0] if advice else "see the worker's log, mend it, then --restart-failed"
        return f"{told}; {hint}"
    return {
        "PAUSED": "somebody paused it; PUT /connectors/NAME/resume lets it go on",
        "STOPPED": "somebody stopped it; PUT /connectors/NAME/resume lets it go on",
        "no tasks": "it has made no task yet; see the worker's log",
        "FAILED": "see the worker's log",
    }.get(state, "no worker has taken it yet; see whether all workers run")
