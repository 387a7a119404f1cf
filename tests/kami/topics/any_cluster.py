"""Any cluster and any file of topics, for properties.

What has many parts is drawn whole from all that there are: hypothesis is slow at building it up.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from kami.topics_state import ClusterState, GroupState, TopicState
from kami.topics_wanted import (
    EARLIEST,
    LATEST,
    Acl,
    Managed,
    Target,
    Wanted,
    WantedAcl,
    WantedGroup,
    WantedOffset,
    WantedTopic,
    WantedUser,
)
from tests.kami.topics.model_cluster import DEFAULTS, topic_state

NAMES = ("shop.a", "shop.b", "other", "connect-offsets", "__consumer_offsets")
VALUES = {
    "cleanup.policy": ("delete", "compact", "compact,delete", "delete, compact"),
    "retention.ms": ("-1", "1000", "604800000", "0604800000"),
    "retention.bytes": ("-1", "5000"),
    "min.insync.replicas": ("1", "2"),
    "preallocate": ("true", "FALSE"),
}
_ABSENT = "absent"


def _all_configs(*also: str | None) -> list[dict[str, str | None]]:
    """Every choice of values, or of none; `also` are further values of each config."""
    chosen = itertools.product(*((_ABSENT, *also, *values) for values in VALUES.values()))
    return [
        {name: value for name, value in zip(VALUES, one, strict=True) if value != _ABSENT}
        for one in chosen
    ]


_SET = st.sampled_from(_all_configs())
_ASKED = st.sampled_from(_all_configs(None))
_ACLS = st.frozensets(
    st.sampled_from(
        [
            Acl(principal, "*", operation, permission, "topic", name, pattern)
            for principal in ("User:shop", "User:other")
            for operation in ("READ", "WRITE")
            for permission in ("ALLOW", "DENY")
            for name, pattern in (("shop.", "PREFIXED"), ("other", "LITERAL"))
        ]
    ),
    max_size=6,
)
_USERS = st.dictionaries(
    st.sampled_from(list(itertools.product(("shop", "other"), ("SCRAM-SHA-256", "SCRAM-SHA-512")))),
    st.sampled_from([4096, 8192]),
)
_PATTERNS = [(), ("*",), ("shop.*",), ("User:shop",), ("shop",)]
_MANAGED = st.sampled_from([Managed(*one) for one in itertools.product(_PATTERNS, repeat=4)])
_TARGETS = (EARLIEST, LATEST, Target("time", 5), Target("offset", 7))
_GROUPS = st.sampled_from(["g", "h"])


def _there(partitions: int, factor: int, configs: Mapping[str, str]) -> TopicState:
    named = {name.replace(".", "_"): value for name, value in configs.items()}
    return topic_state(partitions, factor, is_internal=False, **named)


@st.composite
def states(draw: st.DrawFn) -> ClusterState:
    """Topics of 1 to 3 partitions with the offsets 5 to 9, ACLs, users and groups."""
    topic = st.builds(_there, st.integers(1, 3), st.integers(1, 2), _SET)
    topics = draw(st.dictionaries(st.sampled_from(NAMES), topic))
    places = [(name, number) for name in topics for number in range(5)]
    some = st.dictionaries(st.sampled_from(places or [("gone", 0)]), st.integers(5, 9), max_size=4)
    of_time = draw(st.sampled_from([-1, 6, 8]))
    edges = {
        (name, number, target): offset
        for name, number in places
        if number < topics[name].partitions
        for target, offset in ((EARLIEST, 5), (LATEST, 9), (Target("time", 5), of_time))
    }
    return ClusterState(
        topics=topics,
        acls=draw(_ACLS),
        users=draw(_USERS),
        groups=draw(st.dictionaries(_GROUPS, st.builds(GroupState, st.integers(0, 1), some))),
        edges=edges,
        known_configs=frozenset(DEFAULTS),
    )


def _asked(
    name: str, count: int, factor: int | None, configs: Mapping[str, str | None], keyed: bool
) -> WantedTopic:
    return WantedTopic(name, count, factor, tuple(sorted(configs.items())), keyed)


@st.composite
def files(draw: st.DrawFn, fewest: int = 3) -> Wanted:
    """Files that can be had for the most part: no topic is asked to have fewer than `fewest`."""
    topic = st.builds(
        _asked,
        st.sampled_from(NAMES),
        st.integers(fewest, 4),
        st.sampled_from([None, 1, 2]),
        _ASKED,
        st.booleans(),
    )
    topics = draw(st.lists(topic, max_size=5, unique_by=lambda one: one.name))
    # Groups read the file's topics: what else there is, is not known here.
    names: Sequence[str] = [topic.name for topic in topics]
    if fewest == 1 or not names:
        names = NAMES
    offsets = [WantedOffset(*one) for one in itertools.product(names, (None, 0, 1, 2), _TARGETS)]
    of_group = st.lists(
        st.sampled_from(offsets), max_size=3, unique_by=lambda one: (one.topic, one.partition)
    )
    groups = draw(st.dictionaries(_GROUPS, of_group))
    return Wanted(
        manage=draw(_MANAGED),
        topics=tuple(topics),
        acls=tuple(map(WantedAcl, sorted(draw(_ACLS)))),
        users=tuple(WantedUser(*key, count) for key, count in draw(_USERS).items()),
        groups=tuple(WantedGroup(name, tuple(one)) for name, one in groups.items()),
    )
