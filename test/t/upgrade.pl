# A database of every released version (sql/released) becomes one of this
# version with ALTER EXTENSION, object by object; and what released versions
# wrote (fixtures in test/models) is read, with scores equal to the last bit.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use IO::Uncompress::Gunzip qw(gunzip);
use Kept;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @released = map { m{/anomaly--([0-9.]+)\.sql$} } sort glob "$FindBin::RealBin/../../sql/released/*.sql";

my $node = keep(start_server('upgrade'));
my $version = sql_value($node, "SELECT default_version FROM pg_available_extensions WHERE name = 'anomaly'");

# The default of every argument, a line each.
my $defaults = <<'SQL';
SELECT format('%s %s %s', p.proname, n.name, pg_get_function_arg_default(p.oid, n.k::int))
FROM pg_proc p, unnest(p.proargnames) WITH ORDINALITY n(name, k)
WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'ad\_%' AND pg_get_function_arg_default(p.oid, n.k::int) IS NOT NULL
SQL

# Every object of the extension, and all there is to know of it, a line each.
my $catalogue = <<'SQL';
WITH object AS (
	SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name,
	       coalesce(obj_description(d.objid, d.classid::regclass::name), '-') AS comment
	FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
	WHERE e.extname = 'anomaly' AND d.deptype = 'e')
SELECT regexp_replace(concat_ws(' | ', name, comment, detail), '\s+', ' ', 'g')
FROM object LEFT JOIN LATERAL (
	SELECT concat_ws(' | ', CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END, p.prosupport::regproc, p.proacl,
	       pg_get_userbyid(p.proowner), pg_get_function_arguments(p.oid), a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn,
	       a.aggdeserialfn, a.aggtransspace, a.aggfinalmodify, a.aggkind, p.proparallel) AS detail
	FROM pg_proc p LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid WHERE classid = 'pg_proc'::regclass AND p.oid = objid
	UNION ALL
	SELECT concat_ws(' | ', c.relkind, c.relacl, c.reloptions, CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END,
	       (SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attstorage, attacl,
	                          col_description(c.oid, attnum), pg_get_expr(adbin, adrelid)), ', ' ORDER BY attnum)
	        FROM pg_attribute a LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attrelid = c.oid AND attnum > 0),
	       (SELECT string_agg(pg_get_constraintdef(o.oid), ', ' ORDER BY conname) FROM pg_constraint o WHERE conrelid = c.oid),
	       (SELECT string_agg(pg_get_indexdef(indexrelid), ', ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = c.oid),
	       (SELECT string_agg(pg_get_triggerdef(t.oid), ', ' ORDER BY tgname) FROM pg_trigger t WHERE tgrelid = c.oid AND NOT tgisinternal),
	       (SELECT true FROM pg_extension WHERE extname = 'anomaly' AND c.oid = ANY (extconfig)))
	FROM pg_class c WHERE classid = 'pg_class'::regclass AND c.oid = objid
	UNION ALL
	SELECT concat_ws(' | ', t.typtype, t.typlen, t.typbyval, t.typalign, t.typstorage, t.typinput, t.typoutput, t.typreceive, t.typsend,
	       t.typcategory, t.typacl)
	FROM pg_type t WHERE classid = 'pg_type'::regclass AND t.oid = objid
	UNION ALL
	SELECT concat_ws(' | ', castfunc::regprocedure, castcontext, castmethod) FROM pg_cast c WHERE classid = 'pg_cast'::regclass AND c.oid = objid
) d ON true
ORDER BY 1
SQL

$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION anomaly');
my $fresh = $node->safe_psql('fresh', $catalogue);
cmp_ok(scalar(split /\n/, $fresh), '>', 100, 'a fresh database has objects');

