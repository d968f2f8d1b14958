CREATE TABLE IF NOT EXISTS events (
    organization LowCardinality(String),
    event_id UUID,
    fingerprint FixedString(16),
    version Int64,
    occurred_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    occurred_text String,
    time_quality LowCardinality(String),
    known_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1)),
    source LowCardinality(String),
    trust UInt8,
    fresh Bool,
    event_key String,
    correlation_id String,
    redacted Bool,
    raw String CODEC(ZSTD(3)),
    log_topic LowCardinality(String),
    log_partition UInt16,
    log_offset UInt64 CODEC(Delta, ZSTD(1)),
    event_type LowCardinality(String),
    kind LowCardinality(String),
    action LowCardinality(String),
    outcome LowCardinality(String),
    subject_id String,
    subject_type LowCardinality(String),
    subject_name String,
    subject_email String,
    application_id LowCardinality(String),
    application_name LowCardinality(String),
    integration_id LowCardinality(String),
    actor_id String,
    actor_type LowCardinality(String),
    actor_name String,
    http_status UInt16,
    scim_type LowCardinality(String),
    cause LowCardinality(String),
    attribute LowCardinality(String),
    detail String,
    retryable Bool,
    account_state LowCardinality(String),
    changed Array(LowCardinality(String)),
    flags Array(LowCardinality(String)),
    INDEX by_event event_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_offset log_offset TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree(version)
PARTITION BY if(time_quality = 'ok', toYYYYMM(occurred_at), 0)
ORDER BY (organization, occurred_at, event_id, fingerprint)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE TABLE IF NOT EXISTS events_by_subject (
    organization LowCardinality(String),
    subject_id String,
    occurred_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_id UUID,
    fingerprint FixedString(16),
    version Int64,
    occurred_text String,
    time_quality LowCardinality(String),
    known_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    source LowCardinality(String),
    trust UInt8,
    correlation_id String,
    log_topic LowCardinality(String),
    log_partition UInt16,
    log_offset UInt64 CODEC(Delta, ZSTD(1)),
    event_type LowCardinality(String),
    kind LowCardinality(String),
    action LowCardinality(String),
    outcome LowCardinality(String),
    subject_type LowCardinality(String),
    subject_name String,
    subject_email String,
    application_id LowCardinality(String),
    application_name LowCardinality(String),
    integration_id LowCardinality(String),
    actor_id String,
    actor_type LowCardinality(String),
    actor_name String,
    http_status UInt16,
    scim_type LowCardinality(String),
    cause LowCardinality(String),
    attribute LowCardinality(String),
    detail String,
    retryable Bool,
    account_state LowCardinality(String),
    changed Array(LowCardinality(String)),
    flags Array(LowCardinality(String))
) ENGINE = ReplacingMergeTree(version)
PARTITION BY if(time_quality = 'ok', toYear(occurred_at), 0)
ORDER BY (organization, subject_id, occurred_at, event_id, fingerprint)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_by_subject_view TO events_by_subject AS
SELECT
    organization, subject_id, occurred_at, event_id, fingerprint, version, occurred_text, time_quality, known_at,
    source, trust, correlation_id, log_topic, log_partition, log_offset, event_type, kind, action, outcome,
    subject_type, subject_name, subject_email, application_id, application_name, integration_id, actor_id,
    actor_type, actor_name, http_status, scim_type, cause, attribute, detail, retryable, account_state,
    changed, flags
FROM events;

