"""Takes the steps of a plan one after the other, and waits until the cluster shows them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from kami.errors import KamiError, UnreachableError
from kami.topics_state import ClusterState
from kami.topics_steps import SetUser, Step

WAIT_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0


class Steps(Protocol):
    """A cluster, or what stands for one."""

    def state(self) -> ClusterState: ...

    def take(self, step: Step) -> None: ...


def take_steps(
    steps: Sequence[Step],
    cluster: Steps,
    say: Callable[[Step], None],
    seconds: float = WAIT_SECONDS,
) -> None:
    """Takes the steps in their order, up to the first that is refused.

    Before those of the next kind it waits until the cluster shows the last: offsets need the
    partitions, and a second run is to find nothing to do.

    Args:
        say: is told each step that was taken.
        seconds: how long a step that was taken may stay unseen.

    Raises:
        KamiError: of the refusal's kind; it says what was done and what was not.
    """
    for step in steps:
        # A password that cannot be had is told before anything is done.
        if isinstance(step, SetUser) and step.user.password is not None:
            step.user.password.read()
    done: list[Step] = []
    for _, group in itertools.groupby(steps, key=lambda step: step.phase):
        phase = list(group)
        place = None
        try:
            for step in phase:
                place = step.place
                cluster.take(step)
                done.append(step)
                say(step)
            place = None
            _wait(phase, cluster, seconds)
        except KamiError as error:
            raise _stopped(error, place, steps, done) from error


def _wait(steps: Sequence[Step], cluster: Steps, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE_SECONDS
    while True:
        state = cluster.state()
        unseen = [step for step in steps if not step.seen(state)]
        if not unseen:
            return
        if time.monotonic() > deadline:
            message = (
                f"the cluster took it, and does not show it after {seconds:.0f} s: {unseen[0]}; "
                "plan again later"
            )
            raise UnreachableError(message)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _stopped(
    error: KamiError, place: str | None, steps: Sequence[Step], done: Sequence[Step]
) -> KamiError:
    left = steps[len(done) :]
    unanswered = bool(left) and isinstance(error, UnreachableError)
    unsure = " (or the first was, and nobody said so)" if unanswered else ""
    lines = [
        f"{place}: {error}" if place else str(error),
        f"done before that, {len(done)} of {len(steps)} steps:",
        *(f"  {step}" for step in done),
        f"not done, {len(left)}{unsure}:",
        *(f"  {step}" for step in left),
        "correct it and apply again: what is done stays, and is not done twice",
    ]
    stopped = KamiError("\n".join(lines))
    stopped.exit_code = error.exit_code
    return stopped