for my $old (@released)
{
	my $database = "from_$old";
	my $calibrate = $old eq '0.1.0' ? '' : '|| ad_calibrate(0.1)';

	$node->safe_psql('postgres', "CREATE DATABASE \"$database\"");
	$node->safe_psql($database, <<"SQL");
CREATE EXTENSION anomaly VERSION '$old';
CREATE TABLE payments AS SELECT i, ad_random(1, i, 'normal') AS amount, i % 24 AS hour FROM generate_series(1, 2000) i;
CREATE TABLE models AS SELECT ad_fit('iforest', amount, hour) AS model FROM payments;
CREATE TABLE sketches AS SELECT ad_sketch(amount, hour) AS sketch FROM payments;
CREATE VIEW scores AS SELECT i, ad_score(model, amount, hour) AS score FROM payments, models;
CREATE VIEW spec AS SELECT ad_lof(7) || ad_prepare('mean', 'robust') $calibrate AS spec, ad_iforest(7, 32) || ad_fair_forest(7, 32) || ad_inne(7, 8) || ad_ecod('paper') || ad_stream_options(24, late => 'error') AS more;
CREATE VIEW stream AS SELECT (ad_stream_update(NULL, '{2026-01-01,2026-01-02}', '{1,2}', ad_stream_options(24))).scores, ad_stream(1, '2026-01-01') OVER () AS point;
CREATE TABLE specs (spec jsonb DEFAULT ad_prepare(scale => 'minmax'), CHECK (spec <> ad_prepare()));
CREATE INDEX ON payments ((ad_prepare(onehot_max => i::int % 2) IS NULL));
SQL
	my %default = map { /^(\S+ \S+) (.*)/s } split /\n/, $node->safe_psql($database, $defaults);
	my $spec = 'SELECT spec, more FROM spec';
	my $said = $node->safe_psql($database, $spec);
	my $stream = 'SELECT scores, (point).expected, (point).anomaly FROM stream';
	my $streamed = $node->safe_psql($database, $stream);
	my $scores = "SELECT md5(string_agg(encode(float8send(score), 'hex'), '' ORDER BY i)) FROM scores";
	my $before = $node->safe_psql($database, $scores);

	$node->safe_psql($database, "ALTER EXTENSION anomaly UPDATE");
	is($node->safe_psql($database, "SELECT extversion FROM pg_extension WHERE extname = 'anomaly'"), $version, "$old: updated");
	is($node->safe_psql($database, $scores), $before, "$old: scores are as they were");
	is($node->safe_psql($database, $spec), $said, "$old: a view of constructors whose arguments changed is as it was");
	is($node->safe_psql($database, $stream), $streamed, "$old: so is one of a stream");
	is($node->safe_psql($database, "INSERT INTO specs DEFAULT VALUES RETURNING spec #>> '{prepare,scale}'"), 'minmax', "$old: so is a default");
	is($node->safe_psql($database, $catalogue), $fresh, "$old: every object is as in a fresh database");
	if ($old eq $released[-1])
	{
		# a new argument of a function is none for whom the function was taken from
		$node->safe_psql('postgres', 'CREATE DATABASE revoked');
		is($node->safe_psql('revoked', <<"SQL"), 'f|t|t', "$old: who may not train may not after the update either");
CREATE EXTENSION anomaly VERSION '$old';
REVOKE EXECUTE ON FUNCTION ad_train(text, text, jsonb, text, integer, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_train(text, text, jsonb, text, integer, boolean) TO pg_monitor;
ALTER EXTENSION anomaly UPDATE;
SELECT bool_or(has_function_privilege('pg_signal_backend', oid, 'EXECUTE')) FILTER (WHERE proargtypes[2] = 'jsonb'::regtype), bool_or(has_function_privilege('pg_monitor', oid, 'EXECUTE')),
       bool_or(has_function_privilege('pg_signal_backend', oid, 'EXECUTE')) FILTER (WHERE proargtypes[2] = 'text'::regtype)
FROM pg_proc WHERE proname = 'ad_train';
SQL
		$node->safe_psql('postgres', 'CREATE DATABASE revoked_jobs');
		is($node->safe_psql('revoked_jobs', <<"SQL"), '', "$old: nor may who may not make, change, share or label jobs, or drop models");
CREATE EXTENSION anomaly VERSION '$old';
DO \$\$ DECLARE f text; BEGIN
	FOR f IN SELECT oid::regprocedure FROM pg_proc
		WHERE proname IN ('ad_create_job', 'ad_create_layering_job', 'ad_alter_job', 'ad_grant_job', 'ad_revoke_job', 'ad_label', 'ad_drop_model')
	LOOP EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f); END LOOP;
END \$\$;
ALTER EXTENSION anomaly UPDATE;
SELECT oid::regprocedure FROM pg_proc
WHERE proname IN ('ad_create_job', 'ad_create_layering_job', 'ad_alter_job', 'ad_grant_job', 'ad_revoke_job', 'ad_label', 'ad_drop_model')
	AND has_function_privilege('pg_signal_backend', oid, 'EXECUTE');
SQL
		my %now = map { /^(\S+ \S+) (.*)/s } split /\n/, $node->safe_psql($database, $defaults);
		my $guide = slurp_file("$FindBin::RealBin/../../UPGRADING.md");

		for my $argument (grep { exists $now{$_} && $now{$_} ne $default{$_} } sort keys %default)
		{
			my ($function, $name) = split / /, $argument;

			like($guide, qr/\b$function\b.*$name =>|$function\(\d+\)/, "$old: UPGRADING.md says how to have the old default of $name of $function");
		}
	}
	like($node->safe_psql($database, <<'SQL'), qr/^1\nt\nt$/, "$old: what is new works");
SELECT ad_train('payments', 'SELECT amount, hour FROM payments', ad_iforest() || ad_calibrate());
SELECT ad_pvalue('payments', 20, 3) < 0.05;
SELECT ad_fit_sketch('iforest', sketch) = ad_fit('iforest', amount, hour) FROM sketches, payments GROUP BY sketch;
SQL

	# what that version wrote
	my $fixture;
	gunzip("$FindBin::RealBin/../models/$old.tsv.gz" => \$fixture) or die "fixture of $old is missing";
	$node->safe_psql($database, <<'SQL');
CREATE TABLE rows AS
SELECT i, ad_random(1, i, 'normal') AS x, (i * 7919 % 101)::float8 AS y,
       (ARRAY['red', 'green', 'blue', 'red'])[1 + i % 4] AS colour,
       timestamptz '2026-01-01 00:00+00' + i * interval '1 hour' AS ts
FROM generate_series(1, 300) i;
CREATE TABLE probes AS
SELECT i, x, y, colour, ts FROM rows WHERE i <= 10
UNION ALL VALUES (11, 9, -500, 'violet', timestamptz '2030-05-05 03:00+00'), (12, NULL, NULL, NULL, NULL);
CREATE TABLE points AS
SELECT i, timestamptz '2026-01-01 00:00+00' + i * interval '1 hour' AS ts,
       10 * (i % 24)::float8 / 24 + (i * 7919 % 101) / 50.0::float8 + CASE WHEN i IN (700, 1020) THEN 40 ELSE 0 END AS v
FROM generate_series(1, 1100) i;
CREATE TABLE fixture (name text PRIMARY KEY, value bytea);
SQL
	my $models = 0;
	for my $line (split /\n/, $fixture)
	{
		my ($name, $hex, $expected) = split /\t/, $line, -1;

		$node->safe_psql($database, "INSERT INTO fixture VALUES (\$\$$name\$\$, '\\x$hex')");
		my $value = "(SELECT value FROM fixture WHERE name = \$\$$name\$\$)";
		if ($expected eq '')
		{
			is($node->safe_psql($database, "SELECT ad_info(ad_fit_sketch('iforest', ad_merge(value))) ->> 'features' FROM fixture WHERE name = \$\$$name\$\$"), 4, "$old: $name can be merged and fitted to");
			my $sketch = $name =~ /sampled/ ? 'ad_sketch(ad_sampling(rows => 64, keyed => true), i, x, y, colour, ts) FROM rows' :
			  'ad_sketch(r) FROM (SELECT x, y, colour, ts FROM rows) r';
			my $merged = "SELECT ad_fit_sketch('hbos', ad_merge(s)) FROM (SELECT %s UNION ALL SELECT $sketch) m(s)";
			is($node->safe_psql($database, 'SELECT (' . sprintf($merged, $value) . ') = (' . sprintf($merged, $sketch) . ')'),
				't', "$old: $name merges with a new one as a new one does");
			next;
		}
		if ($name =~ /^stream/)
		{
			my ($scores, $combined) = split m{ / }, $expected;
			my $batch = "ad_stream_array($value, (SELECT array_agg(v ORDER BY i) FROM points WHERE i > 1000), (SELECT array_agg(ts ORDER BY i) FROM points WHERE i > 1000)) u";
			my $bits = "SELECT string_agg(encode(float8send(x), 'hex'), ' ' ORDER BY o) FROM $batch, unnest(u.%s) WITH ORDINALITY n(x, o)";
			is($node->safe_psql($database, sprintf($bits, 'scores')), $scores, "$old: $name goes on as it did");
			is($node->safe_psql($database, sprintf($bits, 'combined_scores')), $combined, "$old: $name says the same of its last points") if defined $combined;
			next;
		}
		$models++;
		my ($scores, $decisions) = split m{ / }, $expected;
		is($node->safe_psql($database, "SELECT string_agg(encode(float8send(ad_score($value, p)), 'hex'), ' ' ORDER BY i) FROM probes p"),
			$scores, "$old: $name scores as it did");
		is($node->safe_psql($database, <<"SQL"), $decisions, "$old: $name decides as it did") if defined $decisions;
SELECT string_agg(encode(float8send(ad_pvalue($value, p)), 'hex'), ' ' ORDER BY i) || ' ' ||
       encode(float8send(ad_threshold($value)), 'hex') FROM probes p
SQL
		is($node->safe_psql($database, "SELECT bool_and(abs(contribution) < 'Infinity') FROM probes p, ad_explain($value, p)"),
			't', "$old: $name can be explained");
		like(($node->psql($database, "SELECT ad_threshold($value)"))[2],
			qr/model does not hold the scores of its fit/, "$old: $name has no threshold") if $old eq '0.1.0';
	}
	cmp_ok($models, '>', 15, "$old: models of every detector");
}

