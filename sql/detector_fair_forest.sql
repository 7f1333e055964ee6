-- The fair-cut forest: where it cuts, its parameters, and what it does at
-- the edges.
\set SHOW_CONTEXT never
\pset format unaligned

-- two clusters of four: the first cut parts them, whatever the seed, and a
-- value between them is on the side of the midpoint it is on
SELECT bool_and(ad_score(m, 50.4) = ad_score(m, 4)) AS left, bool_and(ad_score(m, 51.6) = ad_score(m, 98)) AS right
FROM (SELECT ad_fit(ad_fair_forest(ndim => 1, trees => 5) || ad_sampling(seed => seed), i) AS m
      FROM unnest('{1, 2, 3, 4, 98, 99, 100, 101}'::int[]) i, generate_series(1, 5) seed GROUP BY seed) f;
-- all rows apart: the lengths of the paths to 1 .. 4 are 2, cut at 2.5, 1.5 and 3.5
SELECT n, abs(ad_score(m, n) - power(2, -2 / (2 * (ln(3::float8) + 0.57721566490153286) - 1.5))) < 1e-12 AS exact
FROM (SELECT ad_fit(ad_fair_forest(ndim => 1), i) AS m FROM generate_series(1, 4) i) f, generate_series(1, 4) n
ORDER BY n;
-- a value far from many is cut off first
SELECT ad_score(m, 1000) > ad_score(m, 5) + 0.2 AS outlier
FROM (SELECT ad_fit('fair_forest', CASE i WHEN 1 THEN 1000 ELSE i % 10 END) AS m FROM generate_series(1, 100) i) f;
-- a small dense cluster beside a wide one
SELECT ndim, candidates, avg(ad_score(m, 50, 50)) > avg(ad_score(m, 1, 1)) + 0.02 AS cluster
FROM (SELECT ndim, candidates,
             ad_fit(ad_fair_forest(ndim => ndim, candidates => candidates) || ad_sampling(seed => seed),
                    CASE WHEN i <= 8 THEN 50 + sin(i) / 10 ELSE 2 * sin(i * 7) END,
                    CASE WHEN i <= 8 THEN 50 + cos(i) / 10 ELSE 2 * sin(i * 11) END) AS m
      FROM generate_series(1, 256) i, unnest('{1, 2}'::int[]) ndim, unnest('{1, 5}'::int[]) candidates,
           generate_series(1, 3) seed GROUP BY ndim, candidates, seed) f
GROUP BY ndim, candidates ORDER BY ndim, candidates;

-- real data: ROC AUC
\set ionosphere `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/ionosphere.csv.gz"`
\set breast_cancer_original `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/breast_cancer_original.csv.gz"`
CREATE TABLE labelled AS
SELECT dataset, row[1:cardinality(row) - 1] AS x, row[cardinality(row)] = 1 AS anomaly
FROM (VALUES ('ionosphere', :'ionosphere'), ('breast_cancer_original', :'breast_cancer_original')) f(dataset, csv),
     regexp_split_to_table(csv, E'\n') WITH ORDINALITY l(line, n),
     LATERAL (SELECT string_to_array(line, ',', '')::float8[] AS row OFFSET 0) r
WHERE n > 1 AND line <> '';
CREATE TABLE scored AS
SELECT dataset, ndim, anomaly, ad_score(model, x) AS score
FROM labelled JOIN (
    SELECT dataset, ndim, ad_fit(ad_fair_forest(ndim => ndim), x) AS model
    FROM labelled, generate_series(1, 2) ndim GROUP BY dataset, ndim) f USING (dataset);
SELECT count(*) FILTER (WHERE score > 0 AND score < 1) = count(*) AS between_0_and_1 FROM scored;
SELECT dataset, ndim,
       (sum(place) FILTER (WHERE anomaly) - sum(anomaly::int) * (sum(anomaly::int) + 1) / 2.0) /
       (sum(anomaly::int) * sum((NOT anomaly)::int)) > 0.85 - 0.1 * (ndim = 1)::int AS reached
