"""Print measurements as a table with ratios; machines are noisy, so the ratio is the figure to read."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured thing; `value` in the table's unit."""

    name: str
    value: float


def print_table(title: str, unit: str, rows: Sequence[Row]) -> None:
    """The last row is what the others are compared with."""
    base = rows[-1].value
    width = max(len(row.name) for row in rows)
    print(f"\n{title}")
    print(f"  {'':{width}}  {unit:>12}  {'ratio':>7}")
    for row in rows:
        print(f"  {row.name:{width}}  {row.value:12,.3f}  {row.value / base:7.2f}")


def median_cpu_ms(work: Callable[[], object], *, runs: int = 60) -> float:
    """Median CPU time of a call, after a warm-up."""
    for _ in range(5):
        work()
    spent = []
    for _ in range(runs):
        started = time.process_time_ns()
        work()
        spent.append((time.process_time_ns() - started) / 1e6)
    return statistics.median(spent)
