"""A dropped object becomes plain text on local disk, or a reason why not."""

import gzip
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from wattline.loading.lines import Block, blocks
from wattline.loading.staging import Unreadable, stage

TEXT = b"a,b\n1,2\n" * 1000


def chunks(data: bytes, size: int = 1000) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def staged(parts: Iterable[bytes], into: Path, *, gzipped: bool = False, max_bytes: int = 10**9) -> bytes:
    size = stage(parts, into / "drop", gzipped=gzipped, max_bytes=max_bytes)
    text = (into / "drop").read_bytes()
    assert len(text) == size
    return text


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100_000])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_text_is_taken_as_it_is_but_for_a_byte_order_mark(size: int, mark: bytes, tmp_path: Path) -> None:
    assert staged(chunks(mark + TEXT[:80], size), tmp_path) == TEXT[:80]


@pytest.mark.parametrize("size", [1, 5, 100_000])
def test_gzip_of_one_member_or_several_is_inflated(size: int, tmp_path: Path) -> None:
    assert staged(chunks(gzip.compress(TEXT), size), tmp_path, gzipped=True) == TEXT
    several = gzip.compress(b"\xef\xbb\xbf" + TEXT) + gzip.compress(b"") + gzip.compress(TEXT)
    assert staged(chunks(several, size), tmp_path, gzipped=True) == TEXT + TEXT


def test_a_gzip_that_ends_too_early_is_truncated_wherever_it_ends(tmp_path: Path) -> None:
    whole = gzip.compress(TEXT)
    for end in range(1, len(whole), 7):
        with pytest.raises(Unreadable, match="truncated; send it again"):
            staged([whole[:end]], tmp_path, gzipped=True)
    with pytest.raises(Unreadable, match="truncated"):
        staged([whole + whole[:-1]], tmp_path, gzipped=True)


def test_what_is_not_gzip_or_damaged_says_so(tmp_path: Path) -> None:
    damaged = bytearray(gzip.compress(TEXT))
    damaged[-6] ^= 1
    for content in (TEXT, bytes(damaged), gzip.compress(TEXT) + b"and more", zlib.compress(TEXT)):
        with pytest.raises(Unreadable, match="not gzip, as its name says, or is damaged"):
            staged([content], tmp_path, gzipped=True)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="the file is empty"):
        staged([content], tmp_path)
    with pytest.raises(Unreadable, match="the file is empty"):
        staged([gzip.compress(content)], tmp_path, gzipped=True)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_named(encoding: str, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"UTF-16.*; write it as UTF-8"):
        staged([TEXT.decode().encode(encoding)], tmp_path)


def test_a_zip_bomb_stops_at_the_bound_in_time_and_memory(tmp_path: Path) -> None:
    deflate = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    bomb = [part for part in (deflate.compress(bytes(10_000_000)) for _ in range(30)) if part]
    bomb.append(deflate.flush())
    assert sum(map(len, bomb)) < 400_000
    bomb[0] = gzip.compress(b"a,b\n") + bomb[0]
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match="more than 50,000,000 bytes of text; split it"):
            staged([b"".join(bomb)], tmp_path, gzipped=True, max_bytes=50_000_000)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert (tmp_path / "drop").stat().st_size <= 50_000_000


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64])
@pytest.mark.parametrize("text", [b"a\nbb\n\nccc", b"a\nbb\n", b"\n\n", b"x", b"\r\nx\r\n"])
def test_blocks_hold_whole_lines_with_their_numbers(size: int, text: bytes, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(text)
    numbered: dict[int, str] = {}
    end = 0
    for block in blocks(tmp_path / "f", size=size, max_line=100):
        assert end < block.end
        end = block.end
        count = block.data.count(b"\n") + (not block.data.endswith(b"\n"))
        numbered |= {line: block.text(line) for line in range(block.first_line, block.first_line + count)}
    assert end == len(text)
    assert numbered == dict(enumerate((line.decode().rstrip("\r") for line in text.splitlines()), start=1))


def test_lines_far_apart_in_a_block_are_found_by_their_numbers() -> None:
    texts = [f"{number}" * (number % 50) for number in range(9_000)]
    block = Block(1, "\n".join(texts).encode(), 0)
    assert [block.text(line) for line in range(1, 9_001)] == [text[:500] for text in texts]


@pytest.mark.parametrize("size", [4, 10, 16])
def test_an_overlong_line_is_passed_over_and_later_numbers_stay_right(size: int, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"one\n" + b"x" * 100 + b"\nthree\n" + b"y" * 100)
    overlong = []
    lines = {}
    for block in blocks(tmp_path / "f", size=size, max_line=20):
        overlong += [(line, raw[:10].strip("x").strip("y")) for line, raw in block.overlong]
        for line, raw in enumerate(block.data.splitlines(), start=block.first_line):
            lines[line] = raw
    assert overlong == [(2, ""), (4, "")]
    assert lines == {1: b"one", 2: b"", 3: b"three", 4: b""}


def test_a_line_of_100_mb_costs_no_more_memory_than_a_block_or_two(tmp_path: Path) -> None:
    with (tmp_path / "f").open("wb") as file:
        file.write(b"one\n")
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\nthree\n")
    tracemalloc.start()
    try:
        found = [(block.first_line, block.overlong[0][0] if block.overlong else 0) for block in blocks(tmp_path / "f")]
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()
    assert found[-1][0] in {2, 3}
    assert sum(1 for _, line in found if line == 2) == 1
