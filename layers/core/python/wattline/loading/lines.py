"""A text file as blocks of whole lines, whatever the length of its lines."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from wattline.adapters.arrow import Array, pc

BLOCK = 8 << 20
MAX_LINE = 1 << 20
"""A longer line is no row of ours; it is passed over, however long it is."""

TOO_LONG = f"the line is longer than {MAX_LINE:,} bytes, too long for a row"

RAW_SHOWN = 500
"""Characters of a rejected row that its reject shows."""


_STRIDE = 8192


@dataclass
class Block:
    """Whole lines, the first of which has the number `first_line` (from 1). `end` is where it ends in the file."""

    first_line: int
    data: bytes
    end: int
    overlong: list[tuple[int, str]] = field(default_factory=list)
    """Lines that are left out of `data` (an empty line stands there), with their beginnings."""

    _found: tuple[int, list[int]] = field(default=(-1, []), init=False, repr=False)
    """The stride that was asked for last, and where its line feeds are."""

    @property
    def lines(self) -> int:
        """How many line feeds there are."""
        return self._before[-1]

    @cached_property
    def _feeds(self) -> Array:
        """Which bytes are line feeds."""
        characters = pa.Array.from_buffers(pa.uint8(), len(self.data), [None, pa.py_buffer(self.data)])
        return pc.equal(characters, pa.scalar(ord("\n"), pa.uint8()))

    @cached_property
    def _before(self) -> list[int]:
        """How many line feeds stand before each stride of the data: few lines are asked for, and all are many."""
        strides = range(0, len(self.data), _STRIDE)
        return list(accumulate((self._feeds.slice(at, _STRIDE).true_count for at in strides), initial=0))

    def text(self, line: int) -> str:
        """The raw text of a line, by its number in the file."""
        feeds, start = line - self.first_line, 0
        if feeds:
            stride = bisect_left(self._before, feeds) - 1
            if stride != self._found[0]:
                self._found = stride, pc.indices_nonzero(self._feeds.slice(stride * _STRIDE, _STRIDE)).to_pylist()
            start = stride * _STRIDE + self._found[1][feeds - self._before[stride] - 1] + 1
        end = self.data.find(b"\n", start)
        return shown(self.data[start : None if end < 0 else end])


def shown(raw: bytes) -> str:
    """Raw bytes as the text that a reject shows."""
    return raw[: RAW_SHOWN * 4].decode(errors="replace").rstrip("\r\n")[:RAW_SHOWN]


def blocks(path: Path, *, size: int = BLOCK, max_line: int = MAX_LINE) -> Iterator[Block]:
    """The file's lines in order. An overlong line is replaced by an empty one, so that numbers stay right."""
    line, carry = 1, b""
    with path.open("rb") as file:
        while chunk := file.read(size):
            overlong: list[tuple[int, str]] = []
            data = carry + chunk
            if b"\n" not in chunk and len(data) > max_line:
                overlong.append((line, shown(data)))
                data = _after_line(file, size)
            end = data.rfind(b"\n") + 1
            carry = data[end:]
            if end:
                block = Block(line, data[:end], file.tell() - len(carry), overlong)
                yield block
                line += block.lines
        if carry:
            yield Block(line, carry, file.tell())


def _after_line(file: BinaryIO, size: int) -> bytes:
    """Read on to the end of the line; what follows it begins with that line's end."""
    while chunk := file.read(size):
        at = chunk.find(b"\n")
        if at >= 0:
            return chunk[at:]
    return b"\n"
