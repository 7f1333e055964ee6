# What other sessions see: statistics of scoring, progress, health and the
# page of postgres_exporter. With the library preloaded, and without.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use IO::Socket::INET;
use IPC::Run ();
use Kept;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

# Error of a statement.
sub error_of
{
	my ($node, $sql, %opt) = @_;
	my (undef, undef, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql", %opt);

	return $err;
}

# Ask until the answer is what is wanted, or for three minutes.
sub becomes
{
	my ($node, $sql, $wanted, $name) = @_;
	my $got;

	for (1 .. 3600)
	{
		$got = $node->safe_psql('postgres', $sql);
		last if $got eq $wanted;
		sleep 0.05;
	}
	return is($got, $wanted, $name);
}

# Without preloading: the rest works, and the views say what to do.
my $plain = keep(start_server('plain', 'max_prepared_transactions = 2'));
for my $what ('ad_stat_models', 'ad_progress')
{
	my $err = error_of($plain, "SELECT * FROM $what;");

	like($err, qr/55000: "$what" needs anomaly to be loaded at server start/, "$what says that it needs preloading");
	like($err, qr/HINT:  Add anomaly to shared_preload_libraries and restart the server\./, '... and how');
}
like(error_of($plain, 'SELECT ad_stat_reset();'), qr/55000/, 'so does ad_stat_reset');
# until 14 everybody may create in public
$plain->safe_psql('postgres', 'REVOKE CREATE ON SCHEMA public FROM PUBLIC');
is( sql_value($plain, 'SELECT string_agg(concat_ws(\'|\', "check", status, hint), \',\') FROM ad_health()'),
	'statistics|warning|Add anomaly to shared_preload_libraries and restart the server.,stale model|ok,job lag|ok,failing job|ok,alert flood|ok,held watermark|ok,late rows|ok,bad rows|ok,job source|ok,entity models|ok,job rule|ok,job series|ok,watched column|ok,schema|ok,storage|ok,paused job|ok,precision|ok,alert rate|ok,unlabelled alerts|ok,missing labels|ok,score drift|ok,measured drift|ok,model bytes|ok,job columns|ok,schedule|ok', 'ad_health warns');

# models that are compressed are found, without waiting for a lock
$plain->safe_psql('postgres', 'CREATE TABLE fits AS SELECT ad_fit(ad_iforest(), x) AS m FROM generate_series(1, 300) x');
for my $case ([ 'are not compressed' => "ALTER TABLE fits ALTER m SET STORAGE EXTERNAL", 'ok' ],
	[ 'are' => "ALTER TABLE fits ALTER m SET STORAGE EXTENDED", 'warning' ],
	[ 'are locked' => "BEGIN; LOCK TABLE fits; PREPARE TRANSACTION 'locked'", 'ok' ],
	[ 'are not locked any more' => "COMMIT PREPARED 'locked'", 'warning' ])
{
	my ($what, $sql, $status) = @$case;

	$plain->safe_psql('postgres', $sql);
	is(sql_value($plain, 'SELECT status FROM ad_health() WHERE "check" = \'storage\''), $status, "$status: models $what");
}
is( sql_value($plain, 'SELECT count(ad_score(m, x)) FROM (SELECT ad_fit(ad_zscore(), x) AS m FROM generate_series(1, 10) x) f, generate_series(1, 10) x'),
	10, 'scoring works');
is(sql_value($plain, "SELECT _anomaly._ad_progress_set('job', 'j', 'x', 1, 2), _anomaly._ad_progress_end('job', 'j')"), '|', 'progress is not shown');
$plain->stop;

my $node = keep(start_server('preloaded', "shared_preload_libraries = 'anomaly'", 'anomaly.stat_models_max = 16',
	'restart_after_crash = on', 'synchronize_seqscans = off'));
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE rows AS SELECT i, sin(i) AS x, CASE WHEN i % 100 <> 0 THEN cos(i) END AS y FROM generate_series(1, 200000) i;
CREATE TABLE models AS SELECT k, ad_fit(ad_zscore() || ad_calibrate(contamination => 0.01), x, x * k) AS m
	FROM rows, generate_series(1, 20) k WHERE i <= 2000 GROUP BY k;
ALTER TABLE rows SET (parallel_workers = 2);
VACUUM ANALYZE rows, models;
CREATE VIEW s AS SELECT s.*, k FROM ad_stat_models s LEFT JOIN models ON digest = ad_info(m) ->> 'digest';
GRANT SELECT ON rows, models, s TO PUBLIC;
SELECT ad_stat_reset();
SQL

# What statements return that a role runs.
sub as_role
{
	my ($role, @sql) = @_;

	return scalar $node->safe_psql('postgres', join('; ', @sql), extra_params => [ '-U', $role ]);
}

# Let a role run statements that fail, so many times.
sub fails
{
	my ($role, $sql, $times) = @_;

	$node->psql('postgres', "$sql;\n" x $times, on_error_stop => 0, extra_params => [ '-U', $role ]);
	return;
}

# Columns of a check of ad_health(), as a role sees it; settings come first.
sub health
{
	my ($role, $check, $columns, @settings) = @_;

	return as_role($role, @settings, "SELECT $columns FROM ad_health() WHERE \"check\" = '$check'");
}

# Forget all counts.
sub forget
{
	$node->safe_psql('postgres', 'SELECT ad_stat_reset()');
	return;
}

# One query, one call site, all its rows.
my $serial = 'SET max_parallel_workers_per_gather = 0;';
my $expected = $node->safe_psql('postgres', <<"SQL");
$serial
SELECT count(*), count(*) FILTER (WHERE score > ad_threshold(m)), round(avg(score)::numeric, 9), round(stddev_pop(score)::numeric, 9)
FROM (SELECT m, ad_score(m, x, y) AS score FROM rows, models WHERE k = 3 OFFSET 0) t;
SQL
is( sql_value($node, 'SELECT database, model, version, detector, calls, errors FROM s WHERE k = 3'),
	'postgres|||zscore|1|0', 'a query is a call');
is( sql_value($node, 'SELECT rows, anomalies, round(score_mean::numeric, 9), round(score_stddev::numeric, 9) FROM s WHERE k = 3'),
	$expected, '... with its rows, anomalies, and the moments of the scores');
is( sql_value($node, "SELECT p50_ms <= p95_ms, p95_ms <= p99_ms, p99_ms <= max_ms, max_ms <= total_ms, total_ms > 0,
		first_used <= last_used, first_used > now() - interval '10 minutes', mean_ms = total_ms / calls FROM s WHERE k = 3"),
	't|t|t|t|t|t|t|t', '... and times in order');

# A parallel query counts its rows once, each process being a call.
$node->safe_psql('postgres', 'SELECT ad_stat_reset()');
$node->safe_psql('postgres', <<'SQL');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT max(ad_score((SELECT m FROM models WHERE k = 3), x, y)) FROM rows;
SQL
is(sql_value($node, 'SELECT rows, calls BETWEEN 1 AND 3, anomalies FROM s WHERE k = 3'),
	'200000|t|' . (split /\|/, $expected)[1], 'workers count what they score');

# A model a row: each is a call of its own, however the rows alternate.
$node->safe_psql('postgres', 'SELECT ad_stat_reset()');
$node->safe_psql('postgres', "$serial SELECT sum(ad_score(m, x, y)) FROM (SELECT * FROM rows, models WHERE k <= 10 AND i <= 300 ORDER BY i, k) t");
is(sql_value($node, 'SELECT count(*), min(calls), max(calls), min(rows), max(rows) FROM s'),
	'10|1|1|300|300', 'models that take turns are counted apart');
is( sql_value($node, "SELECT count(*) FROM s JOIN (SELECT k, avg(ad_score(m, x, y)) AS mean, stddev_pop(ad_score(m, x, y)) AS sd
		FROM rows, models WHERE i <= 300 GROUP BY k) t USING (k) WHERE abs(score_mean - mean) < 1e-9 AND abs(score_stddev - sd) < 1e-9"),
	10, '... each with its own scores');

# What else there is: decisions, PL/pgSQL, NULL, errors.
$node->safe_psql('postgres', 'SELECT ad_stat_reset()');
$node->safe_psql('postgres', <<'SQL');
SELECT count(*) FILTER (WHERE ad_is_anomaly(m, x, y)), sum(ad_pvalue(m, x, y)), sum(ad_probability(m, x, y)) FROM rows, models WHERE k = 1 AND i <= 10;
DO $$ DECLARE m bytea := (SELECT m FROM models WHERE k = 2); s float8; BEGIN FOR i IN 1..50 LOOP s := ad_score(m, i, i); END LOOP; END $$;
SELECT ad_score(NULL, 1), ad_score(m, NULL::float8[]) FROM models WHERE k = 4;
SQL
is(sql_value($node, 'SELECT k, calls, rows, errors FROM s ORDER BY k'), "1|3|30|0\n2|1|50|0", 'decisions and loops count, NULL does not');
for my $sql ('SELECT ad_score(m, 1) FROM models WHERE k = 5',
	"SELECT ad_score('\\x00', 1)",
	'SELECT ad_score(m, i, 1 / (10 - i)) FROM models, generate_series(1, 20) i WHERE k = 6',
	"SELECT ad_score(m, v) FROM models, (VALUES (ARRAY[1.0, 2]), (ARRAY[3.0, 4]), (ARRAY[1.0])) t(v) WHERE k = 7")
{
	isnt(error_of($node, "$sql;"), '', "refused: $sql");
}
is( sql_value($node, "SELECT coalesce(k, 0), calls, rows, errors FROM s WHERE errors > 0 OR k IN (5, 6, 7) ORDER BY 1"),
	"0|1|0|1\n5|1|0|1\n6|1|9|0\n7|1|2|1", 'errors count where they happen, and the rows before them');
is( sql_value($node, 'SELECT status, detail FROM ad_health() WHERE "check" = \'error rate\''), 'ok|No model was called 20 times lately.', 'few calls are no rate');
fails('postgres', 'SELECT ad_score(m, 1) FROM models WHERE k = 5', 19);
$node->safe_psql('postgres', 'SELECT ad_score(m, 1, 1) FROM models WHERE k = 5') for 1 .. 20;
is(health('postgres', 'error rate', 'status, hint'), 'critical|Most failed as role postgres: see ad_stat_intervals, and the server\'s log for the errors.', 'ad_health sees them');
like(health('postgres', 'error rate', 'detail'), qr/^20 of 40 scoring calls of the model with digest [0-9a-f]{32} since [\d:]{8} failed\.$/, '... of one model');
is( $node->safe_psql('postgres', "SET anomaly.health_latency_critical = 1000000; SET anomaly.health_latency_warning = 0;
		SET anomaly.health_error_rate_critical = 1;
		-- until PostgreSQL 14 everybody may create in the schema public
		SELECT \"check\", status FROM ad_health() WHERE \"check\" <> 'schema'"),
	"statistics|ok\nerror rate|warning\ncaught errors|ok\nunknown model|ok\nlatency|warning\ndrift|ok\nstale model|ok\njob lag|ok\nfailing job|ok\nalert flood|ok\nheld watermark|ok\nlate rows|ok\nbad rows|ok\njob source|ok\nentity models|ok\njob rule|ok\njob series|ok\nwatched column|ok\nstorage|warning\npaused job|ok\nprecision|ok\nalert rate|ok\nunlabelled alerts|ok\nmissing labels|ok\nscore drift|ok\nmeasured drift|ok\nmodel bytes|ok\njob columns|ok\nschedule|ok", 'limits are settings');

# In one call site, too.
forget();
$node->safe_psql('postgres', "SELECT ad_train('named', 'SELECT x FROM rows WHERE i <= 100', 'zscore')");
fails('postgres', "SELECT ad_score(n, 1::float8) FROM (VALUES ('named'), ('named'), ('lost')) v(n)", 1);
fails('postgres', "SELECT ad_score(m, ARRAY[1, 1]::float8[]) FROM (VALUES ((SELECT m FROM models WHERE k = 1)), ('\\x00')) v(m)", 1);
is( sql_value($node, 'SELECT coalesce(model, k::text, \'none\'), calls, rows, errors FROM s ORDER BY 1'),
	"1|1|1|0\nnamed|1|2|0\nnone|2|0|2", 'a failed call is not that of the model before');
$node->safe_psql('postgres', "SELECT ad_drop_model('named')");
is( $node->safe_psql('postgres', 'SET anomaly.stat_models = off; SELECT ad_stat_reset(); SELECT count(ad_score(m, 1, 1)) FROM models; SELECT count(*) FROM ad_stat_models; SELECT status FROM ad_health() LIMIT 1'),
	"\n20\n0\nwarning", 'counting can be switched off');

# Few entries: the least recently used goes.
$node->safe_psql('postgres', "SELECT ad_score(m, 1, 1) FROM models WHERE k = $_") for 1 .. 16, 1, 2, 17 .. 20;
is( sql_value($node, 'SELECT string_agg(k::text, \' \' ORDER BY k) FROM s'),
	join(' ', 1, 2, 7 .. 20), 'sixteen entries: the least recently used ones went');
is(sql_value($node, 'SELECT sum(calls) FROM s'), 18, '... and with them their counts');

# A role takes room from others until it has as many as they; without a name
# it takes none of those that have one.
$node->safe_psql('postgres', 'CREATE ROLE anna LOGIN; CREATE ROLE mallory LOGIN; CREATE ROLE guard LOGIN IN ROLE pg_monitor');
my $kept = 'SELECT concat_ws(\'|\', coalesce(regexp_replace(model, \' .*\', \'\'), CASE WHEN digest IS NULL THEN \'none\' ELSE \'bytes\' END), count(*), sum(calls), sum(errors)) FROM ad_stat_models GROUP BY regexp_replace(model, \' .*\', \'\'), digest IS NULL ORDER BY 1';
forget();
as_role('anna', 'SELECT ad_score(m, 1, 1) FROM models WHERE k <= 3');
as_role('mallory', 'SELECT ad_score(m, 1, 1) FROM models');
is(as_role('anna', 'SELECT count(*) FROM ad_stat_models'), 3, 'models of one role without a name do not take the room of another\'s');
is(as_role('mallory', 'SELECT count(*) FROM ad_stat_models'), 13, '... but its own');
as_role('anna', "SELECT ad_train('anna ' || k, 'SELECT x, y * ' || k || ' FROM rows WHERE i <= 100', 'zscore') FROM generate_series(1, 9) k",
	map { "SELECT ad_score('anna $_', 1::float8, 1::float8)" } 1 .. 9);
as_role('mallory', 'SELECT ad_score(m, 1, 1) FROM models') for 1 .. 3;
like(as_role('guard', $kept), qr/^anna\|9\|9\|0$/m, '... nor those with one');
fails('mallory', "SELECT ad_score('anna ' || $_, 1); SELECT ad_score('no ' || $_, 1); SELECT ad_score('\\x0$_'::bytea, 1)", 3) for 1 .. 9;
# how many of mallory's models meet theirs from the scan before depends on the order of digests
like(as_role('guard', $kept), qr/^anna\|9\|9\|0\nbytes\|[1-6]\|\d+\|0\nnone\|1\|81\|81$/, 'what was not found or is denied has no name');
as_role('mallory', "SELECT ad_train('mallory ' || k, 'SELECT i * ' || k || ' FROM generate_series(1, 9) i', 'zscore') FROM generate_series(1, 30) k",
	"SELECT ad_score('mallory ' || k, 1) FROM generate_series(1, 30) k");
is(as_role('guard', $kept), "anna|8|8|0\nmallory|8|8|0", 'with a name room is shared evenly');
as_role('mallory', "SELECT ad_score('mallory ' || k, 1) FROM generate_series(1, 30) k") for 1 .. 3;
is(as_role('guard', "SELECT string_agg(model, ',' ORDER BY model) FROM ad_stat_models WHERE model < 'b'"),
	join(',', map { "anna $_" } 2 .. 9), '... and what is used least goes first');
as_role('anna', "SELECT ad_score(m, 1, 1) FROM models WHERE k = 1");
is(as_role('guard', $kept), "anna|8|8|0\nmallory|8|8|0", 'what has no name is not counted where all have one');
as_role('mallory', "SELECT ad_drop_model('mallory ' || k) FROM generate_series(1, 30) k");

# The error rate is each model's; what needs no right on a model is not
# critical to others.
forget();
as_role('anna', "SELECT ad_score('anna 1', 1::float8, 1::float8)");
fails('mallory', "SELECT ad_score('no', 1); SELECT ad_score('\\x00'::bytea, 1); SELECT ad_score('anna 1', 1)", 100);
fails('mallory', 'SELECT ad_score(m, 1) FROM models WHERE k = 1', 30);
is(health($_->[0], 'error rate', 'status'), $_->[1], "calls without a right on a model: error rate to $_->[0]")
  for [ 'anna', 'ok' ], [ 'guard', 'warning' ], [ 'postgres', 'warning' ], [ 'mallory', 'critical' ];
like(health('guard', 'error rate', 'concat(detail, hint)'), qr/^30 of 30 scoring calls of the model of another role with digest \w+ since [\d:]{8} failed\.Most failed as role mallory:/, '... which says whose');
is(health($_->[0], 'unknown model', 'concat_ws(\'|\', status, detail)'), $_->[1], "... unknown model to $_->[0]")
  for [ 'anna', 'ok|0 of your scoring calls named no model that you may use, or gave a value that is none.' ],
  [ 'guard', 'ok|0 of your scoring calls named no model that you may use, or gave a value that is none; of those of other roles 300.' ],
  [ 'mallory', 'warning|300 of your scoring calls named no model that you may use, or gave a value that is none.' ];
is(as_role('guard', 'SELECT count(*) FROM ad_health() WHERE status = \'critical\''), 0, '... and nothing is critical');
my @slow = ('SET anomaly.health_latency_warning = 0', 'SET anomaly.health_latency_critical = 0');
is(health('anna', 'latency', 'status', @slow), 'critical', 'a slow model with a name is critical');
as_role('mallory', 'SELECT ad_score(m, 1, 1) FROM models WHERE k = 1');
as_role('anna', "SELECT ad_drop_model('anna 1')");
is(health('guard', 'latency', 'status', @slow), 'warning', '... one without to others not');
is(health('mallory', 'latency', 'status', @slow), 'critical', '... to who uses it');
as_role('anna', "SELECT ad_grant_model('anna 2', 'mallory', 'score')");
forget();
as_role('anna', "SELECT ad_score('anna 2', 1::float8, 1::float8)") for 1 .. 10;
fails('mallory', "SELECT ad_score('anna 2', 1)", 30);
is(health($_->[0], 'error rate', 'status'), $_->[1], "calls of a named model: error rate to $_->[0]")
  for [ 'anna', 'critical' ], [ 'guard', 'critical' ], [ 'mallory', 'critical' ];
like(health('anna', 'error rate', 'concat(detail, hint)'),
	qr/^30 of 40 scoring calls of model "anna 2" since [\d:]{8} failed\.Most failed as role mallory: see ad_stat_intervals, and the server's log for the errors\.$/, '... which says by whom');
as_role('anna', "SELECT ad_train('anna 2', 'SELECT x, y FROM rows WHERE i <= 100', 'zscore')");
is(health('anna', 'error rate', 'status'), 'ok', '... until there is a new version');

# A name may come back: what was done with it before is not its new owner's.
is(as_role('anna', "SELECT sum(calls) FROM ad_stat_models WHERE model = 'anna 2'"), 40, 'the owner of a model sees what others did with it');
as_role('anna', "SELECT ad_drop_model('anna 2')");
as_role('mallory', "SELECT ad_train('anna 2', 'SELECT 1.5 AS x', 'zscore')");
is(as_role('mallory', "SELECT sum(calls) FROM ad_stat_models WHERE model = 'anna 2'"), 30, '... the owner of another of that name its own calls only');
as_role('mallory', "SELECT ad_drop_model('anna 2')");
as_role('anna', "SELECT ad_drop_model('anna ' || k) FROM generate_series(3, 9) k");
$node->safe_psql('postgres', 'DROP ROLE anna; DROP ROLE mallory; DROP ROLE guard');

# Who sees what.
$node->safe_psql('postgres', 'CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE watcher LOGIN IN ROLE pg_monitor; SELECT ad_stat_reset()');
$node->safe_psql('postgres', "SELECT count(ad_score(m, 1, 1)) FROM models, generate_series(1, $_->[1]) WHERE k = 1", extra_params => [ '-U', $_->[0] ])
  for [ 'alice', 7 ], [ 'bob', 11 ], [ 'alice', 1 ];
for ([ 'alice', '2|8' ], [ 'bob', '1|11' ], [ 'watcher', '3|19' ], [ 'postgres', '3|19' ])
{
	my ($role, $seen) = @$_;

	is($node->safe_psql('postgres', 'SELECT calls, rows FROM ad_stat_models', extra_params => [ '-U', $role ]), $seen, "what $role sees");
}
like(error_of($node, 'SELECT ad_stat_reset();', extra_params => [ '-U', 'alice' ]), qr/42501/, 'not everybody may reset');
is($node->safe_psql('postgres', 'SELECT count(*) FROM ad_health()', extra_params => [ '-U', 'alice' ]), 30, 'everybody may ask for health');

# Start psql on its own; returns its handle.
sub background
{
	my ($sql, @params) = @_;

	return IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), @params, '-c', $sql ],
		'>', \my $out, '2>', \my $err);
}

