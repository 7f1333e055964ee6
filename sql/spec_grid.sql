-- Grids: all combinations of values of options.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on

SELECT unnest(ad_grid(ad_iforest(), trees => ARRAY[50, 100, 200], sample_size => ARRAY[64, 256]));
-- the same as an object; a share among the rows
SELECT s->'trees', s->'sample_size'
FROM unnest(ad_grid(ad_iforest(), '{"trees": [50, 100], "sample_size": [64, 0.5, 1.0]}')) WITH ORDINALITY u(s, i) ORDER BY i;
-- parts of a spec, in the place of what it has; one value needs no array
SELECT s->'trees', s->'prepare'->'scale', s->'prepare'->'calendar', s->'calibrate'->'contamination', s->'sampling'
FROM unnest(ad_grid(ad_iforest() || ad_prepare(calendar => true),
  '{"prepare": {"scale": ["none", "robust"]}, "calibrate": {"contamination": [0.01, 0.1]}, "trees": 50, "sampling": {"seed": 7}}'))
  WITH ORDINALITY u(s, i) ORDER BY i;
SELECT ad_grid('{"detector": "knn"}', '{"prepare": [null, {"scale": "none"}, {"scale": "robust", "reduce": 0.9}]}');
-- of every type
SELECT s->>'combine', s->>'zero_spread' FROM unnest(ad_grid(ad_zscore(), combine => '{max,mean}', zero_spread => '{mean,skip}')) s;
SELECT s->>'robust' FROM unnest(ad_grid(ad_mahalanobis(), robust => '{t,f}')) s;
SELECT s->>'nu' FROM unnest(ad_grid(ad_ocsvm(), nu => ARRAY(SELECT i / 10.0 FROM generate_series(1, 3) i))) s;
-- ensembles, of any members, and the automatic detector
SELECT s->>'combine', jsonb_path_query_array(s, '$.specs[*].detector')
FROM unnest(ad_grid(ad_ensemble(ARRAY[ad_ecod(), ad_knn()]),
  '{"specs": [[{"detector": "ecod"}, {"detector": "knn"}], [{"detector": "hbos"}]]}', combine => '{mean,max}')) s;
SELECT ad_grid(ad_auto(), priority => '{speed,accuracy}');
-- grids, one after the other, and specs
SELECT s->>'detector', s->>'neighbors' FROM unnest(ad_grid(ad_knn(), neighbors => '{5,10}') || ad_grid(ad_ecod()) || ad_hbos()) s;

-- nothing to vary; the same spec comes once: NULL is the default, figures compare as numbers
SELECT ad_grid('{"detector": "iforest"}'), ad_grid('{"detector": "iforest"}', '{}'), ad_grid('{"detector": "iforest"}', '{"prepare": {}}');
SELECT ad_grid('{"detector": "iforest"}', trees => ARRAY[NULL, 100, 1e2, 100.0, 50]);
SELECT cardinality(ad_grid(ad_iforest(), trees => ARRAY(SELECT generate_series(1, 1000))));
SET extra_float_digits = -15;
SELECT s->'nu' FROM unnest(ad_grid(ad_ocsvm(), nu => ARRAY[0.123456789])) s;
RESET extra_float_digits;

-- errors
\set VERBOSITY default
SELECT ad_grid(NULL);
SELECT ad_grid(ad_prepare());
SELECT ad_grid(ad_iforest(), neighbors => ARRAY[5]);
SELECT ad_grid(ad_iforest(), '{"tress": [50]}');
SELECT ad_grid(ad_iforest(), '{"prepare": {"scal": ["none"]}}');
SELECT ad_grid(ad_iforest(), '{"prepare": ["none"]}');
SELECT ad_grid(ad_iforest(), trees => ARRAY[0]);
SELECT ad_grid(ad_iforest(), trees => ARRAY[0.5]);
SELECT ad_grid(ad_iforest(), trees => ARRAY['NaN'::float8]);
SELECT ad_grid(ad_iforest(), trees => ARRAY[[50, 100]]);
SELECT ad_grid(ad_iforest(), '{"trees": []}');
SELECT ad_grid(ad_iforest(), '{"trees": [50]}', trees => ARRAY[50]);
SELECT ad_grid(ad_iforest(), '[50]');
SELECT ad_grid(ad_iforest(), '{"detector": ["knn"]}');
SELECT ad_grid(ad_iforest(), trees => ARRAY(SELECT generate_series(1, 1001)));
SELECT ad_grid(ad_iforest(), '{"ndim": [1, 2, 3]}', trees => ARRAY(SELECT generate_series(1, 1000)),
               sample_size => ARRAY(SELECT generate_series(1, 1000)));
SELECT ad_grid(ad_iforest() || jsonb_build_object('prepare', jsonb_build_object('timezone', repeat('x', 300000))));
SELECT ad_grid(ad_ensemble(array_agg(ad_iforest())), trees => ARRAY[1]) FROM generate_series(1, 2);

-- every option of a detector is an argument, but for the members of ensembles, of which a grid is an object
SELECT DISTINCT c.proname || ' has ' || option
FROM pg_proc c, unnest(c.proargnames) option
WHERE c.proname IN (SELECT 'ad_' || d FROM unnest(_anomaly._ad_detectors() || ARRAY['auto', 'ensemble']) d)
  AND c.prosrc = 'ad_spec_constructor' AND option NOT IN ('specs', 'weights')
  AND option <> ALL ((SELECT proargnames FROM pg_proc WHERE proname = 'ad_grid')::text[])
ORDER BY 1;
