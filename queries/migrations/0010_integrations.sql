-- What each integration did last, one row an integration once merged: states by place (occurred, event id,
-- version), as in account_states, so that a repeat changes nothing and the answer does not grow with the log.
-- XXX: a copy that says success and is not in force may stand as the last success, as in account_states.
CREATE TABLE IF NOT EXISTS {{table integrations}} (
    organization LowCardinality(String),
    application_id LowCardinality(String),
    name AggregateFunction(argMaxIf, Tuple(name String), UInt256, UInt8),
    integration AggregateFunction(argMaxIf, Tuple(id String), UInt256, UInt8),
    attempted AggregateFunction(argMaxIf,
        Tuple(event_id UUID, occurred_at DateTime64(6, 'UTC'), outcome String), UInt256, UInt8),
    succeeded AggregateFunction(argMaxIf, Tuple(event_id UUID, occurred_at DateTime64(6, 'UTC')), UInt256, UInt8),
    failed AggregateFunction(argMaxIf,
        Tuple(event_id UUID, occurred_at DateTime64(6, 'UTC'), cause String, attribute String, detail String),
        UInt256, UInt8),
    configured AggregateFunction(argMaxIf,
        Tuple(event_id UUID, occurred_at DateTime64(6, 'UTC'), event_type String, outcome String, actor String),
        UInt256, UInt8)
) ENGINE = {{engine AggregatingMergeTree}}
ORDER BY (organization, application_id)
SETTINGS {{settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view integrations_view}} TO {{local integrations}} AS
WITH
    bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64)
        + toUInt256(version) AS place
SELECT
    organization, application_id,
    argMaxIfState(tuple(toString(application_name)), place, application_name != '') AS name,
    argMaxIfState(tuple(toString(integration_id)), place, integration_id != '') AS integration,
    argMaxIfState((event_id, occurred_at, toString(outcome)), place, kind != 'integration') AS attempted,
    argMaxIfState((event_id, occurred_at), place, kind != 'integration' AND outcome = 'success') AS succeeded,
    argMaxIfState((event_id, occurred_at, toString(cause), toString(attribute), detail), place,
        kind != 'integration' AND outcome = 'failure') AS failed,
    argMaxIfState((event_id, occurred_at, toString(event_type), toString(outcome), toString(actor_name)), place,
        kind = 'integration') AS configured
FROM {{local events}}
WHERE kind != 'other' AND application_id != ''
GROUP BY organization, application_id;

{{distributed integrations BY cityHash64(organization, application_id)}};

-- What was stored before this table was. Merged with what comes at the same time, it counts once.
INSERT INTO integrations
WITH
    bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64)
        + toUInt256(version) AS place
SELECT
    organization, application_id,
    argMaxIfState(tuple(toString(application_name)), place, application_name != '') AS name,
    argMaxIfState(tuple(toString(integration_id)), place, integration_id != '') AS integration,
    argMaxIfState((event_id, occurred_at, toString(outcome)), place, kind != 'integration') AS attempted,
    argMaxIfState((event_id, occurred_at), place, kind != 'integration' AND outcome = 'success') AS succeeded,
    argMaxIfState((event_id, occurred_at, toString(cause), toString(attribute), detail), place,
        kind != 'integration' AND outcome = 'failure') AS failed,
    argMaxIfState((event_id, occurred_at, toString(event_type), toString(outcome), toString(actor_name)), place,
        kind = 'integration') AS configured
FROM attempts
WHERE kind != 'other' AND application_id != ''
GROUP BY organization, application_id;
