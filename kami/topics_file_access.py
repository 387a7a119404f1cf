"""Reads who may do what, who logs in and where groups begin, from a file of topics."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator

import yaml

from kami.config_nodes import Mapping, Node, refusal
from kami.kafka_secret import reference, written_text
from kami.topics_wanted import (
    CLUSTER,
    EARLIEST,
    LATEST,
    OPERATIONS,
    Acl,
    Target,
    WantedAcl,
    WantedGroup,
    WantedOffset,
    WantedUser,
)

ACL_KEYS = ("principal", "host", "operation", "permission", "resource_type", "name", "pattern")
USER_KEYS = ("name", "mechanism", "iterations", "password")
GROUP_KEYS = ("name", "offsets")
PERMISSIONS = ("ALLOW", "DENY")
PATTERNS = ("LITERAL", "PREFIXED")
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")
MIN_ITERATIONS, MAX_ITERATIONS = 4096, 16384
"""What Kafka takes; RFC 7677 asks for the first at least."""
_MILLISECOND = datetime.timedelta(milliseconds=1)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def read_acls(node: Node | None) -> tuple[WantedAcl, ...]:
    """One rule for each operation of an element. Raises ConfigurationError."""
    found: dict[Acl, WantedAcl] = {}
    for element in node.list() if node else ():
        for wanted in _acls(element.mapping(ACL_KEYS)):
            if wanted.acl in found:
                first = found[wanted.acl].place
                raise refusal(element, f"{wanted.acl}: this is here twice; first at {first}")
            found[wanted.acl] = wanted
    return tuple(found.values())


def _acls(keys: Mapping) -> Iterator[WantedAcl]:
    resource_type = keys.required("resource_type").one_of(tuple(OPERATIONS))
    name = keys.optional("name")
    if resource_type == "cluster":
        if name and name.text() != CLUSTER:
            raise refusal(name, f"the cluster's name is {CLUSTER!r}; leave the key out")
    else:
        name = keys.required("name")
    principal, operation = keys.required("principal"), keys.required("operation")
    permission, pattern = keys.optional("permission"), keys.optional("pattern")
    host = keys.optional("host")
    known = OPERATIONS[resource_type]
    elements = [operation] if isinstance(operation.node, yaml.ScalarNode) else operation.list()
    for element in elements:
        asked = element.text()
        if asked not in known:
            message = (
                f"{asked!r} is nothing that Kafka asks for of a {resource_type}: the rule would "
                f"permit nothing; expected one of {', '.join(known)}"
            )
            raise refusal(element, message)
        acl = Acl(
            principal=principal.matching(
                r"\w+:.+", "a principal with its type, such as 'User:loader' or 'User:*'"
            ),
            host=_host(host) if host else "*",
            operation=asked,
            permission=permission.one_of(PERMISSIONS) if permission else "ALLOW",
            resource_type=resource_type,
            name=name.text() if name else CLUSTER,
            pattern=pattern.one_of(PATTERNS) if pattern else "LITERAL",
        )
        yield WantedAcl(acl, element.place)


def _host(node: Node) -> str:
    host = node.text()
    if host != "*":
        try:
            ipaddress.ip_address(host)
        except ValueError as error:
            message = (
                f"the host is {host!r}; expected '*' or one IP address: Kafka compares addresses, "
                "a name or a range would match nobody"
            )
            raise refusal(node, message) from error
    return host


def read_users(node: Node | None) -> tuple[WantedUser, ...]:
    """The users; no password is read. Raises ConfigurationError."""
    found: dict[tuple[str, str], WantedUser] = {}
    for element in node.list() if node else ():
        keys = element.mapping(USER_KEYS)
        iterations = keys.optional("iterations")
        user = WantedUser(
            name=keys.required("name").text(),
            mechanism=keys.required("mechanism").one_of(MECHANISMS),
            iterations=_iterations(iterations) if iterations else MIN_ITERATIONS,
            password=reference(keys.required("password")),
            place=element.place,
        )
        key = user.name, user.mechanism
        if key in found:
            first = found[key].place
            raise refusal(element, f"{user.name!r}, {user.mechanism}: twice here; first at {first}")
        found[key] = user
    return tuple(found.values())


def _iterations(node: Node) -> int:
    count = node.count()
    if not MIN_ITERATIONS <= count <= MAX_ITERATIONS:
        expected = f"{MIN_ITERATIONS} to {MAX_ITERATIONS}"
        raise refusal(node, f"the iterations are {count}; Kafka takes {expected}")
    return count


def read_groups(node: Node | None) -> tuple[WantedGroup, ...]:
    """The groups. Raises ConfigurationError."""
    found: dict[str, WantedGroup] = {}
    for element in node.list() if node else ():
        keys = element.mapping(GROUP_KEYS)
        name = keys.required("name").text()
        if name in found:
            first = found[name].place
            raise refusal(element, f"the group {name!r} is here twice; first at {first}")
        offsets = tuple(
            offset
            for topic, value in keys.required("offsets").members().items()
            for offset in _offsets(topic, value)
        )
        found[name] = WantedGroup(name, offsets, element.place)
    return tuple(found.values())


def _offsets(topic: str, node: Node) -> Iterator[WantedOffset]:
    if isinstance(node.node, yaml.ScalarNode):
        yield WantedOffset(topic, None, _target(node), node.place)
        return
    for partition, value in node.members().items():
        if not partition.isdecimal() or partition != str(int(partition)):
            message = f"the partition is {partition!r}; expected its number, counted from 0"
            raise refusal(value, message)
        yield WantedOffset(topic, int(partition), _target(value), value.place)


def _target(node: Node) -> Target:
    text = written_text(node)
    if text in ("earliest", "latest"):
        return EARLIEST if text == "earliest" else LATEST
    if text.isdecimal():
        return Target("offset", int(text))
    # Python 3.10 knows no Z.
    iso = f"{text[:-1]}+00:00" if text.endswith("Z") else text
    try:
        moment = datetime.datetime.fromisoformat(iso)
    except ValueError as error:
        message = (
            f"expected earliest, latest, an offset or a time such as 2026-01-31T12:00:00Z, "
            f"found {text!r}"
        )
        raise refusal(node, message) from error
    if moment.tzinfo is None:
        message = f"the time {text!r} names no zone; write {text}Z for UTC, or +01:00"
        raise refusal(node, message)
    milliseconds = (moment - _EPOCH) // _MILLISECOND
    if milliseconds < 0:
        raise refusal(node, f"the time {text!r} is before 1970")
    return Target("time", milliseconds)
