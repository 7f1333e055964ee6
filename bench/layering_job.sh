# Speed of a layering job (sourced by bench/run.sh, in a database of its own;
# the page goes to stdout):
#
#	bench/run.sh layering_job           a day of 1,000,000 events
#
# The backfill of the day, in events a second, then runs that find ten new
# events. Over 3,000 partitions, and with all events in one. Processor time of
# the session, so that others do not count.
EVENTS=$(awk -v s="$BENCH_SCALE" 'BEGIN { printf "%d", 1000000 * s }')
RUNS=$BENCH_ROUNDS
OUT=$ad_work/layering_job.page

q() { ad_psql -q -A -t "$@"; }
cpu="split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint / 1e6"
export PGTZ=UTC

{
	echo
	echo "A day of $EVENTS order events, processor time; the job finds what scores at least 90."
	echo
	echo "| partitions | rule | events/s of the backfill | ms for ten new events | bytes kept |"
	echo "|---:|---|---:|---:|---:|"
} > "$OUT"
for parts in 1000 1; do
	# bursts of four orders, three cancels and a trade of the other side
	q <<SQL
SET client_min_messages = warning;
DROP TABLE IF EXISTS events;
CREATE TABLE events AS
SELECT i AS id, 'A' || b * 7919 % $parts AS account_id, 'P' || b % least(3, $parts) AS product_id,
	CASE WHEN e <= 4 THEN 'NEW' WHEN e <= 7 THEN 'CANCEL' ELSE 'FILL' END AS event_type,
	CASE WHEN (e = 8) = (b % 2 = 0) THEN 'SELL' ELSE 'BUY' END AS side, (100 + (b + e % 4) % 50)::numeric AS price, 100 + b % 7 * 50 AS quantity,
	timestamptz '2026-03-02 00:00+00' + (i - 1) * (interval '22 hours' / $EVENTS) AS ts, 'o' || b || '-' || CASE WHEN e <= 4 THEN e WHEN e <= 7 THEN e - 4 ELSE 4 END AS order_id
FROM (SELECT i, (i - 1) / 16 * 2 + i % 2 AS b, (i - 1) / 2 % 8 + 1 AS e FROM generate_series(1, $EVENTS) i) x;
ALTER TABLE events ADD PRIMARY KEY (id), ALTER ts SET NOT NULL;
CREATE INDEX ON events (ts);
VACUUM ANALYZE events;
SQL
	for rule in window strict anchored; do
		backfill=$(for run in $(seq "$RUNS"); do
			[ "$run" = 1 ] || q -c "SELECT ad_drop_job('$rule')" > /dev/null
			q -c "SELECT ad_create_layering_job('$rule', 'events', ad_layering_options(rule => '$rule'), rule => '{\"score\": 90}')" > /dev/null
			q <<SQL
SELECT $cpu AS t \gset
CALL ad_run_job('$rule');
SELECT round(($EVENTS / ($cpu - :t) * 1000)::numeric, -3);
SQL
		done | sort -n | sed -n "$(((RUNS + 1) / 2))p")
		new=$(for run in $(seq "$RUNS"); do
			q <<SQL
INSERT INTO events SELECT (SELECT max(id) FROM events) + i, 'A' || i * 7919 % $parts, 'P0', (ARRAY['NEW','NEW','NEW','CANCEL','CANCEL','CANCEL','FILL','NEW','NEW','NEW'])[i],
	CASE WHEN i = 7 THEN 'SELL' ELSE 'BUY' END, 100, 100, (SELECT max(ts) FROM events) + i * interval '0.1 s', 'n' || $run || i FROM generate_series(1, 10) i;
SELECT $cpu AS t \gset
CALL ad_run_job('$rule');
SELECT round(($cpu - :t)::numeric, 1);
SQL
		done | sort -n | sed -n "$(((RUNS + 1) / 2))p")
		bytes=$(q -c "SELECT sum(length(state)) FROM _anomaly._ad_job_part p JOIN _anomaly._ad_job j ON j.id = p.job_id WHERE j.name = '$rule'")
		echo "| $((parts == 1 ? 1 : 3 * parts)) | $rule | $backfill | $new | $bytes |" >> "$OUT"
		q -c "SELECT ad_drop_job('$rule')" > /dev/null
	done
done
echo "# A layering job"
echo
echo "Measured by \`bench/run.sh layering_job\` on $(bench_about)"
cat "$OUT"
