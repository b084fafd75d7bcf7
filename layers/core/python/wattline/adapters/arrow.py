"""pyarrow's arrays and compute functions, without its stubs: those lack overloads, and what dictionary arrays hold."""

from typing import Any

import pyarrow
import pyarrow.compute

Array = Any
"""A pyarrow array."""

pc: Any = pyarrow.compute
"""The compute functions."""


def arange(first: int, end: int) -> Array:
    """The integers of [first, end)."""
    arrow: Any = pyarrow
    return arrow.arange(first, end)
