-- The twelve types, narrow, one row an event once merged: FINAL leaves the copy in force, so that a count
-- of failures never holds one that a better copy knows to have succeeded.
CREATE TABLE IF NOT EXISTS {{table attempts}} (
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
) ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY if(time_quality = 'ok', toYYYYMM(occurred_at), 0)
ORDER BY (organization, occurred_at, event_id)
SETTINGS {{settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view attempts_view}} TO {{local attempts}} AS
SELECT
    organization, occurred_at, event_id, fingerprint, version, time_quality, known_at, event_type, kind, action,
    outcome, cause, attribute, application_id, application_name, integration_id, subject_id, subject_type,
    subject_name, actor_name, http_status, detail, retryable, account_state
FROM {{local events}}
WHERE kind != 'other';

{{distributed attempts BY cityHash64(subject_id)}};
