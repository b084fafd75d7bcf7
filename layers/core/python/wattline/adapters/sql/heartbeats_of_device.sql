-- The heartbeats in force of one device, in time order.
-- The body of `latest` and its parameters: wattline.tables.Table.latest_of_device.
-- The columns are those of the table, so that one file serves vehicles and meters.
WITH latest AS (
$latest
)
SELECT
    $columns
FROM latest
ORDER BY ts