CREATE TABLE IF NOT EXISTS subjects (
    organization LowCardinality(String),
    name String,
    subject_id String,
    subject_type LowCardinality(String),
    last_seen DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree(last_seen)
ORDER BY (organization, name, subject_id)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS subjects_view TO subjects AS
SELECT
    organization,
    arrayJoin(arrayFilter(n -> n != '', arrayDistinct([lowerUTF8(user_name), lowerUTF8(user_email)]))) AS name,
    subject_id, subject_type, last_seen
FROM (
    SELECT
        organization, subject_id, subject_type, subject_name AS user_name, subject_email AS user_email,
        max(e.occurred_at) AS last_seen
    FROM events AS e
    WHERE subject_id != ''
    GROUP BY organization, subject_id, subject_type, subject_name, subject_email
);

CREATE TABLE IF NOT EXISTS attempts (
    organization LowCardinality(String),
    occurred_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_id UUID,
    fingerprint FixedString(16),
    version Int64,
    time_quality LowCardinality(String),
    known_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    event_type LowCardinality(String),
    kind LowCardinality(String),
    action LowCardinality(String),
    outcome LowCardinality(String),
    cause LowCardinality(String),
    attribute LowCardinality(String),
    application_id LowCardinality(String),
    application_name LowCardinality(String),
    integration_id LowCardinality(String),
    subject_id String,
    subject_type LowCardinality(String),
    subject_name String,
    actor_name String,
    http_status UInt16,
    detail String,
    retryable Bool,
    account_state LowCardinality(String)
) ENGINE = ReplacingMergeTree(version)
PARTITION BY if(time_quality = 'ok', toYYYYMM(occurred_at), 0)
ORDER BY (organization, occurred_at, event_id)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS attempts_view TO attempts AS
SELECT
    organization, occurred_at, event_id, fingerprint, version, time_quality, known_at, event_type, kind, action,
    outcome, cause, attribute, application_id, application_name, integration_id, subject_id, subject_type,
    subject_name, actor_name, http_status, detail, retryable, account_state
FROM events
WHERE kind != 'other';

CREATE TABLE IF NOT EXISTS event_counts (
    organization LowCardinality(String),
    hour DateTime('UTC'),
    event_type LowCardinality(String),
    events AggregateFunction(uniqExact, UUID)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (organization, hour, event_type)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS event_counts_view TO event_counts AS
SELECT organization, toStartOfHour(occurred_at) AS hour, event_type, uniqExactState(event_id) AS events
FROM events
GROUP BY organization, hour, event_type;

CREATE TABLE IF NOT EXISTS account_states (
    organization LowCardinality(String),
    application_id LowCardinality(String),
    subject_id String,
    attempted AggregateFunction(argMax, Tuple(state String, occurred_at DateTime64(6, 'UTC')), UInt256),
    confirmed AggregateFunction(argMaxIf, Tuple(state String), UInt256, UInt8)
) ENGINE = AggregatingMergeTree
ORDER BY (organization, application_id, subject_id)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS account_states_view TO account_states AS
WITH
    bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64)
        + toUInt256(version) AS place
SELECT
    organization, application_id, subject_id,
    argMaxState((toString(account_state), occurred_at), place) AS attempted,
    argMaxIfState(tuple(toString(account_state)), place, outcome = 'success') AS confirmed
FROM events
WHERE kind = 'user' AND account_state != '' AND application_id != ''
GROUP BY organization, application_id, subject_id;

CREATE TABLE IF NOT EXISTS failure_windows (
    organization LowCardinality(String),
    window_start DateTime('UTC'),
    application_id LowCardinality(String),
    application_name LowCardinality(String),
    event_type LowCardinality(String),
    cause LowCardinality(String),
    attempts UInt64,
    failures UInt64,
    subjects UInt64,
    first_event UUID,
    last_event UUID,
    first_at DateTime64(6, 'UTC'),
    last_at DateTime64(6, 'UTC'),
    seen UInt64
) ENGINE = ReplacingMergeTree(seen)
PARTITION BY toYYYYMM(window_start)
ORDER BY (organization, window_start, application_id, event_type, cause)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE TABLE IF NOT EXISTS backfill_progress (
    log_topic LowCardinality(String),
    log_partition UInt16,
    next_offset UInt64
) ENGINE = ReplacingMergeTree(next_offset)
ORDER BY (log_topic, log_partition)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE TABLE IF NOT EXISTS dead_letters (
    letter_id UUID,
    organization LowCardinality(String),
    source LowCardinality(String),
    position String,
    reason LowCardinality(String),
    message String,
    known_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    size UInt32,
    log_topic LowCardinality(String),
    log_partition UInt16,
    log_offset UInt64,
    version Int64
) ENGINE = ReplacingMergeTree(version)
ORDER BY (organization, letter_id)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE TABLE IF NOT EXISTS tokens (
    token_id UUID,
    name String,
    hash FixedString(32),
    scopes Array(LowCardinality(String)),
    organization String,
    created_at DateTime64(3, 'UTC'),
    expires_at Nullable(DateTime64(3, 'UTC')),
    revoked_at Nullable(DateTime64(3, 'UTC')),
    version UInt64
) ENGINE = ReplacingMergeTree(version)
ORDER BY token_id
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

ALTER TABLE events ADD COLUMN IF NOT EXISTS incident_id FixedString(16);

ALTER TABLE events ADD COLUMN IF NOT EXISTS incident_id FixedString(16);

CREATE TABLE IF NOT EXISTS attempts_by_application (
    organization LowCardinality(String),
    application_id LowCardinality(String),
    occurred_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_id UUID,
    fingerprint FixedString(16),
    version Int64,
    time_quality LowCardinality(String),
    fresh Bool,
    event_type LowCardinality(String),
    kind LowCardinality(String),
    action LowCardinality(String),
    outcome LowCardinality(String),
    incident_id FixedString(16),
    application_name LowCardinality(String),
    cause LowCardinality(String),
    attribute LowCardinality(String),
    subject_id String,
    actor_name LowCardinality(String),
    http_status UInt16,
    detail String,
    log_topic LowCardinality(String),
    log_partition UInt16,
    log_offset UInt64 CODEC(Delta, ZSTD(1)),
    INDEX by_offset log_offset TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree(version)
PARTITION BY if(time_quality = 'ok', toYear(occurred_at), 0)
ORDER BY (organization, application_id, occurred_at, event_id, fingerprint)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS attempts_by_application_view TO attempts_by_application AS
SELECT
    organization, application_id, occurred_at, event_id, fingerprint, version, time_quality, fresh, event_type, kind,
    action, outcome, incident_id, application_name, cause, attribute, subject_id, actor_name, http_status, detail,
    log_topic, log_partition, log_offset
FROM events
WHERE kind != 'other' AND application_id != '';

CREATE TABLE IF NOT EXISTS incidents (
    organization LowCardinality(String),
    incident_id FixedString(16),
    application_id LowCardinality(String),
    application_name LowCardinality(String),
    cause LowCardinality(String),
    attribute LowCardinality(String),
    detail String,
    http_status UInt16,
    attempts UInt64,
    people UInt64,
    groups UInt64,
    affected UInt64,
    first_at DateTime64(6, 'UTC'),
    last_at DateTime64(6, 'UTC'),
    first_event UUID,
    last_event UUID,
    episodes UInt32,
    since DateTime64(6, 'UTC'),
    ended_at DateTime64(6, 'UTC'),
    ended_by UUID,
    change_at DateTime64(6, 'UTC'),
    change_event UUID,
    change_type LowCardinality(String),
    change_actor String,
    folded_at Int64
) ENGINE = ReplacingMergeTree(folded_at)
ORDER BY (organization, incident_id)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE TABLE IF NOT EXISTS letter_decisions (
    organization LowCardinality(String),
    letter_id UUID,
    decision LowCardinality(String),
    decided_at DateTime64(3, 'UTC'),
    decided_by String,
    reason LowCardinality(String),
    message String,
    event_id UUID,
    log_topic LowCardinality(String),
    log_partition UInt16,
    log_offset UInt64
) ENGINE = ReplacingMergeTree
ORDER BY (organization, letter_id, log_topic, log_partition, log_offset)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

ALTER TABLE events ADD COLUMN IF NOT EXISTS drift Array(LowCardinality(String));

ALTER TABLE events ADD COLUMN IF NOT EXISTS drift Array(LowCardinality(String));

CREATE TABLE IF NOT EXISTS schema_drift (
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
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (organization, day, event_type, slot)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS schema_drift_view TO schema_drift AS
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
    FROM events
    WHERE notEmpty(drift)
)
GROUP BY organization, day, event_type, slot;

CREATE TABLE IF NOT EXISTS integrations (
    organization LowCardinality(String),
    application_id LowCardinality(String),
    name AggregateFunction(argMaxIf, Tuple(name String), UInt256, UInt8),
    integration AggregateFunction(argMaxIf, Tuple(id String), UInt256, UInt8),
    attempted AggregateFunction(argMaxIf,
        Tuple(event_id UUID, occurred_at DateTime64(6, 'UTC'), outcome String), UInt256, UInt8),
    succeeded AggregateFunction(argMaxIf, Tuple(event_id UUID, occurred_at DateTime64(6, 'UTC')), UInt256, UInt8),
    failed AggregateFunction(argMaxIf,
        Tuple(event_id UUID, occurred_at DateTime64(6, 'UTC'), cause String, attribute String, detail String),
        UInt256, UInt8),
    configured AggregateFunction(argMaxIf,
        Tuple(event_id UUID, occurred_at DateTime64(6, 'UTC'), event_type String, outcome String, actor String),
        UInt256, UInt8)
) ENGINE = AggregatingMergeTree
ORDER BY (organization, application_id)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS integrations_view TO integrations AS
WITH
    bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64)
        + toUInt256(version) AS place
SELECT
    organization, application_id,
    argMaxIfState(tuple(toString(application_name)), place, application_name != '') AS name,
    argMaxIfState(tuple(toString(integration_id)), place, integration_id != '') AS integration,
    argMaxIfState((event_id, occurred_at, toString(outcome)), place, kind != 'integration') AS attempted,
    argMaxIfState((event_id, occurred_at), place, kind != 'integration' AND outcome = 'success') AS succeeded,
    argMaxIfState((event_id, occurred_at, toString(cause), toString(attribute), detail), place,
        kind != 'integration' AND outcome = 'failure') AS failed,
    argMaxIfState((event_id, occurred_at, toString(event_type), toString(outcome), toString(actor_name)), place,
        kind = 'integration') AS configured
FROM events
WHERE kind != 'other' AND application_id != ''
GROUP BY organization, application_id;

INSERT INTO integrations
WITH
    bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64)
        + toUInt256(version) AS place
