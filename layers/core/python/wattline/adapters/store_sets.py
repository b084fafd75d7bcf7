"""Opening hours and time zones of stores: Parquet objects a set, and an item that says since when it is in force.

Objects lie under `sets/<kind>/<load>/`. The items are `SET#<kind>` / `<received_ms>#<load>`: the last one received is
in force, and what was in force at an earlier time can still be told. `SET#<kind>` / `LOAD#<load>` says how many parts
a set has. Nothing is ever replaced, so loads may run in any order, and again.
"""

import io
from collections.abc import Mapping
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wattline.adapters.aws import unavailable
from wattline.adapters.hot_table import HotTable
from wattline.domain.instants import FOREVER_MS
from wattline.domain.stores import Opening, WeeklyHours

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from wattline.adapters.hot_table import Item


class SetKind(StrEnum):
    """Named as their drops are."""

    HOURS = "stores/hours"
    ZONES = "stores/timezones"


_STORE = pa.field("store_id", pa.string())
_NUMBERS: "list[pa.Field[Any]]" = [pa.field(name, pa.int64()) for name in ("weekday", "opens_s", "closes_s")]
_SCHEMAS = {
    SetKind.HOURS: pa.schema([_STORE, *_NUMBERS]),
    SetKind.ZONES: pa.schema([_STORE, pa.field("zone", pa.string())]),
}

_LAST = "~"
"""Sorts after every load id."""


class S3StoreSets:
    """`StoreSets` over S3 and the hot table."""

    def __init__(self, s3: "S3Client", bucket: str, table: HotTable) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._table = table

    def write_part(self, kind: SetKind, load_id: str, part: int, rows: pa.Table) -> None:
        """Some rows of a set: store_id, weekday, opens_s, closes_s, or store_id, zone, in this order, by any names.

        They are not in force yet. Raises TransientError.
        """
        sink, schema = io.BytesIO(), _SCHEMAS[kind]
        pq.write_table(rows.rename_columns(schema.names).cast(schema), sink, compression="zstd")
        with unavailable("writing the set"):
            self._s3.put_object(Bucket=self._bucket, Key=_key(kind, load_id, part), Body=sink.getvalue())

    def put_in_force(self, kind: SetKind, load_id: str, parts: int, received_ms: int) -> None:
        """All parts are written: from `received_ms` on they are the set. Raises TransientError."""
        item: Item = {
            "pk": {"S": f"SET#{kind}"},
            "sk": {"S": _sort_key(received_ms, load_id)},
            "parts": {"N": str(parts)},
        }
        known: Item = {"pk": {"S": f"SET#{kind}"}, "sk": {"S": f"LOAD#{load_id}"}, "parts": {"N": str(parts)}}
        self._table.put_all([item, known])

    def put_in_force_again(self, kind: SetKind, load_id: str, received_ms: int) -> None:
        """A set that was in force once. Raises TransientError."""
        known = self._table.get(f"SET#{kind}", f"LOAD#{load_id}")
        if known is not None:
            self.put_in_force(kind, load_id, int(known["parts"]["N"]), received_ms)

    def hours(self, received_until_ms: int) -> Mapping[str, WeeklyHours]:
        """Stores with equal hours share one object."""
        rows = self._in_force(SetKind.HOURS, received_until_ms)
        return {} if rows is None else _weekly_hours(rows)

    def zones(self, received_until_ms: int) -> Mapping[str, str]:
        """Of a store named twice the last row counts."""
        rows = self._in_force(SetKind.ZONES, received_until_ms)
        if rows is None:
            return {}
        return dict(zip(_texts(rows, "store_id"), _texts(rows, "zone"), strict=True))

    def _in_force(self, kind: SetKind, received_until_ms: int) -> pa.Table | None:
        item = self._table.newest(f"SET#{kind}", "0", _sort_key(received_until_ms, _LAST))
        if item is None:
            return None
        load_id = item["sk"]["S"].split("#")[1]
        parts = [self._read(_key(kind, load_id, part)) for part in range(int(item["parts"]["N"]))]
        return pa.concat_tables(parts)

    def _read(self, key: str) -> pa.Table:
        with unavailable("reading the set"):
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return pq.read_table(io.BytesIO(body))


def _key(kind: SetKind, load_id: str, part: int) -> str:
    return f"sets/{kind}/{load_id}/{part:05d}.parquet"


def _sort_key(received_ms: int, load_id: str) -> str:
    return f"{received_ms:0{len(str(FOREVER_MS))}d}#{load_id}"


def _weekly_hours(rows: pa.Table) -> dict[str, WeeklyHours]:
    """An opening is one number meanwhile, so that a hundred thousand stores sort in a moment."""
    numbered = rows.select(["store_id"]).append_column("code", _codes(rows))
    ordered = numbered.sort_by([("store_id", "ascending"), ("code", "ascending")])
    pairs = zip(_texts(ordered, "store_id"), _integers(ordered, "code"), strict=True)
    shared: dict[tuple[int, ...], WeeklyHours] = {}
    hours: dict[str, WeeklyHours] = {}
    for store, group in groupby(pairs, key=itemgetter(0)):
        codes = tuple(code for code, _ in groupby(code for _, code in group))
        if codes not in shared:
            shared[codes] = tuple(map(_opening, codes))
        hours[store] = shared[codes]
    return hours


_BITS = 17
"""Hold the seconds of a day."""


def _codes(rows: pa.Table) -> "pa.ChunkedArray[Any]":
    """Numbers that sort as openings do."""
    weekday, opens_s, closes_s = (rows[name] for name in ("weekday", "opens_s", "closes_s"))
    return pc.add(pc.shift_left(weekday, 2 * _BITS), pc.add(pc.shift_left(opens_s, _BITS), closes_s))


def _opening(code: int) -> Opening:
    mask = (1 << _BITS) - 1
    return Opening(code >> 2 * _BITS, code >> _BITS & mask, code & mask)


def _texts(rows: pa.Table, column: str) -> list[str]:
    """Repeated texts as one object each."""
    texts = rows[column].combine_chunks().dictionary_encode()
    distinct = cast("list[str]", texts.dictionary.to_pylist())
    return [distinct[at] for at in cast("list[int]", texts.indices.to_pylist())]


def _integers(rows: pa.Table, column: str) -> list[int]:
    return cast("list[int]", rows[column].to_pylist())
