-- What is new about an event: see schemas/drift.py. Empty for nearly all; events stored before this have none
-- until the store is filled again.
ALTER TABLE {{table events}} ADD COLUMN IF NOT EXISTS drift Array(LowCardinality(String));

ALTER TABLE {{view events}} ADD COLUMN IF NOT EXISTS drift Array(LowCardinality(String));

-- By the day of arrival and type, in 256 slots: whoever invents names fills slots, not the table. A finding's
-- slot changes from day to day, so two that meet are apart the next day. A slot tells the first and the last of its
-- findings by name, and the events of all of them. The sketch of the events' ids is bounded too, exact for
-- some thousands a day, and the same however often an event comes.
CREATE TABLE IF NOT EXISTS {{table schema_drift}} (
    organization LowCardinality(String),
    day Date,
    event_type LowCardinality(String),
    slot UInt8,
    first_name SimpleAggregateFunction(min, String),
    last_name SimpleAggregateFunction(max, String),
    events AggregateFunction(uniqCombined64, UUID),
    first_seen SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    first_sample AggregateFunction(argMin, UUID, Tuple(String, DateTime64(6, 'UTC'), UUID)),
    last_sample AggregateFunction(argMax, UUID, Tuple(String, DateTime64(6, 'UTC'), UUID))
) ENGINE = {{engine AggregatingMergeTree}}
PARTITION BY toYYYYMM(day)
ORDER BY (organization, day, event_type, slot)
SETTINGS {{settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view schema_drift_view}} TO {{local schema_drift}} AS
SELECT
    organization, day, splitByChar('\t', finding)[1] AS event_type, toUInt8(cityHash64(finding, day) % 256) AS slot,
    min(finding) AS first_name, max(finding) AS last_name, uniqCombined64State(event_id) AS events,
    min(seen) AS first_seen, max(seen) AS last_seen,
    argMinState(event_id, (finding, seen, event_id)) AS first_sample,
    argMaxState(event_id, (finding, seen, event_id)) AS last_sample
FROM (
    SELECT
        organization, event_id, toDate(known_at) AS day,
        if(time_quality = 'ok', occurred_at, toDateTime64(known_at, 6, 'UTC')) AS seen,
        toString(arrayJoin(drift)) AS finding
    FROM {{local events}}
    WHERE notEmpty(drift)
)
GROUP BY organization, day, event_type, slot;

{{distributed schema_drift BY rand()}};