SELECT
    organization, application_id,
    argMaxIfState(tuple(toString(application_name)), place, application_name != '') AS name,
    argMaxIfState(tuple(toString(integration_id)), place, integration_id != '') AS integration,
    argMaxIfState((event_id, occurred_at, toString(outcome)), place, kind != 'integration') AS attempted,
    argMaxIfState((event_id, occurred_at), place, kind != 'integration' AND outcome = 'success') AS succeeded,
    argMaxIfState((event_id, occurred_at, toString(cause), toString(attribute), detail), place,
        kind != 'integration' AND outcome = 'failure') AS failed,
    argMaxIfState((event_id, occurred_at, toString(event_type), toString(outcome), toString(actor_name)), place,
        kind = 'integration') AS configured
FROM attempts
WHERE kind != 'other' AND application_id != ''
GROUP BY organization, application_id;

ALTER TABLE events ADD COLUMN IF NOT EXISTS group_id LowCardinality(String);

ALTER TABLE events ADD COLUMN IF NOT EXISTS group_id LowCardinality(String);

ALTER TABLE events ADD COLUMN IF NOT EXISTS group_name LowCardinality(String);

ALTER TABLE events ADD COLUMN IF NOT EXISTS group_name LowCardinality(String);

ALTER TABLE events_by_subject ADD COLUMN IF NOT EXISTS group_id LowCardinality(String);

