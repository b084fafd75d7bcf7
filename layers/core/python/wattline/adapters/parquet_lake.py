"""The history's objects in S3, as `docs/design.md` describes the layout."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from wattline.adapters.aws import unavailable
from wattline.adapters.hot_table import HotTable
from wattline.adapters.parquet_files import arrow_rows, by_partition, landing_object
from wattline.batches import Batch
from wattline.tables import TABLES, Table

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_ROWS = 250_000
"""Rows of a load that are gathered before they are written: about 20 MB of memory, which is sorted near the caches."""


class ParquetLake:
    """`HistoryLake` over S3; `marks` is the hot table, which remembers the partitions that want compaction."""

    def __init__(self, s3: "S3Client", bucket: str, marks: HotTable) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._marks = marks

    def append(self, batches: Iterable[Batch], name: str) -> None:
        """One landing object a table and partition."""
        by_table: dict[str, list[pa.Table]] = {}
        for batch in batches:
            if batch.rows:
                by_table.setdefault(batch.table.name, []).append(arrow_rows(batch.table, batch.rows))
        for table_name, rows in by_table.items():
            self.write(TABLES[table_name], rows, name)

    def write(self, table: Table, gathered: Sequence[pa.Table], name: str) -> None:
        """Rows in flight form (see `parquet_files`) as landing objects of that name. Raises TransientError.

        The marks come last: a compactor that cleared a mark before its object was there would never see the
        object, while a writer that dies in between does the same again.
        """
        rows = pa.concat_tables(gathered).unify_dictionaries().combine_chunks()
        written = []
        for dt, of_dt in by_partition(table, rows):
            body = landing_object(table, of_dt)
            with unavailable("writing the history"):
                self._s3.put_object(Bucket=self._bucket, Key=table.landing_key(dt, name), Body=body)
            written.append(dt)
        self._marks.put_all(
            [{"pk": {"S": f"DIRTY#{table.name}"}, "sk": {"S": dt}, "object": {"S": name}} for dt in written]
        )


class LandingParts:
    """A load's rows for one table.

    Keys are made of the load's id, so a re-run overwrites what it left; and of the number of rows, so that parts cut
    otherwise by another version never take the place of those that a compactor has read.
    """

    def __init__(self, lake: ParquetLake, table: Table, load_id: str, part_rows: int = PART_ROWS) -> None:
        self._lake = lake
        self._table = table
        self._load_id = load_id
        self._part_rows = part_rows
        self._gathered: list[pa.Table] = []
        self._rows = 0
        self._parts = 0

    def add(self, rows: pa.Table) -> None:
        """Rows in flight form, with all of the table's columns."""
        self._gathered.append(rows.select(list(self._table.column_names)))
        self._rows += len(rows)
        if self._rows >= self._part_rows:
            self.flush()

    def add_batch(self, batch: Batch) -> None:
        """The same from rows of Python values."""
        if batch.rows:
            self.add(arrow_rows(batch.table, batch.rows))

    def flush(self) -> None:
        """Write what is gathered. Raises TransientError."""
        if self._rows:
            self._lake.write(self._table, self._gathered, f"{self._load_id}-{self._parts:05d}-{self._rows}")
            self._gathered, self._rows, self._parts = [], 0, self._parts + 1
