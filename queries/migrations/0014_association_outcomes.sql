-- A refused change of an association binds nothing.
ALTER TABLE {{table associations}} ADD COLUMN IF NOT EXISTS outcome LowCardinality(String);

ALTER TABLE {{view associations}} ADD COLUMN IF NOT EXISTS outcome LowCardinality(String);

ALTER TABLE {{view associations_view}} MODIFY QUERY
SELECT
    organization, application_id, group_id, occurred_at, event_id, fingerprint, version, time_quality, known_at,
    action, subject_id, application_name, group_name, actor_name, outcome
FROM {{local events}}
WHERE event_type = 'association_change' AND group_id != '';
