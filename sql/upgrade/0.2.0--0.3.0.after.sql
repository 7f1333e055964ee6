
-- What views depended on, before they were replaced.
ALTER EXTENSION anomaly DROP TABLE _anomaly._ad_job_0_2;
DROP TABLE _anomaly._ad_job_0_2;
SELECT _anomaly._ad_drop_functions_0_2(ARRAY['_ad_stat_models()']);
DROP FUNCTION _anomaly._ad_drop_functions_0_2(text[]);
