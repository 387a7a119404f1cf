"""For any cluster and any file: the plan's steps make the one what the other says."""

from __future__ import annotations

import hypothesis

from kami.topics_configs import loses_records, same_value
from kami.topics_plan import plan_of
from kami.topics_state import ClusterState, is_never_deleted
from kami.topics_steps import Allowed, DeleteTopic
from kami.topics_wanted import Wanted
from tests.kami.topics.any_cluster import files, states
from tests.kami.topics.model_cluster import ModelCluster

# A machine that is busy with something else is no failure of a property.
EXAMPLES = hypothesis.settings(
    max_examples=60, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
EVERYTHING = Allowed(delete=True, repartition=True, reset_offsets=True)
given = hypothesis.given(states(), files())


def applied(state: ClusterState, wanted: Wanted, allowed: Allowed) -> ClusterState:
    """The cluster after the plan; files that cannot be had are left out."""
    plan = plan_of(state, wanted, allowed)
    hypothesis.assume(not plan.refusals)
    cluster = ModelCluster(state)
    for step in plan.steps:
        assert not step.seen(cluster.state()), step
        cluster.take(step)
        assert step.seen(cluster.state()), step
    # What was shown stays so: no step undoes another.
    assert all(step.seen(cluster.state()) for step in plan.steps)
    return cluster.state()


@EXAMPLES
@given
def test_a_plan_that_was_applied_leaves_nothing_to_do(state: ClusterState, wanted: Wanted) -> None:
    after = applied(state, wanted, EVERYTHING)
    again = plan_of(after, wanted, EVERYTHING)
    assert again.steps == ()
    assert again.refusals == ()
    assert all(row.change == "report" or "members" in (row.needs or "") for row in again.left)


@EXAMPLES
@given
def test_an_applied_plan_gives_what_the_file_asks_for(state: ClusterState, wanted: Wanted) -> None:
    after = applied(state, wanted, EVERYTHING)
    for topic in wanted.topics:
        there = after.topics[topic.name]
        assert there.partitions == topic.partitions
        for name, value in topic.configs:
            has = there.configs[name]
            assert not has.is_set if value is None else same_value(has.value, value)
    assert {one.acl for one in wanted.acls} <= after.acls
    for user in wanted.users:
        assert after.users[user.name, user.mechanism] == user.iterations
    surplus = after.acls - {one.acl for one in wanted.acls}
    assert not any(wanted.manage.covers_acl(acl) for acl in surplus)


@EXAMPLES
@given
def test_nothing_is_lost_without_an_option_that_allows_it(
    state: ClusterState, wanted: Wanted
) -> None:
    after = applied(state, wanted, Allowed())
    asked_to_reset = {
        (topic.name, name) for topic in wanted.topics for name, value in topic.configs if not value
    }
    for name, there in state.topics.items():
        now = after.topics[name]
        assert now.partitions >= there.partitions
        for config, had in there.configs.items():
            has = now.configs[config]
            assert same_value(had.value, has.value) or not loses_records(
                config, had.value, has.value
            )
            if had.is_set and not has.is_set:
                assert (name, config) in asked_to_reset
    assert state.acls <= after.acls
    assert set(state.users) <= set(after.users)
    for name, group in state.groups.items():
        assert group.committed.items() <= after.groups[name].committed.items()


@EXAMPLES
@given
def test_what_the_file_neither_names_nor_covers_stays_as_it_is(
    state: ClusterState, wanted: Wanted
) -> None:
    after = applied(state, wanted, EVERYTHING)
    named = {topic.name for topic in wanted.topics}
    for name, there in state.topics.items():
        if name not in named and not wanted.manage.covers_topic(name):
            assert after.topics[name] == there
    for acl in state.acls:
        assert acl in after.acls or wanted.manage.covers_acl(acl)
    for key, iterations in state.users.items():
        if key not in {(user.name, user.mechanism) for user in wanted.users}:
            assert after.users.get(key) == iterations or wanted.manage.covers_user(key[0])


@EXAMPLES
@given
def test_internal_topics_are_never_deleted(state: ClusterState, wanted: Wanted) -> None:
    steps = plan_of(state, wanted, EVERYTHING).steps
    deleted = [step.topic for step in steps if isinstance(step, DeleteTopic)]
    assert not any(is_never_deleted(name, is_internal=False) for name in deleted)


@EXAMPLES
@hypothesis.given(states(), files(fewest=1))
def test_a_file_is_refused_only_for_partitions_taken_away_and_offsets_that_are_not_there(
    state: ClusterState, wanted: Wanted
) -> None:
    fewer = [
        topic
        for topic in wanted.topics
        if topic.name in state.topics and topic.partitions < state.topics[topic.name].partitions
    ]
    refusals = plan_of(state, wanted, EVERYTHING).refusals
    assert len([line for line in refusals if "Kafka takes none away" in line]) == len(fewer)
    rest = [line for line in refusals if "Kafka takes none away" not in line]
    assert not rest or wanted.groups
