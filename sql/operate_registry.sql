-- Named models: train, score by name, versions, and what can go wrong.
\set SHOW_CONTEXT never
\pset format unaligned
CREATE TABLE payments AS
SELECT i AS id, ((i * 37 % 101 + i * 53 % 97 + i * 71 % 89) / 3.0 * CASE WHEN i % 100 = 0 THEN 5 ELSE 1 END)::numeric(9,2) AS amount,
       (ARRAY['AT', 'CH', 'DE', 'DE'])[1 + i % 4] AS country,
       timestamptz '2026-03-02 08:00+00' + i * interval '1 minute' AS ts, i % 100 = 0 AS fraud
FROM generate_series(1, 2000) i;

-- the first version is made active; a comment or a semicolon may end the query
SELECT ad_train('fraud', $$ SELECT amount, country, ts FROM payments WHERE id <= 1500; -- a month
$$, ad_iforest(trees => 20), notes => 'first');
SELECT name, version, active, detector, rows, features, trained_by = current_user AS mine, notes, privilege, query,
       digest = ad_info(name) ->> 'digest' AS digest, bytes = (ad_info(name) ->> 'bytes')::int AS bytes,
       spec = ad_info(name) -> 'spec' AS spec, trained_at > now() - interval '1 hour' AS at
FROM ad_models;
-- a name stands for its model in all three forms
SELECT count(*), count(*) FILTER (WHERE by_name = by_bytes) AS same, count(*) FILTER (WHERE by_row = by_bytes) AS row
FROM (SELECT ad_score('fraud', amount, country, ts) AS by_name, ad_score('fraud', p) AS by_row,
             ad_score(m, amount, country, ts) AS by_bytes
      FROM payments p, (SELECT ad_fit(ad_iforest(trees => 20), t) AS m
                        FROM (SELECT amount, country, ts FROM payments WHERE id <= 1500) t) f) s;
SELECT ad_info('fraud') - 'fit' = ad_info(ad_model('fraud')) AS info, count(*) AS features FROM ad_features('fraud');
-- a call of a typed text, a varchar, a column, a prepared one
SELECT DISTINCT ad_score('fraud', 10, 'AT', ts) = ad_score(n::varchar, 10, 'AT', ts) AS same
FROM payments, (VALUES (text 'fraud')) v(n) WHERE id < 5;
PREPARE score AS SELECT ad_score($1, 10, 'AT', ts) IS NOT NULL AS scored FROM payments WHERE id = 7;
EXECUTE score('fraud');
DEALLOCATE score;
SELECT ad_score(NULL, 1) AS null_name, ad_info(NULL::text) AS info, ad_model(NULL) AS model;

-- versions
SELECT ad_train('fraud', 'SELECT amount, country, ts FROM payments', 'hbos') AS hbos,
       ad_train('fraud', 'SELECT amount, country FROM payments', 'hbos', activate => false) AS passive;
SELECT name, version, active, detector, jsonb_array_length(features) AS features, rows FROM ad_models ORDER BY 1, 2;
SELECT ad_info('fraud') ->> 'detector' AS before;
SELECT ad_activate('fraud', 1) AS was;
SELECT ad_info('fraud') ->> 'detector' AS after, ad_info(ad_model('fraud', 2)) ->> 'detector' AS second;
-- keep the last two, and the active one; the policy stays
SELECT ad_train('fraud', 'SELECT amount, country FROM payments', 'hbos', keep => 2, activate => false);
SELECT array_agg(version ORDER BY version) FROM ad_models WHERE name = 'fraud';
SELECT ad_train('fraud', 'SELECT amount, country FROM payments', 'hbos');
SELECT array_agg(version ORDER BY version) FROM ad_models WHERE name = 'fraud';
-- the number of a dropped version is not given again
SELECT ad_activate('fraud', 4) AS was, ad_drop_model('fraud', 5) AS dropped;
SELECT ad_train('fraud', 'SELECT amount, country FROM payments', 'zscore');
SELECT ad_drop_model('fraud', 6);
SELECT ad_drop_model('fraud', 99);
SELECT ad_activate('fraud', 99);
SELECT ad_activate('fraud', 0);
SELECT ad_model('fraud', 0);
SELECT ad_activate('nobody', 1);

