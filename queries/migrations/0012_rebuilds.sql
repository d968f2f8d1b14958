-- How far each rebuild has got, so that one that was killed goes on. Not events: not rebuilt itself.
CREATE TABLE IF NOT EXISTS {{table rebuilds}} (
    rebuild_id UUID,
    state String,
    version UInt64
) ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY rebuild_id
SETTINGS {{settings}};

{{distributed rebuilds BY cityHash64(rebuild_id)}};
