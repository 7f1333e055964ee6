# Speed of the market room (sourced by bench/run.sh, in a database of its own;
# the page goes to stdout):
#
#	bench/run.sh market                 10,000,000 events, 10,000 partitions
#	BENCH_SCALE=0.1 bench/run.sh market
#
# The array-only part needs a compiler.
EVENTS=$(awk -v s="$BENCH_SCALE" 'BEGIN { printf "%d", 10000000 * s }')
PARTITIONS=$(awk -v s="$BENCH_SCALE" 'BEGIN { printf "%d", 10000 * s }')
RUNS=$BENCH_ROUNDS
OUT=$ad_work/market.page
KEYS=$ad_work/market.keys
LIB=$ad_work/market
: >"$OUT"
: >"$KEYS"
mkdir "$LIB"

ad_as_user make -s -C "$ad_work/src/bench/market_rule" PG_CONFIG="$PG_CONFIG" clean all >/dev/null
cp "$ad_work/src/bench/market_rule/market_rule.so" "$LIB/"
chmod 755 "$LIB" "$LIB/market_rule.so"

q() { ad_psql -q -A -t "$@"; }
q -c "CREATE FUNCTION market_rule(text, int, int, text, int,
	OUT ns double precision, OUT sequences bigint, OUT measured bigint, OUT bytes double precision)
	AS '$LIB/market_rule' LANGUAGE C"

# Order flow: bursts of up to three orders of one side every six seconds;
# 62 % are cancelled, 28 % filled, 10 % rest.  Stored in index order.
echo "loading $EVENTS events" >&2
q <<SQL
SET work_mem = '1GB';
SET maintenance_work_mem = '1GB';
CREATE UNLOGGED TABLE order_events (id bigint, account_id int, product_id int,
	event_type text, side text, price numeric, quantity bigint, ts timestamptz,
	order_id text);
INSERT INTO order_events
SELECT row_number() OVER (ORDER BY p, ts, o, k), p / 10, p % 10, event_type, side,
	price, quantity, ts, 'O' || o
FROM (
	SELECT o, k, o % $PARTITIONS AS p,
		CASE k WHEN 1 THEN 'ORDER_PLACED' ELSE
			CASE WHEN f < 0.62 THEN 'ORDER_CANCELLED' ELSE 'TRADE_EXECUTED' END END AS event_type,
		CASE WHEN hashint8(o / $PARTITIONS / 3 * 31 + o % $PARTITIONS * 7) & 1 = 0
			THEN 'BUY' ELSE 'SELL' END AS side,
		(10000 + (hashint8(o * 7) & 255))::numeric / 100 AS price,
		(100 * (1 + (hashint8(o * 13) & 15)))::bigint AS quantity,
		timestamptz '2025-10-26 08:00Z' + (o / $PARTITIONS / 3 * 6
			+ o / $PARTITIONS % 3 * 0.7 + u + CASE k WHEN 2 THEN life ELSE 0 END)
			* interval '1 second' AS ts
	FROM (SELECT o, (hashint8(o * 17) & 65535) / 65536.0 AS f,
			(hashint8(o * 19) & 65535) / 65536.0 AS u,
			(hashint8(o * 23) & 65535) / 65536.0 * 4 AS life
		FROM generate_series(0, ($EVENTS / 1.88)::bigint) o) x,
		generate_series(1, 2) k
	WHERE k = 1 OR f < 0.9) y
ORDER BY p, ts, o, k LIMIT $EVENTS;
CREATE INDEX ON order_events (account_id, product_id, ts, id);
VACUUM (ANALYZE) order_events;
SQL
ROWS=$(q -c "SELECT count(*) FROM order_events")
# a tenth of the accounts, for statements whose time per event is that of all
PART="account_id < $((PARTITIONS / 100))"
PART_ROWS=$(q -c "SELECT count(*) FROM order_events WHERE $PART")

