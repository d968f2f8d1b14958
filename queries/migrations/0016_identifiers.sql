-- What an event tells of who its person is, beyond its subject: see schemas/identifiers.py. Empty for most; events
-- stored before this have none until the store is filled again.
ALTER TABLE {{table events}} ADD COLUMN IF NOT EXISTS identifiers Array(String);

ALTER TABLE {{view events}} ADD COLUMN IF NOT EXISTS identifiers Array(String);

-- Each twice, under the person (`id:…`) and under itself (`employee:…`): who has a number and what numbers somebody
-- has are both read by the first columns of the key.
CREATE TABLE IF NOT EXISTS {{table identifiers}} (
    organization LowCardinality(String),
    lookup String,
    subject_id String,
    occurred_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_id UUID,
    identifier String,
    fingerprint FixedString(16),
    version Int64
) ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (organization, lookup, subject_id, occurred_at, event_id, identifier, fingerprint)
SETTINGS {{settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view identifiers_view}} TO {{local identifiers}} AS
SELECT
    organization, arrayJoin([concat('id:', subject_id), told]) AS lookup, subject_id, occurred_at, event_id,
    told AS identifier, fingerprint, version
FROM (
    SELECT organization, subject_id, occurred_at, event_id, arrayJoin(identifiers) AS told, fingerprint, version
    FROM {{local events}}
    WHERE notEmpty(identifiers)
);

{{distributed identifiers BY cityHash64(organization, lookup)}};
