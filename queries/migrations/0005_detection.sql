-- One row a minute, application, event type and cause; of several, the one that has seen more copies wins.
CREATE TABLE IF NOT EXISTS {{table failure_windows}} (
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
) ENGINE = {{engine ReplacingMergeTree(seen)}}
PARTITION BY toYYYYMM(window_start)
ORDER BY (organization, window_start, application_id, event_type, cause)
SETTINGS {{settings}};

{{distributed failure_windows BY cityHash64(organization)}};

-- How far each partition's older events have been folded into windows.
CREATE TABLE IF NOT EXISTS {{table backfill_progress}} (
    log_topic LowCardinality(String),
    log_partition UInt16,
    next_offset UInt64
) ENGINE = {{engine ReplacingMergeTree(next_offset)}}
ORDER BY (log_topic, log_partition)
SETTINGS {{settings}};

{{distributed backfill_progress BY log_partition}};
