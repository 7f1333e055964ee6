# Whatever bytes are given as a model, a sketch, the state of a stream of values
# or of p-values, or an order event: every function that takes one returns, or raises an error that
# names what is wrong, after a few seconds of processor time at most. The
# server does not crash, and the session does not grow.
#
# Sound values of many shapes, taken from the catalogue, are damaged in many
# ways (test/fuzz/mutate.c), most with lengths, digests and CRCs made right
# again, those of an ensemble's members too, so that it is the structural
# checks that are tested.
#
# ANOMALY_TEST_MUTATIONS sets how many; ANOMALY_TEST_SEED repeats a run. More of
# them in test/long.sh.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Subjects;
use Test::More;

my $mutations = $ENV{ANOMALY_TEST_MUTATIONS} // ($ENV{ANOMALY_LONG} ? 24_000 : 8_000);
my $batch = 250;
my $kinds = 19;
my $cpu = 5;    # seconds of one call; builds with checks take longer than others
my $seed = seed();

# Errors that name what is wrong with a value, or do not fit its features.
my %allowed = map { $_ => 1 } qw(
  ok
  22P03
  22023
  42804
  42703
  0A000
  54000
  53400
  2202E
  22003
  22004
  55000
  22P02
  22P05
  54001
  08P01
  22021
  22008);

my $node = start_server('hostile', 'autovacuum = off');
make_subjects($node);
my @detectors = detectors($node);
$node->safe_psql('postgres', 'CREATE TABLE detector (id serial, name text); INSERT INTO detector (name) VALUES '
	  . join ', ', map { "('$_')" } @detectors);
$node->safe_psql('postgres', <<"SQL");
-- One batch of mutations; returns a count for each function and outcome, the
-- call that took the most processor time and what was out of line.
CREATE FUNCTION attack(first int, last int, seed bigint, kinds int, cpu float8, allowed text[],
	OUT counts jsonb, OUT slowest float8, OUT wrong text)
LANGUAGE plpgsql AS \$\$
DECLARE
	one subject;
	two subject;
	damaged bytea;
	calls text[];
	call text;
	outcome text;
	message text;
	started float8;
	took float8;
	what text;
	turn int;
	nth int;
	ids jsonb := (SELECT jsonb_object_agg(s.kind, ids) FROM
		(SELECT s.kind, jsonb_agg(id ORDER BY id) AS ids FROM subject s GROUP BY s.kind) s);
	detectors text[] := (SELECT array_agg(name ORDER BY id) FROM detector);