FROM (SELECT *, rank() OVER w + (count(*) OVER (PARTITION BY dataset, ndim, score) - 1) / 2.0 AS place
      FROM scored WINDOW w AS (PARTITION BY dataset, ndim ORDER BY score)) s
GROUP BY dataset, ndim ORDER BY dataset, ndim;

-- units and shifts of columns do not matter, but for rounding
SELECT abs(ad_score(m, 3, 4) - ad_score(k, 3000, 41)) < 1e-9 AS same
FROM (SELECT ad_fit('fair_forest', sin(i), cos(i * i)) AS m, ad_fit('fair_forest', 1000 * sin(i), 1 + 10 * cos(i * i)) AS k
      FROM generate_series(1, 200) i) f;
-- an unseen category is farther from all than any seen one
SELECT ndim, candidates, ad_score(m, 0, 'never') > ad_score(m, 0, 'red') AS unseen
FROM (SELECT ndim, candidates, ad_fit(ad_fair_forest(ndim => ndim, candidates => candidates), i % 5,
                                      (ARRAY['red', 'green', 'blue'])[1 + i % 3]) AS m
      FROM generate_series(1, 300) i, unnest('{1, 2}'::int[]) ndim, unnest('{1, 3}'::int[]) candidates
      GROUP BY ndim, candidates) f ORDER BY ndim, candidates;

-- parameters, as ad_info() tells them
SELECT what, (ad_info(ad_fit(spec, x)) -> 'fair_forest') - 'inner_nodes' AS forest
FROM labelled,
     (VALUES (1, 'default', ad_fair_forest()), (2, 'few trees', ad_fair_forest(trees => 3)),
             (3, 'small subsample', ad_fair_forest(sample_size => 2)),
             (4, 'more dimensions than columns', ad_fair_forest(ndim => 100))) v(i, what, spec)
WHERE dataset = 'breast_cancer_original' GROUP BY i, what ORDER BY i;
-- the same rows and seed, the same bytes; another seed, others
SELECT ad_fit('fair_forest', x ORDER BY x) = ad_fit('fair_forest', x ORDER BY x DESC) AS same,
       ad_fit('fair_forest', x) = ad_fit(ad_fair_forest() || ad_sampling(seed => 1), x) AS other_seed
FROM labelled WHERE dataset = 'ionosphere';

-- edges: one row, equal rows, a constant feature, missing and infinite values
SELECT ad_score(ad_fit('fair_forest', i), 99) AS one FROM generate_series(1, 1) i;
SELECT round(ad_score(ad_fit('fair_forest', 7), 99)::numeric, 6) AS equal FROM generate_series(1, 500) i;
SELECT round(ad_score(ad_fit('fair_forest', i, 7), 3, 7)::numeric, 6) = round(ad_score(ad_fit('fair_forest', i, 7), 3, 8)::numeric, 6) AS constant
FROM generate_series(1, 10) i;
SELECT ad_score(m, 'Infinity'::float8, 0) >= ad_score(m, 0, 0) AS infinite, ad_score(m, 'Infinity'::float8, '-Infinity'::float8) < 1 AS both,
       ad_score(m, NULL, 0) < 1 AS missing
FROM (SELECT ad_fit('fair_forest', sin(i), cos(i * i)) AS m FROM generate_series(1, 200) i) f;
SELECT ndim, ad_score(m, -1e308, 1e308, 1e-320) BETWEEN 0 AND 1 AS extreme
FROM (SELECT ndim, ad_fit(ad_fair_forest(ndim => ndim), 1.7e308 * sin(i), 1e308 * cos(i * i), 1e-310 * sin(i * i)) AS m
      FROM generate_series(1, 200) i, generate_series(1, 3) ndim GROUP BY ndim) f ORDER BY ndim;

-- errors
SELECT ad_fair_forest(candidates => 0);
SELECT ad_fair_forest(sample_size => 1);
SELECT ad_fit(ad_fair_forest(trees => 10000, sample_size => 65536), i) FROM generate_series(1, 9) i;

DROP TABLE labelled, scored;