# Progress, seen from here, of a fit that waits for a lock we hold.
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION wait_for(bigint) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 0 FROM (SELECT pg_advisory_xact_lock_shared($1)) t';
SQL
my ($in, $seen, $complaint) = ('', '', '');
my $holder = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$seen, '2>', \$complaint);

# Let the session of $holder run a statement.
sub hold
{
	my ($sql) = @_;

	$seen = '';
	$in .= "$sql;\n\\echo done\n";
	$holder->pump until $seen =~ /done/;
	return;
}

my $waiting = "$serial SELECT length(ad_fit(ad_iforest(), x + CASE WHEN i = 150000 THEN wait_for(1) ELSE 0 END, y)) FROM rows";
my $progress = 'SELECT kind, name, phase, rows_done, rows_expected, percent, role, database FROM ad_progress';
my $shown = 'fit|iforest|reading rows|131072|200000|65.5|postgres|postgres';
for my $end ('finish', 'cancel', 'terminate')
{
	hold('SELECT pg_advisory_lock(1)');
	my $fit = background($waiting);
	becomes($node, $progress, $shown, "a fit can be watched ($end)");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM ad_progress', extra_params => [ '-U', 'alice' ]), 0, '... not by everybody');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM ad_progress', extra_params => [ '-U', 'watcher' ]), 1, '... but by pg_monitor');
	$node->safe_psql('postgres', "SELECT pg_${end}_backend(pid) FROM ad_progress") if $end ne 'finish';
	hold('SELECT pg_advisory_unlock(1)');
	$fit->finish;
	becomes($node, $progress, '', "... until the end ($end)");
}

