-- The statements in force about the quarter hours of one spaceship, in time order.
-- The body of `latest` and its parameters: wattline.tables.Table.latest_of_device.
-- An interval's value is folded from these rows in Python (wattline.domain.energy.fold), the same way as
-- from the hot table's. The limit bounds a page; the reader sets aside an interval that it may have cut.
WITH latest AS (
$latest
)
SELECT
    interval_start,
    span_start,
    span_end,
    kwh,
    basis,
    received_at,
    seq
FROM latest
ORDER BY interval_start, received_at, seq, span_start
LIMIT $row_limit
