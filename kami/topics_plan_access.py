"""The steps for rules of access and for users."""

from __future__ import annotations

import fnmatch

from kami.topics_state import ClusterState
from kami.topics_steps import (
    ALLOW_DELETE,
    Allowed,
    CreateAcl,
    DeleteAcl,
    DeleteUser,
    Difference,
    Plan,
    SetUser,
    Step,
)
from kami.topics_wanted import Wanted, WantedUser

_NOT_IN_FILE = "not in the file"


def acl_plan(state: ClusterState, wanted: Wanted, allowed: Allowed) -> Plan:
    steps: list[Step] = []
    left: list[Difference] = []
    for one in wanted.acls:
        if one.acl not in state.acls:
            row = Difference("create", "acl", str(one.acl), place=one.place)
            steps.append(CreateAcl((row,), one.acl))
    for acl in sorted(state.acls - {one.acl for one in wanted.acls}):
        if not wanted.manage.covers_acl(acl):
            continue
        row = Difference(
            "delete", "acl", str(acl), drift=True, needs=ALLOW_DELETE, note=_NOT_IN_FILE
        )
        if allowed.delete:
            steps.append(DeleteAcl((row,), acl))
        else:
            left.append(row)
    return Plan(tuple(steps), tuple(left))


def user_plan(state: ClusterState, wanted: Wanted, allowed: Allowed) -> Plan:
    steps: list[Step] = []
    left: list[Difference] = []
    for user in wanted.users:
        has = state.users.get((user.name, user.mechanism))
        if has is None:
            row = _row("create", user, None, f"{user.iterations} iterations")
        elif has != user.iterations:
            row = _row("change", user, f"{has} iterations", f"{user.iterations} iterations")
        elif any(fnmatch.fnmatchcase(user.name, pattern) for pattern in allowed.rotate):
            row = _row("change", user, None, "the password anew")
        else:
            continue
        steps.append(SetUser((row,), user))
    named = {(user.name, user.mechanism) for user in wanted.users}
    for name, mechanism in sorted(set(state.users) - named):
        if not wanted.manage.covers_user(name):
            continue
        row = Difference(
            "delete",
            "user",
            name,
            mechanism,
            drift=True,
            needs=ALLOW_DELETE,
            note=_NOT_IN_FILE,
        )
        if allowed.delete:
            steps.append(DeleteUser((row,), name, mechanism))
        else:
            left.append(row)
    return Plan(tuple(steps), tuple(left))


def _row(change: str, user: WantedUser, was: str | None, now: str) -> Difference:
    drift = was is not None
    return Difference(change, "user", user.name, user.mechanism, was, now, user.place, drift=drift)
