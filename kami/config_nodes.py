"""A part of a YAML file that knows where it stands, for errors that say it."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import yaml

from kami.errors import ConfigurationError
from kami.secret_references import SecretReferenceError, secret_of_reference

_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_TRUE_NUMBERS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}


@dataclasses.dataclass(frozen=True)
class Node:
    """A value of the file at `path`."""

    path: Path
    node: yaml.Node

    @property
    def place(self) -> str:
        """FILE:LINE:COLUMN, both counted from 1."""
        mark = self.node.start_mark
        return f"{self.path}:{mark.line + 1}:{mark.column + 1}"

    def mapping(self, known: Sequence[str]) -> Mapping:
        """The keys and values; every key must be a known one."""
        members = self._pairs()
        for key in members:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean {close[0]!r}" if close else ""
                raise refusal(
                    self._key_node(key),
                    f"the key {key!r} is unknown{hint}; known here: {', '.join(known)}",
                )
        return Mapping(self, members)

    def members(self) -> dict[str, Node]:
        """The keys, of any name, and their values."""
        return self._pairs()

    def list(self) -> list[Node]:
        """The elements of a sequence that has some."""
        if not isinstance(self.node, yaml.SequenceNode) or not self.node.value:
            raise _unexpected(self, "a list with at least one element")
        return [Node(self.path, element) for element in self.node.value]

    def texts(self) -> tuple[str, ...]:
        """The texts of a list, or one text."""
        if isinstance(self.node, yaml.ScalarNode):
            return (self.text(),)
        return tuple(element.text() for element in self.list())

    def text(self, *, address: bool = False) -> str:
        """A text, with `${NAME}` replaced by the environment, `${file://PATH}` by the file and
        `${secret://projects/P/secrets/S}` by what Secret Manager has.

        Args:
            address: what replaces a part of the text is quoted for an address, where a password
                may hold @ or /.
        """
        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag.endswith((":null", ":bool")):
            raise _unexpected(self, "a text")
        written = str(self.node.value)
        whole = _REFERENCE.fullmatch(written) is not None
        text = _REFERENCE.sub(
            lambda found: (
                quote(self._secret(found), safe="")
                if address and not whole
                else self._secret(found)
            ),
            written,
        )
        if not text:
            raise _unexpected(self, "a text that is not empty")
        return text

    def matching(self, pattern: str, expected: str) -> str:
        text = self.text()
        if not re.fullmatch(pattern, text):
            raise _unexpected(self, expected)
        return text

    def one_of(self, values: Sequence[str]) -> str:
        text = self.text()
        if text not in values:
            raise _unexpected(self, f"one of {', '.join(values)}")
        return text

    def number(self) -> float:
        """A number that is not negative."""
        if isinstance(self.node, yaml.ScalarNode) and self.node.tag in _TRUE_NUMBERS:
            value = float(str(self.node.value).replace("_", ""))
            if value >= 0:
                return value
        raise _unexpected(self, "a number of 0 or more")

    def count(self) -> int:
        """A whole number that is not negative."""
        number = self.number()
        if number != int(number):
            raise _unexpected(self, "a whole number of 0 or more")
        return int(number)

    def flag(self) -> bool:
        """true or false."""
        if isinstance(self.node, yaml.ScalarNode) and self.node.tag.endswith(":bool"):
            return str(self.node.value).lower() in ("true", "yes", "on")
        raise _unexpected(self, "true or false")

    def beside(self, name: str) -> Path:
        """The path that a text means: relative ones are relative to the configuration's file."""
        return (self.path.parent / Path(name).expanduser()).absolute()

    def _secret(self, found: re.Match[str]) -> str:
        try:
            return secret_of_reference(found[1])
        except SecretReferenceError as error:
            raise refusal(self, f"${{{found[1]}}}: {error}") from error

    def _pairs(self) -> dict[str, Node]:
        if not isinstance(self.node, yaml.MappingNode):
            raise _unexpected(self, "keys with values")
        pairs: dict[str, Node] = {}
        for key, value in self.node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise refusal(Node(self.path, key), "a key is a name")
            if key.value in pairs:
                raise refusal(Node(self.path, key), f"the key {key.value!r} is here twice")
            pairs[str(key.value)] = Node(self.path, value)
        return pairs

    def _key_node(self, name: str) -> Node:
        for key, _ in self.node.value:
            if key.value == name:
                return Node(self.path, key)
        return self


@dataclasses.dataclass(frozen=True)
class Mapping:
    """Known keys with their values."""

    node: Node
    members: dict[str, Node]

    def required(self, key: str) -> Node:
        if key not in self.members:
            raise refusal(self.node, f"the key {key!r} is missing here; add it")
        return self.members[key]

    def optional(self, key: str) -> Node | None:
        return self.members.get(key)


def refusal(node: Node, message: str) -> ConfigurationError:
    """An error at a place of the file."""
    return ConfigurationError(f"{node.place}: {message}")


def _unexpected(node: Node, expected: str) -> ConfigurationError:
    # The text as written: a secret that it names is not in it.
    scalar = isinstance(node.node, yaml.ScalarNode)
    found = repr(node.node.value) if scalar else "a list or keys"
    return refusal(node, f"expected {expected}, found {found}")
