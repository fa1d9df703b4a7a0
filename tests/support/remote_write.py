"""Remote-write messages for tests, of classes that are made here from their descriptors (prompb of prometheus)."""

from __future__ import annotations

from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = {
    "double": 1, "int64": 3, "uint64": 4, "string": 9, "uint32": 13, "sint32": 17, "sint64": 18, "int32": 5,
}  # fmt: skip

_HISTOGRAM = (
    "uint64 count_int 1 count; double count_float 2 count; double sum 3; sint32 schema 4; double zero_threshold 5;"
    "uint64 zero_count_int 6 zero_count; double zero_count_float 7 zero_count; BucketSpan* negative_spans 8;"
    "sint64* negative_deltas 9; double* negative_counts 10; BucketSpan* positive_spans 11; sint64* positive_deltas 12;"
    "double* positive_counts 13; int32 reset_hint 14; int64 timestamp 15; double* custom_values 16;"
)
_SPAN = "sint32 offset 1; uint32 length 2;"

_MESSAGES = {
    "prometheus": {
        "Label": "string name 1; string value 2;",
        "Sample": "double value 1; int64 timestamp 2;",
        "Exemplar": "Label* labels 1; double value 2; int64 timestamp 3;",
        "BucketSpan": _SPAN,
        "Histogram": _HISTOGRAM,
        "MetricMetadata": "int32 type 1; string metric_family_name 2; string help 4; string unit 5;",
        "TimeSeries": "Label* labels 1; Sample* samples 2; Exemplar* exemplars 3; Histogram* histograms 4;",
        "WriteRequest": "TimeSeries* timeseries 1; MetricMetadata* metadata 3;",
    },
    "io.prometheus.write.v2": {
        "Sample": "double value 1; int64 timestamp 2; int64 start_timestamp 3;",
        "Exemplar": "uint32* labels_refs 1; double value 2; int64 timestamp 3;",
        "BucketSpan": _SPAN,
        "Histogram": _HISTOGRAM + "int64 start_timestamp 17;",
        "Metadata": "int32 type 1; uint32 help_ref 3; uint32 unit_ref 4;",
        "TimeSeries": (
            "uint32* labels_refs 1; Sample* samples 2; Histogram* histograms 3; Exemplar* exemplars 4;"
            "Metadata metadata 5; int64 created_timestamp 6;"
        ),
        "Request": "string* symbols 4; TimeSeries* timeseries 5;",
    },
}


def _classes(package: str) -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in _MESSAGES[package].items():
        message = file.message_type.add(name=name)
        for line in filter(None, (part.strip() for part in fields.split(";"))):
            kind, field_name, number, *oneof = line.split()
            field = message.field.add(name=field_name, number=int(number), label=3 if kind.endswith("*") else 1)
            kind = kind.rstrip("*")
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type, field.type_name = 11, f".{package}.{kind}"
            if oneof:
                known = [each.name for each in message.oneof_decl]
                if oneof[0] not in known:
                    message.oneof_decl.add(name=oneof[0])
                    known.append(oneof[0])
                field.oneof_index = known.index(oneof[0])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in _MESSAGES[package]
    }


V1 = _classes("prometheus")
"""Message classes of 1.0 by name; WriteRequest is the root."""
V2 = _classes("io.prometheus.write.v2")
"""Message classes of 2.0 by name; Request is the root."""

STALE_BITS = 0x7FF0000000000002

Labels = dict[str, str]


class V2Builder:
    """A 2.0 request whose symbols are collected as series are added."""

    def __init__(self) -> None:
        self.request = V2["Request"](symbols=[""])
        self._places = {"": 0}

    def ref(self, text: str) -> int:
        """Reference of a text."""
        if text not in self._places:
            self._places[text] = len(self.request.symbols)
            self.request.symbols.append(text)
        return self._places[text]

    def refs(self, labels: Labels | list[tuple[str, str]]) -> list[int]:
        """References of labels, in their order."""
        pairs = labels.items() if isinstance(labels, dict) else labels
        return [self.ref(text) for pair in pairs for text in pair]

    def series(self, labels: Labels, type_: int = 0, help_: str = "", unit: str = "", created: int = 0) -> Any:
        """Add a series, to which the caller adds samples, histograms and exemplars."""
        made = self.request.timeseries.add(labels_refs=self.refs(labels), created_timestamp=created)
        made.metadata.type, made.metadata.help_ref, made.metadata.unit_ref = type_, self.ref(help_), self.ref(unit)
        return made


def v1_series(request: Any, labels: Labels) -> Any:
    """Add a series to a 1.0 request."""
    return request.timeseries.add(labels=[V1["Label"](name=key, value=value) for key, value in labels.items()])


def snappy(body: bytes) -> bytes:
    """A body in snappy's block format."""
    return bytes(cramjam.snappy.compress_raw(body))
