"""Our slim protos are wire-compatible: what they declare, the public API and the Envoy in use declare likewise.

Judges: the descriptors in the Envoy binary (all messages, the newest too), and ``envoy-data-plane`` (the public API).
"""

import re
import subprocess
import sys
import sysconfig
import tomllib
import warnings
from dataclasses import fields
from pathlib import Path

import pytest
from descriptors import enums, file_descriptor, messages
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from extproc.transport import server
from extproc.transport.pb import (
    core_pb2,
    external_processor_pb2,
    health_pb2,
    priority_group_pb2,
    processing_mode_pb2,
    status_pb2,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its own use of pydantic
    from envoy_data_plane.envoy.config.core import v3 as public_core
    from envoy_data_plane.envoy.extensions.filters.http.ext_proc import v3 as public_modes
    from envoy_data_plane.envoy.service.ext_proc import v3 as public_service
    from envoy_data_plane.envoy.type import v3 as public_types

ROOT = Path(__file__).parents[2]
ENVOY = Path(sysconfig.get_path("purelib")) / "envoy" / "_bin" / "envoy"

ORIGINALS = {
    core_pb2: "envoy/config/core/v3/base.proto",
    external_processor_pb2: "envoy/service/ext_proc/v3/external_processor.proto",
    health_pb2: "src/proto/grpc/health/v1/health.proto",
    priority_group_pb2: "envoy/extensions/router/cluster_specifiers/priority_group/v3/priority_group.proto",
    processing_mode_pb2: "envoy/extensions/filters/http/ext_proc/v3/processing_mode.proto",
    status_pb2: "envoy/type/v3/http_status.proto",
}
PUBLIC = {
    core_pb2: public_core,
    external_processor_pb2: public_service,
    processing_mode_pb2: public_modes,
    status_pb2: public_types,
}
NEWER = {("ProcessingResponse", "typed_dynamic_metadata")}
"""What Envoy 1.40 has and ``envoy-data-plane`` has not, besides all of the priority group."""


def ours(module) -> FileDescriptorProto:
    return FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)


MESSAGES = [(module, name, message) for module in ORIGINALS for name, message in messages(ours(module))]
ENUMS = [(module, name, enum) for module in ORIGINALS for name, enum in enums(ours(module))]


def short(value) -> str:
    return value if isinstance(value, str) else ""


@pytest.fixture(scope="module")
def original():
    """The file in the Envoy binary that one of ours was written from."""
    known: dict[str, FileDescriptorProto] = {}

    def find(module) -> FileDescriptorProto:
        name = ORIGINALS[module]
        if name not in known:
            known[name] = file_descriptor(ENVOY, name)
        return known[name]

    return find


def shape(message, field: FieldDescriptorProto) -> tuple:
    """All that matters on the wire and in JSON: name, number, type, how often, in which oneof."""
    oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else None
    entry = next(
        (m for m in message.nested_type if m.options.map_entry and field.type_name.endswith(f".{m.name}")), None
    )
    kind = [(f.number, f.type, f.type_name) for f in entry.field] if entry else field.type_name
    return field.name, field.number, field.type, kind, field.label, oneof


@pytest.mark.parametrize(("module", "name", "message"), MESSAGES, ids=short)
def test_every_field_is_the_one_that_envoy_has(original, module, name, message):
    theirs = dict(messages(original(module)))[name]
    known = {field.number: shape(theirs, field) for field in theirs.field}
    assert [shape(message, field) for field in message.field] == [known.get(field.number) for field in message.field]


@pytest.mark.parametrize(("module", "name", "enum"), ENUMS, ids=short)
def test_every_enum_value_is_the_one_that_envoy_has(original, module, name, enum):
    folder = Path(ORIGINALS[module]).parent
    try:
        theirs = dict(enums(original(module)))[name]
    except KeyError:  # ``StatusCode`` stands in the file of the message that uses it
        theirs = dict(enums(file_descriptor(ENVOY, f"{folder}/http_status.proto")))[name]
    known = {value.number: value.name for value in theirs.value}
    assert {value.number: value.name for value in enum.value} == {v.number: known.get(v.number) for v in enum.value}


def test_packages_are_envoys(original):
    for module in ORIGINALS:
        assert ours(module).package == original(module).package


