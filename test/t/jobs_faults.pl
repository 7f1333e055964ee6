# Jobs where things go wrong: rows that cannot be scored, watermarks that are
# none, a full disk, a commit that fails, a clock that goes back, a role or a
# model that is gone, a standby that takes over, sources on other servers.
# Nothing is lost then, and nothing is scored twice.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Kept;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(usleep);

my $fixture = <<'SQL';
ALTER DATABASE postgres SET timezone = 'UTC';
CREATE TABLE train AS SELECT i, ad_random(1, i, 'normal') AS x FROM generate_series(1, 5000) i;
SELECT ad_train('m', 'SELECT x FROM train', ad_zscore());
SELECT ad_train('p', 'SELECT x FROM train', ad_zscore() || ad_calibrate());
SQL

my $node = keep(start_server('faults', 'max_prepared_transactions = 10', 'wal_level = logical', 'max_connections = 50', 'lock_timeout = 30s', 'autovacuum = off'));
$node->safe_psql('postgres', $fixture);

# Make a job that alerts on every row. More arguments as SQL.
sub make_job
{
	my ($on, $job, $source, $more) = @_;

	return $on->safe_psql('postgres', qq{SELECT ad_create_job('$job', 'm', '$source', 'k', 'w', '{"score": 0}', explain => 0} . ($more ? ", $more" : '') . ')');
}

# A table for a job, and the job.
sub make
{
	my ($job, $type, $more) = @_;

	$node->safe_psql('postgres', "CREATE TABLE $job (k text, w $type, x float8 DEFAULT 1); CREATE INDEX ON $job (w, k)");
	return make_job($node, $job, $job, $more);
}

# The error of a statement with its DETAIL, HINT and CONTEXT; empty if there is
# none.
sub error_of
{
	my ($on, $sql) = @_;
	my (undef, undef, $err) = $on->psql('postgres', "\\set SHOW_CONTEXT always\n\\set VERBOSITY verbose\n$sql;");

	return $err =~ /ERROR:  (.*)/s ? $1 : '';
}

sub run { return error_of($_[0], "CALL ad_run_job('$_[1]')"); }

# The keys that a job has alerted on, and whether the log counts as many rows.
sub scored
{
	my ($on, $job) = @_;

	return $on->safe_psql('postgres', <<"SQL");
SELECT coalesce(string_agg(key, ' ' ORDER BY length(key), key), ''),
	count(*) = (SELECT coalesce(sum(rows), 0) FROM ad_job_runs WHERE job = '$job')
FROM ad_alerts WHERE job = '$job'
SQL
}

sub late_rows
{
	my ($on, $job) = @_;

	$on->safe_psql('postgres', 'SELECT count(*) FROM ad_health()');
	return sql_value($on, "SELECT late_rows FROM ad_jobs WHERE name = '$job'");
}

sub health { return $_[0]->safe_psql('postgres', q{SELECT "check", status, detail, hint FROM ad_health() WHERE status <> 'ok'}); }

# A part of the test: what dies there is a failure, and the next goes on.
my @parts;
sub part { push @parts, [@_]; return; }

part 'bad rows' => sub {
	# every kind of them, among good ones, for batches of several sizes
	$node->safe_psql('postgres', <<'SQL');
CREATE DOMAIN small AS float8 CHECK (VALUE < 1000);
CREATE FUNCTION complain(i int) RETURNS float8 LANGUAGE plpgsql STABLE AS 'BEGIN RAISE EXCEPTION ''row % is not wanted'', i USING ERRCODE = ''ZZ001''; END';
CREATE TABLE bad AS
SELECT CASE i WHEN 17 THEN NULL WHEN 18 THEN repeat('long', 1500) WHEN 19 THEN repeat('k', 1000) WHEN 20 THEN repeat('k', 1001) WHEN 21 THEN repeat('é', 501) ELSE 'k' || i END AS k,
	CASE WHEN i <> 22 THEN i END::bigint AS w, i, '1'::text AS t
FROM generate_series(1, 40) i;
UPDATE bad SET t = CASE i WHEN 3 THEN 'one' WHEN 4 THEN '' WHEN 5 THEN '1e400' END WHERE i IN (3, 4, 5);
CREATE VIEW bad_rows AS
SELECT k, w, CASE i WHEN 1 THEN 1 / (i - 1) WHEN 2 THEN sqrt(-i) WHEN 6 THEN (i + 2000)::float8::small WHEN 7 THEN (SELECT j FROM generate_series(1, 2) j WHERE j < i)
	WHEN 8 THEN (('{"a": "\u000' || (i - 8) || '"}')::jsonb ->> 'a')::float8 WHEN 9 THEN complain(i) WHEN 39 THEN 1 / (39 - i) WHEN 40 THEN 1 / (40 - i) ELSE t::float8 END AS x
FROM bad;
SQL
	my @bad = (1 .. 9, 17, 18, 20, 21, 22, 39, 40);
	for my $batch (1, 4, 7, 1000)
	{
		my $job = "bad$batch";

		make_job($node, $job, 'bad_rows', "batch_size => $batch");
		is(run($node, $job), '', "batches of $batch with bad rows: the run is good");
		is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT key), (SELECT sum(rows) FROM ad_job_runs WHERE job = '$job') FROM ad_alerts WHERE job = '$job'"),
			'24|24|24', 'all others are scored, once');
		is($node->safe_psql('postgres', "SELECT count(*), count(message), string_agg(coalesce(watermark, 'NULL'), ' ' ORDER BY watermark::int) FROM ad_job_errors WHERE job = '$job'"),
			'16|16|' . join(' ', (grep { $_ != 22 } @bad), 'NULL'), 'each of them is recorded, with its watermark and a message');
		is($node->safe_psql('postgres', "SELECT string_agg(coalesce(left(key, 4), 'NULL'), ' ' ORDER BY watermark::int) FROM ad_job_errors WHERE job = '$job' AND watermark::int < 22"),
			'k1 k2 k3 k4 k5 k6 k7 k8 k9 NULL long kkkk éééé', 'and its key');
		is(run($node, $job), '', 'again');
		is($node->safe_psql('postgres', "SELECT count(*), (SELECT sum(rows) FROM ad_job_runs WHERE job = '$job') FROM ad_job_errors WHERE job = '$job'"), '16|24', 'each of them once');
	}
	my $messages = $node->safe_psql('postgres', "SELECT message FROM ad_job_errors WHERE job = 'bad7' ORDER BY watermark::int");
	like($messages, qr/^division by zero$/m, 'the message of a division by zero');
	like($messages, qr/^row 9 is not wanted$/m, 'of a function');
	like($messages, qr/^key is NULL/m, 'of a NULL key');
	like($messages, qr/^watermark is NULL/m, 'of a NULL watermark');
	like($messages, qr/1,?001 bytes.*1,?000/, 'of a long key');
	like(health($node), qr/could not be scored/, 'health warns of bad rows');

	# who may read the alerts sees what kind of error it was, and no values
	$node->safe_psql('postgres', "CREATE ROLE reader LOGIN; SELECT ad_grant_job('bad7', 'reader')");
	my $seen = $node->safe_psql('postgres', "SELECT coalesce(key, ''), coalesce(message, '') FROM ad_job_errors WHERE job = 'bad7'", extra_params => [ '-U', 'reader' ]);
	unlike($seen, qr/k\d|long|row 9|"one"/, 'who reads the alerts sees no keys and no values of bad rows');

	# a row that was mended comes again
	make('mended', 'bigint', 'lag => \'10\'');
	$node->safe_psql('postgres', "INSERT INTO mended SELECT i::text, i, CASE WHEN i = 2 THEN 0 ELSE 1 END FROM generate_series(1, 3) i;
		SELECT ad_alter_job('mended', '{\"source\": \"SELECT k, w, 1 / x AS x FROM mended\"}')");
	is(run($node, 'mended'), '', 'a run over a bad row');
	is(scored($node, 'mended'), '1 3|t', 'passes it');
	$node->safe_psql('postgres', "UPDATE mended SET x = 1 WHERE k = '2'");
	run($node, 'mended');
	is(scored($node, 'mended'), '1 3|t', 'the same version does not come again');
	$node->safe_psql('postgres', "UPDATE mended SET w = 4 WHERE k = '2'");
	run($node, 'mended');
	is(scored($node, 'mended'), '1 2 3|t', 'another does');
};

