"""Which tests run in one process after each other, where pytest-xdist hands them out."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

CLUSTERS = "tests/deploy/"
"""A file here has a fixture that starts a Flink cluster: minutes, and most of the machine
meanwhile."""


class ByCluster(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out tests one by one, but for the files of CLUSTERS, each of which stays together.

    xdist's own mark for this, xdist_group, has no effect with pytest 9.2: xdist 3.8 adds the group
    to a name of the test that pytest does not read any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def scope(nodeid: str) -> str:
    """Tests of the same scope stay together."""
    file, _, _ = nodeid.partition("::")
    return file if file.startswith(CLUSTERS) else nodeid