ALTER TABLE events_by_subject ADD COLUMN IF NOT EXISTS group_id LowCardinality(String);

ALTER TABLE events_by_subject ADD COLUMN IF NOT EXISTS group_name LowCardinality(String);

ALTER TABLE events_by_subject ADD COLUMN IF NOT EXISTS group_name LowCardinality(String);

ALTER TABLE events_by_subject_view MODIFY QUERY
SELECT
    organization, subject_id, occurred_at, event_id, fingerprint, version, occurred_text, time_quality, known_at,
    source, trust, correlation_id, log_topic, log_partition, log_offset, event_type, kind, action, outcome,
    subject_type, subject_name, subject_email, application_id, application_name, integration_id, actor_id,
    actor_type, actor_name, http_status, scim_type, cause, attribute, detail, retryable, account_state,
    changed, flags, group_id, group_name
FROM events;

CREATE TABLE IF NOT EXISTS associations (
    organization LowCardinality(String),
    application_id LowCardinality(String),
    group_id String,
    occurred_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_id UUID,
    fingerprint FixedString(16),
    version Int64,
    time_quality LowCardinality(String),
    known_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    action LowCardinality(String),
    subject_id String,
    application_name LowCardinality(String),
    group_name LowCardinality(String),
    actor_name LowCardinality(String)
) ENGINE = ReplacingMergeTree(version)
ORDER BY (organization, application_id, group_id, occurred_at, event_id, fingerprint)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS associations_view TO associations AS
SELECT
    organization, application_id, group_id, occurred_at, event_id, fingerprint, version, time_quality, known_at,
    action, subject_id, application_name, group_name, actor_name