# A parallel fit is one row; its processes add up.
hold('SELECT pg_advisory_lock(1)');
my $fit = background("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
	ALTER FUNCTION wait_for PARALLEL SAFE; SELECT length(ad_fit(ad_iforest(), x + CASE WHEN i IN (40000, 90000, 199999) THEN wait_for(1) ELSE 0 END, y)) FROM rows");
becomes($node, 'SELECT count(*), min(kind), min(rows_expected) BETWEEN 150000 AND 250000 FROM ad_progress', '1|fit|t', 'a parallel fit is one');
hold('SELECT pg_advisory_unlock(1)');
$fit->finish;
becomes($node, $progress, '', '... until the end');

# A model that is fitted again for every row shows in their number.
hold('SELECT pg_advisory_lock(1)');
$fit = background("$serial SELECT count(ad_score((SELECT ad_fit(ad_zscore() || ad_sampling(seed => s), x) FROM rows WHERE i <= 100),
	s + CASE WHEN s = 30 THEN wait_for(1) ELSE 0 END)) FROM generate_series(1, 40) s");
becomes($node, 'SELECT count(*), min(kind), min(fits) FROM ad_progress', '1|fit|30', 'fits of a statement are counted');
hold('SELECT pg_advisory_unlock(1)');
$fit->finish;
becomes($node, $progress, '', '... until the end');

