-- Events by hour and type. Distinct ids, not sums: an event that comes again changes nothing.
CREATE TABLE IF NOT EXISTS {{table event_counts}} (
    organization LowCardinality(String),
    hour DateTime('UTC'),
    event_type LowCardinality(String),
    events AggregateFunction(uniqExact, UUID)
) ENGINE = {{engine AggregatingMergeTree}}
PARTITION BY toYYYYMM(hour)
ORDER BY (organization, hour, event_type)
SETTINGS {{settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view event_counts_view}} TO {{local event_counts}} AS
SELECT organization, toStartOfHour(occurred_at) AS hour, event_type, uniqExactState(event_id) AS events
FROM {{local events}}
GROUP BY organization, hour, event_type;

{{distributed event_counts BY rand()}};

-- What was last attempted and what was last confirmed for each account. An attempt's place is one number,
-- (occurred, event id, version) from the highest bits down: comparing tuples took longer than the rest of the
-- insert. The id counts as its text reads, as in Python; ClickHouse compares UUIDs by their second half first.
-- Times that cannot be believed are at the sentinel of 1970 and never beat a real one.
-- XXX: a copy that says success and is not in force may stand as confirmed; a proof reads the attempts too.
CREATE TABLE IF NOT EXISTS {{table account_states}} (
    organization LowCardinality(String),
    application_id LowCardinality(String),
    subject_id String,
    attempted AggregateFunction(argMax, Tuple(state String, occurred_at DateTime64(6, 'UTC')), UInt256),
    confirmed AggregateFunction(argMaxIf, Tuple(state String), UInt256, UInt8)
) ENGINE = {{engine AggregatingMergeTree}}
ORDER BY (organization, application_id, subject_id)
SETTINGS {{settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view account_states_view}} TO {{local account_states}} AS
WITH
    bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64)
        + toUInt256(version) AS place
SELECT
    organization, application_id, subject_id,
    argMaxState((toString(account_state), occurred_at), place) AS attempted,
    argMaxIfState(tuple(toString(account_state)), place, outcome = 'success') AS confirmed
FROM {{local events}}
WHERE kind = 'user' AND account_state != '' AND application_id != ''
GROUP BY organization, application_id, subject_id;

{{distributed account_states BY cityHash64(subject_id)}};