FROM events
WHERE event_type = 'association_change' AND group_id != '';

CREATE TABLE IF NOT EXISTS rebuilds (
    rebuild_id UUID,
    state String,
    version UInt64
) ENGINE = ReplacingMergeTree(version)
ORDER BY rebuild_id
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

ALTER TABLE attempts_by_application
    ADD INDEX IF NOT EXISTS by_event event_id TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE associations ADD COLUMN IF NOT EXISTS outcome LowCardinality(String);

ALTER TABLE associations ADD COLUMN IF NOT EXISTS outcome LowCardinality(String);

ALTER TABLE associations_view MODIFY QUERY
SELECT
    organization, application_id, group_id, occurred_at, event_id, fingerprint, version, time_quality, known_at,
    action, subject_id, application_name, group_name, actor_name, outcome
FROM events
WHERE event_type = 'association_change' AND group_id != '';

ALTER TABLE events ADD COLUMN IF NOT EXISTS schema_version UInt16 CODEC(ZSTD(1));

ALTER TABLE events ADD COLUMN IF NOT EXISTS schema_version UInt16;

ALTER TABLE events ADD COLUMN IF NOT EXISTS identifiers Array(String);

ALTER TABLE events ADD COLUMN IF NOT EXISTS identifiers Array(String);

CREATE TABLE IF NOT EXISTS identifiers (
    organization LowCardinality(String),
    lookup String,
    subject_id String,
    occurred_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_id UUID,
    identifier String,
    fingerprint FixedString(16),
    version Int64
) ENGINE = ReplacingMergeTree(version)
ORDER BY (organization, lookup, subject_id, occurred_at, event_id, identifier, fingerprint)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS identifiers_view TO identifiers AS
SELECT
    organization, arrayJoin([concat('id:', subject_id), told]) AS lookup, subject_id, occurred_at, event_id,
    told AS identifier, fingerprint, version
FROM (
    SELECT organization, subject_id, occurred_at, event_id, arrayJoin(identifiers) AS told, fingerprint, version
    FROM events
    WHERE notEmpty(identifiers)
);

ALTER TABLE events_by_subject
    ADD COLUMN IF NOT EXISTS by_trust UInt8,
    MODIFY ORDER BY (organization, subject_id, occurred_at, event_id, fingerprint, by_trust);

ALTER TABLE events_by_subject ADD COLUMN IF NOT EXISTS by_trust UInt8;

ALTER TABLE events_by_subject_view MODIFY QUERY
SELECT
    organization, subject_id, occurred_at, event_id, fingerprint, version, occurred_text, time_quality, known_at,
    source, trust, correlation_id, log_topic, log_partition, log_offset, event_type, kind, action, outcome,
    subject_type, subject_name, subject_email, application_id, application_name, integration_id, actor_id,
    actor_type, actor_name, http_status, scim_type, cause, attribute, detail, retryable, account_state,
    changed, flags, group_id, group_name, trust AS by_trust
FROM events;

ALTER TABLE associations
    ADD COLUMN IF NOT EXISTS event_type LowCardinality(String) DEFAULT 'association_change',
    ADD COLUMN IF NOT EXISTS by_trust UInt8,
    MODIFY ORDER BY (organization, application_id, group_id, occurred_at, event_id, fingerprint, by_trust);

