"""References in connectors.yaml: whose they are, and what may be shown.

Connect resolves those of its config providers: `${file:/etc/db.properties:password}`,
`${env:DB_PASSWORD}`, `${secretManager:...}`. kami resolves its own, `${NAME}` and
`${file:///run/secrets/db}`. `$${topic}` stands for the text `${topic}`.
"""

from __future__ import annotations

import dataclasses
import re

import yaml

from kami.config_nodes import Node, refusal

HIDDEN = "(secret)"
_REFERENCE = re.compile(r"\$?\$\{([^}]*)\}")
_PROVIDER = re.compile(r"[A-Za-z][\w.-]*:(?!//)")
_SECRET_KEY = re.compile(
    r"password$|passphrase$|secret$|token$|sasl\.jaas\.config$|basic\.auth\.user\.info$"
    r"|cipher_data_keys$|k[em][ks]_config$|keystore\.key$|private[._]?key$|api[._]?key$"
    r"|access[._]?key$",
    re.IGNORECASE,
)
# USER:PASSWORD@ of an address, and the parameters of JDBC's.
_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*(?=@)|(?<=[?&;]password=)[^&;]*", re.I)


@dataclasses.dataclass(frozen=True)
class Secret:
    """A value with references that kami resolves.

    Args:
        written: as the file has it, after `before`; it may be shown.
        before: what stands before it, such as a user's name.
    """

    written: str
    node: Node = dataclasses.field(repr=False, compare=False)
    before: str = ""

    @property
    def place(self) -> str:
        return self.node.place

    def resolved(self) -> str:
        """The value itself; the references of Connect's providers stay in it.

        Raises:
            ConfigurationError: a variable is not set, or a file cannot be read.
        """
        return self.before + _expanded(self.node)

    def parts(self) -> set[str]:
        """What kami puts into the value, each part by itself: nobody may see one of them."""
        return {_part(self.node, found[0]).text() for found in _ours(_written(self.node))}


@dataclasses.dataclass(frozen=True)
class OwnSecret:
    """A value that kami alone needs; it is read when it is used.

    Args:
        address: what replaces a part of it is quoted for an address.
    """

    node: Node = dataclasses.field(repr=False, compare=False)
    address: bool = False

    def resolved(self) -> str:
        """The value itself.

        Raises:
            ConfigurationError: a variable is not set, or a file cannot be read.
        """
        return self.node.text(address=self.address)


def text_of(node: Node) -> str:
    """A text with kami's references replaced; those of Connect's providers stay.

    Raises:
        ConfigurationError: this is no text, or a reference means nothing.
    """
    return _expanded(node)


def setting_of(key: str, node: Node) -> str | Secret:
    """The value of a setting of Connect's; true and false are texts there.

    Raises:
        ConfigurationError: as for `secret_of` when the key is a secret's.
    """
    if is_secret(key):
        return secret_of(node)
    text = _expanded(node)
    if _IN_ADDRESS.search(_REFERENCE.sub("", text)) and _REFERENCE.sub("", text) != text:
        return text
    if _IN_ADDRESS.search(text):
        message = f"{key!r} holds a password; name it by a reference, such as ${{env:DB_PASSWORD}}"
        raise refusal(node, message)
    return text


def secret_of(node: Node) -> str | Secret:
    """A secret: references of Connect's as text, else a Secret.

    Raises:
        ConfigurationError: it is written out in the file.
    """
    written = _written(node)
    ours = _ours(written)
    if not ours and not providers(written):
        message = (
            "a secret stands here itself; write a reference that Connect resolves, such as "
            "${env:DB_PASSWORD} or ${file:/etc/secrets/db.properties:password}, or one of kami's, "
            "${NAME} or ${file:///run/secrets/NAME}"
        )
        raise refusal(node, message)
    return Secret(written, node) if ours else _expanded(node)


def is_secret(key: str) -> bool:
    """True for the name of a setting whose value nobody may see."""
    return _SECRET_KEY.search(key) is not None


def shown(key: str, value: str | None) -> str | None:
    """A setting's value as it may be printed."""
    if value is None:
        return None
    if is_secret(key):
        # A reference tells nothing; what stands around it may.
        return value if _REFERENCE.fullmatch(value) else HIDDEN
    return _IN_ADDRESS.sub(HIDDEN, value)


def providers(value: str) -> set[str]:
    """The names of Connect's config providers that a value asks."""
    return {
        found[1].partition(":")[0]
        for found in _REFERENCE.finditer(value)
        if found[0][1] == "{" and _PROVIDER.match(found[1])
    }


def _written(node: Node) -> str:
    scalar = node.node
    if isinstance(scalar, yaml.ScalarNode) and scalar.tag.endswith(":bool"):
        return str(scalar.value).lower()
    if not isinstance(scalar, yaml.ScalarNode) or scalar.tag.endswith(":null"):
        found = "nothing" if isinstance(scalar, yaml.ScalarNode) else "a list or keys"
        message = f"expected a text, found {found}"
        raise refusal(node, message)
    return str(scalar.value)


def _expanded(node: Node) -> str:
    def replaced(found: re.Match[str]) -> str:
        if found[0].startswith("$$"):
            return found[0][1:]
        if _PROVIDER.match(found[1]):
            return found[0]
        return _part(node, found[0]).text()

    return _REFERENCE.sub(replaced, _written(node))


def _part(node: Node, reference: str) -> Node:
    """One reference as a text of its own: Node says what is wrong with it, and where."""
    marks = node.node.start_mark, node.node.end_mark
    return Node(node.path, yaml.ScalarNode("tag:yaml.org,2002:str", reference, *marks))


def _ours(written: str) -> list[re.Match[str]]:
    """The references that kami resolves."""
    return [
        found
        for found in _REFERENCE.finditer(written)
        if found[0][1] == "{" and not _PROVIDER.match(found[1])
    ]