def signature(method) -> tuple:
    return method.input_type, method.output_type, method.client_streaming, method.server_streaming


def test_the_services_methods_are_envoys(original):
    """And the paths that the server knows them by."""
    paths = []
    for module in (external_processor_pb2, health_pb2):
        theirs = {service.name: {m.name: m for m in service.method} for service in original(module).service}
        for service in ours(module).service:
            for method in service.method:
                assert signature(method) == signature(theirs[service.name][method.name])
                paths.append(f"/{ours(module).package}.{service.name}/{method.name}")
    assert paths == [server.PROCESS_PATH, server.HEALTH_PATH]


CLASSIC = [(module, name, message) for module, name, message in MESSAGES if module in PUBLIC]
TYPES = {getattr(FieldDescriptorProto, name): name.removeprefix("TYPE_").lower() for name in FieldDescriptorProto.Type.keys()}  # fmt: skip  # noqa: SIM118  an enum wrapper is no mapping


def public_shape(field) -> tuple:
    meta = field.metadata["betterproto"]
    entry = [(f.number, f.proto_type) for f in meta.map_meta] if meta.map_meta else None
    return field.name, meta.number, meta.proto_type, entry, meta.repeated, meta.group


def our_public_shape(message, field: FieldDescriptorProto) -> tuple:
    name, number, kind, entry, label, oneof = shape(message, field)
    if isinstance(entry, list):
        return name, number, "map", [(n, TYPES[t]) for n, t, _ in entry], False, oneof
    return name, number, TYPES[kind], None, label == FieldDescriptorProto.LABEL_REPEATED, oneof


@pytest.mark.parametrize(("module", "name", "message"), CLASSIC, ids=short)
def test_every_field_is_the_one_of_the_public_api(module, name, message):
    """``envoy-data-plane`` flattens nested messages' names; ours are not nested."""
    theirs = {field.metadata["betterproto"].number: field for field in fields(getattr(PUBLIC[module], message.name))}
    for field in message.field:
        if (message.name, field.name) in NEWER:
            assert field.number not in theirs, "the public package has caught up: compare it"
            continue
        assert our_public_shape(message, field) == public_shape(theirs[field.number])


@pytest.mark.parametrize(("module", "name", "enum"), [case for case in ENUMS if case[0] in PUBLIC], ids=short)
def test_every_enum_value_is_the_one_of_the_public_api(module, name, enum):
    flat = "".join(part for part in name.split(".") if part[0].isupper())
    theirs = {value.value: value.name for value in getattr(PUBLIC[module], flat)}
    for value in enum.value:
        assert re.sub(r"[^a-z]", "", theirs[value.number].lower()) == re.sub(r"[^a-z]", "", value.name.lower())


def test_the_code_is_generated_from_the_protos(tmp_path):
    """Mend: ``make protos``."""
    out = tmp_path / "set.bin"
    sources = sorted(str(path.relative_to(ROOT / "protos")) for path in (ROOT / "protos").rglob("*.proto"))
    command = [sys.executable, "-m", "grpc_tools.protoc", "-Iprotos", f"--descriptor_set_out={out}", *sources]
    subprocess.run(command, check=True, cwd=ROOT)
    compiled = {file.name: file for file in FileDescriptorSet.FromString(out.read_bytes()).file}
    generated = {module.DESCRIPTOR.name: ours(module) for module in ORIGINALS}
    assert compiled.keys() == generated.keys()
    for name, file in generated.items():
        assert [m.name for m in file.message_type] == [m.name for m in compiled[name].message_type]
        assert file.enum_type == compiled[name].enum_type
        for one, other in zip(file.message_type, compiled[name].message_type, strict=True):
            assert [shape(one, f) for f in one.field] == [shape(other, f) for f in other.field]


def test_the_declared_protobuf_runs_the_generated_code():
    """Generated code refuses a runtime that is older than its compiler."""
    generated = (ROOT / "extproc/transport/pb/core_pb2.py").read_text()
    needed = tuple(map(int, re.search(r"Protobuf Python Version: ([\d.]+)", generated)[1].split(".")))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (declared,) = [line for line in project["dependencies"] if line.startswith("protobuf>=")]
    assert tuple(map(int, declared.removeprefix("protobuf>=").split("."))) >= needed
