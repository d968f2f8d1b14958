-- What an attempt meant the account to become: a closing that failed ends with no update of a title.
ALTER TABLE {{table attempts_by_application}} ADD COLUMN IF NOT EXISTS account_state LowCardinality(String);

ALTER TABLE {{view attempts_by_application}} ADD COLUMN IF NOT EXISTS account_state LowCardinality(String);

ALTER TABLE {{view attempts_by_application_view}} MODIFY QUERY
SELECT
    organization, application_id, occurred_at, event_id, fingerprint, version, time_quality, fresh, event_type, kind,
    action, outcome, incident_id, application_name, cause, attribute, subject_id, actor_name, http_status, detail,
    log_topic, log_partition, log_offset, account_state
FROM {{local events}}
WHERE kind != 'other' AND application_id != '';
