-- Every copy of every event, by time, with its bytes. Copies of one event differ in fingerprint; the
-- largest version is in force (trust first, then the earliest append time).
CREATE TABLE IF NOT EXISTS {{table events}} (
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
) ENGINE = {{engine ReplacingMergeTree(version)}}
-- Times that cannot be believed have a partition of their own.
PARTITION BY if(time_quality = 'ok', toYYYYMM(occurred_at), 0)
ORDER BY (organization, occurred_at, event_id, fingerprint)
SETTINGS {{settings}};

{{distributed events BY cityHash64(subject_id)}};