part 'on_error' => sub {
	make('strict', 'bigint', 'batch_size => 2');
	$node->safe_psql('postgres', q{SELECT ad_alter_job('strict', '{"on_error": "error", "source": "SELECT k, w, 1 / x AS x FROM strict"}');
		INSERT INTO strict SELECT 'k' || i, i, (i <> 4)::int FROM generate_series(1, 6) i});
	my $error = run($node, 'strict');
	like($error, qr/division by zero/, 'on_error => error: the run fails');
	like($error, qr/k4.*\b4\b/s, 'and names the key and the watermark');
	unlike($error, qr/CONTEXT:.*_anomaly|CONTEXT:.*PL/s, 'without what is inside');
	is(scored($node, 'strict'), 'k1 k2|t', 'the batches before it stand');
	is($node->safe_psql('postgres', "SELECT status, error_code FROM ad_job_runs WHERE job = 'strict' ORDER BY run DESC LIMIT 1"), 'failed|22012', 'the log says so');
	is($node->safe_psql('postgres', "SELECT failures FROM ad_jobs WHERE name = 'strict'"), '1', 'and counts a failure');
	$node->safe_psql('postgres', q{UPDATE strict SET x = 1});
	is(run($node, 'strict'), '', 'it goes on when the row is mended');
	is(scored($node, 'strict'), 'k1 k2 k3 k4 k5 k6|t', 'with all that was left');
	like(error_of($node, q{SELECT ad_alter_job('strict', '{"on_error": "perhaps"}')}), qr/22023.*on_error.*perhaps/s, 'another word is refused');

	# a source that is bad itself
	make('many', 'bigint', 'batch_size => 100');
	$node->safe_psql('postgres', q{SELECT ad_alter_job('many', '{"source": "SELECT k, w, 1 / x AS x FROM many"}');
		INSERT INTO many SELECT 'k' || i, i, (i > 1500)::int FROM generate_series(1, 1600) i});
	like(run($node, 'many'), qr/1,?000/, 'more than 1,000 bad rows fail a run');
	my $recorded = sql_value($node, "SELECT count(*) FROM ad_job_errors WHERE job = 'many'");
	cmp_ok($recorded, '<=', 1100, "after $recorded of them");
	run($node, 'many');
	run($node, 'many');
	is(scored($node, 'many'), join(' ', map { "k$_" } 1501 .. 1600) . '|t', 'the next runs go on');
	is(sql_value($node, "SELECT count(*), count(DISTINCT key) FROM ad_job_errors WHERE job = 'many'"), '1500|1500', 'and record each once');
};

