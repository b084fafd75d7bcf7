-- A register of a battery as runs that never fall, in buckets of $step_s seconds since 1970, in time order.
-- The body of `latest` and its parameters: wattline.tables.Table.latest_of_device.
-- A fall is a reset, a rollover or a correction; which, and what energy it means, is decided in Python
-- (wattline.domain.registers.step), for the energy of a run that never falls is the last value less the first.
-- What was read before the first bucket ($first_s) is put into the bucket before it: only its last value counts.
WITH latest AS (
$latest
),
timed AS (
    SELECT
        ts,
        value,
        date_diff('second', TIMESTAMP '1970-01-01 00:00:00', ts) AS at_s,
        lag(value) OVER (ORDER BY ts) AS value_before
    FROM latest
),
falling AS (
    SELECT
        value,
        greatest(at_s - mod(at_s, $step_s), $first_s - $step_s) AS bucket_s,
        sum(CASE WHEN value < value_before THEN 1 ELSE 0 END) OVER (
            ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS falls
    FROM timed
)
SELECT
    bucket_s,
    count(*) AS readings,
    min(value) AS first_value,
    max(value) AS last_value
FROM falling
GROUP BY bucket_s, falls
ORDER BY bucket_s, falls
LIMIT $row_limit
