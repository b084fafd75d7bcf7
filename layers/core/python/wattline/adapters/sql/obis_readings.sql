-- The readings in force of one register of a smart meter, in time order.
-- The body of `latest` and its parameters: wattline.tables.Table.latest_of_device. The code is part of the natural
-- key, so that it may be asked for outside the window function.
WITH latest AS (
$latest
)
SELECT
    ts,
    amount,
    quality
FROM latest
WHERE code = ?
ORDER BY ts
LIMIT $row_limit