# A training and a detection are one each, whose fit reports as theirs; by name.
my $slow = 'SELECT x + CASE WHEN i = 150000 THEN wait_for(1) ELSE 0 END AS x, y FROM rows';
hold('SELECT pg_advisory_lock(1)');
$fit = background("$serial SELECT ad_train('waves', \$\$ $slow \$\$, ad_zscore() || ad_calibrate(contamination => 0.02))");
becomes($node, $progress, 'train|waves|reading rows|131072|200000|65.5|postgres|postgres', 'a training can be watched');
hold('SELECT pg_advisory_unlock(1)');
$fit->finish;
hold('SELECT pg_advisory_lock(1)');
$fit = background("$serial SET plan_cache_mode = force_generic_plan; SELECT count(*) FROM ad_detect(\$\$ $slow \$\$, ad_hbos())");
becomes($node, $progress, 'detect|hbos|reading rows|131072|200000|65.5|postgres|postgres', 'a detection can be watched');
hold('SELECT pg_advisory_unlock(1)');
becomes($node, 'SELECT kind, phase FROM ad_progress', 'detect|scoring', '... while it scores, too');
$fit->finish;
becomes($node, $progress, '', '... until the end');
$node->safe_psql('postgres', <<'SQL');
SELECT ad_stat_reset();
-- a worker would be two call sites more
SET max_parallel_workers_per_gather = 0;
SELECT count(ad_is_anomaly('waves', x, y)), count(ad_score('waves', x, y)) FROM rows WHERE i <= 1000;
SQL
is( sql_value($node, 'SELECT model, version, calls, rows, errors FROM ad_stat_models'),
	'waves|1|2|2000|0', 'a model scored by name is counted by name and version');

