"""From what a cluster has and a file asks for to the steps between them; asks nobody."""

from __future__ import annotations

from kami.topics_plan_access import acl_plan, user_plan
from kami.topics_plan_offsets import offset_plan
from kami.topics_plan_topics import topic_plan
from kami.topics_state import ClusterState
from kami.topics_steps import Allowed, CreateAcl, DeleteAcl, Plan, Step
from kami.topics_wanted import Wanted

NOTHING = Allowed()


def plan_of(state: ClusterState, wanted: Wanted, allowed: Allowed = NOTHING) -> Plan:
    """The steps in a safe order: what others need first, what takes away last."""
    parts = [
        topic_plan(state, wanted, allowed),
        user_plan(state, wanted, allowed),
        acl_plan(state, wanted, allowed),
        offset_plan(state, wanted, allowed),
    ]
    steps = sorted((step for part in parts for step in part.steps), key=_order)
    return Plan(
        tuple(steps),
        tuple(row for part in parts for row in part.left),
        tuple(refusal for part in parts for refusal in part.refusals),
    )


def _order(step: Step) -> tuple[int, bool]:
    # Nobody may do more than before or after, not for a moment: what denies comes first and goes
    # last.
    if isinstance(step, CreateAcl):
        return step.phase, step.acl.permission != "DENY"
    if isinstance(step, DeleteAcl):
        return step.phase, step.acl.permission == "DENY"
    return step.phase, False