part 'watermarks' => sub {
	my %absurd = (
		bigint => [ '-9223372036854775808', '-9223372036854775807', '-1', '0', '1', '2', '3', '9223372036854775806', '9223372036854775807', '1000000000000000000' ],
		integer => [ -2147483648, -1, 0, 1, 2147483647 ], smallint => [ -32768, 0, 1, 32767 ],
		timestamptz => [ '-infinity', 'infinity', '4714-11-24 00:00:00+00 BC', '294276-12-31 23:59:59.999999+00', '0001-01-01 00:00+00', '0044-03-15 12:00+00 BC', '2026-01-01 00:00+00', '2999-01-01 00:00+00' ],
		timestamp => [ '-infinity', 'infinity', '4714-11-24 00:00:00 BC', '294276-12-31 23:59:59.999999', '0044-03-15 12:00 BC', '2025-10-26 02:30', '2025-03-30 02:30', '2999-01-01' ],
		date => [ '-infinity', 'infinity', '4714-11-24 BC', '5874897-12-31', '294277-01-01', '0044-03-15 BC', '2025-10-26', '2999-01-01' ]);
	for my $type (sort keys %absurd)
	{
		my @values = @{ $absurd{$type} };

		for my $batch (1, 3, 100)
		{
			my $job = "w_${type}_$batch";
			my $all = join ' ', sort { length $a <=> length $b || $a cmp $b } 0 .. $#values, 100;

			make($job, $type, "batch_size => $batch");
			$node->safe_psql('postgres', "INSERT INTO $job VALUES " . join(', ', map { "('$_', '$values[$_]')" } 0 .. $#values) . ", ('100', NULL)");
			is(join('', map { run($node, $job) } 1 .. 3), '', "$type, batches of $batch: runs over absurd watermarks are good");
			is(scored($node, $job) =~ s/\|t$//r . ' ' . $node->safe_psql('postgres', "SELECT key FROM ad_job_errors WHERE job = '$job'"), $all, 'each is scored once, or recorded if it is NULL');
			$node->safe_psql('postgres', "INSERT INTO $job SELECT '200', (SELECT w FROM $job WHERE k = '0')");
			run($node, $job);
			my $met = scored($node, $job) =~ /\b200\b/;
			is(late_rows($node, $job), $met ? 0 : 1, 'a row that comes below is scored or counted');
			$node->safe_psql('postgres', "SELECT ad_rescan('$job', '$values[0]')");
			is(run($node, $job), '', 'and ad_rescan() from there is good');
			like(scored($node, $job), qr/\b200\b/, 'and scores it');
		}
	}
	is(error_of($node, "SELECT * FROM ad_jobs, ad_job_stats; SELECT * FROM ad_alerts ORDER BY event_at LIMIT 5; SELECT * FROM ad_job_runs"), '', 'all views show them');
	like(error_of($node, "SELECT ad_rescan('w_bigint_1', 'yesterday')"), qr/22023|22P02/, 'ad_rescan() from what is no watermark is refused');
	like(error_of($node, "SELECT ad_rescan('no such job', '1')"), qr/no such job/, 'so is one of no job');
	$node->safe_psql('postgres', "SELECT ad_drop_job(name) FROM ad_jobs WHERE name LIKE 'w\\_%'");
};

part 'clock' => sub {
	# The clock stood ahead when a job ran: its rows and the job's own notes are of
	# a time that is yet to come.
	make('clock', 'timestamptz', q{lag => '5 minutes'});
	make('patient', 'timestamptz', q{lag => '2 hours'});
	for my $job ('clock', 'patient')
	{
		$node->safe_psql('postgres', "INSERT INTO $job VALUES ('a', now()), ('b', now())");
		run($node, $job) for 1 .. 2;
	}
	$node->safe_psql('postgres', <<'SQL');
UPDATE _anomaly._ad_job_run SET started = started + interval '1 hour', finished = finished + interval '1 hour';
UPDATE _anomaly._ad_job SET created_at = created_at + interval '1 hour';
UPDATE _anomaly._ad_alert SET scored_at = scored_at + interval '1 hour';
SQL
	$node->psql('postgres', "UPDATE _anomaly._ad_job_state SET late_checked = late_checked + interval '1 hour'");
	for my $job ('clock', 'patient')
	{
		$node->safe_psql('postgres', "INSERT INTO $job VALUES ('c', now() - interval '1 hour'), ('d', now() + interval '1 hour'), ('e', now() + interval '3 hours')");
		is(run($node, $job), '', "$job: a run after the clock was put back");
		$node->safe_psql('postgres', "INSERT INTO $job VALUES ('f', now())");
		run($node, $job);
	}
	is(scored($node, 'clock'), 'a b d e f|t', 'rows ahead of the clock are scored, and the next ones are');
	is(late_rows($node, 'clock'), 1, 'what the lag does not cover is counted');
	is(scored($node, 'patient'), 'a b c d e f|t', 'what it covers is scored');
	is(error_of($node, 'SELECT * FROM ad_health(); SELECT * FROM ad_jobs, ad_job_stats'), '', 'the views do not mind');
};

part 'commits that fail' => sub {
	# as of a full queue of notifications
	make('commits', 'bigint', 'batch_size => 2');
	$node->safe_psql('postgres', <<'SQL');
INSERT INTO commits SELECT i::text, i FROM generate_series(1, 6) i;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.key = ''3'' THEN RAISE EXCEPTION ''not at the commit'' USING ERRCODE = ''53400''; END IF; RETURN NULL; END';
CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON _anomaly._ad_alert DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail();
SQL
	like(run($node, 'commits'), qr/53400: not at the commit/, 'a batch that fails at its commit fails the run');
	is($node->safe_psql('postgres', "SELECT status, error_code FROM ad_job_runs WHERE job = 'commits'"), 'failed|53400', 'the log says so');
	is(scored($node, 'commits'), '1 2|t', 'what was committed stands');
	my $session = Session->new($node);
	$session->ask(q{CALL ad_run_job('commits')});
	is($session->ask('SELECT count(*) FROM pg_locks WHERE locktype = \'object\' AND pid = pg_backend_pid()'), '0', 'a session that failed keeps no lock');
	$node->safe_psql('postgres', 'DROP TRIGGER fail ON _anomaly._ad_alert');
	is($session->ask(q{CALL ad_run_job('commits')}), '', 'it can go on');
	$session->end;
	is(scored($node, 'commits'), '1 2 3 4 5 6|t', 'with the rest, once');
};

part 'full queue' => sub {
  SKIP:
	{
		skip 'the queue of notifications has no limit that can be set before PostgreSQL 17', 4
		  if sql_value($node, "SELECT count(*) FROM pg_settings WHERE name = 'max_notify_queue_pages'") == 0;
		$node->append_conf('postgresql.conf', 'max_notify_queue_pages = 64');
		$node->restart;
		make('notify', 'bigint');
		$node->safe_psql('postgres', "INSERT INTO notify VALUES ('1', 1)");
		my $deaf = Session->new($node);
		$deaf->do('LISTEN noise; BEGIN');
		my $noise = Session->new($node);
		for (1 .. 10000) { last if $noise->ask(q{SELECT count(pg_notify('noise', repeat('x', 7000) || i)) FROM generate_series(1, 10) i}) =~ /ERROR/; }
		like(run($node, 'notify'), qr/too many notifications/, 'a full queue of notifications fails the run');
		is($node->safe_psql('postgres', "SELECT status FROM ad_job_runs WHERE job = 'notify'"), 'failed', 'the log says so');
		$deaf->end;
		$noise->ask('SELECT pg_notification_queue_usage()');
		is(run($node, 'notify'), '', 'it goes on when somebody has listened');
		is(scored($node, 'notify'), '1|t', 'and scores each row once');
		$noise->end;
	}
};

part 'full disk' => sub {
  SKIP:
	{
		my $disk = $ENV{ANOMALY_SMALL_DISK};

		skip 'only root can mount a small disk, where mounts are allowed', 10 if !$disk;
		mkdir "$disk/space";
		$node->safe_psql('postgres', "CREATE TABLESPACE small_disk LOCATION '$disk/space'");
		for my $tables ('_ad_alert', '_ad_job_state _ad_job_seen')
		{
			my $job = "full" . length $tables;

			make($job, 'bigint', 'batch_size => 100');
			$node->safe_psql('postgres', "ALTER TABLE $job ADD pad text; INSERT INTO $job SELECT 'k' || i, i, 1, (SELECT string_agg(md5(i * 1000 + j || ''), '') FROM generate_series(1, 40) j)
				FROM generate_series(1, 2000) i");
			$node->safe_psql('postgres', join '; ', map { "ALTER TABLE _anomaly.$_ SET TABLESPACE small_disk" } split ' ', $tables);
			$node->safe_psql('postgres', "UPDATE $job SET k = repeat(k || '-', 50)") if $tables =~ /seen/;
			# what is left after this is little
			$node->safe_psql('postgres', 'CREATE TABLE filler (t text) TABLESPACE small_disk; ALTER TABLE filler ALTER t SET STORAGE PLAIN');
			for my $rows (1000, 100, 10, 1)
			{
				for (1 .. 100)
				{
					my ($status) = $node->psql('postgres', "INSERT INTO filler SELECT repeat('x', 7000) FROM generate_series(1, $rows)");
					last if $status;
				}
			}
			like(run($node, $job), qr/53100: .*No space left/, "no space for $tables: the run fails");
			my $before = $node->safe_psql('postgres', "SELECT count(*), count(*) = (SELECT sum(rows) FROM ad_job_runs WHERE job = '$job') FROM ad_alerts WHERE job = '$job'");
			like($before, qr/^\d+\|t$/, "and what was done so far stands ($before)");
			is($node->safe_psql('postgres', "SELECT status, error_code FROM ad_job_runs WHERE job = '$job'"), 'failed|53100', 'the log says so');
			$node->safe_psql('postgres', 'DROP TABLE filler');
			$node->safe_psql('postgres', join '; ', map { "ALTER TABLE _anomaly.$_ SET TABLESPACE pg_default" } split ' ', $tables);
			is(run($node, $job), '', 'with space it goes on');
			is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT key), (SELECT sum(rows) FROM ad_job_runs WHERE job = '$job') FROM ad_alerts WHERE job = '$job'"),
				'2000|2000|2000', 'and every row was scored once');
		}
		$node->safe_psql('postgres', 'DROP TABLESPACE small_disk');
	}
};

part 'roles' => sub {
	$node->safe_psql('postgres', <<'SQL');
CREATE ROLE old_owner LOGIN;
CREATE ROLE new_owner LOGIN;
CREATE ROLE desk LOGIN;
CREATE TABLE owned (k bigint, w bigint, x float8 DEFAULT 1);
GRANT SELECT ON owned TO old_owner, new_owner;
INSERT INTO owned SELECT i, i FROM generate_series(1, 3) i;
SELECT ad_grant_model('m', 'old_owner', 'score'), ad_grant_model('m', 'new_owner', 'score');
SET ROLE old_owner;
SELECT ad_create_job('owned', 'm', 'owned', 'k', 'w', '{"score": 0}', lag => '10');
SELECT ad_grant_job('owned', 'desk', 'label');
SQL
	my $as = sub { my ($role, $sql) = @_; return error_of($node, "SET ROLE $role; $sql"); };

	is($as->('old_owner', q{CALL ad_run_job('owned')}), '', 'the owner runs a job');
	$node->safe_psql('postgres', q{SET ROLE desk; SELECT ad_label('owned', '2', true)});
	# as of a schedule that another role made; a stranger writes nothing into the log
	like($as->('desk', q{CALL ad_run_job('owned')}), qr/42501/, 'nobody else does');
	is($node->safe_psql('postgres', "SELECT count(*) FROM ad_job_runs WHERE job = 'owned'"), 1, 'and leaves no trace');
	like(run($node, 'owned'), qr/42501: .*owner/, 'nor does who has the rights of the owner');
	is($node->safe_psql('postgres', "SELECT status, error_code FROM ad_job_runs WHERE job = 'owned' ORDER BY run DESC LIMIT 1"), 'failed|42501', 'but this is in the log');
	is($node->safe_psql('postgres', "SELECT failures FROM ad_jobs WHERE name = 'owned'"), 1, 'as a failure');
	$node->safe_psql('postgres', 'INSERT INTO owned VALUES (4, 4); DROP OWNED BY old_owner; DROP ROLE old_owner; DROP ROLE desk');
	like(run($node, 'owned'), qr/owner/, 'a job whose owner is gone does not run');
	is(error_of($node, "SELECT * FROM ad_jobs, ad_health(); SELECT * FROM ad_alerts; SELECT * FROM ad_labels"), '', 'the views show it');
	$node->safe_psql('postgres', q{SELECT ad_alter_job('owned', '{"owner": "new_owner"}')});
	is($as->('new_owner', q{CALL ad_run_job('owned')}), '', 'a new owner runs it');
	is(scored($node, 'owned'), '1 2 3 4|t', 'from where it was');
	is($node->safe_psql('postgres', q{SELECT key, is_anomaly FROM ad_labels WHERE job = 'owned'}), '2|t', 'a label outlives who gave it');

	# rights that are taken away
	$node->safe_psql('postgres', 'INSERT INTO owned VALUES (5, 5); REVOKE SELECT ON owned FROM new_owner');
	like($as->('new_owner', q{CALL ad_run_job('owned')}), qr/42501: permission denied for table owned/, 'without the right to read the source a run fails');
	unlike($as->('new_owner', q{CALL ad_run_job('owned')}), qr/CONTEXT:.*_anomaly/s, 'and shows nothing from inside');
	$node->safe_psql('postgres', 'GRANT SELECT (k, w, x) ON owned TO new_owner; ALTER TABLE owned ADD secret text');
	$node->safe_psql('postgres', q{SELECT ad_alter_job('owned', '{"source": "SELECT k, w, x FROM owned"}')});
	is($as->('new_owner', q{CALL ad_run_job('owned')}), '', 'with rights to the columns it goes on');
	is(scored($node, 'owned'), '1 2 3 4 5|t', 'where it was');
	$node->psql('postgres', q{SELECT ad_alter_job('owned', '{"source": "owned"}')});
	like($as->('new_owner', q{CALL ad_run_job('owned')}), qr/42501/, 'but not over those that it has no right to');
};

part 'row security' => sub {
	$node->safe_psql('postgres', <<'SQL');
CREATE ROLE north LOGIN;
CREATE ROLE outsider LOGIN;
CREATE TABLE regional (k bigint, w bigint, x float8 DEFAULT 1, region text);
ALTER TABLE regional ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON regional USING (region = current_user);
GRANT SELECT ON regional TO north, outsider;
INSERT INTO regional SELECT i, i, 1, CASE WHEN i % 2 = 0 THEN 'north' ELSE 'south' END FROM generate_series(1, 10) i;
SELECT ad_grant_model('m', 'north', 'score'), ad_grant_model('m', 'outsider', 'score');
SET ROLE north;
SELECT ad_create_job('regional', 'm', 'regional', 'k', 'w', '{"score": 0}', lag => '0', batch_size => 2);
CALL ad_run_job('regional');
CALL ad_run_job('regional');
SQL
	is(scored($node, 'regional'), '2 4 6 8 10|t', 'a job scores the rows that its owner may see');
	$node->safe_psql('postgres', "INSERT INTO regional VALUES (21, 1, 1, 'north'), (22, 1, 1, 'south'), (23, 2, 1, 'south')");
	$node->safe_psql('postgres', q{SET ROLE north; CALL ad_run_job('regional'); SELECT count(*) FROM ad_health()});
	is($node->safe_psql('postgres', q{SET ROLE north; SELECT late_rows FROM ad_jobs WHERE name = 'regional'}), 1, 'and counts of the late ones those');
	# whoever looks at health does not run the query with his rights
	$node->safe_psql('postgres', q{SELECT count(*) FROM ad_health()});
	is($node->safe_psql('postgres', q{SELECT late_rows FROM ad_jobs WHERE name = 'regional'}), 1, 'whoever asks');
	is($node->safe_psql('postgres', "SET ROLE outsider; SELECT count(*) FROM ad_alerts WHERE job = 'regional'"), 0, 'others see no alert');
};

part 'models' => sub {
	make('modelled', 'bigint');
	$node->safe_psql('postgres', <<'SQL');
SELECT ad_train('mine', 'SELECT x FROM train', ad_zscore());
SELECT ad_alter_job('modelled', '{"model": "mine"}');
INSERT INTO modelled VALUES ('1', 1);
SQL
	run($node, 'modelled');
	like(error_of($node, q{SELECT ad_drop_model('mine')}), qr/modelled/, 'a model that a job uses is not dropped: the job is named');
	$node->safe_psql('postgres', "INSERT INTO modelled VALUES ('2', 2)");
	is(run($node, 'modelled'), '', 'the job goes on');
	is(scored($node, 'modelled'), '1 2|t', 'with each row once');
	is(error_of($node, q{SELECT ad_drop_model('mine', cascade => true)}), '', 'cascade drops both');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM ad_jobs WHERE name = 'modelled'}), 0, 'the job is gone');
};

