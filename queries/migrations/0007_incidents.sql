-- Which incident a failure belongs to: see schemas/signature.py. Zeros where nothing failed.
ALTER TABLE {{table events}} ADD COLUMN IF NOT EXISTS incident_id FixedString(16);

ALTER TABLE {{view events}} ADD COLUMN IF NOT EXISTS incident_id FixedString(16);

-- The attempts of one application in order: an incident is folded from these and only these. Copies of an
-- event stay apart; who reads takes the one in force.
CREATE TABLE IF NOT EXISTS {{table attempts_by_application}} (
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
) ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY if(time_quality = 'ok', toYear(occurred_at), 0)
ORDER BY (organization, application_id, occurred_at, event_id, fingerprint)
SETTINGS {{settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view attempts_by_application_view}} TO {{local attempts_by_application}} AS
SELECT
    organization, application_id, occurred_at, event_id, fingerprint, version, time_quality, fresh, event_type, kind,
    action, outcome, incident_id, application_name, cause, attribute, subject_id, actor_name, http_status, detail,
    log_topic, log_partition, log_offset
FROM {{local events}}
WHERE kind != 'other' AND application_id != '';

{{distributed attempts_by_application BY cityHash64(organization, application_id)}};

-- One row an incident: of several, the one folded last, by the store's own clock. What was stored when it was
-- folded is a superset of what earlier folds saw.
CREATE TABLE IF NOT EXISTS {{table incidents}} (
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
) ENGINE = {{engine ReplacingMergeTree(folded_at)}}
ORDER BY (organization, incident_id)
SETTINGS {{settings}};

{{distributed incidents BY cityHash64(organization)}};
