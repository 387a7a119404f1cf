"""Messages of a compiled descriptor set: protoc --include_imports --descriptor_set_out=FILE."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message

from transforms.sql.errors import SqlError, did_you_mean

_COMMAND = "compile it: protoc --include_imports --descriptor_set_out=FILE YOUR.proto"


def message_class(descriptor_set: bytes, name: str) -> type[Message]:
    """The class of a message.

    name: its full name (`shop.v1.Item`), or that of the class that protoc makes of it for Java
    (`com.shop.v1.ItemOuterClass$Item`), as Flink's option has it.

    Raises SqlError: not a descriptor set, an import is missing, or there is no such message.
    """
    files = _files(descriptor_set)
    # Its methods have no types.
    pool: Any = descriptor_pool.DescriptorPool()
    added: set[str] = set()
    for file in files.values():
        _add(file, files, pool, added)
    names = {
        alias: full
        for file in files.values()
        for full, java in _messages(file)
        for alias in (full, java)
    }
    if name not in names:
        message = f"the descriptor set has no message {name!r}; {did_you_mean(name, names)}"
        raise SqlError(message)
    descriptor: Descriptor = pool.FindMessageTypeByName(names[name])
    found: type[Message] = message_factory.GetMessageClass(descriptor)
    return found


def _files(descriptor_set: bytes) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    try:
        parsed = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set)
    except DecodeError as error:
        message = f"the descriptor file holds no compiled descriptor set; {_COMMAND}"
        raise SqlError(message) from error
    if not any(file.message_type for file in parsed.file):
        message = f"the descriptor file holds no messages; {_COMMAND}"
        raise SqlError(message)
    return {file.name: file for file in parsed.file}


def _add(
    file: descriptor_pb2.FileDescriptorProto,
    files: dict[str, descriptor_pb2.FileDescriptorProto],
    pool: Any,
    added: set[str],
) -> None:
    """Adds a file behind those that it imports."""
    if file.name in added:
        return
    added.add(file.name)
    for imported in file.dependency:
        if imported not in files:
            message = (
                f"the descriptor set lacks {imported!r}, which {file.name!r} imports; {_COMMAND}"
            )
            raise SqlError(message)
        _add(files[imported], files, pool, added)
    try:
        pool.AddSerializedFile(file.SerializeToString())
    except TypeError as error:
        message = f"the descriptor set's {file.name!r} cannot be used: {error}; {_COMMAND}"
        raise SqlError(message) from error


def _messages(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """The full name of every message, and that of its Java class."""
    options = file.options
    package = options.java_package or file.package
    outer = options.java_outer_classname or _outer_class(file)
    java = [package] if package else []
    prefix = ".".join(java) + "." if java else ""
    if not options.java_multiple_files:
        prefix += f"{outer}$"
    yield from _nested(file.message_type, f"{file.package}." if file.package else "", prefix)


def _nested(
    messages: Sequence[descriptor_pb2.DescriptorProto], prefix: str, java_prefix: str
) -> Iterator[tuple[str, str]]:
    for message in messages:
        if message.options.map_entry:
            continue
        full, java = prefix + message.name, java_prefix + message.name
        yield full, java
        yield from _nested(message.nested_type, f"{full}.", f"{java}$")


def _outer_class(file: descriptor_pb2.FileDescriptorProto) -> str:
    """The class that protoc puts a file's messages into, from the file's name."""
    stem = file.name.rpartition("/")[2].removesuffix(".proto")
    words = stem.replace("-", "_").split("_")
    name = "".join(word[:1].upper() + word[1:] for word in words)
    taken = {
        *(message.name for message in file.message_type),
        *(enum.name for enum in file.enum_type),
        *(service.name for service in file.service),
    }
    return f"{name}OuterClass" if name in taken else name
