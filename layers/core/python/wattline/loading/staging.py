"""An object's text on local disk: decompressed, within bounds, without a byte order mark."""

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from wattline.errors import TerminalError

CHUNK = 8 << 20
MAX_BYTES = 4 << 30
"""Of the text, decompressed: what a run reads well within its time, and what bounds a zip bomb."""

_GZIP = 16 + zlib.MAX_WBITS
_UTF8_MARK = b"\xef\xbb\xbf"
_OTHER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class Unreadable(TerminalError):
    """The file as a whole cannot be read; `detail` says why and what to do."""


def stage(chunks: Iterable[bytes], into: Path, *, gzipped: bool, max_bytes: int = MAX_BYTES) -> int:
    """Write the text and say how many bytes it has. Raises Unreadable."""
    size = 0
    with into.open("wb") as file:
        for chunk in _without_mark(_inflated(chunks) if gzipped else iter(chunks)):
            size += len(chunk)
            if size > max_bytes:
                raise Unreadable(f"the file has more than {max_bytes:,} bytes of text; split it")
            file.write(chunk)
    if not size:
        raise Unreadable("the file is empty")
    return size


def _inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The content of one gzip member or several; what follows the last member is an error."""
    member = zlib.decompressobj(_GZIP)
    begun = False
    for chunk in chunks:
        rest = chunk
        while rest:
            begun = True
            try:
                text = member.decompress(rest, CHUNK)
            except zlib.error as error:
                raise Unreadable(f"the file is not gzip, as its name says, or is damaged: {error}") from error
            if text:
                yield text
            rest = member.unconsumed_tail
            if member.eof:
                rest = member.unused_data
                member, begun = zlib.decompressobj(_GZIP), False
    if begun:
        raise Unreadable("the gzip data end too early: the file is truncated; send it again")


def _without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Cut a byte order mark off. Raises Unreadable for encodings other than UTF-8."""
    first = b""
    for chunk in chunks:
        first += chunk
        if len(first) >= len(_UTF8_MARK):
            break
    if first[:2] in _OTHER_MARKS or b"\x00" in first[:1024]:
        encoding = _OTHER_MARKS.get(first[:2], "UTF-16, UTF-32 or binary")
        raise Unreadable(f"the file is {encoding}; write it as UTF-8")
    yield first.removeprefix(_UTF8_MARK)
    yield from chunks