# Microseconds an event, elapsed and of processor time: medians of RUNS; and
# what the statement counts.
SETTINGS="SET max_parallel_workers_per_gather = 0; SET jit = off; SET work_mem = '64MB'; SET enable_seqscan = off; SET enable_sort = off;"
median() { sort -n | awk -v n="$RUNS" 'NR == int((n + 1) / 2)'; }
measure() {
	local rows=$ROWS

	[[ $2 != *"$PART"* ]] || rows=$PART_ROWS
	i=0
	: > "$LIB/times"
	while [ $i -lt "$RUNS" ]; do
		q -c "$SETTINGS" -c "SET log_executor_stats = on; SET client_min_messages = log" -c '\timing on' -c "$2" > "$LIB/one" 2>&1
		awk '/s user, .* s system, .* s elapsed/ {for (i = 2; i <= NF; i++) { if ($i == "user,") u = $(i - 2); if ($i == "system,") s = $(i - 2) } }
			/^Time:/ {t = $2} /^[0-9]+$/ {n = $1} END {print t, (u + s) * 1000, n}' "$LIB/one" >> "$LIB/times"
		i=$((i + 1))
	done
	elapsed=$(cut -d ' ' -f 1 "$LIB/times" | median)
	cpu=$(cut -d ' ' -f 2 "$LIB/times" | median)
	n=$(cut -d ' ' -f 3 "$LIB/times" | head -n 1)
	echo "$elapsed $cpu $n $rows" | awk -v what="$1" -v limit="$3" '{
		printf "| %s | %d | %.3f | %.3f | %s | %s |\n", what, $4, $1 * 1000 / $4, $2 * 1000 / $4, limit, $3}' >> "$OUT"
	[ -z "${4:-}" ] || echo "$4 $(echo "$cpu $rows" | awk '{ print $1 * 1000 / $2 }')" >> "$KEYS"
}