# Who owns a model sees what others do with it; health looks at its age and scores.
$node->safe_psql('postgres', "SELECT ad_grant_model('waves', 'alice', 'own'), ad_grant_model('waves', 'bob', 'score')");
is($node->safe_psql('postgres', 'SELECT model, rows FROM ad_stat_models', extra_params => [ '-U', $_->[0] ]), $_->[1], "the models that $_->[0] sees")
  for [ 'alice', 'waves|2000' ], [ 'bob', '' ];
my $health = 'SELECT "check", status FROM ad_health() WHERE "check" IN (\'drift\', \'stale model\')';
is($node->safe_psql('postgres', $health), "drift|ok\nstale model|ok", 'a model that was just trained is neither stale nor drifting');
is($node->safe_psql('postgres', "SET anomaly.health_model_age_warning = 0; $health"), "drift|ok\nstale model|warning", 'a model grows old');
$node->safe_psql('postgres', "SELECT count(ad_score('waves', x * 3, y)) FROM rows");
is( $node->safe_psql('postgres', "$health; SELECT score_shift > 1 FROM ad_stat_models WHERE model = 'waves'"),
	"drift|critical\nstale model|ok\nt", '... and other rows are noticed');
$node->safe_psql('postgres', "SELECT ad_train('far', 'SELECT x FROM rows', 'zscore'); SELECT count(ad_score('far', 1e200::float8)) FROM rows");
like(health('postgres', 'drift', 'detail'), qr/^The mean score is \d\.\d{3}e\+\d+ standard deviations from .* \(farthest: model "far"\)\.$/, '... however far, in few digits');
$node->safe_psql('postgres', "SELECT ad_drop_model('far')");

