-- Labels weigh the members of a model: ad_train(…, labels => …), ad_weight_members(), ad_retrain().
\set SHOW_CONTEXT never
SET timezone = 'UTC';

-- two columns that each have a bound, and anomalies that only ad_subknn() can see: inside both, on no curve
CREATE TABLE orbit (id int PRIMARY KEY, a float8, b float8, at timestamptz NOT NULL, strange bool, mark int, told bool);
INSERT INTO orbit
SELECT i, CASE WHEN i % 50 = 0 THEN 0.3 * ad_random(1, i, 'normal') ELSE cos(i * 0.7) + 0.02 * ad_random(1, i, 'normal') END,
       CASE WHEN i % 50 = 0 THEN 0.3 * ad_random(2, i, 'normal') ELSE sin(i * 0.7) + 0.02 * ad_random(2, i, 'normal') END,
       timestamptz '2026-01-01' + i * interval '1 minute', i % 50 = 0
FROM generate_series(1, 2000) i;
UPDATE orbit SET mark = strange::int, told = strange WHERE id % 20 = 0;

SELECT ad_train('orbit', 'SELECT a, b FROM orbit') AS unlabelled, ad_train('orbit', 'SELECT a, told, b FROM orbit -- all', labels => 'told') AS labelled,
       ad_train('orbit', 'SELECT a, b, mark FROM orbit', labels => 'mark') AS numbers, ad_train('orbit', 'SELECT a, b, mark::numeric AS mark FROM orbit', ad_auto() || ad_calibrate(), labels => 'mark') AS numerics,
       ad_train('orbit', 'SELECT a, b, told FROM orbit ORDER BY a', labels => 'told') AS ordered;
