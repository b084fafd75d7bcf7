-- Observed up- and downtime of every polled store in the hour, day and week before now, in half milliseconds.
--
-- The body of `latest` and its parameters: wattline.tables.Table.latest_of_all; then the run, twice.
-- The windows (wattline.domain.stores.business_windows) of a schedule do not overlap, so a poll lies in one at most.
-- Inside its window a poll speaks for what is nearer to it than to its neighbours there: from the midpoint with the
-- poll before (or the window's start) to the midpoint with the poll after (or its end). Half milliseconds, for a
-- midpoint of two milliseconds may lie between two. The segments are clipped last: polls from before the week are
-- neighbours too. A poll outside all windows gets an empty segment, so that its store has a row.
WITH latest AS (
$latest
),

polls AS (
    SELECT
        said.store_id,
        said.status,
        date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00', said.ts) AS at_ms,
        coalesce(stores.schedule, 0) AS schedule
    FROM latest AS said
    LEFT JOIN (SELECT store_id, schedule FROM report_stores WHERE run = ?) AS stores
        ON said.store_id = stores.store_id
),

placed AS (
    SELECT
        polls.store_id,
        polls.status,
        polls.at_ms,
        windows.opens_ms,
        windows.closes_ms,
        lag(polls.at_ms) OVER (PARTITION BY polls.store_id, windows.opens_ms ORDER BY polls.at_ms) AS before_ms,
        lead(polls.at_ms) OVER (PARTITION BY polls.store_id, windows.opens_ms ORDER BY polls.at_ms) AS after_ms
    FROM polls
    LEFT JOIN (SELECT schedule, opens_ms, closes_ms FROM report_windows WHERE run = ?) AS windows
        ON polls.schedule = windows.schedule
        AND polls.at_ms >= windows.opens_ms AND polls.at_ms < windows.closes_ms
),

segments AS (
    SELECT
        store_id,
        status,
        CASE
            WHEN opens_ms IS NULL THEN 2 * at_ms
            WHEN before_ms IS NULL THEN 2 * opens_ms
            ELSE before_ms + at_ms
        END AS from_half,
        CASE
            WHEN opens_ms IS NULL THEN 2 * at_ms
            WHEN after_ms IS NULL THEN 2 * closes_ms
            ELSE at_ms + after_ms
        END AS to_half
    FROM placed
),

clipped AS (
    SELECT
        store_id,
        status,
        greatest(0, least(to_half, 2 * $now_ms) - greatest(from_half, 2 * $hour_ago_ms)) AS last_hour,
        greatest(0, least(to_half, 2 * $now_ms) - greatest(from_half, 2 * $day_ago_ms)) AS last_day,
        greatest(0, least(to_half, 2 * $now_ms) - greatest(from_half, 2 * $week_ago_ms)) AS last_week
    FROM segments
)

SELECT
    store_id,
    sum(CASE WHEN status = 'active' THEN last_hour ELSE 0 END) AS uptime_last_hour,
    sum(CASE WHEN status = 'active' THEN last_day ELSE 0 END) AS uptime_last_day,
    sum(CASE WHEN status = 'active' THEN last_week ELSE 0 END) AS uptime_last_week,
    sum(CASE WHEN status = 'inactive' THEN last_hour ELSE 0 END) AS downtime_last_hour,
    sum(CASE WHEN status = 'inactive' THEN last_day ELSE 0 END) AS downtime_last_day,
    sum(CASE WHEN status = 'inactive' THEN last_week ELSE 0 END) AS downtime_last_week
FROM clipped
GROUP BY store_id
ORDER BY store_id
