-- What was decided about each dead letter: redriven, tried in vain, discarded. A row a record of the log; repeats of
-- one, by another insert or after a rewind, are the same row.
CREATE TABLE IF NOT EXISTS {{table letter_decisions}} (
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
) ENGINE = {{engine ReplacingMergeTree}}
ORDER BY (organization, letter_id, log_topic, log_partition, log_offset)
SETTINGS {{settings}};

{{distributed letter_decisions BY cityHash64(letter_id)}};
