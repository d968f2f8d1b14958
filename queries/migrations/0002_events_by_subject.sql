-- The same rows without their bytes, by whom they are about: a person's lifecycle reads this and only this.
CREATE TABLE IF NOT EXISTS {{table events_by_subject}} (
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
) ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY if(time_quality = 'ok', toYear(occurred_at), 0)
ORDER BY (organization, subject_id, occurred_at, event_id, fingerprint)
SETTINGS {{settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view events_by_subject_view}} TO {{local events_by_subject}} AS
SELECT
    organization, subject_id, occurred_at, event_id, fingerprint, version, occurred_text, time_quality, known_at,
    source, trust, correlation_id, log_topic, log_partition, log_offset, event_type, kind, action, outcome,
    subject_type, subject_name, subject_email, application_id, application_name, integration_id, actor_id,
    actor_type, actor_name, http_status, scim_type, cause, attribute, detail, retryable, account_state,
    changed, flags
FROM {{local events}};

{{distributed events_by_subject BY cityHash64(subject_id)}};

-- Whom a name or mail address stands for: people are looked up by either.
CREATE TABLE IF NOT EXISTS {{table subjects}} (
    organization LowCardinality(String),
    name String,
    subject_id String,
    subject_type LowCardinality(String),
    last_seen DateTime64(6, 'UTC')
) ENGINE = {{engine ReplacingMergeTree(last_seen)}}
ORDER BY (organization, name, subject_id)
SETTINGS {{settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view subjects_view}} TO {{local subjects}} AS
SELECT
    organization,
    arrayJoin(arrayFilter(n -> n != '', arrayDistinct([lowerUTF8(user_name), lowerUTF8(user_email)]))) AS name,
    subject_id, subject_type, last_seen
FROM (
    -- Each person of the block once, before any text is lowered: a third of the work.
    SELECT
        organization, subject_id, subject_type, subject_name AS user_name, subject_email AS user_email,
        max(e.occurred_at) AS last_seen
    FROM {{local events}} AS e
    WHERE subject_id != ''
    GROUP BY organization, subject_id, subject_type, subject_name, subject_email
);

{{distributed subjects BY cityHash64(subject_id)}};
