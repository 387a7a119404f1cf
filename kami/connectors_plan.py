"""What `kami connectors apply` is to do, before anything is done."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Literal

from kami.connect_rest import ConnectRest
from kami.connectors import Connectors, Definition
from kami.connectors_diff import IDENTITY, ConnectorDiff, compared
from kami.connectors_judged import judged
from kami.connectors_references import HIDDEN
from kami.errors import ConfigurationError, KamiError, RefusedError, UnknownTableError

Change = Literal["create", "update", "nothing", "delete", "unmanaged"]


@dataclasses.dataclass(frozen=True)
class Step:
    """What is to be done about one connector.

    Args:
        definition: None for a connector that the file does not have.
        config: what is to be put, with its secrets; never print it.
        hidden: the secrets in it, that nothing of Connect's may show.
        refusal: why it is not done.
    """

    name: str
    change: Change
    definition: Definition | None = None
    config: dict[str, str] = dataclasses.field(default_factory=dict, repr=False)
    hidden: frozenset[str] = dataclasses.field(default=frozenset(), repr=False)
    diff: ConnectorDiff | None = None
    refusal: KamiError | None = None

    def without_secrets(self, text: str) -> str:
        """A text of Connect's as it may be printed."""
        # The longest first: one may be in another.
        for secret in sorted(self.hidden, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text


def chosen(connectors: Connectors, patterns: Sequence[str]) -> list[Definition]:
    """The connectors whose names a pattern matches; all without patterns.

    Raises:
        UnknownTableError: a pattern matches none.
    """
    names = [definition.name for definition in connectors.definitions]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            message = (
                f"{pattern!r} is no connector of {connectors.path}; it has: {', '.join(names)}; "
                "name one of these"
            )
            raise UnknownTableError(message)
    return [
        definition for definition in connectors.definitions if _is_meant(definition.name, patterns)
    ]


def _is_meant(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def warnings_of(definition: Definition) -> list[str]:
    """What is to be known of a connector, but stops nothing."""
    if definition.kind in ("jdbc_sink", "other"):
        return []
    return [
        f"{definition.name}: {found.key}={found.value}: {found.why}"
        for found in judged(definition.config)
        if not (found.breaks and definition.god_view)
    ]


def refuse_breaking(definition: Definition) -> None:
    """Raises:
    RefusedError: by one of its settings the god view would be wrong.
    """
    if definition.kind in ("jdbc_sink", "other") or not definition.god_view:
        return
    broken = [found for found in judged(definition.config) if found.breaks]
    if broken:
        told = "; ".join(f"{found.key}={found.value}: {found.why}" for found in broken)
        message = (
            f"{definition.place}: {definition.name!r} would give a wrong god view: {told}; take "
            "these out of `config`, or say `god_view: false` where none is made of its topics"
        )
        raise RefusedError(message)


def planned(
    connectors: Connectors,
    definitions: Iterable[Definition],
    rest: ConnectRest,
    *,
    send_secrets: bool = False,
    identity: bool = False,
    deletes: bool = False,
    patterns: Sequence[str] = (),
) -> list[Step]:
    """A step for each connector, and for each on Connect that the file does not have.

    Args:
        send_secrets: the secrets that kami resolves may be sent.
        identity: a connector may become another one.
        deletes: what the file `owns` and does not have is to be deleted.
        patterns: of the names that the command is about; all without patterns.
    """
    steps = [_step(one, rest, send_secrets, identity) for one in definitions]
    known = {one.name for one in connectors.definitions}
    for name in rest.names():
        if name not in known and _is_meant(name, patterns):
            owned = connectors.connect.is_owned(name)
            steps.append(Step(name, "delete" if owned and deletes else "unmanaged"))
    return steps


def _step(definition: Definition, rest: ConnectRest, send_secrets: bool, identity: bool) -> Step:
    name, current = definition.name, rest.config(definition.name)
    try:
        refuse_breaking(definition)
        config = _with_secrets(definition, send_secrets)
        diff = compared(name, current or {}, config)
        if current is not None and not identity:
            _refuse_other_identity(definition, diff)
    except KamiError as error:
        return Step(name, "nothing", definition, refusal=error)
    change: Change = "create" if current is None else "update" if diff.changes else "nothing"
    hidden = {config[key] for key in definition.secrets}
    for secret in definition.secrets.values():
        hidden |= secret.parts()
    return Step(name, change, definition, config, frozenset(hidden - {""}), diff)


def _with_secrets(definition: Definition, send: bool) -> dict[str, str]:
    secrets = definition.secrets
    if secrets and not send:
        told = ", ".join(
            f"{key} ({secret.written if not secret.before else '...'})"
            for key, secret in sorted(secrets.items())
        )
        message = (
            f"{definition.place}: Connect cannot resolve {told}; write references of its config "
            "providers, such as ${env:DB_PASSWORD}, or let kami send the secrets with "
            "--send-secrets: whoever may ask Connect can read them then"
        )
        raise ConfigurationError(message)
    return {
        **definition.config,
        **{key: secret.resolved() for key, secret in secrets.items()},
    }


def _refuse_other_identity(definition: Definition, diff: ConnectorDiff) -> None:
    if diff.identity:
        told = "; ".join(
            f"{change.key} from {change.old!r} to {change.new!r}: {IDENTITY[change.key]}"
            for change in diff.identity
        )
        message = (
            f"{definition.place}: {definition.name!r} would become another connector: {told}; make "
            "one with another name, or say --allow-identity-change"
        )
        raise RefusedError(message)
