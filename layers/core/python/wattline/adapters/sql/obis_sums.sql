-- The sums of calendar units (local days, weeks, months, hours) of one register of a smart meter.
-- The body of `latest` and its parameters: wattline.tables.Table.latest_of_device.
-- `parts` are the stretches of the units as UTC instants, computed by wattline.domain.local_calendar: a unit has
-- several where only some of its days count. Engines know nothing of time zones here.
WITH latest AS (
$latest
),
parts (unit, since, until) AS (
VALUES
$parts
)
SELECT
    parts.unit,
    latest.quality,
    sum(latest.amount) AS amount,
    count(*) AS readings
FROM latest
INNER JOIN parts ON latest.ts >= parts.since AND latest.ts < parts.until
WHERE latest.code = ?
GROUP BY parts.unit, latest.quality
ORDER BY parts.unit, latest.quality