# A database that people had, as its dump has it: restored under the version
# that made it, then updated.
for my $old (grep { -f "$FindBin::RealBin/../models/$_.dump.sql.gz" } @released)
{
	my $database = "kept_$old";
	my $dump;

	gunzip("$FindBin::RealBin/../models/$old.dump.sql.gz" => \$dump) or die "dump of $old";
	$node->safe_psql('postgres', "CREATE DATABASE \"$database\"");
	$node->safe_psql('postgres', <<'SQL');
DO $$ DECLARE r text; BEGIN
FOREACH r IN ARRAY '{ad_kept_alice,ad_kept_bob,ad_kept_carol}'::text[] LOOP
	IF to_regrole(r) IS NULL THEN EXECUTE format('CREATE ROLE %I', r); END IF;
END LOOP; END $$
SQL
	# pg_dump of newer minor releases guards its output by commands of psql
	$dump =~ s/^\\(un)?restrict .*$//mg;
	$node->safe_psql($database, "CREATE EXTENSION anomaly VERSION '$old'");
	$node->safe_psql($database, $dump);

	$node->safe_psql($database, <<'SQL');
SELECT ad_create_layering_job('turned off', 'flow');
SELECT ad_alter_job('turned off', '{"options": {"trade_rule": "either"}}');
CREATE VIEW granting AS SELECT ad_grant_job('fraud', 'public') IS NULL AS granted;
SQL

	my %seen = (
		'named models' => 'SELECT name, version, active, spec, digest, trained_by, notes, privilege, query FROM ad_models ORDER BY 1, 2',
		'grants of models' => 'SELECT * FROM ad_model_grants ORDER BY 1, 2, 3',
		'jobs' => 'SELECT name, owner, kind, model, rule, entity, source, key, batch_size, lag, cooldown, limit_per_hour, watermark, failures FROM ad_jobs ORDER BY 1',
		'alerts' => 'SELECT job, key, entity, score, p_value, explanation, "row", model_version, event_at, label FROM ad_alert ORDER BY 1, 2',
		'labels' => 'SELECT * FROM ad_labels ORDER BY 1, 2',
		'runs' => 'SELECT * FROM ad_job_run ORDER BY 1, 2',
		'objects of theirs' => 'SELECT md5(string_agg(scored::text, $$ $$ ORDER BY id)) FROM scored
			UNION ALL SELECT md5(string_agg(strange::text, $$ $$ ORDER BY id)) FROM strange
			UNION ALL SELECT md5(string_agg(decomposed::text, $$ $$ ORDER BY id)) FROM decomposed
			UNION ALL SELECT md5(string_agg(layers::text, $$ $$ ORDER BY id)) FROM layers
			UNION ALL SELECT string_agg(seen::text, $$ $$ ORDER BY name, version) FROM seen
			UNION ALL SELECT md5(string_agg(alerts::text, $$ $$ ORDER BY job, key)) FROM alerts
			UNION ALL SELECT md5(string_agg(checked::text, $$ $$ ORDER BY a, b)) FROM checked');
	my %before = map { $_ => $node->safe_psql($database, $seen{$_}) } keys %seen;

	$node->safe_psql($database, 'ALTER EXTENSION anomaly UPDATE');
	is($node->safe_psql($database, $catalogue), $fresh, "dump of $old, updated: every object is as in a fresh database");
	is($node->safe_psql($database, $seen{$_}), $before{$_}, "dump of $old, updated: $_ are as they were") for sort keys %seen;
	is($node->safe_psql($database, 'SELECT * FROM ad_job_grants'), 'fraud|ad_kept_bob|label', "dump of $old, updated: grants of jobs are as they were");
	is($node->safe_psql($database, 'SELECT job, key, label FROM ad_alert EXCEPT SELECT job, key, label FROM ad_alerts; SELECT run FROM ad_job_run EXCEPT SELECT run FROM ad_job_runs'),
		'', "dump of $old, updated: views under old names show the same");
	# a part of the options of a layering job was stored alone by 0.2.0; all are there now
	is($node->safe_psql($database, <<'SQL'), "turned off\nwindow|either|10|5|2\nold|ad_kept_alice", "dump of $old, updated: jobs can be changed, also by what depends on old functions");
SELECT ad_alter_job('turned off', '{"lag": "1 hour"}');
SELECT o ->> 'rule', o ->> 'trade_rule', o ->> 'orders_window', o ->> 'cancel_window', o ->> 'opposite_trade_window' FROM (SELECT options FROM ad_jobs WHERE name = 'turned off') j(o);
DO $$ BEGIN PERFORM * FROM granting; END $$;
SELECT ad_rename_job('turned off', 'old'), owner FROM ad_jobs WHERE name = 'fraud';
SQL
	is($node->safe_psql($database, "SELECT * FROM ad_job_grants WHERE role = 'public'"), 'fraud|public|read', "dump of $old, updated: ... which do what they did");
	$node->safe_psql($database, "SELECT ad_drop_job('old'), ad_revoke_job('fraud', 'public')");
	is($node->safe_psql($database, <<'SQL'), "10\n1", "dump of $old, updated: a job goes on where it was");
INSERT INTO payment SELECT 5000 + i, 'new ' || i, 9000, 'DE', (SELECT max(ts) FROM payment) + i * interval '1 minute' FROM generate_series(1, 10) i;
SET SESSION AUTHORIZATION ad_kept_alice;
CALL ad_run_job('fraud');
SELECT count(*) FROM ad_alert WHERE entity LIKE 'new %';
SELECT rows / 10 FROM ad_job_run WHERE job = 'fraud' ORDER BY run DESC LIMIT 1;
SQL
	like(($node->psql($database, 'INSERT INTO checked (a, b) VALUES (1e9, 1)'))[2], qr/violates check constraint "usual"/,
		"dump of $old, updated: a CHECK over a score holds");
}

$node->stop;
done_testing();
