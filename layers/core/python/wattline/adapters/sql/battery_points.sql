-- The values in force of one metric of a battery, in time order.
-- The body of `latest` and its parameters: wattline.tables.Table.latest_of_device.
WITH latest AS (
$latest
)
SELECT
    ts,
    value
FROM latest
ORDER BY ts
LIMIT $row_limit