part 'trickle' => sub {
	# one row a run, the rule on false discoveries
	$node->safe_psql('postgres', <<'SQL');
CREATE TABLE trickle (k bigint, w bigint, x float8);
SELECT ad_create_job('trickle', 'p', 'trickle', 'k', 'w', '{"fdr": 0.05}', explain => 0);
SQL
	my $session = Session->new($node);
	for my $i (1 .. 600)
	{
		$session->do("INSERT INTO trickle VALUES ($i, $i, ad_random(99, $i, 'normal'))");
		$session->do(q{CALL ad_run_job('trickle')});
	}
	$session->end;
	my $found = sql_value($node, "SELECT count(*) FROM ad_alerts WHERE job = 'trickle'");
	cmp_ok($found, '<=', 2, "600 clean rows, one a run: $found alerts");
	is(sql_value($node, "SELECT sum(rows) FROM ad_job_runs WHERE job = 'trickle'"), 600, 'each row was tested once');
	$node->safe_psql('postgres', <<'SQL');
SELECT ad_create_job('flood', 'p', 'trickle', 'k', 'w', '{"fdr": 0.05}', explain => 0);
CALL ad_run_job('flood');
SQL
	is(sql_value($node, "SELECT coalesce(string_agg(key, ' ' ORDER BY key), '') FROM ad_alerts WHERE job = 'flood'"),
		sql_value($node, "SELECT coalesce(string_agg(key, ' ' ORDER BY key), '') FROM ad_alerts WHERE job = 'trickle'"), 'the same rows in one run give the same alerts');
};

