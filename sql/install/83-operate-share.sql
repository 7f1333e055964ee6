-- since 0.3.0
-- Copies of named models in a cluster of Citus; see src/operate/model_copy.c.

-- Read by number of column. Not dumped: ad_share_models() makes it again.
CREATE TABLE _anomaly._ad_model_copy (
    name text COLLATE "C" CONSTRAINT _ad_model_copy_pkey PRIMARY KEY,
    version integer NOT NULL CHECK (version > 0),
    model bytea NOT NULL,
    grants text[] NOT NULL
);
ALTER TABLE _anomaly._ad_model_copy ALTER COLUMN model SET STORAGE EXTERNAL;
REVOKE ALL ON _anomaly._ad_model_copy FROM PUBLIC;
COMMENT ON TABLE _anomaly._ad_model_copy IS
'active versions of named models with their grants, roles and privileges in turn, once ad_share_models() has made it a reference table of Citus; empty else';

CREATE FUNCTION @extschema@.ad_share_models()
RETURNS bigint
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_share_models() IS
'Shares the named models of a Citus coordinator with all its servers from now on, by a reference table of '
'the active versions and grants, and returns the number of names. There are no arguments, and the result '
'is never NULL. DROP EXTENSION then needs CASCADE. Raises 55000 without Citus, 42501 if the caller does '
'not own the tables of the extension.';
