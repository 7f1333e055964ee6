-- Scores for guards: NULL in place of an error about the model or the row.
\set VERBOSITY terse
\set SHOW_CONTEXT never
\pset format unaligned
CREATE TABLE rows AS SELECT i, sin(i) AS x, cos(i) AS y, 'c' || i % 3 AS w FROM generate_series(1, 300) i;
SELECT ad_train('guard', 'SELECT x, y FROM rows', ad_zscore() || ad_calibrate()),
       ad_train('plain', 'SELECT x, y FROM rows', ad_hbos()),
       ad_train('mixed', 'SELECT x, w FROM rows', ad_hbos() || ad_calibrate()),
       ad_train('strict', 'SELECT x, y FROM rows', ad_zscore() || ad_calibrate() || ad_prepare(impute => 'error')),
       ad_train('members', 'SELECT x, y FROM rows', ad_ensemble(ARRAY[ad_zscore() || ad_prepare(impute => 'error'), ad_hbos()]));
CREATE TABLE bytes AS SELECT name, ad_model(name) AS m FROM ad_models;

-- a row that fits gets the same score, in every form, by name and by bytes
SELECT count(*) AS rows,
       count(*) FILTER (WHERE ad_try_score('guard', x, y) = ad_score('guard', x, y)) AS columns,
       count(*) FILTER (WHERE ad_try_score('guard', ARRAY[x, y]) = ad_score('guard', x, y)) AS array,
       count(*) FILTER (WHERE ad_try_score('guard', r) = ad_score('guard', x, y)) AS row,
       count(*) FILTER (WHERE ad_try_score('mixed', x, w) = ad_score('mixed', x, w)) AS category,
       count(*) FILTER (WHERE ad_try_score(m, x, y) = ad_score(m, x, y)) AS bytes,
       count(*) FILTER (WHERE ad_try_pvalue('guard', x, y) = ad_pvalue('guard', x, y)) AS pvalue,
       count(*) FILTER (WHERE ad_try_pvalue(m, r) = ad_pvalue(m, x, y)) AS pvalue_bytes
FROM rows r, bytes WHERE name = 'guard';
-- what is missing is imputed; NULL model, array or row
SELECT ad_try_score('guard', x, NULL) = ad_score('guard', x, NULL) AS imputed, ad_try_score(NULL::text, x, y), ad_try_score(NULL::bytea, x, y),
       ad_try_score('guard', NULL::float8[]), ad_try_pvalue('guard', NULL::rows) FROM rows WHERE i = 1;