-- rename, and names that need care
SELECT ad_rename_model('fraud', 'a.b "c" ''d''; DROP TABLE payments; --');
SELECT ad_score('a.b "c" ''d''; DROP TABLE payments; --', 10, 'AT') IS NOT NULL AS scored;
SELECT ad_train('a.b "c" ''d''; DROP TABLE payments; --', 'SELECT amount FROM payments', 'zscore');
SELECT ad_rename_model('a.b "c" ''d''; DROP TABLE payments; --', 'fraud');
SELECT ad_train('Überweisung 🙂', 'SELECT amount FROM payments', 'zscore');
SELECT ad_rename_model('fraud', 'Überweisung 🙂');
SELECT ad_rename_model('fraud', repeat('x', 64));
SELECT ad_rename_model('nobody', 'x');
SELECT ad_drop_model('Überweisung 🙂');
SELECT ad_train('', 'SELECT amount FROM payments', 'zscore');
SELECT ad_train(repeat('x', 1000), 'SELECT amount FROM payments', 'zscore');
SELECT ad_score(repeat('ü', 1000), 1);
SELECT ad_train(repeat('x', 63), 'SELECT amount FROM payments', 'zscore');
SELECT ad_drop_model(repeat('x', 63));
SELECT ad_score(repeat('x', 63), 1);
SELECT ad_score('\x414d4f44', 1);

-- a query that is not a query
SELECT ad_train('x', 'SELECT 1; DROP TABLE payments', 'zscore');
SELECT ad_train('x', 'SELECT 1) t; DROP TABLE payments; SELECT (1', 'zscore');
SELECT ad_train('x', '', 'zscore');
SELECT ad_train('x', 'DELETE FROM payments RETURNING amount', 'zscore');
SELECT ad_train('x', 'WITH d AS (DELETE FROM payments RETURNING amount) SELECT amount FROM d', 'zscore');
SELECT ad_train('x', 'SELECT amount INTO other FROM payments', 'zscore');
SELECT ad_train('x', 'SELECT amount FROM payments FOR UPDATE', 'zscore');
SELECT ad_train('x', 'EXPLAIN SELECT amount FROM payments', 'zscore');
SELECT ad_train('x', 'SELECT FROM payments', 'zscore');
SELECT ad_train('x', 'SELECT $1::int', 'zscore');
-- a query that writes by a function, or fails, or has nothing
CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM payments; RETURN 1; END $$;
CREATE SEQUENCE counter;
SELECT ad_train('x', 'SELECT amount, writes() FROM payments', 'zscore');
SELECT ad_train('x', 'SELECT nextval(''counter'') FROM payments', 'zscore');
SELECT ad_train('x', 'SELECT amount / 0 AS a FROM payments', 'zscore');
SELECT ad_train('x', 'SELECT no_such FROM payments', 'zscore');
SELECT ad_train('x', 'SELECT amount FROM payments WHERE false', 'zscore');
SELECT ad_train('x', 'SELECT NULL::payments FROM payments -- all', 'zscore');
SELECT ad_train('x', 'SELECT NULL::bytea FROM payments', 'zscore');
SELECT ad_train('x', 'SELECT NULL::float8 AS a FROM payments', ad_zscore() || ad_prepare(impute => 'error', on_error => 'null'));
SELECT ad_train('x', 'SELECT amount, amount FROM payments', 'zscore');
SELECT ad_train('x', 'SELECT amount, ARRAY[1] AS b FROM payments', 'zscore');
SELECT ad_train('x', 'SELECT amount FROM payments', 'zscores');
SELECT ad_train('x', 'SELECT amount FROM payments', '{"detector": "zscore", "x": 1}'::jsonb);
SELECT ad_train('x', 'SELECT amount FROM payments', 'zscore', keep => 0);
SELECT ad_train(NULL, 'SELECT amount FROM payments', 'zscore');
SELECT ad_train('x', NULL, 'zscore');
SELECT ad_train('x', 'SELECT amount FROM payments', NULL::jsonb);
-- nothing of that left a trace, and writing works as before
SELECT count(*) FROM payments;
SELECT count(*) FROM ad_models WHERE name = 'x';
SHOW transaction_read_only;
BEGIN READ ONLY;
SELECT ad_train('x', 'SELECT amount FROM payments', 'zscore');
ROLLBACK;
DO $$
BEGIN
	PERFORM ad_train('x', 'SELECT writes()', 'zscore');