# In one session: nested, failing, shown by SQL, which only a running job does.
$node->safe_psql('postgres', <<'SQL');
SELECT ad_create_job('fraud', 'waves', 'rows', 'i', 'i', rule => '{"score": 1000}');
CREATE FUNCTION lock_job() RETURNS boolean LANGUAGE sql AS 'SELECT _anomaly._ad_job_lock(id) FROM _anomaly._ad_own_job';
SQL
is( $node->safe_psql('postgres', <<'SQL'),
SELECT lock_job();
SELECT _anomaly._ad_progress_set('job', 'fraud', 'scoring', 10, 40);
SELECT _anomaly._ad_progress_set('job', 'fraud', rows_done => 20);
SELECT kind, name, phase, rows_done, rows_expected, percent FROM ad_progress;
DO $$ BEGIN PERFORM ad_fit(ad_zscore(), 1 / (5 - i)) FROM generate_series(1, 10) i; EXCEPTION WHEN division_by_zero THEN NULL; END $$;
SELECT count(*) FROM ad_progress;
BEGIN; SELECT _anomaly._ad_progress_set('job', 'fraud', repeat('ü', 100)); SELECT length(phase) FROM ad_progress;
ROLLBACK;
SELECT count(*) FROM ad_progress;
SELECT lock_job();
SELECT _anomaly._ad_progress_set('job', 'fraud'); SELECT _anomaly._ad_progress_end('job', 'fraud');
SELECT count(*) FROM ad_progress;
SQL
	"t\n\n\njob|fraud|scoring|20|40|50.0\n1\n\n15\n0\nt\n\n\n0", 'progress of jobs, errors and aborts');
