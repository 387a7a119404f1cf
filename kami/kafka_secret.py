"""Passwords of Kafka by reference: read when they are sent, shown nowhere."""

from __future__ import annotations

import dataclasses

import yaml

from kami.config_nodes import Node, refusal
from kami.secret_references import SecretReferenceError, secret_of_reference

SCHEMES = ("env://", "file://", "secret://")
FORMS = "env://NAME, file://PATH, secret://projects/P/secrets/S, or one of these in ${...}"


@dataclasses.dataclass(frozen=True)
class Secret:
    """A reference in a file; `read` gives what it stands for."""

    node: Node = dataclasses.field(repr=False)

    def read(self) -> str:
        """The secret. Raises ConfigurationError with the reference's place, never its value."""
        text = secret_text(self.node)
        if not text:
            raise refusal(self.node, f"{written_text(self.node)}: the password there is empty")
        return text


def written_text(node: Node) -> str:
    """What stands in the file, references as they are; empty for a list or keys."""
    return str(node.node.value) if isinstance(node.node, yaml.ScalarNode) else ""


def reference(node: Node) -> Secret:
    """A value that has to be a reference. Raises ConfigurationError."""
    written = written_text(node)
    whole = written.startswith("${") and written.endswith("}")
    if not whole and not written.startswith(SCHEMES):
        # What is written may be the password: it is not shown.
        raise refusal(node, f"a password is given by reference: expected {FORMS}")
    return Secret(node)


def secret_text(node: Node) -> str:
    """A text, or what the reference that it is stands for. Raises ConfigurationError."""
    written = written_text(node)
    if not written.startswith(SCHEMES):
        return node.text()
    try:
        return secret_of_reference(written)
    except SecretReferenceError as error:
        raise refusal(node, f"{written}: {error}") from error
