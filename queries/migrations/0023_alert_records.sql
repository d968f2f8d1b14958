-- The records of `idtrail.alerts`: what was detected, what was done about it, who was told. A row a record, with the
-- record itself and what lists ask for; nothing deletes one. An alert is the fold of its rows in the order of the log.
CREATE TABLE IF NOT EXISTS {{table alert_records}} (
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
) ENGINE = {{engine ReplacingMergeTree}}
ORDER BY (organization, alert_id, log_topic, log_partition, log_offset)
SETTINGS {{settings}};

{{distributed alert_records BY cityHash64(alert_id)}};
