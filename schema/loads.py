"""Loads and stores by address, for kernels in the hot path.

Numba passes an array to another kernel as seven words, counts references, and gives a negative index a meaning;
an address is one word and does none of that. Whoever takes the address keeps the array alive and checks every place.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def address(typingctx: Any, array: Any) -> Any:
    """Where a flat array's elements begin, int64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.ptrtoint(values.data, context.get_value_type(types.int64))

    return types.int64(array), codegen


def _place(context: Any, builder: Any, args: Any, element: Any) -> Any:
    """Pointer to element args[1] of those at address args[0]."""
    pointer = builder.inttoptr(args[0], context.get_value_type(element).as_pointer())
    return builder.gep(pointer, [args[1]])


def _peek(element: Any, result: Any) -> Any:
    @intrinsic
    def peek(typingctx: Any, base: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            value = builder.load(_place(context, builder, args, element))
            value.align = 1
            return context.cast(builder, value, element, result)

        return result(types.int64, types.int64), codegen

    return peek


def _poke(element: Any) -> Any:
    @intrinsic
    def poke(typingctx: Any, base: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            cut = context.cast(builder, args[2], types.int64, element)
            builder.store(cut, _place(context, builder, args, element)).align = 1
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64), codegen

    return poke


get8 = _peek(types.uint8, types.int64)
"""get8(address, i): byte i, as int64."""
get32 = _peek(types.int32, types.int64)
"""get32(address, i): int32 number i, as int64."""
get64 = _peek(types.int64, types.int64)
"""get64(address, i): int64 number i."""
put8 = _poke(types.uint8)
"""put8(address, i, value): the value's low byte as byte i."""
put32 = _poke(types.int32)
"""put32(address, i, value): the value's low half as int32 number i."""
put64 = _poke(types.int64)
"""put64(address, i, value): as int64 number i."""


@intrinsic
def load64(typingctx: Any, base: Any, offset: Any) -> Any:
    """load64(address, offset): eight bytes from this byte on, little-endian, as uint64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _load(context, builder, args, types.uint64)

    return types.uint64(types.int64, types.int64), codegen


@intrinsic
def load32(typingctx: Any, base: Any, offset: Any) -> Any:
    """load32(address, offset): four bytes from this byte on, little-endian, as uint32."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _load(context, builder, args, types.uint32)

    return types.uint32(types.int64, types.int64), codegen


def _load(context: Any, builder: Any, args: Any, result: Any) -> Any:
    at = builder.add(args[0], args[1])
    value = builder.load(builder.inttoptr(at, context.get_value_type(result).as_pointer()))
    value.align = 1
    return value


@intrinsic
def store64(typingctx: Any, base: Any, offset: Any, value: Any) -> Any:
    """store64(address, offset, uint64): eight bytes from this byte on, little-endian."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = builder.add(args[0], args[1])
        pointer = builder.inttoptr(at, context.get_value_type(types.uint64).as_pointer())
        builder.store(args[2], pointer).align = 1
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.uint64), codegen


@intrinsic
def prefetch(typingctx: Any, base: Any, offset: Any) -> Any:
    """prefetch(address, offset): have the CPU fetch the cache line at this byte, which will be needed soon.

    Any place may be named, even one outside of the array.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(builder.add(args[0], args[1]), ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [pointer.type, word, word, word])
        builder.call(
            builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], shape),
            [pointer, word(0), word(3), word(1)],  # to be read, used again, data
        )
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen
