"""pyarrow's arrays and compute functions, without its stubs: those lack overloads, and what dictionary arrays hold."""

from collections.abc import Iterable
from typing import Any

import pyarrow
import pyarrow.compute

Array = Any
"""A pyarrow array."""

pc: Any = pyarrow.compute
"""The compute functions."""


def arange(first: int, end: int, step: int = 1) -> Array:
    """Every `step`-th integer of [first, end)."""
    arrow: Any = pyarrow
    return arrow.arange(first, end, step)


def all_but(length: int, places: Iterable[int]) -> Array:
    """True everywhere but at a few places."""
    bits = bytearray(b"\xff" * (length // 8 + 1))
    for place in places:
        bits[place >> 3] &= ~(1 << (place & 7))
    arrow: Any = pyarrow
    return arrow.Array.from_buffers(arrow.bool_(), length, [None, arrow.py_buffer(bits)])