part 'blocks' => sub {
	make('block', 'bigint');
	my $error = error_of($node, q{BEGIN; CALL ad_run_job('block')});
	like($error, qr/25001: .*transaction block/, 'a run in a transaction block is refused');
	like($error, qr/HINT:  \S/, 'with what to do');
	$error = error_of($node, q{CALL ad_run_job('there is none')});
	like($error, qr/there is none/, 'a job that does not exist');
	unlike($error, qr/CONTEXT:.*(_anomaly|PL)/s, 'no error shows what is inside');
	for my $call (q{SELECT ad_create_job('c', 'no such model', 'block', 'k', 'w')}, q{SELECT ad_alter_job('block', '{"lag": "-1"}')},
		q{SELECT ad_drop_job('none')}, q{SELECT ad_label('block', 'none', true)}, q{SELECT ad_rescan('block', NULL)}, q{SELECT ad_rename_job('none', 'x')})
	{
		$error = error_of($node, $call);
		isnt($error, '', "$call is refused");
		unlike($error, qr/CONTEXT:.*_anomaly/s, 'without what is inside');
	}
};

part 'other servers' => sub {
	my $host = $node->host;
	my $port = $node->port;

  SKIP:
	{
		skip 'postgres_fdw is not installed', 11 if sql_value($node, "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'") == 0;
		$node->safe_psql('postgres', <<"SQL");
CREATE DATABASE far;
CREATE EXTENSION postgres_fdw;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'far');
CREATE USER MAPPING FOR CURRENT_USER SERVER far;
CREATE FOREIGN TABLE remote (k bigint, w bigint, x float8) SERVER far;
CREATE TABLE mixed (k bigint, w bigint, x float8) PARTITION BY RANGE (w);
CREATE TABLE mixed_near PARTITION OF mixed FOR VALUES FROM (100) TO (MAXVALUE);
CREATE FOREIGN TABLE mixed_far PARTITION OF mixed FOR VALUES FROM (0) TO (100) SERVER far OPTIONS (table_name 'remote');
SQL
		$node->safe_psql('far', 'CREATE TABLE remote (k bigint, w bigint, x float8 DEFAULT 1); CREATE INDEX ON remote (w, k); INSERT INTO remote SELECT i, i FROM generate_series(1, 25) i');
		make_job($node, 'remote', 'remote', q{lag => '10', batch_size => 10});
		make_job($node, 'mixed', 'mixed', q{lag => '10', batch_size => 10});
		is(run($node, 'remote'), '', 'a job over a foreign table');
		is(scored($node, 'remote'), join(' ', 1 .. 25) . '|t', 'scores each row once');
		$node->safe_psql('far', 'INSERT INTO remote SELECT i, i FROM generate_series(26, 30) i; UPDATE remote SET w = 31 WHERE k = 30; INSERT INTO remote VALUES (40, 17)');
		run($node, 'remote') for 1 .. 2;
		is(scored($node, 'remote'), join(' ', 1 .. 30, 40) . '|t', 'also what comes within the lag');
		$node->safe_psql('far', 'INSERT INTO remote VALUES (50, 2)');
		run($node, 'remote');
		is(late_rows($node, 'remote'), 1, 'below it is counted');
		like(health($node), qr/remote.*(snapshot|foreign|in progress|lag)/s, 'health says what such a source cannot promise');
		$node->safe_psql('postgres', q{SELECT ad_rescan('remote', '1')});
		run($node, 'remote');
		like(scored($node, 'remote'), qr/ 50\|/, 'and scored by ad_rescan()');
		$node->safe_psql('postgres', 'INSERT INTO mixed_near SELECT i, i, 1 FROM generate_series(100, 110) i');
		is(run($node, 'mixed'), '', 'a job over a table with a foreign partition');
		is(sql_value($node, "SELECT count(*), count(DISTINCT key) FROM ad_alerts WHERE job = 'mixed'"), '43|43', 'scores each row once');
		$node->safe_psql('far', 'ALTER TABLE remote RENAME TO away; INSERT INTO away VALUES (60, 60)');
		like(run($node, 'remote'), qr/does not exist/, 'a server that does not answer right fails the run');
		$node->safe_psql('far', 'ALTER TABLE away RENAME TO remote');
		is(run($node, 'remote'), '', 'it goes on');
		like(scored($node, 'remote'), qr/ 60\|/, 'where it was');
	}

	# a subscriber of logical replication
	my $subscriber = keep(start_server('subscriber', 'wal_level = logical', 'max_prepared_transactions = 10'));
	$subscriber->safe_psql('postgres', $fixture);
	my $columns = '(k bigint PRIMARY KEY, w bigint, x float8 DEFAULT 1)';
	$node->safe_psql('postgres', "CREATE TABLE published $columns; INSERT INTO published SELECT i, i FROM generate_series(1, 5) i; CREATE PUBLICATION pub FOR TABLE published");
	$subscriber->safe_psql('postgres', "CREATE TABLE published $columns; CREATE SUBSCRIPTION sub CONNECTION '" . $node->connstr('postgres') =~ s/'/''/gr . "' PUBLICATION pub");
	$subscriber->poll_query_until('postgres', q{SELECT count(*) = 5 FROM published}) or die 'no copy';
	make_job($subscriber, 'sharp', 'published', q{lag => '0'});
	make_job($subscriber, 'wide', 'published', q{lag => '10'});
	my $arrived = sub {
		my ($n) = @_;
		$subscriber->poll_query_until('postgres', "SELECT count(*) = $n FROM published") or die 'nothing arrives';
		for my $job ('sharp', 'wide') { is(run($subscriber, $job), '', "subscriber with $n rows: job $job runs"); }
	};
	my $writer = Session->new($node);
	$writer->do('BEGIN; INSERT INTO published VALUES (6, 6)');
	$node->safe_psql('postgres', 'INSERT INTO published VALUES (7, 7)');
	$arrived->(6);
	$node->safe_psql('postgres', 'INSERT INTO published VALUES (8, 8)');
	$arrived->(7);
	$writer->do('COMMIT');
	$writer->end;
	$arrived->(8);
	is(scored($subscriber, 'wide'), '1 2 3 4 5 6 7 8|t', 'what the publisher commits late is scored within the lag');
	my $met = scored($subscriber, 'sharp') =~ /\b6\b/;
	is(late_rows($subscriber, 'sharp'), $met ? 0 : 1, 'and counted without one');
	$node->safe_psql('postgres', 'UPDATE published SET w = 9 WHERE k = 1; INSERT INTO published VALUES (10, 10)');
	$arrived->(9);
	is(scored($subscriber, 'wide'), '1 1 2 3 4 5 6 7 8 10|t', 'and what it updates, as a new version');
	$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION sub');
	$subscriber->stop;
};

