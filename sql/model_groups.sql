-- A model per entity: training, scoring, what is carried over, what cannot be.
\set SHOW_CONTEXT never

CREATE TABLE pay AS
SELECT i AS id, 'm' || i % 8 AS merchant, CASE i % 2 WHEN 0 THEN 'AT' ELSE 'DE' END AS country,
       ad_random(1, i, 'normal') * (1 + i % 8) AS amount, ad_random(2, i, 'normal') AS hour
FROM generate_series(1, 1600) i;
CREATE FUNCTION counts(r jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(key || ' ' || value, ', ' ORDER BY key) FROM jsonb_each(r - 'bytes') $$;

SELECT counts(to_jsonb(t)), t.bytes > 0 AS bytes FROM ad_train_groups('g', 'SELECT merchant, amount, hour FROM pay', by => 'merchant') t;
SELECT name, version, active, detector, rows, features, bytes = (groups ->> 'bytes')::int AS bytes, groups - 'bytes' AS groups FROM ad_models;
SELECT entity, rows, bytes > 0 AS bytes, fitted_in, problem FROM ad_model_groups('g') LIMIT 3;

-- each model is the one that a fit of the entity's rows gives
SELECT count(*), bool_and(ad_group_model('g', merchant) = model) AS same
FROM (SELECT merchant, ad_fit(ad_zscore() || '{"calibrate": {}}', f) AS model FROM pay, LATERAL (SELECT amount, hour) f GROUP BY merchant) m;
-- the entity comes first, or is an attribute of the row; whatever the order of rows
SELECT count(*), bool_and(a = c) AS columns, bool_and(b = c) AS "row", bool_and(d = c) AS both, bool_and(p = q) AS pvalue, bool_and(y = z) AS is_anomaly
FROM (SELECT ad_score('g', merchant, amount, hour) AS a, ad_score('g', pay) AS b, ad_score('g', merchant, pay) AS d, ad_score(ad_group_model('g', merchant), amount, hour) AS c,
             ad_pvalue('g', merchant, amount, hour) AS p, ad_pvalue(ad_group_model('g', merchant), amount, hour) AS q,
             ad_is_anomaly('g', merchant, amount, hour) AS y, ad_is_anomaly(ad_group_model('g', merchant), amount, hour) AS z FROM pay ORDER BY id) s;
SELECT ad_why('g', 'm1', 30, 0) = ad_why(ad_group_model('g', 'm1'), 30, 0) AS why, ad_why('g', 'm1', 30, 0) = ad_why('g', 'm7', 30, 0) AS of_another;
SELECT e.rank, e.feature, e.direction FROM ad_explain('g', 'm1'::text, 30, 0) e;
SELECT e.rank, e.feature FROM ad_explain('g', '{"top": 1}'::jsonb, 'm1', 30, 0) e;
SELECT ad_pvalue_randomized('g', 0.5, 'm1', 30, 0) < 0.05 AS randomized, ad_probability('g', 'm1', 30, 0) > 0.5 AS probability;
-- nobody, and NULL, have no model: NULL
SELECT ad_score('g', 'nobody', 1, 1) AS nobody, ad_score('g', NULL::text, 1, 1) AS "null", ad_is_anomaly('g', 'nobody', 1, 1), ad_why('g', 'nobody', 1, 1), (SELECT count(*) FROM ad_explain('g', 'nobody'::text, 1, 1));

-- trained again: what has not changed is kept, in whatever order the rows come
SELECT counts(to_jsonb(t)) FROM ad_refresh_groups('g') t;
CREATE TABLE shuffled AS SELECT * FROM pay ORDER BY md5(id::text);
SELECT counts(to_jsonb(t)) FROM ad_train_groups('g', 'SELECT merchant, amount, hour FROM shuffled', 'merchant') t;
UPDATE pay SET amount = 2 * amount WHERE merchant = 'm3' AND id < 100;
DELETE FROM pay WHERE merchant = 'm4';
INSERT INTO pay SELECT 2000 + id, 'new', country, amount, hour FROM pay WHERE id < 100;
INSERT INTO pay SELECT 3000 + id, 'few', country, amount, hour FROM pay WHERE id < 4;
INSERT INTO pay SELECT 4000 + id, NULL, country, amount, hour FROM pay WHERE id < 7;
SELECT counts(to_jsonb(t)) FROM ad_train_groups('g', 'SELECT merchant, amount, hour FROM pay', 'merchant') t;
SELECT entity, rows, fitted_in, problem FROM ad_model_groups('g') WHERE fitted_in > 1 OR problem IS NOT NULL OR entity = 'm4';
SELECT count(*), bool_and(ad_group_model('g', merchant) = model) AS same
FROM (SELECT merchant, ad_fit(ad_zscore() || '{"calibrate": {}}', f) AS model FROM pay, LATERAL (SELECT amount, hour) f WHERE merchant <> 'few' GROUP BY merchant) m;
-- those that are gone go, if asked for; an old version is as it was
SELECT counts(to_jsonb(t)) FROM ad_refresh_groups('g', keep_gone => false) t;
SELECT ad_score('g', 'm4', 1, 1) AS gone, ad_score('g', 'few', 1, 1) AS few, ad_score('g', 'new', 1, 1) IS NOT NULL AS new;
SELECT ad_activate('g', 1);
SELECT ad_score('g', 'm4', 1, 1) IS NOT NULL AS was_there, ad_score('g', 'new', 1, 1) AS was_not, ad_group_model('g', 'm3') = ad_group_model('g', 'm3', 5) AS changed;
SELECT counts(to_jsonb(t)) FROM ad_refresh_groups('g', everything => true) t;
-- by ad_retrain(), too
SELECT ad_retrain('g') - 'bytes';

-- a common model for the others
SELECT ad_train('common', 'SELECT amount, hour FROM pay', ad_zscore() || ad_calibrate());
SELECT counts(to_jsonb(t)) FROM ad_train_groups('g', 'SELECT merchant, amount, hour FROM pay', 'merchant', fallback => 'common') t;
SELECT ad_score('g', 'few', 1, 1) = ad_score('common', 1, 1) AS few, ad_score('g', 'nobody', 1, 1) = ad_score('common', 1, 1) AS nobody, ad_score('g', NULL::text, 1, 1) = ad_score('common', 1, 1) AS "null",
       ad_score('g', 'm1', 1, 1) = ad_score('common', 1, 1) AS m1;
SELECT count(*), count(ad_score('g', pay)) AS scored, bool_and(ad_score('g', pay) = CASE WHEN merchant = 'few' OR merchant IS NULL THEN ad_score('common', pay) ELSE ad_score(ad_group_model('g', merchant), pay) END) AS same FROM pay;
SELECT ad_rename_model('common', 'usual');
SELECT ad_score('g', 'few', 1, 1) = ad_score('usual', 1, 1) AS few;
SELECT ad_drop_model('usual');
SELECT ad_score('g', 'm1', 1, 1) IS NOT NULL AS m1;
SELECT ad_score('g', 'few', 1, 1);

-- several columns, other types, a long name, a detector that fails for its rows
SELECT counts(to_jsonb(t)) FROM ad_train_groups('two', 'SELECT merchant, country, amount FROM pay', '{country,merchant}'::text[]) t;
SELECT entity, rows FROM ad_model_groups('two') LIMIT 2;
SELECT ad_score('two', 'AT', 'm2', 5) = ad_score(ad_group_model('two', '["AT", "m2"]'), 5) AS columns, ad_score('two', pay) = ad_score('two', country, merchant, amount) AS "row" FROM pay WHERE id = 2;
SELECT counts(to_jsonb(t)) FROM ad_train_groups('typed', $$ SELECT (i % 3 + 0.5)::numeric(9, 3) AS k, ad_random(1, i) AS x FROM generate_series(1, 300) i $$, 'k', 'ecod') t;
SELECT entity FROM ad_model_groups('typed');
SELECT ad_score('typed', 1.5, 2) = ad_score('typed', 1.5000, 2) AS same, ad_score('typed', '2.5'::numeric, 2) IS NOT NULL AS other;
SELECT counts(to_jsonb(t)) FROM ad_train_groups('long', $$ SELECT repeat('x', 10000) || i % 2 AS k, ad_random(1, i) AS x FROM generate_series(1, 100) i $$, 'k', 'zscore') t;
SELECT left(entity, 5) AS entity, length(entity) AS length, rows FROM ad_model_groups('long');
SELECT ad_score('long', repeat('x', 10000) || 1, 2.0) IS NOT NULL AS long, ad_score('long', repeat('x', 10000) || 2, 2.0) AS other, ad_group_model('long', repeat('x', 10000) || 1) IS NOT NULL AS model;
SELECT counts(to_jsonb(t)) FROM ad_train_groups('some', $$ SELECT k, CASE WHEN k = 1 THEN NULL ELSE ad_random(k, i) END AS x, ad_random(k, -i) AS y FROM generate_series(1, 50) i, generate_series(1, 2) k $$, 'k', 'mahalanobis') t;
SELECT entity, problem IS NULL AS fitted FROM ad_model_groups('some');
SELECT counts(to_jsonb(t)) FROM ad_train_groups('sketched', $$ SELECT merchant, ad_sketch(ad_zscore(), f) FROM pay, LATERAL (SELECT amount, hour) f WHERE merchant <> 'few' GROUP BY merchant, id % 3 $$, 'merchant', 'zscore') t;

-- what it is not
SELECT ad_model('g');
SELECT ad_info('g');
SELECT ad_threshold('g');
SELECT * FROM ad_model_groups('nobody');
SELECT ad_train('one', 'SELECT amount FROM pay', 'zscore');
SELECT * FROM ad_model_groups('one');
SELECT ad_refresh_groups('one');
SELECT ad_score('g', 'm1');
SELECT ad_score('g', 'm1', 1);
SELECT ad_score('g', 'm1', 1, 'x'::text);
SELECT ad_score('g', f) FROM (SELECT 1 AS amount, 2 AS hour) f;
SELECT ad_score('g', f) FROM (SELECT 'm1' AS merchant, 2 AS hour) f;
SELECT ad_score('g', now(), 1, 1);
-- what cannot be trained
SELECT ad_train_groups('bad', 'SELECT merchant, amount FROM pay', 'shop');
SELECT ad_train_groups('bad', 'SELECT merchant, merchant, amount FROM pay', 'merchant');
SELECT ad_train_groups('bad', 'SELECT merchant FROM pay', 'merchant');
SELECT ad_train_groups('bad', 'SELECT merchant, amount, amount FROM pay', 'merchant');
SELECT ad_train_groups('bad', 'SELECT now() AS t, amount FROM pay', 't');
SELECT ad_train_groups('bad', 'SELECT merchant, amount FROM pay', '{}'::text[]);
SELECT ad_train_groups('bad', 'SELECT merchant, amount FROM pay', '{merchant,merchant}'::text[]);
SELECT ad_train_groups('bad', 'SELECT merchant, amount FROM pay', '{merchant,NULL}'::text[]);
SELECT ad_train_groups('bad', 'SELECT merchant, amount FROM pay', 'merchant', fallback => 'nobody');
SELECT ad_train_groups('bad', 'SELECT merchant, amount FROM pay', 'merchant', fallback => 'g');
SELECT ad_train_groups('one', 'SELECT merchant, amount FROM pay', 'merchant', fallback => 'one');
SELECT ad_train_groups('bad', 'SELECT merchant, hour FROM pay', 'merchant', fallback => 'one');
SELECT ad_train_groups('bad', 'SELECT merchant, amount, hour FROM pay', 'merchant', fallback => 'one');
SELECT ad_train_groups('bad', 'SELECT merchant, country AS amount FROM pay', 'merchant', fallback => 'one');
SELECT ad_train_groups('bad', 'SELECT merchant, amount FROM pay', 'merchant', min_rows => 0);
SELECT ad_train_groups('bad', 'SELECT merchant, amount FROM pay', 'merchant', max_bytes => 5000);
SELECT ad_train_groups('bad', 'SELECT id, amount FROM pay', 'id');
SELECT ad_train_groups('bad', 'SELECT merchant, amount FROM pay WHERE false', 'merchant');
SELECT ad_train_groups('bad', 'SELECT NULL::text AS merchant, amount FROM pay', 'merchant');
SELECT ad_train_groups('bad', 'SELECT merchant, amount FROM pay', 'merchant', 'zscor');
SELECT ad_train_groups('bad', 'SELECT merchant, amount FROM pay', 'merchant', ad_zscore() || ad_sampling(keyed => true));
SELECT ad_train_groups('bad', 'DELETE FROM pay RETURNING merchant, amount', 'merchant');
SELECT ad_train_groups(NULL, 'SELECT merchant, amount FROM pay', 'merchant');
SELECT ad_train_groups('bad', NULL, 'merchant');
SELECT ad_train_groups('bad', 'SELECT merchant, amount FROM pay', NULL::text);
-- with a fallback nobody needs to have a model
SELECT counts(to_jsonb(t)) FROM ad_train_groups('cold', 'SELECT id AS merchant, amount FROM pay', 'merchant', fallback => 'one') t;
SELECT ad_score('cold', 1, 5) = ad_score('one', 5) AS fallback;
-- a column that goes, and one of another type
SELECT counts(to_jsonb(t)) FROM ad_train_groups('h', 'SELECT merchant, hour FROM pay', 'merchant') t;
ALTER TABLE pay ALTER hour TYPE text USING CASE WHEN hour > 0 THEN 'high' ELSE 'low' END;
SELECT counts(to_jsonb(t)) FROM ad_refresh_groups('h') t;
ALTER TABLE pay DROP hour;
SELECT ad_refresh_groups('h');

-- rights are those of the model; the query is run as who trains
CREATE ROLE groups_reader;
SET ROLE groups_reader;
SELECT ad_score('two', 'AT', 'm2', 5);
RESET ROLE;
SELECT ad_grant_model('two', 'groups_reader', 'score');
SET ROLE groups_reader;
SELECT ad_score('two', 'AT', 'm2', 5) IS NOT NULL AS scored;
SELECT * FROM ad_model_groups('two');
SELECT ad_group_model('two', 'x');
SELECT ad_refresh_groups('two');
SELECT ad_train_groups('mine', 'SELECT merchant, amount FROM pay', 'merchant');
SELECT count(*) FROM _anomaly._ad_model_group;
RESET ROLE;
-- a fallback needs the privilege score, too
SELECT ad_grant_model('cold', 'groups_reader', 'score');
SET ROLE groups_reader;
SELECT ad_score('cold', 1, 5);
RESET ROLE;
-- bytes that a restore brought are checked as all are
UPDATE _anomaly._ad_model_group SET model = '\x00' WHERE entity = '["AT", "m2"]';
SELECT ad_score('two', 'AT', 'm2', 6);
UPDATE _anomaly._ad_model_group SET model = (SELECT ad_model('one')) WHERE entity = '["AT", "m2"]';
UPDATE _anomaly._ad_model_group SET model = (SELECT ad_group_model('g', 'm1')) WHERE entity = '["AT", "m0"]';
SELECT ad_score('two', 'AT', m, 6) FROM (VALUES ('m2'), ('m0')) v(m);
-- and a version that says nothing that can be read keeps no other from being seen
BEGIN;
UPDATE _anomaly._ad_model_version SET groups = '{"bytes": "x", "least_p": "x"}' WHERE name = 'two';
SELECT count(bytes) > 0 AS bytes, bool_and(bytes IS NULL) FILTER (WHERE name = 'two') AS unknown FROM ad_models;
SELECT count(*) > 0 AS checks FROM ad_health();
ROLLBACK;
-- one that names the models of another as its own neither changes nor drops them
CREATE TEMP TABLE before AS SELECT * FROM ad_model_groups('g');
INSERT INTO _anomaly._ad_model_name SELECT (jsonb_populate_record(n, '{"name": "thief"}')).* FROM _anomaly._ad_model_name n WHERE name = 'g';
INSERT INTO _anomaly._ad_model_version SELECT (jsonb_populate_record(v, jsonb_build_object('name', 'thief', 'groups', v.groups || jsonb_build_object('set', upper(v.groups ->> 'set'))))).*
FROM _anomaly._ad_model_version v WHERE name = 'g' AND groups IS NOT NULL;
SELECT (t).kept FROM ad_train_groups('thief', 'SELECT merchant, amount * 9 AS amount, amount + 1 AS hour FROM pay', 'merchant') t;
SELECT ad_drop_model('thief') > 0 AS dropped;
SELECT count(*) > 0 AS entities, count(*) = (SELECT count(*) FROM before JOIN ad_model_groups('g') n USING (entity, rows, fitted_in)) AS same FROM before;
DROP TABLE before;
-- a report says of how many entities it is
SELECT line FROM regexp_split_to_table(ad_report('g', what => 'model'), '\n') line WHERE line ~ '^A model per';
SELECT line FROM regexp_split_to_table(ad_report('two'), '\n') line WHERE line ~ '^A model per';
-- what is dropped leaves nothing
SELECT ad_drop_model(name) > 0 AS dropped FROM (SELECT DISTINCT name FROM ad_models) m;
SELECT count(*) FROM _anomaly._ad_model_group;
DROP ROLE groups_reader;
DROP FUNCTION counts;
DROP TABLE pay, shuffled;
