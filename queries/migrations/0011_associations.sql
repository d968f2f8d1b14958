-- The group that was bound to an application, or that somebody was added to: see schemas/association.py. Rows
-- stored before this have none, and the acting administrator for a subject, until the store is rebuilt.
ALTER TABLE {{table events}} ADD COLUMN IF NOT EXISTS group_id LowCardinality(String);

ALTER TABLE {{view events}} ADD COLUMN IF NOT EXISTS group_id LowCardinality(String);

ALTER TABLE {{table events}} ADD COLUMN IF NOT EXISTS group_name LowCardinality(String);

ALTER TABLE {{view events}} ADD COLUMN IF NOT EXISTS group_name LowCardinality(String);

ALTER TABLE {{table events_by_subject}} ADD COLUMN IF NOT EXISTS group_id LowCardinality(String);

ALTER TABLE {{view events_by_subject}} ADD COLUMN IF NOT EXISTS group_id LowCardinality(String);

ALTER TABLE {{table events_by_subject}} ADD COLUMN IF NOT EXISTS group_name LowCardinality(String);

ALTER TABLE {{view events_by_subject}} ADD COLUMN IF NOT EXISTS group_name LowCardinality(String);

ALTER TABLE {{view events_by_subject_view}} MODIFY QUERY
SELECT
    organization, subject_id, occurred_at, event_id, fingerprint, version, occurred_text, time_quality, known_at,
    source, trust, correlation_id, log_topic, log_partition, log_offset, event_type, kind, action, outcome,
    subject_type, subject_name, subject_email, application_id, application_name, integration_id, actor_id,
    actor_type, actor_name, http_status, scim_type, cause, attribute, detail, retryable, account_state,
    changed, flags, group_id, group_name
FROM {{local events}};

-- Bindings of groups to applications, and people's memberships of groups, narrow: the former stand together by
-- application, the latter after an empty one by group. What sets pushes off is read here.
CREATE TABLE IF NOT EXISTS {{table associations}} (
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
) ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (organization, application_id, group_id, occurred_at, event_id, fingerprint)
SETTINGS {{settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view associations_view}} TO {{local associations}} AS
SELECT
    organization, application_id, group_id, occurred_at, event_id, fingerprint, version, time_quality, known_at,
    action, subject_id, application_name, group_name, actor_name
FROM {{local events}}
WHERE event_type = 'association_change' AND group_id != '';

{{distributed associations BY cityHash64(organization, application_id, group_id)}};
