-- One metric of a battery, summed up in buckets of $step_s seconds since 1970, in time order.
-- The body of `latest` and its parameters: wattline.tables.Table.latest_of_device.
-- Sums of decimals are exact, so the mean, which Python makes of them, is the same in every order of addition.
WITH latest AS (
$latest
),
timed AS (
    SELECT
        ts,
        value,
        date_diff('second', TIMESTAMP '1970-01-01 00:00:00', ts) AS at_s
    FROM latest
)
SELECT
    at_s - mod(at_s, $step_s) AS bucket_s,
    count(*) AS readings,
    min(value) AS minimum,
    max(value) AS maximum,
    sum(value) AS total,
    max_by(value, ts) AS last
FROM timed
GROUP BY at_s - mod(at_s, $step_s)
ORDER BY bucket_s
LIMIT $row_limit