BEGIN
	counts := '{}';
	slowest := 0;
	FOR i IN first .. last LOOP
		-- every kind of damage in turn, on five models, two sketches, and on a
		-- stream, an event, a stream of p-values or a packed row
		turn := i / kinds;
		what := (ARRAY['model', 'sketch', 'model', 'model', 'sketch', 'model', 'model',
			(ARRAY['stream', 'event', 'p-values', 'row'])[1 + turn / 8 % 4]])[1 + turn % 8];
		nth := CASE what WHEN 'model' THEN turn / 8 * 5 + turn % 8 - (turn % 8 > 1)::int - (turn % 8 > 4)::int
			WHEN 'sketch' THEN turn / 8 * 2 + (turn % 8) / 4 ELSE turn / 32 END;
		SELECT * INTO STRICT one FROM subject
			WHERE id = (ids -> what ->> (nth * 31 % jsonb_array_length(ids -> what)))::int;
		SELECT * INTO STRICT two FROM subject s
			WHERE s.kind = one.kind ORDER BY (s.id * 7919 + i) % 31 LIMIT 1;
		damaged := CASE WHEN what IN ('event', 'row') THEN ad_test_damage(one.value, seed + i)
			ELSE ad_test_mutate(one.value, two.value, seed + i, i % kinds) END;
		-- each call as the SQL, after the name that it is counted under
		calls := CASE what WHEN 'model' THEN ARRAY[
				-- every score is a number
				'ad_score: SELECT count(1 / (ad_score(\$1, ARGS) <> ''NaN'')::int) FROM ROWS',
				'ad_score: SELECT count(ad_score(\$1, p)) FROM probe p',
				'ad_score: SELECT count(ad_score(\$1, v)) FROM probe_many',
				'ad_score_row: SELECT count(1 / (ad_score_row(\$1, to_jsonb(p)) <> ''NaN'')::int) FROM probe p',
				'ad_why_row: SELECT count(length(ad_why_row(\$1, to_jsonb(p)))) FROM probe p',
				'ad_score: SELECT count(ad_score(\$1, x, n)) FROM probe',
				-- so is every contribution, and finite
				'ad_explain: SELECT count((SELECT count(1 / (abs(contribution) < ''Infinity'')::int)
					FROM ad_explain(\$1, ARGS))) FROM ROWS',
				'ad_explain: SELECT count((SELECT count(1 / (abs(contribution) < ''Infinity'')::int)
					FROM ad_explain(\$1, ''{"method": "path"}''::jsonb, ARGS))) FROM ROWS',
				'ad_why: SELECT count(length(ad_why(\$1, ARGS))) FROM ROWS',
				'ad_info: SELECT ad_info(\$1)',
				'ad_features: SELECT count(f) FROM ad_features(\$1) f',
				'ad_threshold: SELECT ad_threshold(\$1, 0.01) + ad_threshold(\$1)',
				'ad_pvalue: SELECT count(1 / (ad_pvalue(\$1, ARGS) BETWEEN 0 AND 1)::int) FROM ROWS',
				'ad_pvalue_randomized: SELECT count(1 / (ad_pvalue_randomized(\$1, 0.3, ARGS) BETWEEN 0 AND 1)::int) FROM ROWS',
				'ad_probability: SELECT count(1 / (ad_probability(\$1, ARGS) BETWEEN 0 AND 1)::int) FROM ROWS',
				'ad_is_anomaly: SELECT count(ad_is_anomaly(\$1, ARGS)) FROM ROWS',
				'ad_drift: SELECT count(*) FROM ad_drift(\$1, (SELECT ad_sketch(ARGS) FROM ROWS))',
				'ad_fit_sketch: SELECT ad_fit_sketch(ad_iforest(), \$1)',
				'ad_merge: SELECT ad_merge(s) FROM (VALUES (\$1), (\$2)) v(s)']
			WHEN 'sketch' THEN ARRAY[
				'ad_fit_sketch: SELECT ad_info(ad_fit_sketch(ad_iforest(trees => 3, sample_size => 16), \$1))',
				'ad_fit_sketch: SELECT ad_info(ad_fit_sketch(ad_iforest(trees => 2, sample_size => 8, ndim => 2) ||
					ad_prepare(calendar => true, scale => ''robust'', drop_correlated => 0.9,
						impute => ''mean'', onehot_max => 1000), \$1))',
				'ad_fit_sketch: SELECT ad_fit_sketch(ad_iforest(trees => 1), ad_merge(s))
					FROM (VALUES (\$1), (\$2)) v(s)',
				'ad_fit_sketch: SELECT ad_fit_sketch(ad_iforest(trees => 1), ad_merge(s))
					FROM (VALUES (\$2), (\$1)) v(s)',
				'ad_merge: SELECT ad_merge(s) FROM (VALUES (\$1), (\$1), (NULL), (\$1)) v(s)',
				format('ad_fit_sketch: SELECT ad_info(ad_fit_sketch(%L, \$1))', detectors[1 + i % cardinality(detectors)]),
				'ad_drift: SELECT count(*) FROM ad_drift(\$1, \$2)',
				'ad_drift: SELECT count(*) FROM ad_drift(\$2, \$1)',
				'receive: SELECT ad_info(ad_fit_sketch(ad_iforest(trees => 2, sample_size => 8), ad_merge(s)))
					FROM (SELECT ad_test_receive(\$1, NULL::ad_sketch_state) UNION ALL SELECT \$2::ad_sketch_state) v(s)',
				'ad_info: SELECT ad_info(\$1)']
			WHEN 'row' THEN ARRAY[
				'receive: SELECT 1 / (ad_row_send(r) = ad_row_send(r::text::ad_row))::int FROM ad_test_receive(\$1, NULL::ad_row) r',
				'ad_fit: SELECT ad_info(ad_fit(ad_zscore(), r)) FROM ad_test_receive(\$1, NULL::ad_row) r',
				'ad_sketch: SELECT ad_merge(s) FROM (SELECT ad_sketch(ad_sampling(keyed => true), r) FROM (SELECT ad_test_receive(\$1, NULL::ad_row)
					UNION ALL SELECT ad_test_receive(\$2, NULL::ad_row)) v(r)) u(s)',
				'ad_score: SELECT count(1 / (ad_score(m, ad_test_receive(\$1, NULL::ad_row)) <> ''NaN'')::int) FROM (SELECT ad_fit(ad_zscore(), t) FROM training t) u(m)']
			WHEN 'stream' THEN ARRAY[
				'ad_stream_info: SELECT ad_stream_info(\$1)',
				-- goes on, with a late time, a long gap and the ends of time; and on from there
				'ad_stream_update: SELECT ad_stream_info(new_state) FROM (SELECT array_agg(ts ORDER BY i) t, array_agg(x ORDER BY i) x
					FROM training WHERE i > 500) v, ad_stream_update(\$1, t, x) u',
				'ad_stream_update: SELECT ad_stream_update(new_state, ARRAY[timestamptz ''294000-01-01'', ''294000-01-02''], ARRAY[1e308, -1e308])
					FROM ad_stream_update(\$1, ARRAY[timestamptz ''2024-05-01'', ''2024-05-02'', ''1000-01-01'', ''2024-05-02'', ''5000-01-01''],
						ARRAY[1, NULL, ''NaN'', ''Infinity'', -1e308]::float8[])']
			WHEN 'p-values' THEN ARRAY[
				-- every level is one, and the state goes on
				'ad_fdr_level_array: SELECT count(1 / (l BETWEEN 0 AND 1)::int) FROM ad_fdr_level_array(\$1, array_fill(0.7::float8, ARRAY[300])) s,
					ad_fdr_level_array(s.new_state, ARRAY[0, 1, NULL, 1e-300, 0.001]) u, unnest(s.levels || u.levels) l WHERE l IS NOT NULL',
				'ad_fdr_level_array: SELECT ad_fdr_level_array(\$1, ARRAY[0, 1], options => ''{"least_p": 0.001}'')']
			ELSE ARRAY[
				'receive: SELECT ad_test_receive(\$1, NULL::ad_order_event)',
				'receive: SELECT 1 / (ad_order_event_send(e) = ad_order_event_send(e::text::ad_order_event))::int
					FROM ad_test_receive(\$1, NULL::ad_order_event) e',
				'ad_layering: SELECT count(w) FROM (SELECT ad_layering(e) OVER (ORDER BY split_part(e::text, '','', 5)::timestamptz) AS w
					FROM (SELECT e FROM events UNION ALL SELECT ad_test_receive(\$1, NULL::ad_order_event)) s) t',
				'ad_wash_trade: SELECT count(w) FROM (SELECT ad_wash_trade(e) OVER (ORDER BY split_part(e::text, '','', 5)::timestamptz) AS w
					FROM (SELECT e FROM events UNION ALL SELECT ad_test_receive(\$1, NULL::ad_order_event)) s) t',
				'ad_layering_timeline: SELECT length(ad_layering_timeline(array_agg(e ORDER BY split_part(e::text, '','', 5)::timestamptz)))
					FROM (SELECT e FROM events UNION ALL SELECT ad_test_receive(\$1, NULL::ad_order_event)) s']
			END;
		FOREACH call IN ARRAY calls LOOP
			message := NULL;
			started := ad_test_cpu();
			BEGIN
				EXECUTE replace(replace(substring(call FROM ': (.*)\$'), 'ARGS', coalesce(one.arguments, '')), 'ROWS', coalesce(one.rows, ''))
					USING damaged, one.value;
				outcome := 'ok';
			EXCEPTION WHEN OTHERS THEN
				outcome := SQLSTATE;
				message := SQLERRM;
			END;
			took := ad_test_cpu() - started;
			slowest := greatest(slowest, took);
			IF outcome <> ALL (allowed) OR took > cpu THEN
				wrong := concat(wrong, format(E'\\n%s of %s "%s", mutation %s, kind %s: %s %s, %s s',
					call, what, one.name, i, i % kinds, outcome, message, took));
			END IF;
			call := format('%s: %s %s', what, substring(call FROM '^[^:]*'), outcome);
			counts := counts || jsonb_build_object(call, coalesce((counts ->> call)::int, 0) + 1);
		END LOOP;
	END LOOP;
