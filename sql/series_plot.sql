-- ad_stl_plot: a decomposition as SVG. test/t/pictures.pl looks at what is drawn.
SET timezone = 'UTC';
CREATE FUNCTION pg_temp.u(a bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT ((hashint8extended(a, 42) >> 11) & ((1::bigint << 52) - 1))::float8 / (1::bigint << 52) $$;
-- the texts of a picture, in their order, but for how many anomalies there are
CREATE FUNCTION pg_temp.texts(svg text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(m[1], ' | ' ORDER BY o) FROM regexp_matches(svg, '<text[^>]*>([^<]*)</text>', 'g') WITH ORDINALITY t(m, o)
	WHERE m[1] !~ '(above|below)$' $$;
SELECT svg ~ '^<svg .*</svg>\n$' AS whole, svg ~ 'class="u"' AS marked, svg ~ 'a &lt; b &amp; c' AS escaped
FROM (SELECT ad_stl_plot(array_agg(CASE WHEN i = 50 THEN 9 WHEN i = 60 THEN NULL ELSE i % 7 END::float8 ORDER BY i), ad_stl_options(period => 7, robust => true), 'a < b & c') svg FROM generate_series(1, 100) i) s;
SELECT length(ad_stl_plot(array_agg(pg_temp.u(i) ORDER BY i), '{"period": 24}')) < 100000 AS small FROM generate_series(1, 20000) i;
SELECT ad_stl_plot('{}'), ad_stl_plot(NULL);
SELECT ad_stl_plot(ARRAY[NULL, NULL]::float8[], '{"period": 2}') IS NOT NULL AS drawn;
SELECT ad_stl_plot(ARRAY[1, 2], '{"period": 2}', width => 5);
-- what is written: title, legend, panels, ticks
CREATE TEMP TABLE p AS SELECT i, 20 + 5 * sin(i * pi() / 12) + 0.1 * pg_temp.u(i) + CASE i WHEN 100 THEN 15 WHEN 150 THEN -30 ELSE 0 END AS v,
	timestamptz '2024-02-27 00:00+00' + i * interval '1 hour' AS ts FROM generate_series(1, 240) i WHERE i NOT BETWEEN 30 AND 40;
SELECT pg_temp.texts(ad_stl_plot(array_agg(v ORDER BY i), '{"period": 24}', 'numbered')) FROM p;
SELECT pg_temp.texts(ad_stl_plot(array_agg(v), array_agg(ts), '{"period": 24}', 'times')) FROM p;
SELECT pg_temp.texts(ad_stl_plot(array_agg(v), array_agg(ts), ad_stl_options(period => 24, timezone => 'Asia/Kolkata'), width => 360)) FROM p;
SELECT pg_temp.texts(ad_stl_plot(array_agg(v), array_agg(ts::timestamp), '{"period": 24}', width => 1600)) FROM p;
SELECT pg_temp.texts(ad_stl_plot(array_agg(v), array_agg(i), '{"period": 24}')) FROM p;
SELECT pg_temp.texts(ad_stl_plot(array_agg(v), array_agg(ts::date::timestamp), '{"period": "none"}')) FROM p;
SELECT pg_temp.texts(ad_stl_plot(array_agg(v ORDER BY i), '{"period": 24}', 'labels', 300, 300, '<first>', repeat('last ', 99))) FROM p;
-- the session's time zone
SET timezone = 'America/New_York';
SELECT pg_temp.texts(ad_stl_plot(array_agg(v), array_agg(ts), '{"period": 24}', width => 500)) FROM p WHERE i < 100;
SET timezone = 'UTC';
-- a query draws the same as the arrays, in either order of its columns
SELECT ad_stl_plot('SELECT v, ts FROM p', '{"period": 24}') = a AS value_time, ad_stl_plot('SELECT ts, v FROM p ORDER BY random(); ', ad_stl_options(period => 24)) = a AS time_value,
	ad_stl_plot('SELECT v, i FROM p', '{"period": 24}') = n AS numbers, ad_stl_plot('SELECT v::numeric FROM p ORDER BY i -- all', '{"period": 24}', 't', 300, 300) = s AS alone
FROM (SELECT ad_stl_plot(array_agg(v), array_agg(ts), '{"period": 24}') AS a, ad_stl_plot(array_agg(v), array_agg(i), '{"period": 24}') AS n,
	ad_stl_plot(array_agg(v ORDER BY i), '{"period": 24}', 't', 300, 300) AS s FROM p) x;
-- an array that is a literal is one; options may be one
SELECT ad_stl_plot('{1,2,1,2,1,2}') = ad_stl_plot(ARRAY[1, 2, 1, 2, 1, 2]) AS one, ad_stl_plot(' {1,2,1,2,1,2}', '{"period": 2}') = ad_stl_plot(ARRAY[1, 2, 1, 2, 1, 2], '{"period": 2}', NULL) AS two,
	ad_stl_plot('[0:3]={1,2,1,2}', '{"period": 2}', 't') = ad_stl_plot(ARRAY[1, 2, 1, 2], ad_stl_options(period => 2), 't') AS three;
-- NULL, nothing, one point, no time
SELECT ad_stl_plot('SELECT v, ts FROM p WHERE false'), ad_stl_plot('SELECT v FROM p WHERE false'), ad_stl_plot(NULL::text), ad_stl_plot('SELECT 1', NULL::jsonb),
	ad_stl_plot('{}'::float8[], '{}'::timestamptz[]), ad_stl_plot(ARRAY[1], ARRAY[NULL::timestamptz]), ad_stl_plot(ARRAY[1], ARRAY['infinity'::timestamp]), ad_stl_plot(ARRAY[1], NULL::int[]);
SELECT pg_temp.texts(ad_stl_plot(ARRAY[7], ARRAY[timestamptz '2024-02-29 12:34:56.7Z'])), pg_temp.texts(ad_stl_plot('SELECT 7.5, ''4713-01-01 BC''::date'));
-- numbers of any size
SELECT n, pg_temp.texts(ad_stl_plot(y, '{"period": 2}', height => 400)), ad_stl_plot(y, '{"period": 2}') ~ 'nan|inf' AS broken FROM (VALUES
	('constant', ARRAY[5, 5, 5, 5, 5, 5]::float8[]), ('zero', ARRAY[0, 0, 0, 0, 0]), ('huge', ARRAY[1e308, -1e308, 1e308, -1e308, 1e308, -1e308]),
	('tiny', ARRAY[1e-308, 2e-308, 1e-308, 2e-308, 1e-308]), ('denormal', ARRAY[5e-324, 0, 5e-324, 0]), ('far from zero', ARRAY[1e15, 1e15 + 1, 1e15, 1e15 + 1, 1e15]),
	('infinite', ARRAY[1, 'Infinity'::float8, 1, '-Infinity', 1, 2]), ('nothing', ARRAY['NaN'::float8, NULL, 'NaN'])) v(n, y);
-- texts of others
SELECT ad_stl_plot(ARRAY[1, 2, 1, 2], '{"period": 2}', E'</title><script>"\001\uFFFE&') ~ '<title>&lt;/title&gt;&lt;script&gt;&quot;  &amp;</title>' AS escaped;
-- refused
SELECT ad_stl_plot(ARRAY[1, 2], ARRAY[now()]);
SELECT ad_stl_plot(ARRAY[1, 2], '{"timezone": "UTC"}'::jsonb) IS NULL AS not_needed, ad_stl_plot(ARRAY[1, 2], ARRAY[1, 2], '{"timezone": "UTC"}');
SELECT ad_stl_plot(ARRAY[1, 2], ARRAY[[1, 2]]);
SELECT ad_stl_plot(ARRAY[1, 2], '{"perid": 2}');
SELECT ad_stl_plot(ARRAY[1, 2], 'no json');
SELECT ad_stl_plot('p');
SELECT ad_stl_plot('SELECT 1, now(), 3');
SELECT ad_stl_plot('SELECT ''a''::text, now()');
SELECT ad_stl_plot('SELECT now(), now()');
SELECT ad_stl_plot('SELECT 1, current_time');
SELECT ad_stl_plot('CREATE TABLE not_this (i int)');
SELECT ad_stl_plot('INSERT INTO p VALUES (1) RETURNING v, ts');
SELECT ad_stl_plot('SELECT v, ts FROM p; SELECT 1');
SELECT ad_stl_plot('SELECT v, ts FROM p', '{"period": "1 day"}', 't', 100);
-- values of which the difference is no number
SELECT length(ad_stl_plot(array(SELECT CASE WHEN i % 2 = 0 THEN 1.2e308 ELSE -1.2e308 END::float8 FROM generate_series(1, 40) i), '{"period": 4}'::jsonb::text, 'x', 200, 200)) > 0 AS drawn;
