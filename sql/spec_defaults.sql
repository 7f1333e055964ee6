-- Defaults stand in C, in tables of options, and in SQL, where \df shows them:
-- they are the same. What is compared is taken from the catalogue, so a new
-- detector or option is compared as well.
--
-- Not compared, for there is nothing in C to compare with: defaults of ordinary
-- arguments, which stand in SQL alone, and those of options that have NULL in
-- SQL (most of ad_stl_options and ad_stream_options), which stand in C alone.
\pset format unaligned

-- every detector of the library has a constructor, and every constructor makes
-- a spec of a detector or a part of one
SELECT coalesce(d.name, c.name) AS without_the_other, c.name IS NOT NULL AS constructor
FROM unnest(_anomaly._ad_detectors() || '{ensemble,auto,prepare,sampling,calibrate}') d(name)
     FULL JOIN (SELECT substr(proname, 4) AS name FROM pg_proc WHERE prosrc = 'ad_spec_constructor') c USING (name)
WHERE d.name IS NULL OR c.name IS NULL ORDER BY 1;

-- What a constructor, called without arguments, says.
CREATE FUNCTION pg_temp.in_sql(name text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	spec jsonb;
BEGIN
	EXECUTE format('SELECT ad_%s()', name) INTO spec;
	RETURN spec;
END $$;
-- The options that a constructor takes, with the defaults that it writes, as
-- text, and the options that a spec without any has after a fit.
CREATE TEMP TABLE option AS
WITH minimal AS (
	SELECT name, ad_info(ad_fit(jsonb_build_object('detector', name), sin(i), cos(i * i))) -> 'spec' AS spec
	FROM unnest(_anomaly._ad_detectors()) name, generate_series(1, 100) i GROUP BY name),
in_c AS (
	SELECT name, spec - '{detector,prepare,sampling}'::text[] AS options FROM minimal
	UNION ALL
	SELECT part, spec -> part FROM minimal, unnest('{prepare,sampling}'::text[]) part WHERE name = 'iforest'
	UNION ALL
	-- without a part "calibrate" nothing is calibrated; an empty one has its defaults
	SELECT 'calibrate', ad_info(ad_fit('{"detector": "iforest", "calibrate": {}}'::jsonb, i)) #> '{spec,calibrate}'
	FROM generate_series(1, 100) i
	UNION ALL
	SELECT 'ensemble', (ad_info(ad_fit('{"detector": "ensemble", "specs": [{"detector": "zscore"}]}'::jsonb, i)) -> 'spec')
		- '{detector,specs,prepare,sampling,calibrate}'::text[]
	FROM generate_series(1, 100) i),
in_sql AS (
	SELECT name, CASE WHEN name IN ('prepare', 'sampling', 'calibrate') THEN pg_temp.in_sql(name) -> name
		WHEN name = 'ensemble' THEN ad_ensemble(ARRAY[ad_zscore()]) - '{detector,specs}'::text[]
		ELSE pg_temp.in_sql(name) - 'detector' END AS options
	FROM in_c)
SELECT name, option, argument IS NOT NULL AS is_argument, in_sql.options ->> option AS in_sql,
       key IS NOT NULL AS in_table, in_c.options ->> option AS in_c
FROM in_c JOIN in_sql USING (name) CROSS JOIN LATERAL (
	SELECT option, a.option AS argument, c.option AS key
	FROM (SELECT unnest(proargnames) AS option FROM pg_proc
	      WHERE proname = 'ad_' || name AND prosrc = 'ad_spec_constructor') a
	     FULL JOIN jsonb_object_keys(in_c.options) c(option) USING (option)) o
WHERE option NOT IN ('specs', 'weights');
SELECT count(DISTINCT name) > 16 AS many, count(*) > 70 AS options FROM option;
-- an argument that is no option, an option that is no argument, another default
SELECT * FROM option WHERE NOT is_argument OR NOT in_table OR in_sql IS DISTINCT FROM in_c ORDER BY name, option;

-- Options that are jsonb: with every argument NULL, a constructor says or does
-- what it does with none.
CREATE FUNCTION pg_temp.with_nulls(name text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	arguments text;
	options jsonb;
BEGIN
	SELECT string_agg(format('%I => NULL::%s', n, CASE t WHEN '"any"'::regtype THEN 'text' ELSE t::regtype::text END), ', ')
	INTO STRICT arguments
	FROM pg_proc p, unnest(proargnames, proargtypes::oid[]) a(n, t)
	WHERE p.proname = name;
	EXECUTE format('SELECT %s(%s)', name, arguments) INTO options;
	RETURN options;
END $$;
SELECT proname, said - 'period' = pg_temp.with_nulls(proname) AS same
FROM pg_proc, pg_temp.in_sql(substr(proname, 4)) said
WHERE prorettype = 'jsonb'::regtype AND proname ~ '^ad_.*_options$' AND pronargs = pronargdefaults ORDER BY 1;
-- the period of ad_stl_options is the one that has a default in SQL
SELECT ad_stl_options() AS in_sql, ad_stl_array(v, ad_stl_options()) = ad_stl_array(v, '{}') AS same
FROM (SELECT array_agg(sin(i * pi() / 6) + i % 5) AS v FROM generate_series(1, 120) i) s;

-- defaults that are specs
SELECT proname, strpos(pg_get_expr(proargdefaults, 0), quote_literal(ad_auto() || ad_calibrate())) > 0 AS same
FROM pg_proc WHERE proname IN ('ad_train', 'ad_detect') AND 'jsonb'::regtype = ANY (proargtypes::oid[]) ORDER BY 1;
-- so is that of ad_series_score_options; its "robust" is another than ad_stl's
SELECT ad_series_score_options() AS in_sql, ad_series_score_array(v, ad_series_score_options()) = ad_series_score_array(v, '{"robust": true}') AS same
FROM (SELECT array_agg(sin(i * pi() / 6) + i % 5) AS v FROM generate_series(1, 120) i) s;
