"""Which consumer groups are asked about, and what they say of themselves."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterator, Mapping

from kami.lag import Partition, Position, Reset

_WILDCARDS = "*?["


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of a cluster.

    Args:
        groups, topics: names or patterns (`*`, `?`, `[seq]`).
        isolation: `read_committed` or `read_uncommitted`, as the groups read.
        reset: where they begin in partitions without a commit.
    """

    groups: tuple[str, ...] = ("*",)
    topics: tuple[str, ...] = ("*",)
    isolation: str = "read_committed"
    reset: Reset = "unknown"

    @property
    def named_groups(self) -> list[str]:
        """The groups that are no patterns."""
        return [name for name in self.groups if not any(sign in name for sign in _WILDCARDS)]

    @property
    def has_patterns(self) -> bool:
        return len(self.named_groups) < len(self.groups)

    def wants_group(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.groups)

    def wants_topic(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.topics)


@dataclasses.dataclass(frozen=True)
class Group:
    """A consumer group.

    Args:
        members: consumers that are in it now; those that assign partitions themselves are in none.
        commits: partition -> the offset that it reads next.
        assigned: partitions that its members have.
    """

    name: str
    members: int = 0
    commits: Mapping[Partition, int] = dataclasses.field(default_factory=dict)
    assigned: frozenset[Partition] = frozenset()

    @property
    def is_known(self) -> bool:
        """Whether there is anything of it; a group that was never there answers alike."""
        return bool(self.members or self.commits)

    def positions(self, counts: Mapping[str, int]) -> Iterator[Position]:
        """Yields where it stands: in each partition of each topic that it has to do with.

        Args:
            counts: topic -> its number of partitions.
        """
        ours = self.assigned.union(self.commits)
        whole = {
            Partition(topic, number)
            for topic in {partition.topic for partition in ours}
            for number in range(counts.get(topic, 0))
        }
        for partition in sorted(ours | whole):
            yield Position(self.name, partition, self.commits.get(partition))
