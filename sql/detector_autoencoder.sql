-- Autoencoder: what a network does not reconstruct.
\set SHOW_CONTEXT never
\pset format unaligned

\set glass `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/glass.csv.gz"`
\set ionosphere `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/ionosphere.csv.gz"`
CREATE TABLE rows AS
SELECT dataset, (n - 1)::int AS i, row[1:cardinality(row) - 1] AS x, row[cardinality(row)] = 1 AS anomaly
FROM (VALUES ('glass', :'glass'), ('ionosphere', :'ionosphere')) f(dataset, csv),
     regexp_split_to_table(csv, E'\n') WITH ORDINALITY l(line, n),
     LATERAL (SELECT string_to_array(line, ',', '')::float8[] AS row OFFSET 0) r
WHERE n > 1 AND line <> '';

-- the same rows and seed give the same model, another seed another
SELECT a = b AS same, a <> c AS other
FROM (SELECT ad_fit(ad_autoencoder(), x ORDER BY i) AS a, ad_fit(ad_autoencoder(), x ORDER BY -i) AS b,
             ad_fit(ad_autoencoder() || ad_sampling(seed => 1), x) AS c FROM rows WHERE dataset = 'glass') f;
-- in-sample as scored by a model
SELECT count(*) FILTER (WHERE own <> ad_score(m, x)) AS differ
FROM (SELECT x, ad_outlier('autoencoder', x) OVER () AS own FROM rows WHERE dataset = 'ionosphere') o,
     (SELECT ad_fit('autoencoder', x) AS m FROM rows WHERE dataset = 'ionosphere') f;

-- The SIMD variants have the same bits: models and scores of all shapes, about
-- the widths of registers.
CREATE FUNCTION pg_temp.sums(level text) RETURNS TABLE (shape text, model text, scores float8) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('anomaly.simd', level, true);
	RETURN QUERY
	SELECT s.shape, md5(f.m), (SELECT sum(ad_score(f.m, x[1:cols] || x[1:greatest(0, cols - 34)])) FROM rows WHERE dataset = 'ionosphere')
	FROM (VALUES ('1', 1, ad_autoencoder()), ('2', 2, ad_autoencoder(ARRAY[1])), ('15', 15, ad_autoencoder(ARRAY[15, 3])),
	             ('16', 16, ad_autoencoder(ARRAY[16])), ('17', 17, ad_autoencoder(ARRAY[17, 16, 1], members => 2)),
	             ('33', 33, ad_autoencoder(ARRAY[65, 31], batch => 7)), ('34', 34, ad_autoencoder(ARRAY[48, 128, 5], batch => 1000)),
	             ('68', 68, ad_autoencoder(epochs => 2))) s(shape, cols, spec),
	     LATERAL (SELECT ad_fit(spec, x[1:cols] || x[1:greatest(0, cols - 34)]) AS m FROM rows WHERE dataset = 'ionosphere') f;
END $$;
SELECT count(*) AS shapes, count(*) FILTER (WHERE ROW(a.model, a.scores) IS DISTINCT FROM ROW(b.model, b.scores)
                                            OR ROW(a.model, a.scores) IS DISTINCT FROM ROW(c.model, c.scores)) AS differ
FROM pg_temp.sums('off') a JOIN pg_temp.sums('avx2') b USING (shape) JOIN pg_temp.sums('auto') c USING (shape);

-- the score is the sum of its terms, by member and by column
SELECT count(*) FILTER (WHERE abs(score - total) > 1e-9 * score) AS differ, bool_and(score >= 0 AND least >= 0) AS positive
FROM (SELECT ad_score(m, x) AS score, total, least
      FROM rows, (SELECT ad_fit(ad_autoencoder(members => 3), x) AS m FROM rows WHERE dataset = 'glass') f,
           LATERAL (SELECT sum(contribution) AS total, min(contribution) AS least FROM ad_explain(m, x)) e WHERE dataset = 'glass') s;
