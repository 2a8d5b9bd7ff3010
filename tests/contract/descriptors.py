"""The protobuf descriptors that stand in an Envoy binary, as protoc's C++ code has put them there.

A ``FileDescriptorProto`` begins with its own name (field 1), and nothing says where it ends: it is followed field by
field for as long as what comes is a field of a ``FileDescriptorProto``, in the order in which protoc writes them.
https://github.com/protocolbuffers/protobuf/blob/main/src/google/protobuf/descriptor.proto
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError

_VARINT, _LENGTH = 0, 2
_WIRE_TYPE = {
    field.number: _LENGTH if field.type in {field.TYPE_STRING, field.TYPE_MESSAGE} else _VARINT
    for field in FileDescriptorProto.DESCRIPTOR.fields
}


def file_descriptor(binary: Path, name: str) -> FileDescriptorProto:
    """The descriptor of a proto file. Raises ``LookupError`` where the binary has none of that name."""
    encoded = name.encode()
    assert len(encoded) < 128, "its length is one byte"
    head = b"\x0a" + bytes([len(encoded)]) + encoded
    with binary.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(head)
        while at >= 0:
            found = FileDescriptorProto()
            try:
                found.ParseFromString(data[at : _end(data, at)])
            except DecodeError:
                found.Clear()
            if found.package:
                return found
            at = data.find(head, at + 1)
    raise LookupError(f"{name} is not in {binary}")


def _end(data: mmap.mmap, at: int) -> int:
    """Where the message that begins at ``at`` ends: before the first byte that cannot be its next field."""
    last = 0
    while True:
        tag, behind = _varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if number < last or _WIRE_TYPE.get(number) != wire_type:
            return at
        value, behind = _varint(data, behind)
        at, last = (behind + value if wire_type == _LENGTH else behind), number


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def messages(file: FileDescriptorProto) -> Iterator[tuple[str, DescriptorProto]]:
    """All messages of a file, nested ones too, by their full names. Map entries are left out."""
    todo = [(f"{file.package}.{message.name}", message) for message in file.message_type]
    while todo:
        name, message = todo.pop()
        if not message.options.map_entry:
            yield name, message
        todo += [(f"{name}.{nested.name}", nested) for nested in message.nested_type]


def enums(file: FileDescriptorProto) -> Iterator[tuple[str, EnumDescriptorProto]]:
    """All enums of a file, by their full names."""
    yield from ((f"{file.package}.{enum.name}", enum) for enum in file.enum_type)
    for name, message in messages(file):
        yield from ((f"{name}.{enum.name}", enum) for enum in message.enum_type)
