"""Smart meters, the poller's marks and the tariffs in the hot table; none of these items expires.

`MUID#<muid>` / `REGISTERS` (the codes it has sent), `MUID#<muid>` / `POLL` (its mark), `POLLER` / `CIRCUIT`, and
`TARIFFS` / `<received ms>#<name>` (a set of tariffs was dropped) and `TARIFFS#<name>` / `DOCUMENT` (what it says).
"""

import gzip
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from wattline.adapters.hot_table import HotTable
from wattline.domain.circuit import Circuit
from wattline.domain.obis import ObisCode, parse_obis
from wattline.errors import TransientError
from wattline.ports import PollMark, StoredTariffs

if TYPE_CHECKING:
    from wattline.adapters.hot_table import Item

REGISTERS = "REGISTERS"
POLL = "POLL"
POLLER, CIRCUIT = "POLLER", "CIRCUIT"
TARIFFS, DOCUMENT = "TARIFFS", "DOCUMENT"


class DynamoSmartMeters:
    """`SmartMeters` over the hot table."""

    def __init__(self, table: HotTable) -> None:
        self._table = table

    def registers(self, muid: str) -> set[ObisCode]:
        """One item."""
        item = self._table.get(f"MUID#{muid}", REGISTERS)
        return set() if item is None else {parse_obis(code) for code in item["codes"]["SS"]}

    def remember(self, muid: str, registers: Iterable[ObisCode]) -> None:
        """Writes only what is new: two that add at once both succeed, for a set has no order."""
        for code in set(registers) - self.registers(muid):
            self._table.update_if(
                f"MUID#{muid}",
                REGISTERS,
                "ADD codes :codes",
                {":codes": {"SS": [code.hex]}, ":code": {"S": code.hex}},
                condition="NOT contains(codes, :code)",
            )


class DynamoPollLedger:
    """`PollLedger` over the hot table."""

    def __init__(self, table: HotTable) -> None:
        self._table = table

    def mark(self, muid: str) -> PollMark:
        """One item; what the last readings said is packed, for it is a hundred lines."""
        item = self._table.get(f"MUID#{muid}", POLL)
        if item is None:
            return PollMark()
        recent = {
            (parse_obis(code), ts_ms): (amount, quality)
            for code, ts_ms, amount, quality in json.loads(gzip.decompress(item["recent"]["B"]))
        }
        return PollMark(int(item["version"]["N"]), int(item["watermark_ms"]["N"]), recent)

    def move(self, muid: str, mark: PollMark) -> bool:
        """On the condition that the version is still the one that was read."""
        rows = [(code.hex, ts_ms, *said) for (code, ts_ms), said in sorted(mark.recent.items())]
        item: Item = {
            "pk": {"S": f"MUID#{muid}"},
            "sk": {"S": POLL},
            "version": {"N": str(mark.version + 1)},
            "watermark_ms": {"N": str(mark.watermark_ms)},
            "recent": {"B": gzip.compress(json.dumps(rows, separators=(",", ":")).encode(), mtime=0)},
        }
        is_unmoved = "version = :version" if mark.version else "attribute_not_exists(pk)"
        return self._table.transact(
            [
                self._table.conditional_put(
                    item, condition=is_unmoved, values={":version": {"N": str(mark.version)}} if mark.version else {}
                )
            ]
        )

    def circuit(self) -> Circuit:
        """One item."""
        item = self._table.get(POLLER, CIRCUIT)
        return Circuit() if item is None else Circuit(int(item["failures"]["N"]), int(item["open_until_ms"]["N"]))

    def set_circuit(self, circuit: Circuit) -> None:
        """One item."""
        self._table.put_all(
            [
                {
                    "pk": {"S": POLLER},
                    "sk": {"S": CIRCUIT},
                    "failures": {"N": str(circuit.failures)},
                    "open_until_ms": {"N": str(circuit.open_until_ms)},
                }
            ]
        )


class DynamoTariffSets:
    """`TariffSets` over the hot table: statements like all others, so drops may come in any order and `as_of` works."""

    def __init__(self, table: HotTable) -> None:
        self._table = table

    def put(self, name: str, document: str, received_ms: int) -> None:
        """The document comes first: what is in force can be read."""
        self._table.put_all(
            [{"pk": {"S": f"{TARIFFS}#{name}"}, "sk": {"S": DOCUMENT}, "document": {"S": document}}],
        )
        self.put_again(name, received_ms)

    def put_again(self, name: str, received_ms: int) -> None:
        """One item."""
        key = f"{received_ms:015d}#{name}"
        self._table.put_all([{"pk": {"S": TARIFFS}, "sk": {"S": key}, "name": {"S": name}}])

    def newest(self, as_of_ms: int) -> StoredTariffs | None:
        """Two items."""
        said = self._table.newest(TARIFFS, "0", f"{as_of_ms:015d}#~")
        if said is None:
            return None
        item = self._table.get(f"{TARIFFS}#{said['name']['S']}", DOCUMENT)
        if item is None:
            raise TransientError("the tariffs that are in force cannot be read; repeat the request")
        return StoredTariffs(item["document"]["S"], int(said["sk"]["S"].split("#")[0]))
