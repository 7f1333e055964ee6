-- LODA: histograms of random projections.
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

-- one column: whatever its weight, -ln of the share of rows in the bin; half a row outside
SELECT v, round(ad_score(m, v)::numeric, 6) AS score, round(-ln(share)::numeric, 6) AS expected
FROM (SELECT ad_fit(ad_loda(20, bins => 4), x) AS m FROM unnest('{0, 0, 0, 0, 0, 0, 1.5, 2.6, 2.7, 4}'::float8[]) x) f,
     (VALUES (0, 0.6), (0.4, 0.6), (1.5, 0.1), (2.5, 0.2), (3.5, 0.1), (4, 0.1), (-0.1, 0.05), (4.1, 0.05),
             (float8 'Infinity', 0.05), ('-Infinity', 0.05)) e(v, share);
-- the same rows and seed give the same model, another seed another
SELECT a = b AS same, a <> c AS other
FROM (SELECT ad_fit(ad_loda(), x ORDER BY i) AS a, ad_fit(ad_loda(), x ORDER BY -i) AS b, ad_fit(ad_loda() || ad_sampling(seed => 1), x) AS c FROM rows WHERE dataset = 'glass') f;
-- in-sample as scored by a model
SELECT count(*) FILTER (WHERE own <> ad_score(m, x)) AS differ
FROM (SELECT x, ad_outlier('loda', x) OVER () AS own FROM rows WHERE dataset = 'ionosphere') o,
     (SELECT ad_fit('loda', x) AS m FROM rows WHERE dataset = 'ionosphere') f;

-- missing values: projections that need them are passed over, or they are imputed
CREATE TABLE line AS SELECT i, i::float8 AS a, (i * 2)::float8 AS b, (i * 7919 % 1000)::float8 AS c, (i * 104729 % 1000)::float8 AS d FROM generate_series(1, 1000) i;
SELECT missing, bool_and(ad_score(m, a, b, c, NULL::float8) BETWEEN 0 AND 8) AS finite,
       (avg(abs(ad_score(m, a, b, c, NULL::float8) - ad_score(m, a, b, c, d))) < 0.5) AS close,
       min(ad_score(m, 3000::float8, b, c, NULL::float8)) > max(ad_score(m, a, b, c, NULL::float8)) AS found,
       count(DISTINCT ad_score(m, NULL::float8, NULL::float8, NULL::float8, NULL::float8)) AS all_missing
FROM line, (SELECT missing, ad_fit(ad_loda(missing => missing), a, b, c, CASE WHEN i % 3 > 0 THEN d END) AS m FROM line, unnest('{skip,impute}'::text[]) missing GROUP BY missing) f
GROUP BY missing ORDER BY missing;
SELECT count(*) FILTER (WHERE ad_score(m, NULL::float8) = ad_score(m, 500::float8)) AS imputed FROM (SELECT ad_fit(ad_loda(missing => 'impute'), i) AS m FROM generate_series(1, 999) i) f;

-- it finds what is known to be there
SELECT dataset, round(avg(auc), 2) >= 0.8 AS finds
FROM (SELECT dataset, seed, (sum(rank) FILTER (WHERE anomaly) - sum(anomaly::int) * (sum(anomaly::int) + 1) / 2.0) / (sum(anomaly::int) * sum((NOT anomaly)::int)) AS auc
      FROM (SELECT r.dataset, seed, anomaly, rank() OVER (PARTITION BY r.dataset, seed ORDER BY ad_score(model, x)) AS rank
            FROM rows r JOIN (SELECT dataset, seed, ad_fit(ad_loda() || ad_sampling(seed => seed), x) AS model
                              FROM rows, generate_series(1, 5) seed GROUP BY dataset, seed) m USING (dataset)) s
      GROUP BY dataset, seed) a WHERE dataset = 'ionosphere' GROUP BY dataset;
SELECT ad_info(ad_fit(ad_loda(7, bins => 5), x)) -> 'loda' AS info FROM rows WHERE dataset = 'glass';

-- options
SELECT ad_loda();
SELECT ad_loda(0);
SELECT ad_loda(bins => 1001);
SELECT ad_loda(widths => 'equi');
SELECT ad_loda(missing => 'drop');

DROP TABLE rows, line;