part 'failover' => sub {
	make('over', 'bigint', q{lag => '0', batch_size => 4});
	make('mid', 'bigint', q{lag => '100', batch_size => 2});
	$node->safe_psql('postgres', q{CREATE FUNCTION crawl() RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN true; END';
		INSERT INTO mid SELECT i, i FROM generate_series(1, 80) i; SELECT ad_alter_job('mid', '{"source": "SELECT * FROM mid WHERE crawl()"}')});
	my ($open, $prepared) = map { Session->new($node) } 1, 2;
	$open->do(q{BEGIN; INSERT INTO over VALUES ('1', 1)});
	$prepared->do(q{BEGIN; INSERT INTO over VALUES ('2', 2); PREPARE TRANSACTION 'over'});
	$prepared->do(q{INSERT INTO over VALUES ('3', 3)});
	is(run($node, 'over'), '', 'a run while two transactions wait');

	# a dump has all of it, and goes on in another system
	my $dump = $node->basedir . '/over.sql';
	$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump');

	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	like(run($standby, 'over'), qr/read-only|recovery|standby/, 'on a standby no job runs');
	is(error_of($standby, 'SELECT * FROM ad_health()'), '', 'its health can be asked for');
	my $runner = Session->new($node);
	$runner->say(q{CALL ad_run_job('mid')});
	$node->poll_query_until('postgres', "SELECT coalesce(sum(batches), 0) > 3 FROM ad_job_runs WHERE job = 'mid'") or die 'no batch';
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	$node->stop('immediate');
	$standby->promote;
	my $before = scored($standby, 'mid');
	isnt($before, '|t', 'the primary is gone in the midst of a run');
	is(run($standby, 'mid'), '', 'the run goes on where it was');
	is(scored($standby, 'mid'), join(' ', 1 .. 80) . '|t', 'and scores each row once');
	is(run($standby, 'over'), '', 'the other job goes on');
	is(scored($standby, 'over'), '3|t', 'and scores nothing twice');
	$standby->safe_psql('postgres', q{INSERT INTO over VALUES ('4', 4)});
	run($standby, 'over') for 1 .. 2;
	is(scored($standby, 'over'), '3 4|t', 'nor loses what is new');
	$standby->safe_psql('postgres', q{COMMIT PREPARED 'over'});
	run($standby, 'over') for 1 .. 2;
	is(scored($standby, 'over'), '2 3 4|t', 'what was prepared before is not lost');
	$standby->safe_psql('postgres', q{INSERT INTO over VALUES ('1', 1)});
	run($standby, 'over');
	is(late_rows($standby, 'over'), 1, 'and the watermark moves on');
	$standby->stop;

	my $other = keep(start_server('other', 'max_prepared_transactions = 10'));
	$other->safe_psql('postgres', 'DROP EXTENSION anomaly; DROP SCHEMA IF EXISTS far');
	$other->command_ok([ 'psql', '-Xq', '-d', $other->connstr('postgres'), '-f', $dump ], 'restore in another system');
	is(run($other, 'over'), '', 'a job goes on there');
	is(scored($other, 'over'), '3|t', 'nothing is scored twice');
	$other->safe_psql('postgres', q{INSERT INTO over VALUES ('4', 4)});
	run($other, 'over') for 1 .. 2;
	is(scored($other, 'over'), '3 4|t', 'nothing is lost');
	$other->safe_psql('postgres', q{INSERT INTO over VALUES ('1', 1)});
	run($other, 'over');
	is(late_rows($other, 'over'), 1, 'and what waited there holds nothing up');
	$other->stop;
};

for my $part (@parts)
{
	my ($name, $code) = @$part;

	next if $ENV{ANOMALY_PART} && $name !~ /$ENV{ANOMALY_PART}/;
	note $name;
	eval { $code->(); 1 } or fail("$name: " . $@ =~ s/\n.*//sr);
}

$node->stop('immediate') if -e $node->data_dir . '/postmaster.pid';
done_testing();