EXCEPTION WHEN read_only_sql_transaction THEN
	CREATE TEMP TABLE written AS SELECT 'still read-write' AS so;
END $$;
TABLE written;
-- other queries: WITH, VALUES, TABLE, UNION, unnamed columns, one array, one row, a key
SELECT ad_train('x', 'WITH a AS (SELECT amount FROM payments) SELECT amount, amount * 2 AS b FROM a', 'zscore') AS w,
       ad_train('x', 'VALUES (1, 2), (3, 4)', 'zscore') AS v, ad_train('x', 'TABLE payments', 'zscore') AS t,
       ad_train('x', 'SELECT 1 AS a UNION ALL SELECT 2 ORDER BY 1', 'zscore') AS u,
       ad_train('x', 'SELECT amount + 1, amount::float4 FROM payments', 'zscore') AS unnamed,
       ad_train('x', 'SELECT ARRAY[amount, id] FROM payments', 'zscore') AS array,
       ad_train('x', 'SELECT p FROM payments p', 'zscore') AS row,
       ad_train('x', 'SELECT id, amount, country FROM payments', ad_zscore() || ad_sampling(keyed => true)) AS keyed;
SELECT version, string_agg(coalesce(f ->> 'name', '-') || ' ' || (f ->> 'type'), ', ') AS features, rows
FROM ad_models, jsonb_array_elements(features) f WHERE name = 'x' GROUP BY version, rows ORDER BY 1;
SELECT ad_train('x', 'SELECT id FROM payments', ad_zscore() || ad_sampling(keyed => true));

-- compare two versions: mean ranks with ties, against the definition
SELECT ad_train('c', 'SELECT amount, country FROM payments', ad_zscore()) AS v1,
       ad_train('c', 'SELECT amount::float8, country, id AS new FROM payments', ad_hbos()) AS v2;
SELECT rows, round(rank_correlation::numeric, 6) AS rank_correlation, round(top_k_overlap::numeric, 3) AS overlap,
       round(roc_auc1::numeric, 6) AS auc1, round(roc_auc2::numeric, 6) AS auc2,
       round(average_precision1::numeric, 6) AS ap1, round(average_precision2::numeric, 6) AS ap2, feature_changes
FROM ad_compare('c', 1, 2, 'SELECT *, id AS new FROM payments; -- all', k => 50, label => 'fraud');
WITH s AS (
	SELECT id, fraud, ad_score(m1, p) AS s1, ad_score(m2, p) AS s2
	FROM (SELECT *, id AS new FROM payments) p, (SELECT ad_model('c', 1) AS m1, ad_model('c', 2) AS m2) m),
numbered AS (
	SELECT *, row_number() OVER (ORDER BY s1) AS n1, row_number() OVER (ORDER BY s2) AS n2 FROM s),
ranked AS (
	SELECT *, avg(n1) OVER (PARTITION BY s1) AS r1, avg(n2) OVER (PARTITION BY s2) AS r2 FROM numbered)