ALTER TABLE associations
    ADD COLUMN IF NOT EXISTS event_type LowCardinality(String) DEFAULT 'association_change',
    ADD COLUMN IF NOT EXISTS by_trust UInt8;

ALTER TABLE associations_view MODIFY QUERY
SELECT
    organization, if(event_type = 'group_delete', '', application_id) AS application_id, group_id, occurred_at,
    event_id, fingerprint, version, time_quality, known_at, action, subject_id, application_name, group_name,
    actor_name, event_type, outcome, trust AS by_trust
FROM events
WHERE (event_type = 'association_change' AND group_id != '')
    OR event_type IN ('idm_integration_activate', 'idm_integration_delete', 'group_delete');

INSERT INTO associations (
    organization, application_id, group_id, occurred_at, event_id, fingerprint, version, time_quality, known_at,
    action, subject_id, application_name, group_name, actor_name, event_type, outcome, by_trust
)
SELECT
    organization, if(event_type = 'group_delete', '', application_id), group_id, occurred_at, event_id, fingerprint,
    version, time_quality, known_at, action, subject_id, application_name, group_name, actor_name, event_type,
    outcome, trust
FROM events
WHERE event_type IN ('idm_integration_activate', 'idm_integration_delete', 'group_delete');

ALTER TABLE account_states
    ADD COLUMN IF NOT EXISTS answered AggregateFunction(argMax, Tuple(outcome String), UInt256);

ALTER TABLE account_states
    ADD COLUMN IF NOT EXISTS answered AggregateFunction(argMax, Tuple(outcome String), UInt256);

ALTER TABLE account_states_view MODIFY QUERY
WITH
    bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64)
        + toUInt256(version) AS place
SELECT
    organization, application_id, subject_id,
    argMaxState((toString(account_state), occurred_at), place) AS attempted,
    argMaxIfState(tuple(toString(account_state)), place, outcome = 'success') AS confirmed,
    argMaxState(tuple(toString(outcome)), place) AS answered
FROM events
WHERE kind = 'user' AND account_state != '' AND application_id != ''
GROUP BY organization, application_id, subject_id;

