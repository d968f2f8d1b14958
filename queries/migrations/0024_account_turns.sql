-- What may change where an account stands, and what was done to its person in the directory: everything but sign-ins
-- and accepted updates that say nothing of what the account is to be, of which people have hundreds. In granules of a
-- few people each, in one piece whatever the part's size: who is exposed is read of those who may be, and of nobody
-- else.
CREATE TABLE IF NOT EXISTS {{table account_turns}} (
    organization LowCardinality(String),
    subject_id String,
    occurred_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_id UUID,
    fingerprint FixedString(16),
    version Int64,
    time_quality LowCardinality(String),
    event_type LowCardinality(String),
    kind LowCardinality(String),
    action LowCardinality(String),
    outcome LowCardinality(String),
    cause LowCardinality(String),
    detail String,
    subject_name String,
    application_id LowCardinality(String),
    application_name LowCardinality(String),
    actor_name String,
    account_state LowCardinality(String),
    changed Array(LowCardinality(String)),
    group_id LowCardinality(String),
    group_name LowCardinality(String)
) ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (organization, subject_id, occurred_at, event_id, fingerprint)
SETTINGS {{settings}}, index_granularity = 128;

ALTER TABLE {{table account_turns}} MODIFY SETTING min_bytes_for_wide_part = 1099511627776;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view account_turns_view}} TO {{local account_turns}} AS
SELECT
    organization, subject_id, occurred_at, event_id, fingerprint, version, time_quality, event_type, kind, action,
    outcome, cause, detail, subject_name, application_id, application_name, actor_name, account_state, changed,
    group_id, group_name
FROM {{local events}}
WHERE subject_id != '' AND event_type != 'sso_auth' AND NOT (
    kind = 'user' AND action = 'update' AND account_state = '' AND outcome = 'success' AND time_quality = 'ok'
    AND application_id != '' AND application_name != ''
);

{{distributed account_turns BY cityHash64(subject_id)}};

-- Of those updates the first and the last: places as migration 4 has them. In the first the version has its bits
-- turned, so that of two copies at one place the one in force is the smaller number. Until now they were in a table of
-- their own, account_updates; account_states, which nobody reads any more, goes with it.
ALTER TABLE {{table account_marks}}
    ADD COLUMN IF NOT EXISTS first_update SimpleAggregateFunction(min, UInt256) DEFAULT bitNot(toUInt256(0)),
    ADD COLUMN IF NOT EXISTS last_update
        SimpleAggregateFunction(max, Tuple(place UInt256, application_name String, subject_name String));

ALTER TABLE {{view account_marks}}
    ADD COLUMN IF NOT EXISTS first_update SimpleAggregateFunction(min, UInt256) DEFAULT bitNot(toUInt256(0)),
    ADD COLUMN IF NOT EXISTS last_update
        SimpleAggregateFunction(max, Tuple(place UInt256, application_name String, subject_name String));

ALTER TABLE {{view account_marks_view}} MODIFY QUERY
WITH
    bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64) AS place
SELECT
    organization, subject_id, application_id,
    max(if(account_state = '', toUInt256(0), place + toUInt256(version) * 256
        + multiIf(account_state = 'active', 2, account_state = 'inactive', 4, 6) + (outcome = 'success'))) AS last,
    min(if(account_state = '', place + toUInt256(bitNot(toUInt64(version))), bitNot(toUInt256(0))))
        AS first_update,
    max(if(account_state = '', (place + toUInt256(version), toString(application_name), subject_name),
        (toUInt256(0), '', ''))) AS last_update
FROM {{local events}}
WHERE kind = 'user' AND application_id != '' AND time_quality = 'ok'
    AND (account_state != '' OR (action = 'update' AND outcome = 'success'))
GROUP BY organization, subject_id, application_id;

DROP VIEW IF EXISTS {{view account_updates_view}};

DROP VIEW IF EXISTS {{view account_states_view}};

-- What was stored before. Merged with what comes at the same time, it counts once.
INSERT INTO account_turns (
    organization, subject_id, occurred_at, event_id, fingerprint, version, time_quality, event_type, kind, action,
    outcome, cause, detail, subject_name, application_id, application_name, actor_name, account_state, changed,
    group_id, group_name
)
SELECT
    organization, subject_id, occurred_at, event_id, fingerprint, version, time_quality, event_type, kind, action,
    outcome, cause, detail, subject_name, application_id, application_name, actor_name, account_state, changed,
    group_id, group_name
FROM events_by_subject
WHERE subject_id != '' AND event_type != 'sso_auth' AND NOT (
    kind = 'user' AND action = 'update' AND account_state = '' AND outcome = 'success' AND time_quality = 'ok'
    AND application_id != '' AND application_name != ''
);

INSERT INTO account_marks (organization, subject_id, application_id, last, first_update, last_update)
WITH
    bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64) AS place
SELECT
    organization, subject_id, application_id,
    toUInt256(0) AS last,
    min(place + toUInt256(bitNot(toUInt64(version)))) AS first_update,
    max((place + toUInt256(version), toString(application_name), subject_name)) AS last_update
FROM attempts
WHERE kind = 'user' AND account_state = '' AND action = 'update' AND outcome = 'success' AND application_id != ''
    AND time_quality = 'ok'
GROUP BY organization, subject_id, application_id;

DROP TABLE IF EXISTS {{view account_updates}};

DROP TABLE IF EXISTS {{table account_updates}};

DROP TABLE IF EXISTS {{view account_states}};

DROP TABLE IF EXISTS {{table account_states}};
