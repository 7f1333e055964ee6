# What scoring in a trigger costs an insert (sourced by bench/run.sh, in a
# database of its own; the page goes to stdout):
#
#	bench/run.sh trigger
ROWS=$(awk -v s="$BENCH_SCALE" 'BEGIN { printf "%d", 100000 * s }')
SECONDS_EACH=5
[ "$BENCH_SCALE" = 1 ] || SECONDS_EACH=1
RUNS=$BENCH_ROUNDS
SCRIPT=$ad_work/trigger.sql

q() { ad_psql -q -A -t "$@"; }
q <<'SQL' >&2
CREATE TABLE history AS
SELECT i, exp(ad_random(1, i, 'normal'))::float8 AS amount, (ARRAY['AT', 'CH', 'DE', 'DE'])[1 + i % 4] AS country, ad_random(2, i, 'normal') AS other
FROM generate_series(1, 100000) i;
SELECT ad_train('m', 'SELECT amount, country, other FROM history', ad_iforest() || ad_calibrate(contamination => 0.0001)) \g /dev/null
CREATE TABLE plain (id bigserial PRIMARY KEY, amount float8, country text, other float8, score float8);
CREATE TABLE empty_trigger (LIKE plain INCLUDING ALL);
CREATE TABLE scored (LIKE plain INCLUDING ALL);
CREATE TABLE refused (LIKE plain INCLUDING ALL);
CREATE FUNCTION do_nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION score_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.score := ad_score('m', NEW.amount, NEW.country, NEW.other);
	RETURN NEW;
END $$;
CREATE FUNCTION refuse_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.score := ad_score('m', NEW.amount, NEW.country, NEW.other);
	IF NEW.score > 0.95 THEN
		RAISE EXCEPTION 'refused: score %', NEW.score USING ERRCODE = 'check_violation';
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER t BEFORE INSERT ON empty_trigger FOR EACH ROW EXECUTE FUNCTION do_nothing();
CREATE TRIGGER t BEFORE INSERT ON scored FOR EACH ROW EXECUTE FUNCTION score_it();
CREATE TRIGGER t BEFORE INSERT ON refused FOR EACH ROW EXECUTE FUNCTION refuse_it();
DO $$ BEGIN
	EXECUTE format('CREATE TABLE generated (id bigserial PRIMARY KEY, amount float8, country text, other float8,
		score float8 GENERATED ALWAYS AS (ad_score(%L::bytea, amount, country, other)) STORED)', ad_model('m'));
END $$;
SQL

# Microseconds a row, medians of RUNS: one statement, then one row a transaction.
median() { sort -n | awk '{ x[NR] = $1 } END { print x[int((NR + 1) / 2)] }'; }
bulk() {
	for run in $(seq "$RUNS"); do
		q -c "TRUNCATE $1" -c '\timing on' -c "INSERT INTO $1 (amount, country, other) SELECT amount, country, other FROM history LIMIT $ROWS" |
			sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
	done | median | awk -v n="$ROWS" '{ printf "%.1f", $1 * 1000 / n }'
}
single() {
	echo "INSERT INTO $1 (amount, country, other) VALUES (1.5, 'DE', 0.3)" >"$SCRIPT"
	for run in $(seq "$RUNS"); do
		q -c "TRUNCATE $1"
		"$BENCH_PGBENCH" -n -M prepared -f "$SCRIPT" -T "$SECONDS_EACH" 2>/dev/null | sed -n 's/^latency average = \([0-9.]*\) ms/\1/p'
	done | median | awk '{ printf "%.0f", $1 * 1000 }'
}

{
	echo "Elapsed microseconds an insert: $ROWS rows of one statement, and one row a transaction (pgbench, prepared)."
	echo
	echo "| | one statement | one row a transaction |"
	echo "|---|---:|---:|"
	for t in plain empty_trigger scored refused generated; do
		case $t in
			plain) what='no trigger' ;;
			empty_trigger) what='trigger that does nothing' ;;
			scored) what='trigger that scores by name into a column' ;;
			refused) what='trigger that scores and refuses above a threshold' ;;
			generated) what='generated column, model as a literal' ;;
		esac
		echo "| $what | $(bulk $t) | $(single $t) |"
	done
} >"$ad_work/trigger.page"
echo "# Scoring in a trigger"
echo
echo "Measured by \`bench/run.sh trigger\`, fsync off, three features, an isolation forest of 100 trees, on $(bench_about)"
echo
cat "$ad_work/trigger.page"