CREATE TABLE IF NOT EXISTS account_updates (
    organization LowCardinality(String),
    subject_id String,
    application_id LowCardinality(String),
    first_at SimpleAggregateFunction(min, DateTime64(6, 'UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (organization, subject_id, application_id)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS account_updates_view TO account_updates AS
SELECT organization, subject_id, application_id, min(e.occurred_at) AS first_at
FROM events AS e
WHERE kind = 'user' AND account_state = '' AND action = 'update' AND outcome = 'success' AND application_id != ''
    AND time_quality = 'ok'
GROUP BY organization, subject_id, application_id;

CREATE TABLE IF NOT EXISTS directory_acts (
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
) ENGINE = ReplacingMergeTree(version)
ORDER BY (organization, subject_id, occurred_at, event_id, fingerprint, by_trust)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS directory_acts_view TO directory_acts AS
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

CREATE TABLE IF NOT EXISTS account_marks (
    organization LowCardinality(String),
    subject_id String,
    application_id LowCardinality(String),
    last SimpleAggregateFunction(max, UInt256)
) ENGINE = AggregatingMergeTree
ORDER BY (organization, subject_id, application_id)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS account_marks_view TO account_marks AS
SELECT
    organization, subject_id, application_id,
    max(
        bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64)
        + toUInt256(version) * 256
        + multiIf(account_state = 'active', 2, account_state = 'inactive', 4, 6) + (outcome = 'success')
    ) AS last
FROM events
WHERE kind = 'user' AND account_state != '' AND application_id != '' AND time_quality = 'ok'
GROUP BY organization, subject_id, application_id;

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

ALTER TABLE account_states_view MODIFY QUERY
WITH
    bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64)
        + toUInt256(version) AS place
SELECT
    organization, application_id, subject_id,
    argMaxState((toString(account_state), occurred_at), place) AS attempted,
    argMaxIfState(tuple(toString(account_state)), place, outcome = 'success') AS confirmed
FROM events
WHERE kind = 'user' AND account_state != '' AND application_id != ''
GROUP BY organization, application_id, subject_id;

CREATE TABLE IF NOT EXISTS events_by_subject_coarse AS events_by_subject
ENGINE = ReplacingMergeTree(version)
PARTITION BY tuple()
ORDER BY (organization, subject_id, occurred_at, event_id, fingerprint, by_trust)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728, index_granularity = 1024;

ALTER TABLE events_by_subject_coarse MODIFY SETTING min_bytes_for_wide_part = 1099511627776;

EXCHANGE TABLES events_by_subject AND events_by_subject_coarse;

INSERT INTO events_by_subject SELECT * FROM events_by_subject_coarse;

TRUNCATE TABLE events_by_subject_coarse;

CREATE TABLE IF NOT EXISTS applications (
    organization LowCardinality(String),
    application_id LowCardinality(String),
    name LowCardinality(String)
) ENGINE = ReplacingMergeTree
ORDER BY (organization, application_id, name)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS applications_view TO applications AS
SELECT organization, application_id, application_name AS name
FROM events
WHERE application_id != '' OR application_name != ''
GROUP BY organization, application_id, application_name;

INSERT INTO applications
SELECT organization, application_id, application_name AS name
FROM events
WHERE application_id != '' OR application_name != ''
GROUP BY organization, application_id, application_name;

CREATE TABLE IF NOT EXISTS alert_records (
    organization LowCardinality(String),
    alert_id FixedString(16),
    record LowCardinality(String),
    rule_id LowCardinality(String),
    severity LowCardinality(String),
    cause LowCardinality(String),
    title String,
    detection LowCardinality(String),
    staging Bool,
    opened_at DateTime64(6, 'UTC'),
    since DateTime64(6, 'UTC'),
    triggered_at DateTime64(6, 'UTC'),
    ended_at DateTime64(6, 'UTC'),
    last_at DateTime64(6, 'UTC'),
    episodes UInt32,
    events UInt32,
    people UInt32,
    applications Array(String),
    act LowCardinality(String),
    act_id UUID,
    at DateTime64(6, 'UTC'),
    done_by String,
    snoozed_until DateTime64(6, 'UTC'),
    destination LowCardinality(String),
    succeeded Bool,
    known_at DateTime64(3, 'UTC'),
    body String CODEC(ZSTD(3)),
    log_topic LowCardinality(String),
    log_partition UInt16,
    log_offset UInt64 CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree
ORDER BY (organization, alert_id, log_topic, log_partition, log_offset)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE TABLE IF NOT EXISTS account_turns (
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
) ENGINE = ReplacingMergeTree(version)
ORDER BY (organization, subject_id, occurred_at, event_id, fingerprint)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728, index_granularity = 128;

ALTER TABLE account_turns MODIFY SETTING min_bytes_for_wide_part = 1099511627776;

CREATE MATERIALIZED VIEW IF NOT EXISTS account_turns_view TO account_turns AS
SELECT
    organization, subject_id, occurred_at, event_id, fingerprint, version, time_quality, event_type, kind, action,
    outcome, cause, detail, subject_name, application_id, application_name, actor_name, account_state, changed,
    group_id, group_name
FROM events
WHERE subject_id != '' AND event_type != 'sso_auth' AND NOT (
    kind = 'user' AND action = 'update' AND account_state = '' AND outcome = 'success' AND time_quality = 'ok'
    AND application_id != '' AND application_name != ''
);

ALTER TABLE account_marks
    ADD COLUMN IF NOT EXISTS first_update SimpleAggregateFunction(min, UInt256) DEFAULT bitNot(toUInt256(0)),
    ADD COLUMN IF NOT EXISTS last_update
        SimpleAggregateFunction(max, Tuple(place UInt256, application_name String, subject_name String));

ALTER TABLE account_marks
    ADD COLUMN IF NOT EXISTS first_update SimpleAggregateFunction(min, UInt256) DEFAULT bitNot(toUInt256(0)),
    ADD COLUMN IF NOT EXISTS last_update
        SimpleAggregateFunction(max, Tuple(place UInt256, application_name String, subject_name String));

ALTER TABLE account_marks_view MODIFY QUERY
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
FROM events
WHERE kind = 'user' AND application_id != '' AND time_quality = 'ok'
    AND (account_state != '' OR (action = 'update' AND outcome = 'success'))
GROUP BY organization, subject_id, application_id;

DROP VIEW IF EXISTS account_updates_view;

DROP VIEW IF EXISTS account_states_view;

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

DROP TABLE IF EXISTS account_updates;

DROP TABLE IF EXISTS account_updates;

DROP TABLE IF EXISTS account_states;

DROP TABLE IF EXISTS account_states;

ALTER TABLE account_marks MODIFY SETTING min_age_to_force_merge_seconds = 3600;

ALTER TABLE account_turns MODIFY SETTING min_age_to_force_merge_seconds = 3600;

ALTER TABLE account_marks_view MODIFY QUERY
WITH
    bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64) AS place,
    kind = 'user' AND time_quality = 'ok' AND account_state != '' AS turned,
    kind = 'user' AND time_quality = 'ok' AND account_state = '' AND action = 'update' AND outcome = 'success' AS updated
SELECT
    organization, subject_id, application_id,
    max(if(turned, place + toUInt256(version) * 256
        + multiIf(account_state = 'active', 2, account_state = 'inactive', 4, 6) + (outcome = 'success'),
        toUInt256(0))) AS last,
    min(if(updated, place + toUInt256(bitNot(toUInt64(version))), bitNot(toUInt256(0)))) AS first_update,
    max(if(updated, (place + toUInt256(version), toString(application_name), subject_name),
        (toUInt256(0), '', ''))) AS last_update
FROM events
WHERE application_id != ''
    AND (kind = 'user' OR (event_type = 'association_change' AND group_id = '' AND outcome != 'failure'))
GROUP BY organization, subject_id, application_id;

INSERT INTO account_marks (organization, subject_id, application_id, last, first_update, last_update)
SELECT DISTINCT
    organization, subject_id, application_id,
    toUInt256(0) AS last,
    bitNot(toUInt256(0)) AS first_update,
    CAST((toUInt256(0), '', ''), 'Tuple(place UInt256, application_name String, subject_name String)') AS last_update
FROM events
WHERE application_id != ''
    AND (kind = 'user' OR (event_type = 'association_change' AND group_id = '' AND outcome != 'failure'));

ALTER TABLE attempts_by_application ADD COLUMN IF NOT EXISTS account_state LowCardinality(String);

ALTER TABLE attempts_by_application ADD COLUMN IF NOT EXISTS account_state LowCardinality(String);

ALTER TABLE attempts_by_application_view MODIFY QUERY
SELECT
    organization, application_id, occurred_at, event_id, fingerprint, version, time_quality, fresh, event_type, kind,
    action, outcome, incident_id, application_name, cause, attribute, subject_id, actor_name, http_status, detail,
    log_topic, log_partition, log_offset, account_state
FROM events
WHERE kind != 'other' AND application_id != '';

ALTER TABLE applications
    ADD COLUMN IF NOT EXISTS signed_in_on Date,
    MODIFY ORDER BY (organization, application_id, name, signed_in_on);

ALTER TABLE applications ADD COLUMN IF NOT EXISTS signed_in_on Date;

ALTER TABLE applications_view MODIFY QUERY
SELECT
    organization, application_id, application_name AS name,
    if(event_type = 'sso_auth' AND time_quality = 'ok', toDate(occurred_at), toDate(0)) AS signed_in_on
FROM events
WHERE application_id != '' OR application_name != ''
GROUP BY organization, application_id, application_name, signed_in_on;

INSERT INTO applications (organization, application_id, name, signed_in_on)
SELECT DISTINCT organization, application_id, application_name AS name, toDate(occurred_at) AS signed_in_on
FROM events
WHERE (application_id != '' OR application_name != '') AND event_type = 'sso_auth' AND time_quality = 'ok';
