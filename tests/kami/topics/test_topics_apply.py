"""Steps are taken in order, seen, and stop at the first refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kami.config_nodes import Node
from kami.errors import ConfigurationError, KamiError, RefusedError, UnreachableError
from kami.kafka_secret import Secret
from kami.topics_apply import take_steps
from kami.topics_plan import plan_of
from kami.topics_state import ClusterState
from kami.topics_steps import Step
from kami.topics_wanted import Acl, Wanted, WantedAcl, WantedTopic, WantedUser
from tests.kami.topics.model_cluster import ModelCluster

ACL = Acl("User:shop", "*", "READ", "ALLOW", "topic", "b", "LITERAL")
WANTED = Wanted(
    topics=(WantedTopic("a", 1, place="f:2:5"), WantedTopic("b", 1, place="f:3:5")),
    acls=(WantedAcl(ACL, "f:5:5"),),
)
STEPS = plan_of(ClusterState(), WANTED).steps


class Refusing(ModelCluster):
    """Refuses one step, counted from 0, with an error."""

    def __init__(self, number: int, error: KamiError) -> None:
        super().__init__(ClusterState())
        self._number = number
        self._error = error

    def take(self, step: Step) -> None:
        if self._number == 0:
            raise self._error
        self._number -= 1
        super().take(step)


class Slow(ModelCluster):
    """Shows a step only when it was asked so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__(ClusterState())
        self._looks = looks
        self._left = 0
        self._shown = ClusterState()

    def state(self) -> ClusterState:
        self._left -= 1
        if self._left <= 0:
            self._shown = super().state()
        return self._shown

    def take(self, step: Step) -> None:
        # The last phase's steps are seen before one of the next is taken.
        assert all(one.seen(self._shown) for one in STEPS if one.phase < step.phase)
        super().take(step)
        self._left = self._looks


def test_each_step_is_taken_and_said() -> None:
    cluster = ModelCluster(ClusterState())
    said: list[Step] = []
    take_steps(STEPS, cluster, said.append)
    assert tuple(said) == STEPS
    assert set(cluster.state().topics) == {"a", "b"}
    assert cluster.state().acls == {ACL}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_refusal_says_what_was_done_and_what_was_not(number: int) -> None:
    said: list[Step] = []
    error = RefusedError("the broker has no room")
    with pytest.raises(KamiError) as caught:
        take_steps(STEPS, Refusing(number, error), said.append)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{('f:2:5', 'f:3:5', 'f:5:5')[number]}: the broker has no room"
    assert lines[1] == f"done before that, {number} of 3 steps:"
    assert lines[2 : 2 + number] == [f"  {step}" for step in STEPS[:number]]
    assert lines[2 + number] == f"not done, {3 - number}:"
    assert lines[3 + number : -1] == [f"  {step}" for step in STEPS[number:]]
    assert tuple(said) == STEPS[:number]


@pytest.mark.parametrize(("error", "code"), [(RefusedError("x"), 2), (UnreachableError("x"), 3)])
def test_a_stop_has_the_exit_code_of_its_reason(error: KamiError, code: int) -> None:
    with pytest.raises(KamiError) as caught:
        take_steps(STEPS, Refusing(1, error), lambda step: None)
    assert caught.value.exit_code == code
    assert ("nobody said so" in str(caught.value)) is (code == 3)


def test_what_was_taken_is_seen_before_the_next_kind_begins() -> None:
    cluster = Slow(looks=3)
    take_steps(STEPS, cluster, lambda step: None)
    assert cluster.state().acls == {ACL}


def test_what_stays_unseen_is_told() -> None:
    with pytest.raises(
        KamiError, match=r"^the cluster .* does not show it after 0 s: create topic a"
    ) as caught:
        take_steps(STEPS, Slow(looks=1000), lambda step: None, seconds=0)
    assert caught.value.exit_code == 3
    assert "done before that, 2 of 3 steps" in str(caught.value)


def test_a_password_that_cannot_be_had_is_told_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    node = yaml.compose("env://NO_SUCH_SECRET", Loader=yaml.SafeLoader)
    assert node is not None
    user = WantedUser("u", "SCRAM-SHA-256", 4096, Secret(Node(Path("f"), node)))
    wanted = Wanted(topics=WANTED.topics, users=(user,))
    cluster = ModelCluster(ClusterState())
    with pytest.raises(ConfigurationError, match=r"^f:1:1: env://NO_SUCH_SECRET: .* is not set"):
        take_steps(plan_of(ClusterState(), wanted).steps, cluster, lambda step: None)
    assert cluster.state() == ClusterState()