-- what ad_score() says, and ad_try_score() does not
CREATE FUNCTION tried(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result float8; message text;
BEGIN
	EXECUTE replace(call, '@', 'try_') INTO result;
	BEGIN
		EXECUTE replace(call, '@', '');
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
		RETURN format('%s: %s, %s', coalesce(result::text, 'NULL'), SQLSTATE, message);
	END;
	RETURN result::text;
END $$;
SELECT tried(call) FROM (VALUES
	(1, 'SELECT ad_@score(''lost'', 1, 2)'), (2, 'SELECT ad_@score(repeat(''x'', 64), 1)'), (3, 'SELECT ad_@score('''', 1)'),
	(4, 'SELECT ad_@score(''\x00''::bytea, 1)'), (5, 'SELECT ad_@score(set_byte(m, 200, 255 - get_byte(m, 200)), 1, 2) FROM bytes WHERE name = ''guard'''),
	(6, 'SELECT ad_@score(set_byte(m, 8, 99), 1, 2) FROM bytes WHERE name = ''guard'''), (7, 'SELECT ad_@score(substr(m, 1, 100), 1, 2) FROM bytes WHERE name = ''guard'''),
	(8, 'SELECT ad_@score(''guard'', 1)'), (9, 'SELECT ad_@score(''guard'', 1, 2, 3)'), (10, 'SELECT ad_@score(''guard'', 1, ''a''::text)'),
	(11, 'SELECT ad_@score(''guard'', ''{}''::jsonb)'), (12, 'SELECT ad_@score(''guard'', 1, ''a'')'), (13, 'SELECT ad_@score(''guard'', ARRAY[1.0])'),
	(14, 'SELECT ad_@score(''guard'', ARRAY[[1.0, 2.0]])'), (15, 'SELECT ad_@score(''guard'', r) FROM (SELECT 1 AS x) r'),
	(16, 'SELECT ad_@score(''guard'', r) FROM (SELECT 1 AS x, 2 AS y, 3 AS y) r'), (17, 'SELECT ad_@score(''guard'', r) FROM (SELECT 1 AS x, ''q'' AS y) r'),
	(18, 'SELECT ad_@score(''strict'', 1, NULL)'), (19, 'SELECT ad_@score(''members'', 1, NULL)'), (20, 'SELECT ad_@pvalue(''plain'', 1, 2)'),
	(21, 'SELECT ad_@pvalue(''lost'', 1, 2)')) v(i, call) ORDER BY i;
-- among rows that fit
SELECT i, ad_try_score(CASE WHEN i % 3 = 0 THEN 'lost' ELSE 'guard' END, i, 1) IS NULL AS no_model,
       ad_try_score('guard', CASE WHEN i % 2 = 0 THEN ARRAY[i] ELSE ARRAY[i, 1] END) IS NULL AS no_array,
       ad_try_score('strict', i, nullif(i, 3)) IS NULL AS missing,
       ad_try_score(CASE WHEN i % 2 = 0 THEN m ELSE substr(m, 3) END, i, 1) IS NULL AS damaged
FROM generate_series(1, 6) i, bytes WHERE name = 'guard' ORDER BY i;
-- other errors are raised: those of arguments, and a cancel
SELECT ad_try_score('guard', 1, 1 / (i - 1)) FROM rows WHERE i = 1;
SELECT ad_try_score('guard');
SET client_min_messages = warning;
CREATE TYPE try_vec;
CREATE FUNCTION try_vec_in(cstring) RETURNS try_vec LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION try_vec_out(try_vec) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE try_vec (INPUT = try_vec_in, OUTPUT = try_vec_out, LIKE = text);
CREATE FUNCTION try_vec_array(try_vec) RETURNS float8[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF try_vec_out($1)::text = 'odd' THEN RAISE 'odd' USING ERRCODE = 'datatype_mismatch'; END IF;
	RETURN try_vec_out($1)::text::float8[];
END $$;
CREATE CAST (try_vec AS float8[]) WITH FUNCTION try_vec_array(try_vec);
SELECT ad_try_score('guard', '{1,2}'::try_vec) = ad_score('guard', 1, 2) AS same, ad_try_score('guard', '{1}'::try_vec), ad_try_score('lost', '{1}'::try_vec);
SELECT ad_try_score('guard', v::try_vec) FROM (VALUES ('{1,2}'), ('odd')) t(v);
SELECT ad_try_score('guard', v::try_vec) FROM (VALUES ('odd')) t(v);
RESET client_min_messages;
SET statement_timeout = '50ms';
SELECT count(ad_try_score('guard', x, pg_sleep(1)::text::float8)) FROM rows;
RESET statement_timeout;

-- who may not score with a model has none
CREATE ROLE regress_try;
SET ROLE regress_try;
SELECT ad_try_score('guard', 1, 2);
SELECT ad_score('guard', 1, 2);
RESET ROLE;

-- volatility; by bytes it may stand in a generated column or an index
SELECT p.oid::regprocedure, provolatile, proparallel FROM pg_proc p WHERE proname ~ '^ad_try_' ORDER BY p.oid::regprocedure::text;

-- a dropped model stops no insert
CREATE TABLE guarded (x float8, y float8, strange boolean, CHECK (coalesce(ad_try_pvalue('guard', x, y), 1) > 0.0001));
CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.strange := ad_try_pvalue('guard', NEW.x, NEW.y) < 0.05; RETURN NEW; END $$;
CREATE TRIGGER mark BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION mark();
INSERT INTO guarded VALUES (0.1, 0.1), (9, 9);
SELECT ad_drop_model('guard');
INSERT INTO guarded VALUES (0.1, 0.1), (9, 9);
SELECT * FROM guarded;

-- the fit's figures stand with the version, not in the bytes
SELECT name, rows, fit_ms > 0 AS ms, fit_bytes > 10000 AS bytes, ad_info(name) #>> '{fit,bytes}' = fit_bytes::text AS info, ad_info(ad_model(name)) ? 'fit' AS in_bytes
FROM ad_models ORDER BY name COLLATE "C";
UPDATE _anomaly._ad_model_version SET fit_ms = NULL, fit_bytes = NULL WHERE name = 'plain';
SELECT ad_info('plain') ? 'fit' AS info, fit_ms, fit_bytes FROM ad_models WHERE name = 'plain';

-- the cache of this session
SELECT scope, models > 0 AS models, bytes > 0 AS bytes, hits > 0 AS hits, misses > 0 AS misses, evictions >= 0 AS evictions FROM ad_stat_cache WHERE scope = 'session';
\c
SET anomaly.model_cache_size = '64kB';
SELECT models, bytes, hits, misses, evictions FROM ad_stat_cache WHERE scope = 'session';
SELECT ad_score('plain', 1, 2) > 0;
SELECT ad_score('plain', 1, 2) > 0;
SELECT models, hits, misses, evictions FROM ad_stat_cache WHERE scope = 'session';

SELECT ad_drop_model(name) FROM ad_models;
DROP TABLE rows, bytes, guarded;
DROP FUNCTION tried, mark;
SET client_min_messages = warning;
DROP TYPE try_vec CASCADE;
DROP ROLE regress_try;