-- members are averaged, and the first is the one of a model without others
SELECT members, round((ad_info(m) #>> '{autoencoder,weights}')::numeric / members) AS weights_each
FROM (SELECT members, ad_fit(ad_autoencoder(members => members), x) AS m FROM rows, unnest('{1,3}'::int[]) members WHERE dataset = 'glass' GROUP BY 1) f ORDER BY 1;

-- values beyond twenty standard deviations are as far as that; infinity is beyond them
CREATE TABLE line AS SELECT i, sin(i) AS a, sin(i) + 0.1 * cos(7 * i) AS b, 5 AS c FROM generate_series(1, 1000) i;
SELECT v, ad_score(m, v, 0, 5) = ad_score(m, 1000, 0, 5) AS clipped, ad_score(m, v, 0, 5) > ad_score(m, 1, 1, 5) AS far
FROM (SELECT ad_fit('autoencoder', a, b, c) AS m FROM line) f, unnest('{20, 1e308, -Infinity}'::float8[]) v;
SELECT abs(sum(contribution) / ad_score(m, 'Infinity'::float8, 0, 5) - 1) < 1e-9 AS adds_up, max(contribution) > 1e308 AS its_own
FROM (SELECT ad_fit('autoencoder', a, b, c) AS m FROM line) f, LATERAL ad_explain(m, 'Infinity'::float8, 0, 5) GROUP BY m;
-- what is odd in combination alone
SELECT ad_score(m, 0.9, -0.9, 5) > max(ad_score(m, a, b, c)) AS combination, ad_score(m, 0, 0, 6) > max(ad_score(m, a, b, c)) AS constant
FROM line, (SELECT ad_fit('autoencoder', a, b, c) AS m FROM line) f GROUP BY m;
-- whatever the unit, the offset and the scaling
SELECT scale, corr(one, other) > 0.99999 AS same
FROM (SELECT scale, ad_score(m, a, b, c) AS one, ad_score(n, a * 1e-200, b * 1e9 + 1e12, c) AS other
      FROM line, (SELECT scale, ad_fit(ad_autoencoder() || ad_prepare(scale => scale), a, b, c) AS m,
                         ad_fit(ad_autoencoder() || ad_prepare(scale => scale), a * 1e-200, b * 1e9 + 1e12, c) AS n
                  FROM line, unnest('{auto,none,standard,minmax}'::text[]) scale GROUP BY scale) f) s GROUP BY scale ORDER BY scale;
-- categories, missing values, a column without any value
SELECT count(*) AS rows, bool_and(score >= 0 AND score < 1e6) AS finite, bool_and(score = imputed) AS imputed
FROM (SELECT ad_score(m, a, NULL::float8, word, NULL::float8) AS score, ad_score(m, a, median, word, 3) AS imputed
      FROM (SELECT a, 'word ' || i % 3 AS word FROM line UNION ALL VALUES (0::float8, 'new'), ('NaN', NULL)) r,
           (SELECT ad_fit('autoencoder', a, b, 'word ' || i % 3, NULL::float8) AS m,
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY b) AS median FROM line WHERE i < 1000) f) s;

-- few rows, equal rows
SELECT n, count(*) AS models, bool_and(score < 1e3) AS finite, bool_and(info -> 'layers' = '[2, 64, 16, 64, 2]') AS shape, min((info -> 'steps')::int) AS steps
FROM (SELECT n, ad_score(m, 1, 2) AS score, ad_info(m) -> 'autoencoder' AS info
      FROM (SELECT n, ad_fit('autoencoder', i, i * i) AS m FROM generate_series(1, 4) n, generate_series(1, n) i GROUP BY n) f) s GROUP BY n ORDER BY n;
SELECT ad_score(m, 7, 'a'::text) AS equal, ad_score(m, 8, 'a'::text) > 0.5 AS number, ad_score(m, 7, 'b'::text) > 0.5 AS word
FROM (SELECT ad_fit('autoencoder', 7, 'a'::text) AS m FROM generate_series(1, 100)) f;

-- what is trimmed is not learnt: a tenth of the rows in another place
CREATE TABLE places AS
SELECT i % 10 = 0 AS odd, sin(i) + 2 * (i % 10 = 0)::int AS a, sin(2 * i) - 2 * (i % 10 = 0)::int AS b, cos(3 * i) AS c FROM generate_series(1, 2000) i;
SELECT trim_share, ad_roc_auc(ad_score(m, a, b, c), odd) > 0.9 AS found
FROM places, (SELECT trim_share, ad_fit(ad_autoencoder('{16,2}', 50, trim_share), a, b, c) AS m FROM places, unnest('{0.2, 0}'::float8[]) trim_share GROUP BY trim_share) f
GROUP BY trim_share ORDER BY trim_share DESC;
-- it finds what is known to be there
SELECT dataset, round(avg(auc)::numeric, 2) >= least AS finds
FROM (SELECT dataset, ad_roc_auc(ad_score(model, x), anomaly) AS auc
      FROM rows JOIN (SELECT dataset, seed, ad_fit(ad_autoencoder() || ad_sampling(seed => seed), x) AS model
                      FROM rows, generate_series(1, 5) seed GROUP BY dataset, seed) m USING (dataset) GROUP BY dataset, seed) a
JOIN (VALUES ('glass', 0.55), ('ionosphere', 0.8)) l(dataset, least) USING (dataset) GROUP BY dataset, least ORDER BY dataset;
-- steps: of all batches of all epochs, and at most 2,560
SELECT epochs, batch, ad_info(m) #> '{autoencoder,steps}' AS steps, ad_info(m) #>> '{autoencoder,loss}' < '1' AS learns
FROM (SELECT epochs, batch, ad_fit(ad_autoencoder(epochs => epochs, batch => batch), a, b, c) AS m
      FROM line, (VALUES (1, 256), (10, 256), (3, 1), (1000, 100)) o(epochs, batch) GROUP BY 1, 2) f ORDER BY epochs, batch;

-- options
SELECT ad_autoencoder();
SELECT ad_autoencoder(NULL, 20) - 'detector' AS options;
SELECT ad_info(ad_fit('{"detector": "autoencoder", "hidden": [3], "trim_share": null}'::jsonb, a, b)) #> '{spec,hidden}' AS hidden FROM line;
SELECT ad_autoencoder('{}');
SELECT ad_autoencoder('{64,0}');
SELECT ad_autoencoder('{64,NULL}');
SELECT ad_autoencoder('{{64},{16}}');
SELECT ad_autoencoder('{1,2,3,4,5,6,7,8,9}');
SELECT ad_autoencoder('{1025}');
SELECT ad_fit('{"detector": "autoencoder", "hidden": 64}'::jsonb, 1);
SELECT ad_fit('{"detector": "autoencoder", "hidden": [1.5]}'::jsonb, 1);
SELECT ad_fit('{"detector": "autoencoder", "hidden": ["64"]}'::jsonb, 1);
SELECT ad_autoencoder(epochs => 0);
SELECT ad_autoencoder(trim_share => 0.91);
SELECT ad_autoencoder(members => 101);
SELECT ad_autoencoder(learning_rate => 0);
SELECT ad_autoencoder(batch => 8193);

DROP TABLE rows, line, places;
