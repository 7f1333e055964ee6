\echo Use "CREATE EXTENSION anomaly" to load this file. \quit

-- Everything below names the schema of what it creates and uses: public
-- objects are @extschema@.ad_*, private ones _anomaly._ad_*. Whatever else is
-- named (operators, types, functions) is that of pg_catalog: what others made
-- in the extension's schema beforehand is not seen.
SET LOCAL search_path = pg_catalog, pg_temp;