SELECT count(*), round(corr(r1, r2)::numeric, 6) AS rank_correlation,
       round(((SELECT count(*) FROM (SELECT id FROM s ORDER BY s1 DESC, id LIMIT 50) a
               JOIN (SELECT id FROM s ORDER BY s2 DESC, id LIMIT 50) b USING (id)) / 50.0), 3) AS overlap,
       round(ad_roc_auc(s1, fraud)::numeric, 6) AS auc1, round(ad_average_precision(s2, fraud)::numeric, 6) AS ap2
FROM ranked;
SELECT rows, rank_correlation, top_k_overlap, roc_auc1, feature_changes FROM ad_compare('c', 1, 1, 'TABLE payments', k => 9999);
SELECT rows FROM ad_compare('x', 6, 6, 'SELECT fraud::int AS l, ARRAY[amount, id] FROM payments', label => 'l');
SELECT rows FROM ad_compare('x', 6, 6, 'SELECT fraud::int::float8 AS l, ARRAY[amount, id] FROM payments', label => 'l');
SELECT rows FROM ad_compare('x', 6, 6, 'SELECT fraud::int + 1 AS l, ARRAY[amount, id] FROM payments', label => 'l');
SELECT * FROM ad_compare('c', 1, 3, 'TABLE payments');
SELECT * FROM ad_compare('c', 1, 2, 'TABLE payments');
SELECT * FROM ad_compare('c', 1, 1, 'SELECT * FROM payments WHERE false');
SELECT * FROM ad_compare('c', 1, 1, 'DELETE FROM payments RETURNING *');
SELECT * FROM ad_compare('c', 1, 1, 'TABLE payments', label => 'odd');
SELECT * FROM ad_compare('c', 1, 1, 'TABLE payments', k => 0);
-- columns may be called as the queries around them call theirs
SELECT ad_train('t', 'SELECT amount AS t, id AS _f, id % 7 AS _q FROM payments', 'zscore');
SELECT features FROM ad_models WHERE name = 't';
SELECT rank_correlation FROM ad_compare('t', 1, 1, 'SELECT amount AS t, id AS _f, id % 7 AS _q FROM payments');
SELECT ad_drop_model('t');
SELECT * FROM ad_compare('c', 1, NULL, 'TABLE payments');
SELECT * FROM ad_compare('nobody', 1, 2, 'TABLE payments');
-- the path of the caller is the query's, and no more
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.payments AS SELECT * FROM payments LIMIT 10;
CREATE FUNCTION elsewhere.refuse(text, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'the path was used'; END $$;
CREATE OPERATOR elsewhere.= (LEFTARG = text, RIGHTARG = text, FUNCTION = elsewhere.refuse);
SET search_path = elsewhere, pg_catalog, public;
SELECT ad_train('c', 'TABLE payments', 'zscore') AS version;
SELECT rows FROM ad_models WHERE version = 3 AND name::bytea = 'c';
SELECT rows FROM ad_compare('c', 3, 3, 'TABLE payments', label => 'fraud');
SELECT ad_activate('c', 2) AS was, ad_rename_model('c', 'd') IS NULL AS void, ad_grant_model('d', 'public', 'score') IS NULL AS void,
       ad_revoke_model('d', 'public', 'score') IS NULL AS void, ad_drop_model('d', 3) AS dropped;
RESET search_path;

-- a rollback leaves no trace
BEGIN;
SELECT ad_train('gone', 'SELECT amount FROM payments', 'zscore') IS NOT NULL AS trained;
SELECT ad_score('gone', 1) IS NOT NULL AS scored;
ROLLBACK;
SELECT ad_score('gone', 1);
SELECT ad_score('d', 1, 'AT', 1) AS two \gset
BEGIN;
SELECT ad_activate('d', 1);
SELECT ad_score('d', 1, 'AT') <> :two AS one;
ROLLBACK;
SELECT ad_score('d', 1, 'AT', 1) = :two AS two;
-- a query keeps what it began with; the next one sees the new
SELECT ad_drop_model('d', 1) AS dropped;
SELECT count(DISTINCT (d || coalesce(t, 0)::text)) AS rows, count(DISTINCT d) AS seen
FROM (SELECT i, ad_info('d') ->> 'digest' AS d,
             CASE WHEN i = 2 THEN ad_train('d', 'SELECT amount FROM payments WHERE id < 100', 'zscore') END AS t
      FROM generate_series(1, 3) i) s;
SELECT ad_info('d') ->> 'detector' AS detector;
-- in PL/pgSQL a call site outlives its statement: every expression looks again
CREATE FUNCTION trace() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	s text;
BEGIN
	FOR i IN 1..6 LOOP
		s := ad_info('d') #>> '{iforest,trees}';
		RETURN NEXT format('%s trees, %s', coalesce(s, 'no'), ad_score('d', 1) > 0);
		IF i < 3 THEN
			PERFORM ad_train('d', 'SELECT amount FROM payments WHERE id < 100', ad_iforest(trees => i));
		ELSIF i = 3 THEN
			BEGIN
				PERFORM ad_train('d', 'SELECT amount FROM payments WHERE id < 100', ad_iforest(trees => 99));
				-- the same call site, inside what is rolled back
				FOR j IN 1..2 LOOP
					s := ad_info('d') #>> '{iforest,trees}';
					RETURN NEXT format('%s inside', s);
					IF j = 2 THEN RAISE 'undone'; END IF;
				END LOOP;
			EXCEPTION WHEN raise_exception THEN
				NULL;
			END;
		ELSIF i = 4 THEN
			PERFORM ad_train('d', 'SELECT amount FROM payments WHERE id < 100', ad_iforest(trees => 4));
		ELSE
			PERFORM ad_rename_model('d', 'e'), ad_rename_model('e', 'd');
		END IF;
	END LOOP;
END $$;
SELECT trace();
-- the same variable, after a subtransaction that trained and was undone
CREATE FUNCTION undone() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..4 LOOP
		BEGIN
			IF i IN (2, 4) THEN
				PERFORM ad_train('d', 'SELECT amount FROM payments WHERE id < 100', ad_iforest(trees => 10 + i));
			END IF;
			FOR j IN 1..1 LOOP
				RETURN NEXT ad_info('d') #>> '{iforest,trees}';
				IF i = 2 THEN RAISE 'undone'; END IF;
			END LOOP;
		EXCEPTION WHEN raise_exception THEN
			NULL;
		END;
	END LOOP;
END $$;
SELECT undone();
-- a function whose snapshot is its caller's
CREATE FUNCTION stable_info() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN ad_info('d') #>> '{iforest,trees}'; END $$;
SELECT stable_info() AS before, ad_train('d', 'SELECT amount FROM payments WHERE id < 100', ad_iforest(trees => 8)) IS NOT NULL AS trained,
       stable_info() AS same;
SELECT stable_info() AS after;
-- a cursor keeps its version
BEGIN;
DECLARE c CURSOR FOR SELECT ad_info('d') #>> '{iforest,trees}' AS trees FROM generate_series(1, 3);
FETCH c;
SELECT ad_train('d', 'SELECT amount FROM payments WHERE id < 100', ad_iforest(trees => 9)) IS NOT NULL AS trained;
FETCH c;
SELECT ad_info('d') #>> '{iforest,trees}' AS trees;
SELECT ad_drop_model('d') > 0 AS dropped;
FETCH c;
COMMIT;
SELECT ad_info('d');

SELECT ad_drop_model('x') AS x, ad_drop_model('fraud') AS fraud;
SELECT count(*) AS models, (SELECT count(*) FROM ad_model_grants) AS grants FROM ad_models;
DROP SCHEMA elsewhere CASCADE;
DROP FUNCTION writes, trace, undone, stable_info;
DROP SEQUENCE counter;
DROP TABLE payments, written;