END
\$\$;
SQL

is(sql_value($node, "SELECT count(*) FROM unnest(ARRAY[" . join(',', map { "'$_'" } @detectors) . "]) d
	WHERE NOT EXISTS (SELECT FROM subject WHERE kind = 'model' AND ad_info(value) ->> 'detector' = d)"),
	0, 'every detector has a model');

# Damage to members of ensembles gets past their checksums: what is left are
# the kinds that leave the checksum of the whole as it was.
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION refusal(bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM ad_info($1);
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN detail;
END
$$;
SQL
my ($damaged, $accepted, $checksum) = split /\|/, $node->safe_psql('postgres', <<"SQL");
SELECT count(*), count(*) FILTER (WHERE r = 'none'), count(*) FILTER (WHERE r = 'Its checksum does not match.')
FROM (SELECT refusal(ad_test_mutate(value, value, $seed + i, i % $kinds)) AS r
	FROM subject, generate_series(0, $kinds * 4 - 1) i WHERE kind = 'model' AND ad_info(value) ->> 'detector' = 'ensemble') s
SQL
note "$damaged ensembles: $accepted accepted, $checksum with a wrong checksum";
cmp_ok($checksum, '<', $damaged / 10, 'checksums do not hide damaged members');

my $started = sql_value($node, 'SELECT pg_postmaster_start_time()');
my $contexts = $node->safe_psql('postgres', 'SHOW server_version_num') >= 140000;
my $memory = $contexts
  ? 'SELECT sum(total_bytes) FROM pg_backend_memory_contexts'
  : 'SELECT 0';
my $allowed = join ',', map { "'$_'" } sort keys %allowed;

# One session for all of it, so that what leaks adds up.
my @sql = ("SET anomaly.model_cache_size = '4MB'", "SET statement_timeout = '300s'");
for (my $i = 0; $i < $mutations; $i += $batch)
{
	push @sql, sprintf(
		"SELECT 'batch', pg_backend_pid(), (%s), slowest, counts, wrong "
		  . 'FROM attack(%d, %d, %d, %d, %d, ARRAY[%s])',
		$memory, $i, $i + $batch - 1, $seed, $kinds, $cpu, $allowed);
}
my ($out, $err) = ('', '');
my $status = $node->psql('postgres', join(";\n", @sql),
	stdout => \$out, stderr => \$err, extra_params => [ '-F', "\t" ]);
is($status, 0, 'the session survived') or diag $err;

my (%counts, %pids, @memory, $slowest, $wrong);
$slowest = 0;
$wrong = '';
my $batches = 0;
for my $line (split /^(?=batch\t)/m, $out)
{
	chomp $line;
	my (undef, $pid, $bytes, $worst, $json, $bad) = split /\t/, $line, 6;

	$batches++;
	$pids{$pid}++;
	push @memory, $bytes;
	$slowest = $worst if $worst > $slowest;
	$wrong .= $bad;
	$counts{$1} += $2 while $json =~ /"([^"]+)": (\d+)/g;
}
is($batches * $batch >= $mutations, 1, "$mutations mutations");
is(keys %pids, 1, 'one backend served all of them');
is(sql_value($node, 'SELECT pg_postmaster_start_time()'),
	$started, 'the server did not restart');