like(error_of($node, "$_->[0];"), $_->[1], "no progress is made up: $_->[0]")
  for [ "SELECT _anomaly._ad_progress_set('train', 'x')", qr/22023: kind of progress is "train", must be "job"/ ],
  [ "SELECT _anomaly._ad_progress_end(repeat('k', 1000), 'x')", qr/54000: kind is longer than 255 bytes/ ],
  [ "SELECT _anomaly._ad_progress_set('job', 'fraud')", qr/42501: permission denied for progress of job "fraud"/ ],
  [ "SELECT lock_job(); SELECT _anomaly._ad_progress_set('job', repeat('frauds', 100))", qr/54000: name is longer than 255 bytes/ ];

# 256 slots; a role takes no more than it leaves to others.
my $cursors = 0;

# As a role, begin so many fits, which end with the transaction.
sub fits
{
	my ($role, $n) = @_;
	my $sql = "SET ROLE $role;";

	for (1 .. $n)
	{
		$cursors++;
		$sql .= "DECLARE c$cursors CURSOR FOR SELECT ad_fit(ad_zscore(), i) FROM generate_series(1, 9) i; FETCH c$cursors;";
	}
	return $sql;
}
like( $node->safe_psql('postgres', '\o /dev/null' . "\nBEGIN;" . fits('alice', 300) . fits('bob', 100) . fits('alice', 1) . "RESET ROLE;\n\\o\nSELECT role, count(*) FROM ad_progress GROUP BY role ORDER BY role;"),
	qr/^alice\|128\nbob\|64$/m, 'what has no slot is not shown, and does not fail; other roles have some');
