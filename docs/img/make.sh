#!/bin/bash
# Draws the pictures of README.md, series.md, market.md and pictures.md anew, with the extension of the
# database that psql reaches (PGHOST, PGDATABASE, ...); it leaves nothing there.
# Those of benchmark.md are bench/run.sh's.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The first block of sql in a document that has this in it.
block() {
	perl -0777 -ne 'for (/^```sql(?: none)?\n(.*?)^```/msg) { if (/\Q'"$2"'\E/) { print; last } }' "$1"
}

psql -XqAt -v ON_ERROR_STOP=1 -o docs/img/series_nyc_taxi.svg <<SQL
CREATE TEMP TABLE taxi (ts timestamp, passengers float8, label int);
\copy taxi FROM PROGRAM 'gunzip -c test/data/series/nab_nyc_taxi.csv.gz' CSV HEADER
$(block docs/series.md "FROM taxi" | sed /CREATE/d)
SQL
psql -XqAt -v ON_ERROR_STOP=1 -o docs/img/market-episode.svg <<SQL
BEGIN;
SET LOCAL search_path = pg_temp, public;
$(block docs/market.md "CREATE TABLE order_events" | sed '/^SELECT id, (l)/,$d')
$(block docs/market.md ad_layering_timeline)
ROLLBACK;
SQL
for picture in scores explain drift; do
	psql -XqAt -v ON_ERROR_STOP=1 -o "docs/img/plot_$picture.svg" <<SQL
BEGIN;
SET LOCAL search_path = pg_temp, public;
$(block docs/pictures.md "CREATE TABLE payments" | sed 's/^SELECT ad_train.*;/DO $$ BEGIN PERFORM & END $$;/; s/PERFORM SELECT/PERFORM/')
$(block docs/pictures.md "ad_plot_$picture(")
ROLLBACK;
SQL
done
psql -XqAt -v ON_ERROR_STOP=1 <<SQL
CREATE TABLE taxi_passengers (ts timestamp, passengers float8, label int);
\copy taxi_passengers FROM PROGRAM 'gunzip -c test/data/series/nab_nyc_taxi.csv.gz' CSV HEADER
SELECT ad_create_series_job('taxi passengers', 'taxi_passengers', value_column => 'passengers', time_column => 'ts',
	options => ad_stream_options(period => ARRAY['1 day', '1 week'])) AS job \gset
CALL ad_run_job('taxi passengers');
\o docs/img/alert.svg
SELECT ad_alert_plot('taxi passengers', key, watermark, points => 480, title => 'Taxi passengers in New York, every half hour', height => 280)
FROM ad_alerts WHERE job = 'taxi passengers' ORDER BY score DESC LIMIT 1;
\o
SELECT ad_drop_job('taxi passengers') AS job \gset
DROP TABLE taxi_passengers;
SQL
