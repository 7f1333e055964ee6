-- A fit samples the rows that its spec can use; sketches of different size.
CREATE TABLE many AS
SELECT i AS id, i % 3 AS part, ad_random(1, i, 'normal') AS x, 'c' || i * 7 % 5003 AS c
FROM generate_series(1, 66000) i;

-- the rows that each detector of the catalogue uses, by default
CREATE TABLE used AS
SELECT d AS detector, (SELECT ad_info(ad_fit(d, x)) ->> 'sampled' FROM many) AS rows
FROM unnest(_anomaly._ad_detectors()) d ORDER BY d;
SELECT * FROM used ORDER BY 1;

-- by options, by calibration, by request
SELECT name, i ->> 'sampled' AS sampled, i #>> '{calibration,rows}' AS held_out,
       i #>> '{calibration,training_rows}' AS fitted
FROM (VALUES (1, 'few trees', ad_iforest(trees => 10)), (2, 'more trees', ad_iforest(trees => 120)),
             (3, 'all', ad_iforest(trees => 300)), (4, 'reference rows', ad_knn(reference_rows => 30000)),
             (5, 'clusters', ad_kmeans(clusters => 50, restarts => 1, max_iter => 2)),
             (6, 'an ensemble', ad_ensemble(ARRAY[ad_zscore(), ad_iforest(trees => 90, sample_size => 250)])),
             (7, 'calibrated', ad_zscore() || ad_calibrate()),
             (8, 'calibrated, half', ad_iforest() || ad_calibrate(share => 0.5)),
             (9, 'a p-value of each member', ad_ensemble(ARRAY[ad_zscore(), ad_hbos()], 'pvalue') || ad_calibrate()),
             (10, 'so many', ad_zscore() || ad_sampling(rows => 30000)),
             (11, 'so many, calibrated', ad_zscore() || ad_calibrate() || ad_sampling(rows => 30000)),
             (12, 'more', ad_zscore() || ad_sampling(rows => 65537)),
             (13, 'what fits', ad_zscore() || ad_calibrate() || ad_sampling(memory_mb => 1))) v(n, name, spec),
     LATERAL (SELECT ad_info(ad_fit(spec, x)) AS i FROM many) f ORDER BY n;

-- of fewer rows as many are held out as of a full sample
SELECT n, i ->> 'sampled' AS sampled, i #>> '{calibration,rows}' AS held_out
FROM unnest(ARRAY[20480, 33587, 33588, 50000]) n,
     LATERAL (SELECT ad_info(ad_fit(ad_zscore() || ad_calibrate(), x)) AS i FROM many WHERE id <= n) f ORDER BY n;

-- from a larger sketch, the same rows
SELECT string_agg(d, ', ') AS differ
FROM unnest(_anomaly._ad_detectors()) d, (SELECT ad_sketch(x) AS s FROM many WHERE id <= 30000) k
WHERE ad_fit_sketch(d, s) IS DISTINCT FROM (SELECT ad_fit(d, x) FROM many WHERE id <= 30000);
SELECT ad_fit_sketch(spec, s) = (SELECT ad_fit(spec, x, c) FROM many) AS same
FROM unnest(ARRAY[ad_zscore() || ad_calibrate(), ad_iforest(trees => 90) || ad_calibrate(share => 0.1)]) spec,
     (SELECT ad_sketch(x, c) AS s FROM many) k;

-- sizes that differ merge to the smaller one, in any order and grouping
CREATE TABLE parts AS
SELECT part, CASE part WHEN 0 THEN ad_sketch(ad_zscore() || k, id, x, c) WHEN 1 THEN ad_sketch(k, id, x, c)
                       ELSE ad_sketch(ad_iforest() || k, id, x, c) END AS s
FROM many, ad_sampling(keyed => true, seed => 5) k GROUP BY part, k;
SELECT length(merged) < (SELECT max(length(s)) FROM parts) AS smaller,
       fit = ad_fit_sketch(spec, merged) AS merged, fit = ad_fit_sketch(spec, reversed) AS reversed,
       fit = ad_fit_sketch(spec, twice) AS twice
FROM (SELECT ad_zscore() || ad_sampling(keyed => true, seed => 5) AS spec) o,
     LATERAL (SELECT ad_fit(spec, id, x, c) AS fit FROM many) f,
     (SELECT ad_merge(s ORDER BY part) AS merged, ad_merge(s ORDER BY part DESC) AS reversed FROM parts) m,
     (SELECT ad_merge(s) AS twice FROM (SELECT ad_merge(s ORDER BY part DESC) AS s FROM parts GROUP BY part > 0) t) n;
CREATE TABLE halves AS
SELECT rows, ad_sketch(ad_sampling(rows => rows), x) AS s FROM many, unnest(ARRAY[100, 5000]) rows
WHERE (id % 2 = 0) = (rows = 100) GROUP BY rows;
SELECT i #>> '{spec,sampling,rows}' AS rows, i ->> 'sampled' AS sampled,
       max - min = (SELECT max(x) - min(x) FROM many) AS extremes
FROM (SELECT ad_merge(s ORDER BY rows) AS s FROM halves UNION ALL
      SELECT ad_merge(s ORDER BY rows DESC) FROM halves) m,
     LATERAL (SELECT ad_fit_sketch('hbos', s) AS m) f, ad_info(m) i, ad_features(m);

-- a state tells the planner what it takes
SELECT proname AS aggregate, string_agg(DISTINCT (aggtransspace / 1024)::text, ', ') AS kb
FROM pg_aggregate JOIN pg_proc p ON p.oid = aggfnoid
WHERE proname IN ('ad_fit', 'ad_sketch', 'ad_merge') GROUP BY 1 ORDER BY 1;

DROP TABLE many, used, parts, halves;
