"""Loads in the hot table: `LOAD#<id>` / `LOAD`, listed newest first by the index `fleet` under `LOADS`."""

from typing import TYPE_CHECKING, Any

from wattline.adapters.hot_fleet import FLEET_INDEX
from wattline.adapters.hot_table import HotTable
from wattline.domain.instants import FOREVER_MS
from wattline.domain.loads import REJECTS, Load, LoadState, as_seen
from wattline.ports import LoadPage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from wattline.adapters.hot_table import Item

LOADS = "LOADS"
SK = "LOAD"

EXAMINED = 1_000
"""Loads that one page looks at when only some states are wanted."""

LINK_SECONDS = 3_600

_NUMBERS = (
    "started_ms",
    "updated_ms",
    "received_ms",
    "ended_ms",
    "rows_read",
    "rows_stored",
    "rows_rejected",
    "percent",
)
_TEXTS = ("load_id", "key", "kind", "reason")


class DynamoLoads:
    """`Loads` over the hot table; `s3` signs links to the rejects in `bucket`."""

    def __init__(self, table: HotTable, s3: "S3Client", bucket: str) -> None:
        self._table = table
        self._s3 = s3
        self._bucket = bucket

    def find(self, load_id: str) -> Load | None:
        """By its key."""
        item = self._table.get(f"LOAD#{load_id}", SK)
        return None if item is None else _load(item)

    def save(self, load: Load) -> None:
        """The whole item, unless a run that was faster has completed it."""
        not_complete = "attribute_not_exists(pk) OR NOT begins_with(#state, :complete)"
        self._table.put_if(
            _item(load),
            condition=not_complete,
            names={"#state": "state"},
            values={":complete": {"S": LoadState.COMPLETE.value}},
        )

    def page(self, *, state: LoadState | None, after: str | None, limit: int, now_ms: int) -> LoadPage:
        """Along the index; where a state is wanted, `EXAMINED` loads are looked at."""
        examined = limit if state is None else max(limit, EXAMINED)
        places = self._table.index_page(FLEET_INDEX, "list_pk", LOADS, after or "", examined + 1)
        items = self._table.get_all([(f"LOAD#{_id_at(place)}", SK) for place in places[:examined]])
        by_id = {load.load_id: load for load in map(_load, items)}
        found: list[Load] = []
        for place in places[:examined]:
            load = by_id.get(_id_at(place))
            if load is not None and state in {None, as_seen(load, now_ms).state}:
                if len(found) == limit:
                    return LoadPage(found, after)
                found.append(load)
            after = place
        return LoadPage(found, after if len(places) > examined else None)

    def rejects_url(self, load_id: str) -> str:
        """Signed by this process's credentials."""
        return self._s3.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": f"{REJECTS}{load_id}.csv"}, ExpiresIn=LINK_SECONDS
        )


def _id_at(place: str) -> str:
    return place.split("#")[1]


def _item(load: Load) -> "Item":
    item: dict[str, Any] = {
        "pk": {"S": f"LOAD#{load.load_id}"},
        "sk": {"S": SK},
        "list_pk": {"S": LOADS},
        "list_sk": {"S": f"{FOREVER_MS - load.started_ms:015d}#{load.load_id}"},
        "state": {"S": load.state.value},
        "has_rejects": {"BOOL": load.has_rejects},
    }
    item |= {name: {"N": str(getattr(load, name))} for name in _NUMBERS if getattr(load, name) is not None}
    return item | {name: {"S": getattr(load, name)} for name in _TEXTS if getattr(load, name) is not None}


def _load(item: "Item") -> Load:
    fields: dict[str, Any] = {name: int(item[name]["N"]) for name in _NUMBERS if name in item}
    fields |= {name: item[name]["S"] for name in _TEXTS if name in item}
    return Load(state=LoadState(item["state"]["S"]), has_rejects=item["has_rejects"]["BOOL"], **fields)
