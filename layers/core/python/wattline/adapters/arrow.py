"""pyarrow's arrays and compute functions, without its stubs: those lack overloads, and what dictionary arrays hold."""

from typing import Any

import pyarrow.compute

Array = Any
"""A pyarrow array."""

pc: Any = pyarrow.compute
"""The compute functions."""
