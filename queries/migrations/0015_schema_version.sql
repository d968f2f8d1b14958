-- The schema version that a record names (`ce_dataschema`): its bytes are upcast from it when they are read. 0 where
-- it names none, as the vendor's do, and for rows stored before this until the store is rebuilt.
ALTER TABLE {{table events}} ADD COLUMN IF NOT EXISTS schema_version UInt16 CODEC(ZSTD(1));

ALTER TABLE {{view events}} ADD COLUMN IF NOT EXISTS schema_version UInt16;
