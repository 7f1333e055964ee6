-- Bytes of models under a name, the statement that brings them to another
-- server, and training queries that read no foreign table. Those that do are
-- in test/t/distributed_fdw.pl.
CREATE TABLE import_rows AS SELECT i AS id, i * 37 % 101 AS amount, (ARRAY['AT', 'CH', 'DE'])[1 + i % 3] AS country FROM generate_series(1, 500) i;
SELECT ad_train('made', 'SELECT amount, country FROM import_rows', 'zscore');

SELECT ad_import_model('came', ad_model('made'));
SELECT ad_import_model('came', ad_model('made'), false);
SELECT ad_model('came') = ad_model('made') AS same, ad_score('came', 5, 'AT') = ad_score('made', 5, 'AT') AS scores;
SELECT name, version, active, detector, rows, query, fit_ms, fit_bytes, trained_by = current_user AS mine FROM ad_models WHERE name = 'came' ORDER BY version;
SELECT name FROM ad_features('came');

-- all of it is checked
SELECT ad_import_model('bad', '\x');
SELECT ad_import_model('bad', '\x0102');
SELECT ad_import_model('bad', substr(ad_model('made'), 1, 100));
SELECT ad_import_model('bad', overlay(ad_model('made') PLACING '\xffffffff' FROM 90));
SELECT ad_import_model('bad', ad_sketch(amount)) FROM import_rows;
SELECT ad_import_model('', ad_model('made'));
SELECT ad_import_model(repeat('x', 64), ad_model('made'));
SELECT ad_import_model(NULL, ad_model('made'));
SELECT ad_import_model('bad', NULL);
BEGIN READ ONLY;
SELECT ad_import_model('bad', ad_model('made'));
ROLLBACK;
SELECT count(*) FROM ad_models WHERE name = 'bad';

-- it has no query to be trained by
SELECT ad_retrain('came');

-- only an owner brings the next version, and to take it needs its bytes
CREATE ROLE import_other;
SELECT ad_grant_model('came', 'import_other', 'score');
SET ROLE import_other;
SELECT ad_import_model('came', '\x0102');
SELECT * FROM ad_publish_model('came', ARRAY['s']);
RESET ROLE;
SELECT ad_import_model('others', ad_model('made'));
CREATE FUNCTION import_bytes() RETURNS bytea LANGUAGE sql SECURITY DEFINER AS 'SELECT ad_model(''made'')';
SET ROLE import_other;
SELECT ad_import_model('his', import_bytes());
SELECT ad_import_model('others', import_bytes());
RESET ROLE;
REVOKE EXECUTE ON FUNCTION ad_import_model(text, bytea, boolean) FROM PUBLIC;
SET ROLE import_other;
SELECT _anomaly._ad_import_model('his', import_bytes(), true);
RESET ROLE;
GRANT EXECUTE ON FUNCTION ad_import_model(text, bytea, boolean) TO PUBLIC;
SELECT role, privilege FROM ad_model_grants WHERE name = 'his';

-- the statement, which means the same whatever a server's settings are
SELECT ad_import_model('it''s "\', ad_model('made'));
SELECT server, version, left(statement, 66) AS begins, right(statement, 30) AS ends FROM ad_publish_model('it''s "\', ARRAY['a', 'b'], activate => false);
SELECT statement AS publish FROM ad_publish_model('it''s "\', ARRAY['a'], run => false) \gset
SET standard_conforming_strings = off;
SET escape_string_warning = off;
:publish;
RESET standard_conforming_strings;
SELECT ad_model('it''s "\') = ad_model('made') AS same, count(*) FROM ad_models WHERE name = 'it''s "\';
SELECT * FROM ad_publish_model('made', '{}');
SELECT * FROM ad_publish_model('made', NULL);
SELECT * FROM ad_publish_model('made', ARRAY[NULL]);
SELECT * FROM ad_publish_model('nobody', ARRAY['a']);

-- shards
SELECT ad_train('made', 'SELECT amount FROM import_rows', 'zscore', shards => 'auto');
SELECT ad_train('made', 'SELECT amount FROM import_rows', 'zscore', shards => NULL);
SELECT ad_train('made', 'SELECT amount FROM import_rows', 'zscore', shards => 'only');
SELECT ad_train('made', 'SELECT amount FROM import_rows', 'zscore', shards => 'maybe');
SELECT * FROM ad_ships('SELECT amount FROM import_rows');
SELECT * FROM ad_ships(NULL);
SELECT * FROM ad_ships('SELECT 1; SELECT 2');
SELECT * FROM ad_ships('DELETE FROM import_rows');
SELECT * FROM ad_ships('import_rows');
SET ROLE import_other;
SELECT * FROM ad_ships('SELECT count(*) FROM import_rows');
SELECT * FROM ad_ships('SELECT 1 WHERE EXISTS (SELECT FROM import_rows)');
RESET ROLE;

-- names travel, however the rows are read
CREATE TABLE import_parts (LIKE import_rows) PARTITION BY LIST (country);
CREATE TABLE import_part_a PARTITION OF import_parts FOR VALUES IN ('AT');
CREATE TABLE import_part_b PARTITION OF import_parts DEFAULT;
INSERT INTO import_parts SELECT * FROM import_rows;
CREATE VIEW import_view AS SELECT * FROM import_parts;
CREATE FUNCTION import_names(query text, spec jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT ad_train('named', query, spec);
    SELECT coalesce(string_agg(name, ','), 'none') FROM ad_features('named');
$$;
SELECT of, how, import_names(replace(query, 'rows_of', of), spec::jsonb)
FROM unnest(ARRAY['import_rows', 'import_parts', 'import_view', '(TABLE import_parts UNION ALL TABLE import_rows)']) of,
     (VALUES ('columns', 'SELECT amount, country AS "a ""land" FROM rows_of r', '{"detector": "zscore"}'),
             ('one', 'SELECT amount FROM rows_of r', '{"detector": "hbos"}'),
             ('keyed', 'SELECT id, amount, country FROM rows_of r', '{"detector": "iforest", "sampling": {"keyed": true}}'),
             ('all', 'SELECT * FROM rows_of r', '{"detector": "auto", "calibrate": {"share": 0.2}}'),
             ('row', 'SELECT r FROM (SELECT amount, country FROM rows_of r) r', '{"detector": "zscore"}'),
             ('sketches', 'SELECT ad_sketch(r) FROM (SELECT amount, country FROM rows_of r) r GROUP BY r.country', '{"detector": "zscore"}'),
             ('typed', 'SELECT ad_sketch(''{}'', ad_row(ARRAY[''a'', ''b b''], amount, country)) FROM rows_of r GROUP BY country', '{"detector": "zscore"}'),
             ('packed', 'SELECT ad_row(r) FROM (SELECT amount, country FROM rows_of r) r', '{"detector": "zscore"}'),
             ('ensemble', 'SELECT amount, country FROM rows_of r', '{"detector": "ensemble", "specs": [{"detector": "zscore"}, {"detector": "hbos"}]}'))
     q(how, query, spec) ORDER BY of COLLATE "C", how COLLATE "C";

DROP FUNCTION import_names(text, jsonb), import_bytes();
DROP VIEW import_view;
DROP TABLE import_rows, import_parts;
SELECT count(ad_drop_model(name)) FROM (SELECT DISTINCT name FROM ad_models) m;
DROP ROLE import_other;
