-- What was answered to the last attempt that says what an account is to be: whoever was to be closed and was not.
-- Rows stored before this have no answer, and are looked at whole until the store is rebuilt.
ALTER TABLE {{table account_states}}
    ADD COLUMN IF NOT EXISTS answered AggregateFunction(argMax, Tuple(outcome String), UInt256);

ALTER TABLE {{view account_states}}
    ADD COLUMN IF NOT EXISTS answered AggregateFunction(argMax, Tuple(outcome String), UInt256);

ALTER TABLE {{view account_states_view}} MODIFY QUERY
WITH
    bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64)
        + toUInt256(version) AS place
SELECT
    organization, application_id, subject_id,
    argMaxState((toString(account_state), occurred_at), place) AS attempted,
    argMaxIfState(tuple(toString(account_state)), place, outcome = 'success') AS confirmed,
    argMaxState(tuple(toString(outcome)), place) AS answered
FROM {{local events}}
WHERE kind = 'user' AND account_state != '' AND application_id != ''
GROUP BY organization, application_id, subject_id;

-- Accounts that were updated: of some the log has nothing else.
CREATE TABLE IF NOT EXISTS {{table account_updates}} (
    organization LowCardinality(String),
    subject_id String,
    application_id LowCardinality(String),
    first_at SimpleAggregateFunction(min, DateTime64(6, 'UTC'))
) ENGINE = {{engine AggregatingMergeTree}}
ORDER BY (organization, subject_id, application_id)
SETTINGS {{settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view account_updates_view}} TO {{local account_updates}} AS
SELECT organization, subject_id, application_id, min(e.occurred_at) AS first_at
FROM {{local events}} AS e
WHERE kind = 'user' AND account_state = '' AND action = 'update' AND outcome = 'success' AND application_id != ''
    AND time_quality = 'ok'
GROUP BY organization, subject_id, application_id;

{{distributed account_updates BY cityHash64(subject_id)}};

-- What was done to people in the directory that decides about their accounts: suspended, activated, deleted;
-- bound to an application by themselves, or unbound.
CREATE TABLE IF NOT EXISTS {{table directory_acts}} (
    organization LowCardinality(String),
    subject_id String,
    occurred_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_id UUID,
    fingerprint FixedString(16),
    by_trust UInt8,
    version Int64,
    time_quality LowCardinality(String),
    known_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    act LowCardinality(String),
    application_id LowCardinality(String)
) ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (organization, subject_id, occurred_at, event_id, fingerprint, by_trust)
SETTINGS {{settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view directory_acts_view}} TO {{local directory_acts}} AS
WITH arrayMap(
    c -> concat(lower(splitByString(': ', c)[1]), ': ', lower(splitByString(' -> ', splitByString(': ', c)[-1])[-1])),
    CAST(changed, 'Array(String)')
) AS became
SELECT
    organization, subject_id, occurred_at, event_id, fingerprint, trust AS by_trust, version, time_quality, known_at,
    multiIf(
        event_type IN ('user_delete', 'systemuser_delete'), 'deleted',
        event_type = 'user_suspended', 'suspended',
        event_type IN ('user_unsuspended', 'user_activated'), 'activated',
        event_type = 'association_change', if(action = 'remove', 'unbound', 'bound'),
        hasAny(became, ['state: suspended', 'suspended: true']), 'suspended',
        'activated'
    ) AS act,
    if(event_type = 'association_change', application_id, '') AS application_id
FROM {{local events}}
WHERE outcome != 'failure' AND subject_id != '' AND (
    event_type IN ('user_delete', 'systemuser_delete', 'user_suspended', 'user_unsuspended', 'user_activated')
    OR (event_type = 'association_change' AND group_id = '' AND application_id != '')
    OR (event_type IN ('user_update', 'systemuser_update')
        AND hasAny(became, ['state: suspended', 'suspended: true', 'state: activated', 'suspended: false']))
);

{{distributed directory_acts BY cityHash64(subject_id)}};

-- What was stored before. Merged with what comes at the same time, it counts once.
INSERT INTO account_updates
SELECT organization, subject_id, application_id, min(e.occurred_at) AS first_at
FROM attempts AS e
WHERE kind = 'user' AND account_state = '' AND action = 'update' AND outcome = 'success' AND application_id != ''
    AND time_quality = 'ok'
GROUP BY organization, subject_id, application_id;

INSERT INTO directory_acts
WITH arrayMap(
    c -> concat(lower(splitByString(': ', c)[1]), ': ', lower(splitByString(' -> ', splitByString(': ', c)[-1])[-1])),
    CAST(changed, 'Array(String)')
) AS became
SELECT
    organization, subject_id, occurred_at, event_id, fingerprint, trust AS by_trust, version, time_quality, known_at,
    multiIf(
        event_type IN ('user_delete', 'systemuser_delete'), 'deleted',
        event_type = 'user_suspended', 'suspended',
        event_type IN ('user_unsuspended', 'user_activated'), 'activated',
        event_type = 'association_change', if(action = 'remove', 'unbound', 'bound'),
        hasAny(became, ['state: suspended', 'suspended: true']), 'suspended',
        'activated'
    ) AS act,
    if(event_type = 'association_change', application_id, '') AS application_id
FROM events
WHERE outcome != 'failure' AND subject_id != '' AND (
    event_type IN ('user_delete', 'systemuser_delete', 'user_suspended', 'user_unsuspended', 'user_activated')
    OR (event_type = 'association_change' AND group_id = '' AND application_id != '')
    OR (event_type IN ('user_update', 'systemuser_update')
        AND hasAny(became, ['state: suspended', 'suspended: true', 'state: activated', 'suspended: false']))
);
