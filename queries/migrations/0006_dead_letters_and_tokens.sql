-- Where each record that could not be read came from, and why. Its bytes stay on the log.
CREATE TABLE IF NOT EXISTS {{table dead_letters}} (
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
) ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (organization, letter_id)
SETTINGS {{settings}};

{{distributed dead_letters BY cityHash64(letter_id)}};

-- API tokens: only their hashes. Not events: a store that is thrown away takes them with it.
CREATE TABLE IF NOT EXISTS {{table tokens}} (
    token_id UUID,
    name String,
    hash FixedString(32),
    scopes Array(LowCardinality(String)),
    organization String,
    created_at DateTime64(3, 'UTC'),
    expires_at Nullable(DateTime64(3, 'UTC')),
    revoked_at Nullable(DateTime64(3, 'UTC')),
    version UInt64
) ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY token_id
SETTINGS {{settings}};

{{distributed tokens BY cityHash64(token_id)}};