SELECT version, jsonb_array_length(features) AS features, spec ? 'weights' AS weighed, labels ->> 'column' AS labels,
       (spec #>> '{weights,1}')::float8 > 0.6 AS subknn_most FROM ad_models WHERE name = 'orbit' ORDER BY version;
SELECT version, md5(ad_model('orbit', version)) = md5(ad_model('orbit', 2)) AS same FROM generate_series(3, 5) version;
-- what finds them, and all that is said of scores is of the weighted ones
SELECT ad_average_precision(ad_score(ad_model('orbit', 2), a, b), strange) > ad_average_precision(ad_score(ad_model('orbit', 1), a, b), strange) AS better,
       abs(avg((ad_score(ad_model('orbit', 2), a, b) > ad_threshold(ad_model('orbit', 2), 0.1))::int) - 0.1) < 0.03 AS threshold,
       abs(avg((ad_pvalue(ad_model('orbit', 2), a, b) <= 0.1)::int) - 0.1) < 0.05 AS p_values FROM orbit WHERE told IS NULL;

-- labels that say nothing: of one kind, none; and of a model without members
SELECT ad_train('one', 'SELECT a, b, true AS y FROM orbit', labels => 'y'), ad_train('one', 'SELECT a, b, 0 AS y FROM orbit', labels => 'y'),
       ad_train('one', 'SELECT a, b, NULL::bool AS y FROM orbit', labels => 'y'), ad_train('one', 'SELECT a, b FROM orbit');
SELECT count(DISTINCT digest) AS models, bool_or(spec ? 'weights') AS weighed FROM ad_models WHERE name = 'one';
SELECT ad_train('single', 'SELECT a, b, told FROM orbit', 'iforest', labels => 'told'), ad_train('single', 'SELECT a, b FROM orbit', 'iforest');
SELECT count(DISTINCT digest) AS models FROM ad_models WHERE name = 'single';
-- contradicting ones are equal weights, and weights of a spec stay where labels say nothing
SELECT ad_train('two', 'SELECT a, b, y FROM orbit, (VALUES (true), (false)) v(y)', labels => 'y');
SELECT ad_train('two', 'SELECT a, b, NULL::bool AS y FROM orbit', ad_ensemble(ARRAY[ad_ecod(), ad_hbos()], weights => '{1,3}'), labels => 'y');
SELECT spec -> 'weights' AS weights FROM ad_models WHERE name = 'two' ORDER BY version;
-- a domain, a row key, an array of features
CREATE DOMAIN verdict AS boolean;
SELECT ad_train('more', 'SELECT told::verdict AS y, a, b FROM orbit', labels => 'y'), ad_train('more', 'SELECT id, told AS y, a, b FROM orbit', ad_auto() || ad_sampling(keyed => true), labels => 'y'),
       ad_train('more', 'SELECT ARRAY[a, b] AS x, told AS y FROM orbit', labels => 'y');
SELECT version, spec ? 'weights' AS weighed, jsonb_array_length(features) AS features FROM ad_models WHERE name = 'more' ORDER BY version;

-- what cannot be
SELECT ad_train('no', 'SELECT a, b, told FROM orbit', labels => 'nothing');
SELECT ad_train('no', 'SELECT a, told, told FROM orbit', labels => 'told');
SELECT ad_train('no', 'SELECT a, b, at FROM orbit', labels => 'at');
SELECT ad_train('no', 'SELECT a, b, told::text FROM orbit', labels => 'told');
SELECT ad_train('no', 'SELECT a, b, mark + 1 AS mark FROM orbit', labels => 'mark');
SELECT ad_train('no', $$ SELECT a, b, 'NaN'::float8 AS mark FROM orbit $$, labels => 'mark');
SELECT ad_train('no', 'SELECT told FROM orbit', labels => 'told');
SELECT ad_train('no', 'SELECT told, a FROM orbit', ad_auto() || ad_sampling(keyed => true), labels => 'told');
SELECT ad_train('no', 'SELECT ad_sketch(a, b) AS s FROM orbit', labels => 'told');
SELECT ad_train('no', 'SELECT a, told FROM orbit', labels => repeat('x', 100000));

-- trained again, the same column says so again
SELECT d ->> 'version' AS version, d ->> 'activated' AS activated FROM ad_retrain('orbit') d;
SELECT labels ->> 'column' AS labels, spec ? 'weights' AS weighed, notes FROM ad_models WHERE name = 'orbit' AND active;

-- labels of alerts
CREATE FUNCTION decision(d jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT array_to_string(format('%s -> %s, activated: %s', d ->> 'champion', d ->> 'version', d ->> 'activated') ||
		ARRAY(SELECT regexp_replace(r, '\d+\.\d+', '#', 'g') FROM jsonb_array_elements_text(d -> 'reasons') r), '; ') $$;
SELECT ad_train('w', 'SELECT a, b FROM orbit');
SELECT ad_create_job('w', 'w', 'orbit', 'id', 'at', rule => '{"score": 1e6}');
CALL ad_run_job('w');
SELECT decision(ad_weight_members('w'));
SELECT count(ad_label('w', id::text, true)) FROM orbit WHERE id % 100 = 0;
SELECT decision(ad_weight_members('w')), (SELECT count(*) FROM ad_models WHERE name = 'w') AS versions;
SELECT count(ad_label('w', id::text, false)) FROM orbit WHERE id % 100 IN (11, 22, 33);
SELECT decision(ad_weight_members('w'));
SELECT version, active, spec ? 'weights' AS weighed, (spec #>> '{weights,1}')::float8 > 0.6 AS subknn_most, notes FROM ad_models WHERE name = 'w' ORDER BY version;
-- by the labels of now, also in what trains again; the gate holds
SELECT decision(ad_retrain('w'));
SELECT count(ad_label('w', id::text, NOT strange)) FROM orbit WHERE id % 100 IN (0, 11, 22, 33);
SELECT decision(ad_weight_members('w'));
SELECT version, notes, active FROM ad_models WHERE name = 'w' AND active;
SELECT decision(ad_weight_members('w', max_drift => 0));
SELECT count(ad_label('w', id::text, NULL)) FROM orbit WHERE id % 100 IN (0, 11, 22, 33);
SELECT decision(ad_retrain('w'));

SELECT ad_weight_members('single');
SELECT ad_weight_members('nobody');
SELECT ad_weight_members(NULL);
SELECT ad_weight_members('w', margin => 2);
CREATE ROLE weights_reader;
SELECT ad_grant_model('w', 'weights_reader', 'read');
SET ROLE weights_reader;
SELECT ad_weight_members('w');
RESET ROLE;

SELECT ad_drop_job('w') IS NULL, ad_drop_model(name) IS NULL FROM (SELECT DISTINCT name FROM ad_models) m WHERE name = 'w';
SELECT count(ad_drop_model(name)) FROM (SELECT DISTINCT name FROM ad_models) m;
DROP TABLE orbit;
DROP FUNCTION decision;
DROP DOMAIN verdict;
DROP ROLE weights_reader;
