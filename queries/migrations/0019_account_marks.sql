-- The last attempt that says what an account is to be, as one number: its place as in account_states, the version
-- eight bits higher, below it what it was to make of the account (active 1, inactive 2, deleted 3) twice, and one
-- more if it was accepted. Of 160,000 accounts the largest numbers take a tenth of merging states.
CREATE TABLE IF NOT EXISTS {{table account_marks}} (
    organization LowCardinality(String),
    subject_id String,
    application_id LowCardinality(String),
    last SimpleAggregateFunction(max, UInt256)
) ENGINE = {{engine AggregatingMergeTree}}
ORDER BY (organization, subject_id, application_id)
SETTINGS {{settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view account_marks_view}} TO {{local account_marks}} AS
SELECT
    organization, subject_id, application_id,
    max(
        bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64)
        + toUInt256(version) * 256
        + multiIf(account_state = 'active', 2, account_state = 'inactive', 4, 6) + (outcome = 'success')
    ) AS last
FROM {{local events}}
WHERE kind = 'user' AND account_state != '' AND application_id != '' AND time_quality = 'ok'
GROUP BY organization, subject_id, application_id;

{{distributed account_marks BY cityHash64(subject_id)}};

-- What was stored before. Merged with what comes at the same time, it counts once.
INSERT INTO account_marks
SELECT
    organization, subject_id, application_id,
    max(
        bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64)
        + toUInt256(version) * 256
        + multiIf(account_state = 'active', 2, account_state = 'inactive', 4, 6) + (outcome = 'success')
    ) AS last
FROM attempts
WHERE kind = 'user' AND account_state != '' AND application_id != '' AND time_quality = 'ok'
GROUP BY organization, subject_id, application_id;

-- In their place these numbers are read.
ALTER TABLE {{view account_states_view}} MODIFY QUERY
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
