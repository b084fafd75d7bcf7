"""`drops/links`: which meter feeds which vehicle, a link a row, put as `PUT /v1/vehicles/{id}/meters/{id}` puts it."""

from wattline.domain.links import Link
from wattline.errors import Conflict, InvalidRequest
from wattline.loading.columns import LINE, Column
from wattline.loading.judging import Instant, identifier
from wattline.loading.kind import Drop, LateRejects, Progress, Stores, good_rows
from wattline.services.fleet import link_meter

COLUMNS = (
    Column("vehicleId", identifier(), ("vehicle_id",)),
    Column("meterId", identifier(), ("meter_id",)),
    Column("from", Instant(may_lie_ahead=True), ("from_ts", "start")),
    Column("to", Instant(may_lie_ahead=True), ("to_ts", "end"), optional=True),
)


class LinksKind:
    """Rows take effect one after the other, in the order of the file."""

    def load(self, drop: Drop, to: Stores, progress: Progress) -> None:
        """A link that overlaps another of its meter is rejected, and says which."""
        overlapping = LateRejects(drop, progress)
        for rows in good_rows(drop, COLUMNS, progress):
            for row in rows.to_pylist():
                link = Link(row["meterId"], row["vehicleId"], row["from"], row["to"])
                try:
                    link_meter(link, links=to.links)
                except (Conflict, InvalidRequest) as refusal:
                    overlapping.add(row[LINE], refusal.detail)
                else:
                    progress.stored(1)
        overlapping.flush()
