"""Our hand-written descriptors against those of opentelemetry-proto."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from schema.signal import Signal
from schema.wire.descriptors import MESSAGES, Type
from schema.wire.program import program
from tests.schema.wire.official import REQUEST, official_name

TYPES = {
    FieldDescriptor.TYPE_STRING: Type.STRING,
    FieldDescriptor.TYPE_BYTES: Type.BYTES,
    FieldDescriptor.TYPE_UINT64: Type.UINT64,
    FieldDescriptor.TYPE_INT64: Type.INT64,
    FieldDescriptor.TYPE_UINT32: Type.UINT32,
    FieldDescriptor.TYPE_INT32: Type.INT32,
    FieldDescriptor.TYPE_ENUM: Type.INT32,
    FieldDescriptor.TYPE_BOOL: Type.BOOL,
    FieldDescriptor.TYPE_SINT32: Type.SINT32,
    FieldDescriptor.TYPE_FIXED64: Type.FIXED64,
    FieldDescriptor.TYPE_SFIXED64: Type.SFIXED64,
    FieldDescriptor.TYPE_DOUBLE: Type.DOUBLE,
    FieldDescriptor.TYPE_FIXED32: Type.FIXED32,
    FieldDescriptor.TYPE_MESSAGE: Type.MESSAGE,
}

LISTS = {
    FieldDescriptor.TYPE_FIXED64: Type.FIXED64_LIST,
    FieldDescriptor.TYPE_DOUBLE: Type.DOUBLE_LIST,
    FieldDescriptor.TYPE_UINT64: Type.UINT64_LIST,
}


def expected_type(field: FieldDescriptor) -> Type:
    return LISTS[field.type] if field.is_repeated and field.type in LISTS else TYPES[field.type]


@pytest.mark.parametrize("signal", Signal)
def test_every_field_of_every_message_stands_in_our_table(signal: Signal) -> None:
    checked: set[str] = set()

    def check(name: str, descriptor: Descriptor) -> None:
        if name in checked:
            return
        checked.add(name)
        ours = {field.number: field for field in MESSAGES[signal][name]}
        assert ours.keys() == set(descriptor.fields_by_number), name
        for number, field in ours.items():
            official = descriptor.fields_by_number[number]
            assert field.type == expected_type(official), f"{name}.{official.name}"
            if field.type is Type.MESSAGE:
                assert official_name(field.message) == official.message_type.name
                assert (not field.union) == official.is_repeated, f"{name}.{official.name}"
                check(field.message, official.message_type)
            elif field.column:
                assert field.column.endswith(official.name) or official.containing_oneof, f"{name}.{official.name}"

    check("Request", REQUEST[signal].DESCRIPTOR)
    assert checked == set(MESSAGES[signal])


@pytest.mark.parametrize("signal", Signal)
def test_members_of_a_oneof_mark_which_of_them_was_set(signal: Signal) -> None:
    for name, fields in MESSAGES[signal].items():
        marks = [field.mark for field in fields if field.mark and field.mark[0].endswith(".kind")]
        assert len({column for column, _ in marks}) <= 1, name
        assert len(marks) == len({number for _, number in marks}), name


@pytest.mark.parametrize("signal", Signal)
def test_columns_of_a_row_do_not_overlap(signal: Signal) -> None:
    compiled = program(signal)
    for tab, columns in compiled.columns.items():
        taken: set[int] = set()
        for name, column in columns.items():
            wide = column.dtype is None or column.dtype.itemsize == 8
            places = {column.at, column.at + 1} if wide else {column.at}
            assert not places & taken, f"{tab.name}.{name}"
            assert max(places) < 2 * compiled.words[tab]
            assert not wide or column.at % 2 == 0
            taken |= places
