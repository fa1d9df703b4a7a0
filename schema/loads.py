"""Unaligned little-endian loads for kernels: Numba itself reads an array only element by element."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic


def _load(width: int) -> Any:
    result = types.uint64 if width == 8 else types.uint32

    @intrinsic
    def load(typingctx: Any, data: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, args[0])
            place = builder.gep(array.data, [args[1]])
            value = builder.load(builder.bitcast(place, context.get_value_type(result).as_pointer()))
            value.align = 1
            return value

        return result(data, types.int64), codegen

    return load


load64 = _load(8)
"""load64(data, index): eight bytes, little-endian, unaligned. The caller has checked index + 8 <= len(data)."""
load32 = _load(4)
"""The same with four bytes."""
