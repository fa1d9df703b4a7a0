"""google.rpc.Status read by descriptors of our own writing, so that tests need no further package."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration

_FIELD = descriptor_pb2.FieldDescriptorProto


def _messages() -> tuple[type, type]:
    file = descriptor_pb2.FileDescriptorProto(
        name="tests/status.proto", package="tests.rpc", syntax="proto3", dependency=[AnyMessage.DESCRIPTOR.file.name]
    )
    file.dependency.append(Duration.DESCRIPTOR.file.name)
    status = file.message_type.add(name="Status")
    status.field.add(name="code", number=1, type=_FIELD.TYPE_INT32, label=_FIELD.LABEL_OPTIONAL)
    status.field.add(name="message", number=2, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    details = status.field.add(name="details", number=3, type=_FIELD.TYPE_MESSAGE, label=_FIELD.LABEL_REPEATED)
    details.type_name = ".google.protobuf.Any"
    retry = file.message_type.add(name="RetryInfo")
    delay = retry.field.add(name="retry_delay", number=1, type=_FIELD.TYPE_MESSAGE, label=_FIELD.LABEL_OPTIONAL)
    delay.type_name = ".google.protobuf.Duration"
    pool = descriptor_pool.Default()
    pool.Add(file)
    found = [pool.FindMessageTypeByName(f"tests.rpc.{name}") for name in ("Status", "RetryInfo")]
    return message_factory.GetMessageClass(found[0]), message_factory.GetMessageClass(found[1])


_Status, _RetryInfo = _messages()


@dataclass(frozen=True)
class Status:
    """A google.rpc.Status; `retry_seconds` of its RetryInfo, None without one."""

    code: int
    message: str
    retry_seconds: float | None


def parse_status(body: bytes) -> Status:
    """Read its protobuf form."""
    status = _Status.FromString(body)  # type: ignore[attr-defined]
    retry = None
    for detail in status.details:
        if detail.type_url == "type.googleapis.com/google.rpc.RetryInfo":
            delay = _RetryInfo.FromString(detail.value).retry_delay  # type: ignore[attr-defined]
            retry = delay.seconds + delay.nanos / 1e9
    return Status(status.code, status.message, retry)