W="WINDOW w AS (PARTITION BY account_id, product_id ORDER BY ts, id)"
PACKED="ad_order_event(event_type, side, price, quantity, ts)"
PACKED_ID="ad_order_event(event_type, side, price, quantity, ts, order_id)"
PLAIN="event_type, side, price, quantity, ts"
{
	echo
	echo "## In SQL"
	echo
	echo "$ROWS events over $PARTITIONS partitions, or a tenth of them, ordered by an index; microseconds an event in all, results included."
	echo
	echo "| statement | events | elapsed | processor | limit | rows |"
	echo "|---|---|---|---|---|---|"
} > "$OUT"
echo "timing statements" >&2
measure "reading in index order" "SELECT count(event_type || '') FROM (SELECT event_type FROM order_events ORDER BY account_id, product_id, ts, id OFFSET 0) x" "" layer_read
measure "\`lag(ts) OVER w\`" "SELECT count(l) FROM (SELECT lag(ts) OVER w AS l FROM order_events $W) x" "" layer_lag
measure "\`ad_layering(ad_order_event(…)) OVER w\`, rule window, either" "SELECT count(l) FROM (SELECT (ad_layering($PACKED, ad_layering_options(trade_rule => 'either')) OVER w) AS l FROM order_events $W) x WHERE l IS NOT NULL" "1.5" layer_window
measure "the same, every column of the result" "SELECT count((l).size_cv) FROM (SELECT (ad_layering($PACKED, ad_layering_options(trade_rule => 'either')) OVER w) AS l FROM order_events WHERE $PART $W OFFSET 0) x WHERE l IS NOT NULL" "1.5"
measure "the same with order ids" "SELECT count(l) FROM (SELECT (ad_layering($PACKED_ID, ad_layering_options(trade_rule => 'either')) OVER w) AS l FROM order_events WHERE $PART $W) x WHERE l IS NOT NULL" "1.5"
measure "rule strict, order ids" "SELECT count(l) FROM (SELECT (ad_layering($PACKED_ID, ad_layering_options(rule => 'strict')) OVER w) AS l FROM order_events WHERE $PART $W) x WHERE l IS NOT NULL" "1.5"
measure "rule anchored, order ids" "SELECT count(l) FROM (SELECT (ad_layering($PACKED_ID, ad_layering_options(rule => 'anchored')) OVER w) AS l FROM order_events WHERE $PART $W) x WHERE l IS NOT NULL" "1.5"
measure "plain columns, rule window, either" "SELECT count(l) FROM (SELECT (ad_layering($PLAIN, ad_layering_options(trade_rule => 'either')) OVER w) AS l FROM order_events WHERE $PART $W) x WHERE l IS NOT NULL" ""
measure "plain columns, rule anchored" "SELECT count(l) FROM (SELECT (ad_layering($PLAIN, ad_layering_options(rule => 'anchored')) OVER w) AS l FROM order_events WHERE $PART $W) x WHERE l IS NOT NULL" ""
measure "\`ad_layering_member(ad_order_event(…)) OVER w\`" "SELECT count(l) FROM (SELECT (ad_layering_member($PACKED, ad_layering_options(trade_rule => 'either')) OVER w) AS l FROM order_events WHERE $PART $W) x WHERE l IS NOT NULL" ""
measure "\`ad_wash_trade(ad_order_event(…)) OVER w\`" "SELECT count(l) FROM (SELECT (ad_wash_trade($PACKED) OVER w) AS l FROM order_events WHERE $PART $W) x WHERE (l).trades IS NOT NULL" ""
measure "\`ad_layering_sequences(…)\`, rule window, either" "SELECT count(*) FROM ad_layering_sequences('SELECT account_id, product_id, event_type, side, price, quantity, ts, id FROM order_events WHERE $PART', ad_layering_options(trade_rule => 'either'))" "1.2"
measure "\`ad_layering_sequences(…)\`, rule strict, order ids" "SELECT count(*) FROM ad_layering_sequences('SELECT * FROM order_events WHERE $PART', ad_layering_options(rule => 'strict'))" "1.2"
measure "\`ad_layering_sequences(…)\`, rule anchored, order ids" "SELECT count(*) FROM ad_layering_sequences('SELECT * FROM order_events WHERE $PART', ad_layering_options(rule => 'anchored'))" "1.2"

# One partition of 2,000,000 events, dense against spread out, in SQL.
dense() {
	local i

	for i in $(seq "$RUNS"); do
		q -c "SELECT set_config('work_mem', '1GB', false)" -c '\timing on' -c "SELECT count(l) FROM (SELECT (ad_layering(ad_order_event(event_type, side, 100.25::float8, 100, CASE '$2' WHEN 'dense' THEN timestamptz '2026-01-01Z' + i * interval '4 us' ELSE timestamptz '2026-01-01Z' + i * interval '400 ms' END, NULL), ad_layering_options(rule => '$1', trade_rule => 'either')) OVER (ORDER BY i)) AS l FROM (SELECT i, (ARRAY['NEW', 'CANCEL', 'NEW', 'CANCEL', 'FILL'])[1 + i % 5] AS event_type, (ARRAY['B', 'S'])[1 + (i / 5 + (i % 5) / 4) % 2] AS side FROM generate_series(1, $EVENTS / 5) i) e) x WHERE l IS NOT NULL" | awk -v n=$((EVENTS / 5)) '/^Time:/ {printf "%.3f\n", $2 * 1000 / n}'
	done | median
}
{
	echo
	echo "## One partition of $((EVENTS / 5)) events, in SQL"
	echo
	echo "generate_series and sort included; dense: all events inside one orders window."
	echo
	echo "| rule | spread out, µs an event | dense | ratio |"
	echo "|---|---|---|---|"
} >> "$OUT"
echo "timing one big partition" >&2
for rule in window strict anchored; do
	a=$(dense $rule spread)
	b=$(dense $rule dense)
	echo "$a $b" | awk -v r=$rule '{printf "| %s | %s | %s | %.2f |\n", r, $1, $2, $2 / $1}' >> "$OUT"