becomes($node, 'SELECT count(*) FROM ad_progress', 0, 'a session takes its progress with it');

# A crash: everything is as after a start.
$node->safe_psql('postgres', 'SELECT ad_score(m, 1, 1) FROM models');
hold('SELECT pg_advisory_lock(1)');
$fit = background($waiting);
becomes($node, $progress, $shown, 'a fit runs');
my $pid = sql_value($node, 'SELECT pid FROM ad_progress');
my $log = -s $node->logfile;
kill 'KILL', $pid;
$fit->finish;
eval { $holder->finish };
after_crash($node, $log);
is(sql_value($node, 'SELECT count(*) FROM ad_progress'), 0, 'after a crash nothing runs');
is(sql_value($node, 'SELECT count(*) FROM ad_stat_models'), 0, '... and nothing was counted');
$node->safe_psql('postgres', "SELECT count(ad_is_anomaly(m, 9, 9)) FROM models, generate_series(1, 5) WHERE k = 1");
is(sql_value($node, 'SELECT rows, anomalies FROM s'), '5|5', '... but is again');

# Prometheus.
my $exporter = 'prometheus-postgres-exporter';

SKIP:
{
	skip "$exporter is not installed", 6
	  unless grep { -x "$_/$exporter" } split /:/, $ENV{PATH};

	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $said = PostgreSQL::Test::Utils::tempdir() . '/exporter.log';
	$node->safe_psql('postgres', "CREATE ROLE exporter LOGIN IN ROLE pg_monitor");
	my $run = IPC::Run::start([ $exporter, "--web.listen-address=127.0.0.1:$port", '--disable-default-metrics', '--disable-settings-metrics',
			"--extend.query-path=$FindBin::RealBin/../../docs/monitoring/queries.yaml" ],
		'>', $said, '2>', $said,
		init => sub {
			$ENV{DATA_SOURCE_NAME} = sprintf "host='%s' port=%d user=exporter dbname=postgres sslmode=disable", $node->host, $node->port;
		});
	my $page = '';
	for (1 .. 100)
	{
		my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 5);

		if ($socket)
		{
			print $socket "GET /metrics HTTP/1.0\r\n\r\n";
			$page = do { local $/; <$socket> };
			last if $page =~ /^anomaly_model_rows/m;
		}
		sleep 0.1;
	}
	my $digest = sql_value($node, 'SELECT digest FROM ad_stat_models');
	like($page, qr/^anomaly_model_rows\{database="postgres",detector="zscore",digest="$digest",model="",(?:server="[^"]*",)?version=""\} 5$/m,
		'the exporter shows what was scored');
	like($page, qr/^anomaly_model_anomalies\{.*digest="$digest".*\} 5$/m, '... how much of it was anomalous');
	like($page, qr/^anomaly_model_seconds\{.*digest="$digest".*\} \d/m, '... and how long it took');
	like($page, qr/^anomaly_health_status\{check="latency"(?:,server="[^"]*")?\} 0$/m, '... and health');
	unlike($page, qr/^pg_exporter_user_queries_load_error\{[^}]*\} 1/m, 'the file of queries was read');
	like($page, qr/^pg_exporter_last_scrape_error(?:\{[^}]*\})? 0$/m, 'every query of it ran');
	$run->kill_kill;
	diag(slurp_file($said)) if !Test::More->builder->is_passing;
}

$node->stop;
done_testing();
