"""The file of topics that an existing cluster is as it is."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from kami.topics_configs import THROTTLES
from kami.topics_state import ClusterState, TopicState, is_never_deleted
from kami.topics_wanted import OPERATIONS, Acl, Managed


def exported(
    state: ClusterState, manage: Managed, connection: Mapping[str, Any]
) -> tuple[str, list[str]]:
    """The YAML text, and what could not be written into it.

    Args:
        manage: what of the cluster; the file is to cover the same.
        connection: `brokers` and `client`, as they stand in a file.
    """
    document: dict[str, Any] = dict(connection)
    patterns = {name: list(getattr(manage, name)) for name in ("topics", "acls", "users")}
    document["manage"] = {name: listed for name, listed in patterns.items() if listed}
    topics = [
        _topic(name, there)
        for name, there in sorted(state.topics.items())
        if manage.covers_topic(name) and not is_never_deleted(name, is_internal=there.is_internal)
    ]
    acls = sorted(acl for acl in state.acls if manage.covers_acl(acl))
    users = [
        {"name": name, "mechanism": mechanism, "iterations": count, "password": _reference(name)}
        for (name, mechanism), count in sorted(state.users.items())
        if manage.covers_user(name)
    ]
    parts = {"topics": topics, "acls": _rules(filter(_has_effect, acls)), "users": users}
    document |= {name: part for name, part in parts.items() if part}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return text, [f"{acl}: nothing ever asks for it" for acl in acls if not _has_effect(acl)]


def _topic(name: str, there: TopicState) -> dict[str, Any]:
    configs = {
        name: _value(config.value)
        for name, config in sorted(there.configs.items())
        if config.is_set and config.value is not None and name not in THROTTLES
    }
    topic: dict[str, Any] = {
        "name": name,
        "partitions": there.partitions,
        "replication_factor": there.replication_factor,
    }
    return {**topic, "configs": configs} if configs else topic


def _value(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"0|-?[1-9][0-9]*", text) else text


def _has_effect(acl: Acl) -> bool:
    """Whether a file may hold the rule: of others it says that they permit nothing."""
    try:
        ipaddress.ip_address(acl.host)
    except ValueError:
        if acl.host != "*":
            return False
    return acl.operation in OPERATIONS.get(acl.resource_type, ())


def _rules(acls: Iterable[Acl]) -> list[dict[str, Any]]:
    """Rules that differ by their operation alone are one element."""
    found: dict[tuple[str, ...], list[str]] = {}
    for acl in acls:
        same = acl.principal, acl.host, acl.permission, acl.resource_type, acl.name, acl.pattern
        found.setdefault(same, []).append(acl.operation)
    rules = []
    for (principal, host, permission, kind, name, pattern), operations in found.items():
        rule: dict[str, Any] = {"principal": principal, "operation": operations}
        rule |= {"resource_type": kind, "name": name, "pattern": pattern}
        rule |= {"permission": permission, "host": host}
        rules.append(rule)
    return rules


def _reference(user: str) -> str:
    """The environment variable that is to hold the user's password."""
    name = re.sub(r"[^A-Z0-9]", "_", user.upper())
    return f"env://{name}_PASSWORD"