done

# The same events as one group, in the order of time, which the sort makes.
{
	echo
	echo "## All events in one group"
	echo
	echo "\`ad_layering(event_type, side, price, quantity, ts, order_id) OVER (ORDER BY ts, id)\`, elapsed, the sort included."
	echo
	echo "| events | sequences | seconds |"
	echo "|---:|---:|---:|"
} >> "$OUT"
one_group() {
	local rows found

	rows=$(q -c "SELECT count(*) FROM order_events WHERE account_id < $1")
	: >"$LIB/times"
	for i in $(seq "$RUNS"); do
		found=$(q -c "SET max_parallel_workers_per_gather = 0; SET jit = off; SET work_mem = '1GB'" -c '\timing on' -c "SELECT count(l) FROM (SELECT ad_layering(event_type, side, price, quantity, ts, order_id) OVER (ORDER BY ts, id) AS l FROM order_events WHERE account_id < $1) x WHERE l IS NOT NULL")
		sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' <<<"$found" >>"$LIB/times"
	done
	found=$(sed -n 's/^\([0-9]*\)$/\1/p' <<<"$found")
	median <"$LIB/times" | awk -v n="$rows" -v f="$found" -v key="$2" -v keys="$KEYS" '{
		printf "| %d | %d | %.2f |\n", n, f, $1 / 1000
		print key, $1 / 1000 >>keys }' >>"$OUT"
}
echo "timing one group" >&2
one_group $((PARTITIONS / 10000)) group_of_10k
one_group $((PARTITIONS / 100)) group_of_1m
one_group "$PARTITIONS" group_of_10m

echo "timing the rules over arrays" >&2
{
	echo
	echo "## The rules over arrays"
	echo
	echo "\`ad_layering_find()\`, metrics included, no SQL, processor time; $PARTITIONS partitions of 1,000 events with 8-byte order ids."
	echo
	echo "| rule | ns an event | limit | sequences |"
	echo "|---|---|---|---|"
} >> "$OUT"
arrays() {
	i=0
	rows=
	while [ $i -lt "$RUNS" ]; do
		rows="$rows$(q -F ' ' -c "SELECT round(ns::numeric, 1), sequences, measured, round(bytes::numeric, 1) FROM market_rule('$1', $2, $3, '$4', 1)")
"
		i=$((i + 1))
	done
	printf '%s' "$rows" | median
}
for rule in window strict anchored wash; do
	limit=100
	[ $rule = strict ] && limit=250
	[ $rule = wash ] && limit=
	arrays $rule "$PARTITIONS" 1000 spread | awk -v r=$rule -v l="$limit" '{printf "| %s | %s | %s | %s |\n", r, $1, l, $2}' >> "$OUT"
done
{
	echo
	echo "One partition of $((EVENTS / 5)) events: spread over time, dense (all inside the orders window), instant (all at one microsecond)."
	echo "Memory is the growth of the process over the call, the events themselves included."
	echo
	echo "| rule | layout | ns an event | to spread out | bytes an event | sequences | with metrics |"
	echo "|---|---|---|---|---|---|---|"
} >> "$OUT"
for rule in window strict anchored; do
	base=
	for layout in spread dense instant; do
		r=$(arrays $rule 1 $((EVENTS / 5)) $layout)
		[ -z "$base" ] && base=${r%% *}
		echo "$r" | awk -v r=$rule -v l=$layout -v b="$base" '{printf "| %s | %s | %s | %.2f | %s | %s | %s |\n", r, l, $1, $1 / b, $4, $2, $3}' >> "$OUT"
	done
done
[ -n "${BENCH_ONLY:-}" ] || bench_about market "$KEYS"
echo "# Market room"
echo
echo "Measured by \`bench/run.sh market\`, one process, on $(bench_about)"
cat "$OUT"