is($wrong, '', "every call returned or raised an error with a name, within $cpu seconds of processor time");

my $calls = 0;
$calls += $_ for values %counts;
note sprintf 'slowest of %d calls: %.0f ms of processor time', $calls, 1000 * $slowest;
note sprintf '%-32s %7d', $_, $counts{$_} for sort keys %counts;

# The structural checks were reached and so was what lies behind them.
sub reached
{
	my ($kind, $outcome, $share, @functions) = @_;

	for (@functions)
	{
		cmp_ok($counts{"$kind: $_ $outcome"} // 0, '>', $mutations / 24_000 * $share,
			"$_ of a damaged $kind: $outcome");
	}
}
reached('model', 'ok', 500, qw(ad_score ad_info ad_features ad_drift ad_explain ad_why ad_is_anomaly));
reached('model', 'ok', 100, qw(ad_pvalue ad_probability));
reached('model', '22P03', 2000, qw(ad_score ad_info ad_features ad_explain ad_why ad_is_anomaly));
reached('sketch', 'ok', 200, qw(ad_fit_sketch ad_merge ad_drift));
reached('stream', 'ok', 100, qw(ad_stream_info ad_stream_update));
reached('stream', '22P03', 300, qw(ad_stream_info ad_stream_update));
reached('p-values', 'ok', 100, 'ad_fdr_level_array');
reached('p-values', '22P03', 300, 'ad_fdr_level_array');
reached('row', 'ok', 20, qw(receive ad_fit ad_sketch ad_score));
reached('row', '22P03', 200, qw(receive ad_fit ad_sketch ad_score));
reached('sketch', 'ok', 200, 'receive');
reached('event', 'ok', 100, qw(receive ad_layering ad_wash_trade ad_layering_timeline));

SKIP:
{
	skip 'memory contexts cannot be read before PostgreSQL 14', 1 unless $contexts;
	note 'memory of the session, MB: ', join ' ', map { sprintf '%.1f', $_ / 1e6 } @memory;

	# the first batches fill caches
	my ($early, $late) = (0, 0);
	for my $i (0 .. $#memory)
	{
		my $which = $i < @memory / 2 ? \$early : \$late;
		$$which = $memory[$i] if $memory[$i] > $$which;
	}
	cmp_ok($late, '<', $early * 1.2 + 2e6, 'the session does not grow');
}

$node->stop;
done_testing();
