# Attacks by a role without rights, in a fresh database and in databases of
# released versions that were attacked before the update: none of them works,
# and none of them keeps the update from being done.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# mallory drops all of her overloads in one transaction
my $node = start_server('security', 'max_locks_per_transaction = 1024');
my $db;

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE mallory LOGIN;
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE owner LOGIN;
CREATE ROLE mon LOGIN IN ROLE pg_monitor;
CREATE ROLE boss LOGIN SUPERUSER;
SQL

# What a role sees of a statement: its output, and its errors and warnings.
sub as
{
	my ($role, $sql) = @_;
	my ($rc, $out, $err) = $node->psql($db, $sql, extra_params => [ '-U', $role ]);
	return "$out\n$err";
}

sub super { return scalar $node->safe_psql($db, shift); }

sub no_superuser
{
	my ($what) = @_;
	is(super("SELECT count(*) FROM pg_roles WHERE rolsuper AND rolname NOT IN ('postgres', 'boss')"), 0, "$db: $what");
	super("ALTER ROLE $_ NOSUPERUSER") for 'mallory', 'owner';
}

# A function that makes its owner superuser, if it is entered with the rights to.
my $evil = <<'SQL';
CREATE FUNCTION pg_temp.evil(v bigint) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN IF v IS NOT NULL THEN EXECUTE 'ALTER ROLE mallory SUPERUSER'; END IF; RETURN true; END $$;
CREATE DOMAIN pg_temp.d AS bigint CHECK (pg_temp.evil(VALUE));
CREATE TEMP TABLE t (id pg_temp.d, x int);
SQL

# Before the update: what mallory can leave behind.
sub plant
{
	my ($old) = @_;

	return if $old eq '0.1.0';		# it has no jobs
	as('mallory', 'CREATE TABLE mallory.trap (id bigint, x int);
		CREATE TRIGGER tr BEFORE INSERT ON mallory.trap FOR EACH ROW EXECUTE FUNCTION public._ad_job_number();
		CREATE VIEW mallory.labels AS SELECT * FROM public._ad_may_label');
	like(as('mallory', 'INSERT INTO mallory.trap(x) VALUES (1) RETURNING id'), qr/^\d/, "$db: mallory has hung the trigger on a table of his before the update");
	as('mallory', q{INSERT INTO public._ad_own_job (name, owner, kind, model, source, key_column, watermark_column, rule, batch_size, lag, explain, search_path, timezone, created_at)
		VALUES ('x', 'mallory', 'model', 'm', 'select 1', 'id', 'ts', '{"p_value":0.01}', 1, '1', 0, 'public', 'UTC', 'infinity');
		INSERT INTO public._ad_own_state (job_id) SELECT id FROM public._ad_own_job});
	# the database's owner, in the name of a superuser
	as('owner', q{INSERT INTO public._ad_job (id, name, owner, kind, model, source, key_column, watermark_column, rule, batch_size, lag, explain, search_path, timezone, created_at)
		VALUES (999, 'planted', 'boss', 'model', 'm', 'select 1', 'id', 'ts', '{"p_value":0.01}', 1, '1', 0, 'public', 'UTC', now());
		INSERT INTO public._ad_job_state (job_id) VALUES (999);
		INSERT INTO public._ad_model_version SELECT 'planted', 1, '\x00', '{}', 'select 1', 1, '[]', 'x', now(), 'boss'});
}

# Views and indexes of users over every public function that can stand in one.
sub depend
{
	my $n = super(<<'SQL');
CREATE SCHEMA dependent;
DO $$
DECLARE
	f record;
	n int := 0;
	tables int := 0;
BEGIN
	FOR f IN
		SELECT p.oid, p.proname, p.prokind, p.proretset, p.prorettype, p.provolatile,
		       (SELECT string_agg(CASE WHEN t = '"any"'::regtype THEN '1' WHEN t = 'anyelement'::regtype THEN '1' ELSE format('NULL::%s', t::regtype) END, ', ' ORDER BY i)
		        FROM unnest(p.proargtypes) WITH ORDINALITY a(t, i)) AS args
		FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
		     JOIN pg_extension e ON e.oid = d.refobjid
		WHERE e.extname = 'anomaly' AND p.proname ~ '^_?ad_' AND p.prokind <> 'p'
		  AND NOT p.proargtypes::oid[] && ARRAY['internal'::regtype, 'cstring'::regtype]::oid[]
		  AND p.prorettype NOT IN ('trigger'::regtype, 'internal'::regtype, 'cstring'::regtype, 'void'::regtype)
	LOOP
		BEGIN
			EXECUTE format(CASE WHEN f.prorettype = 'record'::regtype THEN 'CREATE VIEW dependent.v%s AS SELECT * FROM %s(%s)%s'
			                    ELSE 'CREATE VIEW dependent.v%s AS SELECT %s(%s)%s AS x' END, f.oid, f.oid::regproc, f.args,
			               CASE f.prokind WHEN 'w' THEN ' OVER ()' ELSE '' END);
			IF f.provolatile = 'i' AND f.prokind = 'f' AND NOT f.proretset AND f.prorettype NOT IN ('record'::regtype) AND f.args NOT LIKE '%internal%' THEN
				BEGIN
					EXECUTE format('CREATE TABLE dependent.t%s (a int, b boolean GENERATED ALWAYS AS (%s(%s) IS NULL) STORED, CHECK (%2$s(%3$s) IS NULL OR true))', f.oid, f.oid::regproc, f.args);
					tables := tables + 1;
				EXCEPTION WHEN OTHERS THEN
					NULL;			-- constants are folded, which some refuse
				END;
				EXECUTE format('CREATE MATERIALIZED VIEW dependent.m%s AS SELECT %s(%s) AS x WITH NO DATA', f.oid, f.oid::regproc, f.args);
			END IF;
			n := n + 1;
		EXCEPTION WHEN OTHERS THEN
			RAISE EXCEPTION 'view over % (%): %', f.proname, f.args, SQLERRM;
		END;
	END LOOP;
	IF tables < 20 THEN
		RAISE EXCEPTION '% tables', tables;
	END IF;
	PERFORM set_config('test.n', n::text, false);
END $$;
SELECT current_setting('test.n');
SQL
	cmp_ok($n, '>', 60, "$db: views, and tables where they can be, over $n functions");
}

sub attack
{
	my ($old) = @_;

	# 1. a role becomes superuser
	as('mallory', "$evil CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION $_._ad_job_number(); INSERT INTO t(x) VALUES (1)")
		for 'public', '_anomaly';
	no_superuser('no superuser by a trigger function');
	like(as('mallory', 'CREATE TEMP TABLE t (id bigint); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_number()'),
		qr/permission denied for function \S*_ad_job_number/, "$db: trigger functions are nobody's");
	like(as('mallory', 'INSERT INTO mallory.trap(x) VALUES (1)'), qr/is the trigger of a table of the extension, and of no other/,
		"$db: one hung before does nothing") if $old eq '0.2.0';
	super('CREATE TABLE other (id int, name text); CREATE TRIGGER tr BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_number()');
	like(as('postgres', 'INSERT INTO other VALUES (1)'), qr/is the trigger of a table of the extension, and of no other/, "$db: nor if a superuser hangs it");
	super('DROP TABLE other');

	# 2. overloads of every public function, with better matches
	super(<<'SQL');
GRANT CREATE ON SCHEMA public TO mallory;
CREATE SCHEMA data;
GRANT USAGE ON SCHEMA data TO PUBLIC;
CREATE TABLE data.ev (i int PRIMARY KEY, salary float8, ts timestamptz NOT NULL, account_id text, product_id text, event_type text, side text, price numeric, quantity bigint);
INSERT INTO data.ev SELECT i, i * 37 % 101 + i * 53 % 97, now() - interval '1 day' + i * interval '1 second', 'a', 'p', 'NEW', 'BUY', 1, 1 FROM generate_series(1, 400) i;
CREATE TABLE data.daily AS SELECT i % 4 AS day, ad_sketch(salary) AS sketch FROM data.ev GROUP BY 1;
GRANT SELECT ON data.ev TO PUBLIC;
CREATE TABLE data.entered (what text);
GRANT INSERT ON data.entered TO PUBLIC;
SQL
	my $made = as('mallory', <<'SQL');
SET client_min_messages = error;
DO $$
DECLARE
	f record;
	t text;
	made int := 0;
BEGIN
	FOR f IN SELECT DISTINCT p.proname, p.prokind, r.typ, p.proretset FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	         JOIN pg_extension e ON e.oid = d.refobjid,
	         LATERAL (SELECT CASE WHEN p.prorettype IN ('record'::regtype, 'internal'::regtype, 'void'::regtype) THEN 'text' ELSE format_type(p.prorettype, NULL) END AS typ) r
	         WHERE e.extname = 'anomaly' AND p.proname LIKE 'ad\_%' LOOP
		FOREACH t IN ARRAY ARRAY['', 'text', 'unknown', 'bytea', 'jsonb', 'text, record', 'bytea, record', 'jsonb, record', 'text, data.ev', 'bytea, data.ev', 'jsonb, data.ev',
		                         'text, float8', 'bytea, float8', 'jsonb, float8, int', 'jsonb, float8', 'text, jsonb, record', 'text, jsonb, data.ev', 'bytea, jsonb, record',
		                         'text, jsonb, float8', 'bytea, jsonb, float8', 'text, text DEFAULT ''''', 'bytea, text DEFAULT ''''', 'text, int, int DEFAULT 1',
		                         'text, text', 'text, text, jsonb', 'bytea, bytea', 'text, bytea', 'text, text, text', 'text, text, boolean', 'float8', 'float8, boolean', 'text, timestamptz DEFAULT NULL, int DEFAULT 1'] LOOP
			-- a direct call is not unique then, whoever makes it; calls of ours must be
			CONTINUE WHEN t ~ 'DEFAULT' AND f.proname IN ('ad_run_job', 'ad_compare', 'ad_label');
			BEGIN
				IF f.prokind = 'p' THEN
					EXECUTE format('CREATE PROCEDURE public.%I(%s) LANGUAGE plpgsql AS %L', f.proname, t,
						format('BEGIN INSERT INTO data.entered VALUES (%L); END', f.proname || '(' || t || ')'));
				ELSE
					EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', f.proname, t, f.typ,
						format('BEGIN INSERT INTO data.entered VALUES (%L); BEGIN EXECUTE ''ALTER ROLE mallory SUPERUSER''; EXCEPTION WHEN OTHERS THEN END; RETURN NULL; END', f.proname || '(' || t || ')'));
				END IF;
				made := made + 1;
			EXCEPTION WHEN OTHERS THEN
				NULL;
			END;
		END LOOP;
	END LOOP;
	-- and operators
	EXECUTE 'CREATE FUNCTION public.op(jsonb, jsonb) RETURNS text LANGUAGE plpgsql AS ''BEGIN INSERT INTO data.entered VALUES (''''op''''); RETURN NULL; END''';
	EXECUTE 'CREATE OPERATOR public.->> (leftarg = jsonb, rightarg = jsonb, function = public.op)';
	PERFORM set_config('test.made', made::text, false);
END $$;
SELECT current_setting('test.made');
SQL
	cmp_ok($made, '>', 500, "$db: mallory has made overloads");
	my $run = as('boss', <<'SQL');
\set ON_ERROR_STOP on
SELECT 'trained', ad_train('bm'::text, 'SELECT salary, i FROM data.ev'::text, '{"detector": "zscore", "calibrate": {}}'::jsonb, NULL::text, NULL::int, true);
SELECT 'jobs', ad_create_job('bj'::text, 'bm'::text, 'SELECT * FROM data.ev'::text, 'i'::text, 'ts'::text, '{"p_value": 0.02}'::jsonb, NULL::text, 100, NULL::text, NULL::interval, NULL::int, 2, NULL::text, NULL::text[]) IS NULL;
SELECT 'layering', ad_create_layering_job('bl'::text, 'SELECT * FROM data.ev'::text, NULL::jsonb, '{"score": 0}'::jsonb, NULL::text[], NULL::text, '1 minute'::text, NULL::interval, NULL::int, NULL::text) IS NULL;
CALL ad_run_job('bj'::text, NULL::timestamptz);
CALL ad_run_job('bl'::text, NULL::timestamptz);
SELECT 'ran', string_agg(DISTINCT status, ','), sum(rows) FROM ad_job_run;
SELECT 'detected', count(*) FROM ad_detect('SELECT salary, i FROM data.ev'::text, '{"detector": "zscore"}'::jsonb, 0.1::float8, NULL::text);
SELECT 'retrained', ad_retrain('bm'::text, 0.02::float8, 0.2::float8, 20) -> 'activated';
SELECT 'sketches', ad_train('sk'::text, 'SELECT sketch FROM data.daily'::text, '{"detector": "iforest", "calibrate": {}}'::jsonb, NULL::text, NULL::int, true);
SELECT 'retrained', ad_retrain('sk'::text, 0.02::float8, 0.2::float8, 20) -> 'activated';
SELECT 'compared', rows FROM ad_compare('bm'::text, 1, 2, 'SELECT salary, i FROM data.ev'::text, 10, NULL::text);
SELECT 'drift', count(*) > 0 FROM ad_drift('sk'::text, (SELECT sketch FROM data.daily LIMIT 1), '{}'::jsonb);
SELECT 'health', count(*) > 5 FROM ad_health();
SELECT 'recommended', count(*) > 10 FROM ad_recommend(1000::bigint, 10, 'balanced'::text);
SELECT 'labelled', ad_label('bj'::text, '7'::text, true, NULL::text) IS NULL;
SELECT 'stats', count(*) FROM ad_job_stats;
SQL
	like($run, qr/trained\|1.*ran\|ok\|800.*detected\|400.*retrained\|true.*sketches\|1.*retrained\|true.*compared\|400.*drift\|t\n.*health\|t\n.*recommended\|t\n.*labelled\|.*stats\|[23]/s,
		"$db: train, jobs, detect, retrain, compare, drift, health and labels work");
	is(super('SELECT string_agg(DISTINCT what, $$, $$) FROM data.entered'), '', "$db: and none of the overloads was entered");
	no_superuser('no superuser by an overload');
	like(as('boss', q{SELECT status, detail FROM ad_health() WHERE "check" = 'schema'}), qr/warning\|.*mallory/, "$db: ad_health tells who may create beside it");
	like(as('boss', q{SELECT hint FROM ad_health() WHERE "check" = 'schema'}), qr/Say: REVOKE CREATE ON SCHEMA public FROM .*mallory/, "$db: and how to end it");

	# the schema may be renamed
	super('ALTER SCHEMA public RENAME TO "we ird"');
	is(as('boss', <<'SQL'), "t\nt\nt\nt\n", "$db: the extension's schema can be renamed");
SET search_path = "we ird";
SET client_min_messages = warning;
SELECT ad_train('bm'::text, 'SELECT salary, i FROM data.ev'::text, '{"detector": "zscore", "calibrate": {}}'::jsonb, NULL::text, NULL::int, true) > 2;
CALL ad_run_job('bj'::text, NULL::timestamptz);
SELECT count(*) > 5 FROM ad_health();
SELECT count(*) > 0 FROM ad_drift('sk'::text, (SELECT sketch FROM data.daily LIMIT 1), '{}'::jsonb);
SELECT (ad_retrain('bm'::text, 0.02::float8, 0.2::float8, 20) -> 'version')::int > 3;
SQL
	super('ALTER SCHEMA "we ird" RENAME TO public');
		as('mallory', <<'SQL');
DO $$ DECLARE f regprocedure; BEGIN
	DROP OPERATOR public.->> (jsonb, jsonb);
	FOR f IN SELECT oid FROM pg_proc WHERE proowner = 'mallory'::regrole AND pronamespace = 'public'::regnamespace LOOP
		EXECUTE format('DROP ROUTINE %s', f);
	END LOOP;
END $$;
SQL
	super('REVOKE CREATE ON SCHEMA public FROM mallory');
	super('SELECT ad_drop_job($$bj$$), ad_drop_job($$bl$$), ad_drop_model($$bm$$), ad_drop_model($$sk$$)');

	# 3. infinite and far times
	my $options = '{"model": "m", "key": "id", "watermark": "ts", "rule": {"p_value": 0.01}}';
	super(qq{INSERT INTO _anomaly._ad_job (name, owner, kind, source, options, search_path, timezone, created_at)
		VALUES ('y', 'mallory', 'model', 'select 1', '$options', 'public', 'UTC', now());
		INSERT INTO _anomaly._ad_job_state (job_id) SELECT id FROM _anomaly._ad_own_job WHERE name = 'y'});
	for my $odd ('{"batch_size": "x"}', '{"late_check": "x"}', '{"cooldown": "x"}', '{"rule": 1}', '{"x": 1}')
	{
		like(as('postgres', qq{INSERT INTO _anomaly._ad_job (name, owner, kind, source, options, search_path, timezone, created_at)
			VALUES ('odd', 'mallory', 'model', 'select 1', '$options'::jsonb || '$odd', 'public', 'UTC', now())}), qr/ERROR/, "$db: options $odd that views could not show are refused");
	}
	as('mallory', "INSERT INTO _anomaly._ad_own_run (job_id, run, pid, started, finished) SELECT id, g, 1, s, s FROM _anomaly._ad_own_job, unnest('{infinity,-infinity,294276-12-31,4713-01-01 BC}'::timestamptz[]) WITH ORDINALITY u(s, g)")
		for 1;
	as('mallory', "INSERT INTO _anomaly._ad_own_run (job_id, run, pid, started, finished) SELECT id, 10, 1, '294276-12-31', '294276-12-31' FROM _anomaly._ad_own_job");
	as('mallory', "INSERT INTO _anomaly._ad_own_alert (job_id, key, score, \"row\", event_at, scored_at) SELECT id, e || ' ' || s, 1, '{}', e::timestamptz, s::timestamptz
		FROM _anomaly._ad_own_job, unnest('{infinity,-infinity,294276-12-31,4713-01-02 BC,2026-01-01}'::text[]) e, unnest('{294276-12-31,4713-01-02 BC,2026-01-01}'::text[]) s");
	for my $who ('mallory', 'mon', 'boss')
	{
		my $seen = as($who, 'SELECT count(*) > 0 FROM ad_health(); SELECT count(*) >= 0 FROM ad_job_stats; SELECT count(mean_time_to_alert) >= 0, count(max_time_to_alert) FROM ad_job_stats;
			SELECT count(*) >= 0 FROM ad_jobs; SELECT count(*) >= 0 FROM ad_alert; SELECT count(*) >= 0 FROM ad_job_run');
		unlike($seen, qr/ERROR/, "$db: views answer $who whatever the times") or diag $seen;
	}
	super("DELETE FROM _anomaly._ad_job WHERE name IN ('x', 'y')");

	# rows in the name of others
	my $job = q{(id, name, owner, kind, source, options, search_path, timezone, created_at)};
	my $row = qq{5000\tpj\tboss\tmodel\tselect 1\t$options\tpublic\tUTC\t2026-01-01 00:00+00};
	like(as('owner', qq{INSERT INTO _anomaly._ad_job $job VALUES (5000, 'pj', 'boss', 'model', 'select 1', '$options', 'public', 'UTC', now())}),
		qr/ERROR:  cannot make a job of role "boss"/, "$db: the owner of the database plants no job of a superuser");
	like(as('owner', "COPY _anomaly._ad_job $job FROM stdin;\n$row\n\\.\n"), qr/WARNING:  job "pj" is restored without its owner "boss".*ad_alter_job/s, "$db: a restore says what it could not bring");
	is(super("SELECT owner::text || '.' FROM _anomaly._ad_job WHERE name = 'pj'"), '.', "$db: the job is there, of nobody");
	like(as('boss', "CALL ad_run_job('pj')"), qr/has no owner, so nobody can run it/, "$db: nobody runs it");
	like(as('owner', q{INSERT INTO _anomaly._ad_job_state (job_id) VALUES (5000); SELECT ad_alter_job('pj', '{"owner": "owner"}')}), qr/does not exist/, "$db: the owner of the database cannot take it");
	super("DELETE FROM _anomaly._ad_job WHERE name = 'pj'");
	my $version = q{INSERT INTO _anomaly._ad_model_version SELECT 'trap', 1, '\x00', '{}', 'select 1', 1, '[]', 'x', now(), };
	like(as('owner', "$version '$_'"), qr/cannot store a model in the name of role "$_"/, "$db: nor a model trained by $_") for 'boss', 'postgres', 'role_of_tomorrow';
	like(as('owner', "$version 'owner'"), qr/^\n*$/, "$db: but one of his own");
	like(as('owner', "COPY _anomaly._ad_model_version (name, version, model, spec, query, rows, features, digest, trained_at, trained_by) FROM stdin;\ntrap\t2\t\\\\x00\t{}\tselect 1\t1\t[]\tx\t2026-01-01 00:00+00\tboss\n\\.\n"),
		qr/WARNING:  model "trap" is restored without who trained it, "boss"/, "$db: a restored model is trusted by nobody");
	super("DELETE FROM _anomaly._ad_model_version WHERE name = 'trap'");

	# labels
	super('GRANT SELECT ON data.ev TO alice, bob');
	as('alice', q{SELECT ad_train('al', 'SELECT salary, i FROM data.ev', '{"detector": "zscore", "calibrate": {}}'::jsonb); SELECT ad_grant_model('al', 'mallory', 'score');
		SELECT ad_create_job('aj', 'al', 'SELECT * FROM data.ev', 'i', 'ts', '{"score": 1.5}')});
	as('alice', q{CALL ad_run_job('aj')});
	as('mallory', q{SELECT ad_create_job('mj', 'al', $$SELECT i, 1 AS salary, i AS ii, ts FROM data.ev$$, 'i', 'ts', '{"score": 1}', features => '{salary,i}')});
	as('mallory', q{INSERT INTO _anomaly._ad_own_alert (job_id, job, key, score, "row", event_at, scored_at) SELECT p.job_id, p.name, g::text, 1, '{"salary":"abc","i":1}', now(), now() FROM _anomaly._ad_job_privilege p, generate_series(1, 40) g WHERE p.name = 'mj';
		SELECT ad_label('mj', g, g % 2 = 0) FROM generate_series(1, 40) g; SELECT ad_grant_job('mj', 'alice', 'label')});
	is(as('mallory', "SELECT count(*) FROM ad_labels WHERE job = 'mj'"), "40\n", "$db: mallory has labelled rows of his own");
	like(as('alice', q{SELECT ad_retrain('al') -> 'labels'}), qr/^0\n/, "$db: labels of who may only score do not count");
	as('alice', q{SELECT ad_grant_job('aj', 'mallory', 'label')});
	like(as('mallory', q{SELECT ad_label('aj', 'none', true)}), qr/has no alert with key "none"/, "$db: who may label labels alerts, and no rows of his own");
	like(as('mallory', q{INSERT INTO _anomaly._ad_label SELECT job_id, '1', true, '{}', NULL, 'alice', now() FROM _anomaly._ad_job_privilege}), qr/permission denied/, "$db: nor by the table");
	as('alice', q{SELECT ad_drop_job('aj')});

	# nobody without rights locks the tables against the others
	like(as('mallory', "BEGIN; LOCK TABLE $_; SELECT 'locked'"), qr/permission denied/, "$db: mallory cannot lock $_")
		for split /\n/, super(q{SELECT c.oid::regclass FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
			JOIN pg_extension e ON e.oid = d.refobjid WHERE e.extname = 'anomaly' AND c.relkind IN ('r', 'v') ORDER BY 1});

	# who monitors sees no rows of others
	super(q{CREATE TABLE patient (id int, salary text, i int, ts timestamptz NOT NULL); INSERT INTO patient VALUES (1, 'patient Smith HIV 1', 1, now() - interval '1 day'); GRANT SELECT ON patient TO alice});
	as('alice', q{SELECT ad_create_job('ej', 'al', 'SELECT id, salary::text AS salary, i, ts FROM patient', 'id', 'ts', '{"score": 1}', features => '{salary,i}')});
	as('alice', q{CALL ad_run_job('ej')});
	unlike(as('mon', 'SELECT * FROM ad_health(); SELECT * FROM ad_jobs; SELECT * FROM ad_job_run; SELECT * FROM ad_stat_models'), qr/Smith/, "$db: pg_monitor reads no values in errors");
	as('alice', q{SELECT ad_drop_job('ej')});

	# what is forbidden by the public function is by the private one
	super('REVOKE EXECUTE ON FUNCTION ad_train(text, text, jsonb, text, integer, boolean, text, text, text[]), ad_activate(text, integer) FROM PUBLIC');
	like(as('mallory', q{SELECT _anomaly._ad_train('own', 'SELECT 1 AS a', '{"detector": "zscore"}'::jsonb, NULL, NULL, true)}), qr/permission denied for function ad_train/, "$db: who may not train does not by the private function");
	like(as('mallory', q{SELECT _anomaly._ad_activate('al', 1)}), qr/permission denied for function ad_activate/, "$db: nor activate");
	super('GRANT EXECUTE ON FUNCTION ad_train(text, text, jsonb, text, integer, boolean, text, text, text[]), ad_activate(text, integer) TO PUBLIC');

	# a rename onto a name that is taken meanwhile
	as('alice', q{SELECT ad_train('r1', 'SELECT salary FROM data.ev', 'zscore'); SELECT ad_train('r2', 'SELECT salary FROM data.ev', 'zscore')});
	my $one = $node->background_psql_rename($db);
	as('alice', q{SELECT ad_drop_model('r1'), ad_drop_model('r2'), ad_drop_model('al')});
	as('mallory', q{SELECT ad_drop_job('mj')});
}

# A schema in which mallory may create comes before pg_catalog in the path of
# whoever calls: all that mallory can make there under a name of pg_catalog does
# what that does, and says that it was entered.
sub shadow
{
	super('CREATE SCHEMA app; GRANT CREATE, USAGE ON SCHEMA app TO PUBLIC;
		CREATE TABLE data.oe AS SELECT i AS id, $$A$$::text AS account_id, $$X$$::text AS product_id, CASE WHEN i <= 4 THEN $$NEW$$ WHEN i <= 8 THEN $$CANCEL$$ ELSE $$FILL$$ END AS event_type,
			CASE WHEN i = 9 THEN $$SELL$$ ELSE $$BUY$$ END AS side, 100.0 - i % 4 AS price, 1000 AS quantity, timestamptz $$2026-03-02 09:31:00Z$$ + i * interval $$1 second$$ AS ts FROM generate_series(1, 9) i;
		CREATE TABLE data.kk AS SELECT chr(64 + i) AS k, 0 AS salary, i, now() - interval $$1 hour$$ AS ts FROM generate_series(1, 2) i UNION ALL SELECT chr(96 + i), 0, i, now() - interval $$1 hour$$ FROM generate_series(1, 2) i;
		CREATE TABLE data.points AS SELECT i::float8 AS v, now() + i * interval $$1 hour$$ AS ts FROM generate_series(1, 100) i');
	my $made = as('mallory', <<'SQL');
SET client_min_messages = error;
DO $$
DECLARE
	o record;
	made int := 0;
BEGIN
	FOR o IN SELECT oid, oprname, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS res FROM pg_operator
	         WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprleft <> 0 AND oprright <> 0 LOOP
		BEGIN
			EXECUTE format('CREATE FUNCTION app.op_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', o.oid, o.l, o.r, o.res,
				format('BEGIN RAISE WARNING ''ENTERED operator %s(%s,%s)''; RETURN $1 OPERATOR(pg_catalog.%s) $2; END', replace(o.oprname, '%', '%%'), o.l, o.r, o.oprname));
			EXECUTE format('CREATE OPERATOR app.%s (leftarg=%s, rightarg=%s, function=app.op_%s)', o.oprname, o.l, o.r, o.oid);
			made := made + 1;
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END LOOP;
	FOR o IN SELECT p.proname, p.prorettype::regtype AS res,
	                (SELECT string_agg(t::regtype::text, ', ' ORDER BY i) FROM unnest(p.proargtypes) WITH ORDINALITY u(t, i)) AS types,
	                (SELECT string_agg('$' || i, ', ' ORDER BY i) FROM unnest(p.proargtypes) WITH ORDINALITY u(t, i)) AS args
	         FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND NOT p.proretset AND p.prokind = 'f'
	           AND NOT p.proargtypes::oid[] && ARRAY['internal'::regtype, 'cstring'::regtype, '"any"'::regtype]::oid[]
	           AND p.prorettype NOT IN ('internal'::regtype, 'trigger'::regtype) LOOP
		BEGIN
			EXECUTE format('CREATE FUNCTION app.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', o.proname, o.types, o.res,
				format('BEGIN RAISE WARNING ''ENTERED function %s''; RETURN pg_catalog.%I(%s); END', o.proname, o.proname, o.args));
			made := made + 1;
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END LOOP;
	FOR o IN SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype = 'b' AND typelem = 0 LOOP
		BEGIN
			EXECUTE format('CREATE FUNCTION app.is(pg_catalog.%I) RETURNS pg_catalog.bool LANGUAGE plpgsql AS %L', o.typname, format('BEGIN RAISE WARNING ''ENTERED type %s''; RETURN true; END', o.typname));
			EXECUTE format('CREATE DOMAIN app.%I AS pg_catalog.%I CHECK (app.is(VALUE))', o.typname, o.typname);
			made := made + 1;
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END LOOP;
	PERFORM set_config('test.made', made::text, false);
	CREATE COLLATION app."C" (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
EXCEPTION WHEN feature_not_supported THEN
	NULL;			-- a server without ICU
END $$;
SELECT current_setting('test.made');
SQL
	cmp_ok($made, '>', 2000, "$db: mallory has made what pg_catalog has");
	like(as('boss', 'SET search_path = app, pg_catalog; SELECT 1::int8 = 2::int4, NULL::text'), qr/ENTERED operator =\(bigint,integer\)/, "$db: and it is entered by who does not qualify names");
	my $run = as('boss', <<'SQL');
\set ON_ERROR_STOP on
SET search_path = app, pg_catalog, public;
SELECT 'trained', public.ad_train('s1'::pg_catalog.text, 'SELECT i, salary FROM data.ev'::pg_catalog.text, '{"detector": "zscore", "calibrate": {}}'::pg_catalog.jsonb);
SELECT 'trained', public.ad_train('s1'::pg_catalog.text, 'SELECT i, salary FROM data.ev'::pg_catalog.text, '{"detector": "zscore", "calibrate": {}}'::pg_catalog.jsonb);
SELECT 'trained', public.ad_train('sa'::pg_catalog.text, 'SELECT ARRAY[i::pg_catalog.float8] FROM data.ev'::pg_catalog.text, '{"detector": "zscore", "calibrate": {}}'::pg_catalog.jsonb);
SELECT 'trained', public.ad_train('sa'::pg_catalog.text, 'SELECT ARRAY[i::pg_catalog.float8] FROM data.ev'::pg_catalog.text, '{"detector": "zscore", "calibrate": {}}'::pg_catalog.jsonb);
SELECT 'trained', public.ad_train('sk'::pg_catalog.text, 'SELECT sketch FROM data.daily'::pg_catalog.text, '{"detector": "zscore", "calibrate": {}}'::pg_catalog.jsonb);
SELECT 'trained', public.ad_train('keyed'::pg_catalog.text, 'SELECT i, salary FROM data.ev'::pg_catalog.text, '{"detector": "zscore", "sampling": {"keyed": true}}'::pg_catalog.jsonb);
SELECT 'compared', rows FROM public.ad_compare('s1'::pg_catalog.text, 1, 2, 'SELECT i, salary, true AS l FROM data.ev'::pg_catalog.text, 10, 'l'::pg_catalog.text);
SELECT 'compared', rows FROM public.ad_compare('sa'::pg_catalog.text, 1, 2, 'SELECT ARRAY[i::pg_catalog.float8] AS a, true AS l FROM data.ev'::pg_catalog.text, 10, 'l'::pg_catalog.text);
SELECT 'retrained', public.ad_retrain(m) IS NOT NULL FROM pg_catalog.unnest('{s1,sa,sk}'::pg_catalog.text[]) m;
SELECT 'detected', pg_catalog.count(*) FROM public.ad_detect('SELECT i, salary FROM data.ev'::pg_catalog.text, '{"detector": "zscore"}'::pg_catalog.jsonb, 0.1::pg_catalog.float8, 'i'::pg_catalog.text);
SELECT 'detected', pg_catalog.count(*) FROM public.ad_detect('SELECT i, salary FROM data.ev'::pg_catalog.text, 'zscore'::pg_catalog.text, 0.1::pg_catalog.float8, NULL::pg_catalog.text);
SELECT public.ad_create_job('sj', 's1', 'data.ev', 'i', 'ts', '{"p_value": 0.1}'::pg_catalog.jsonb, 'account_id', lag => '1 hour', cooldown => '1 second'::pg_catalog.interval, limit_per_hour => 10, since => '2020-01-01');
SELECT public.ad_alter_job('sj', '{"limit_per_hour": 20, "source": "data.ev"}'::pg_catalog.jsonb);
CALL public.ad_run_job('sj');
SELECT public.ad_create_job('sn', 's1', 'SELECT i, salary, i AS n FROM data.ev', 'i', 'n', '{"fdr": 0.1}'::pg_catalog.jsonb);
CALL public.ad_run_job('sn');
SELECT public.ad_create_job('sd', 's1', 'SELECT i, salary, ts::pg_catalog.date AS d FROM data.ev', 'i', 'd', '{"score": 1}'::pg_catalog.jsonb, features => '{i,salary}'::pg_catalog.text[]);
CALL public.ad_run_job('sd', pg_catalog.now());
SELECT public.ad_create_job('sc', 's1', 'data.kk', 'k', 'ts', '{"score": 0}'::pg_catalog.jsonb);
CALL public.ad_run_job('sc');
SELECT public.ad_label('sn'::pg_catalog.text, '7'::pg_catalog.text, true, NULL::pg_catalog.text), public.ad_label('sn'::pg_catalog.text, 8::pg_catalog.int8, false, NULL::pg_catalog.text);
SELECT public.ad_create_layering_job('sl', 'SELECT * FROM data.oe', NULL::pg_catalog.jsonb, order_by => 'id');
CALL public.ad_run_job('sl');
SELECT 'ran', job, status, rows FROM public.ad_job_run ORDER BY job;
SELECT 'keys', pg_catalog.string_agg(key, '' ORDER BY key) FROM public.ad_alert WHERE job::pg_catalog.text OPERATOR(pg_catalog.=) 'sc'::pg_catalog.text;
SELECT 'sequences', pg_catalog.count(*) FROM public.ad_layering_sequences('SELECT * FROM data.oe'::pg_catalog.text);
SELECT 'decomposed', pg_catalog.count(*) FROM public.ad_decompose('SELECT ts, v FROM data.points'::pg_catalog.text, '{"period": 24}'::pg_catalog.jsonb);
SELECT pg_catalog.count(*) FROM public.ad_job_stats;
SELECT pg_catalog.count(*) FROM public.ad_health();
SELECT pg_catalog.count(*) FROM public.ad_recommend(1000::pg_catalog.int8, 10::pg_catalog.int4, 'balanced'::pg_catalog.text);
SELECT pg_catalog.count(*) FROM public.ad_drift('sk'::pg_catalog.text, (SELECT sketch FROM data.daily LIMIT 1), '{}'::pg_catalog.jsonb);
SELECT public.ad_grant_job('sn', 'alice', 'label'), public.ad_revoke_job('sn', 'alice', 'label'), public.ad_purge_job('sn', pg_catalog.now()), public.ad_grant_model('s1', 'alice', 'read'), public.ad_revoke_model('s1', 'alice', 'read'),
	public.ad_activate('s1', 1), public.ad_rename_model('s1', 's2');
SELECT public.ad_drop_job(j) FROM pg_catalog.unnest('{sj,sn,sd,sc,sl}'::pg_catalog.text[]) j;
SELECT public.ad_drop_model(m) FROM pg_catalog.unnest('{s2,sa,sk,keyed}'::pg_catalog.text[]) m;
SELECT 'done';
SQL
	like($run, qr/compared\|400\ncompared\|400\nretrained\|t\nretrained\|t\nretrained\|t\ndetected\|400\ndetected\|400\n.*ran\|sc\|ok\|4\nran\|sd\|ok\|400\nran\|sj\|ok\|400\nran\|sl\|ok\|9\nran\|sn\|ok\|400\nkeys\|[ABab]{4}\nsequences\|1\n.*done/s,
		"$db: with all of it before pg_catalog, everything works");
	my %entered = map { $_ => 1 } $run =~ /ENTERED (.*)/g;
	is(join(', ', sort keys %entered), '', "$db: and none of it is entered");
}

# Two sessions rename two models to one name: the second is told, by name.
sub PostgreSQL::Test::Cluster::background_psql_rename
{
	my ($self, $database) = @_;
	my ($in, $out, $timer) = ('', '', IPC::Run::timeout(180));
	my $first = $self->interactive_rename($database, \$in, \$out, $timer);

	$in .= "BEGIN; SELECT ad_rename_model('r1', 'r3'); SELECT 'first ' || 'done';\n";
	$first->pump until $out =~ /first done/;
	my ($in2, $out2) = ('', '');
	my $second = $self->interactive_rename($database, \$in2, \$out2, $timer);
	$in2 .= "SELECT ad_rename_model('r2', 'r3');\n";
	$second->pump_nb for 1 .. 3;
	$self->poll_query_until($database, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)");
	$in .= "COMMIT; SELECT 'now ' || 'over';\n";
	$first->pump until $out =~ /now over/;
	$in2 .= "\\q\n";
	$second->finish;
	$in .= "SELECT ad_rename_model('r3', 'r1');\n\\q\n";
	$first->finish;
	like($out2, qr/model "r3" already exists/, "$database: the second of two renames to one name is refused by name");
}

sub PostgreSQL::Test::Cluster::interactive_rename
{
	my ($self, $database, $in, $out, $timer) = @_;
	return IPC::Run::start([ 'psql', '-XAtq', '-U', 'alice', '-d', $self->connstr($database) ], '<', $in, '>', $out, '2>', $out, $timer);
}

for my $old ('0.3.0', '0.2.0', '0.1.0')
{
	$db = "d$old";
	$db =~ s/[.]/_/g;
	$node->safe_psql('postgres', "CREATE DATABASE $db OWNER owner");
	super('CREATE SCHEMA mallory AUTHORIZATION mallory');
	if ($old eq '0.3.0')
	{
		# made beforehand by somebody else: seen by nothing
		super('CREATE FUNCTION public.op(jsonb, jsonb) RETURNS text LANGUAGE sql AS $$ SELECT $1 #>> ARRAY[$2::text] $$;
			CREATE OPERATOR public.->> (leftarg = jsonb, rightarg = jsonb, function = public.op);
			CREATE FUNCTION public.ad_iforest() RETURNS jsonb LANGUAGE sql AS $$ SELECT 1 / 0; SELECT NULL::jsonb $$');
		super('CREATE EXTENSION anomaly');
		super('DROP OPERATOR public.->> (jsonb, jsonb); DROP FUNCTION public.op(jsonb, jsonb), public.ad_iforest()');
	}
	else
	{
		super("CREATE EXTENSION anomaly VERSION '$old'");
		plant($old);
		depend();
		my ($rc, $out, $err) = $node->psql($db, 'ALTER EXTENSION anomaly UPDATE');
		is($rc, 0, "$db: the update succeeds") or diag $err;
		like($err, qr/WARNING:.*job "planted" of role "boss".*version 1 of model "planted" by role "boss"/, "$db: planted rows are listed") if $old gt '0.1.0';
		super("DELETE FROM _anomaly._ad_job WHERE name = 'planted'; DELETE FROM _anomaly._ad_model_version WHERE name = 'planted'");
		super('DROP SCHEMA dependent CASCADE');
	}
	attack($old);
	shadow() if $old eq '0.3.0';
}

# The owner of the database makes the extension, which is trusted, and adds
# objects of his own to it before the update: they do not come to be trusted.
for my $old ('0.1.0', '0.2.0')
{
	($db = "members_$old") =~ s/[.]/_/g;
	$node->safe_psql('postgres', "CREATE DATABASE $db OWNER owner");
	as('owner', "CREATE EXTENSION anomaly VERSION '$old';
		CREATE FUNCTION public._ad_score(bytea, record) RETURNS float8 LANGUAGE plpgsql AS 'BEGIN IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN EXECUTE ''ALTER ROLE owner SUPERUSER''; END IF; RETURN 1; END';
		CREATE VIEW public._ad_job_health_of AS SELECT 1 AS one; CREATE TYPE public._ad_kind AS ENUM ('a');
		ALTER EXTENSION anomaly ADD FUNCTION public._ad_score(bytea, record); ALTER EXTENSION anomaly ADD VIEW public._ad_job_health_of; ALTER EXTENSION anomaly ADD TYPE public._ad_kind");
	like(as('owner', 'ALTER EXTENSION anomaly UPDATE'),
		qr/with objects that others have added to it.*function public._ad_score\(bytea,record\) \(of role "owner"\).*Take them out/s, "$db: no update with members of others");
	as('boss', q{SELECT ad_train('bm'::text, 'SELECT i AS a FROM generate_series(1, 100) i'::text, 'zscore'::text) FROM generate_series(1, 2); SELECT * FROM ad_compare('bm', 1, 2, 'SELECT i AS a FROM generate_series(1, 100) i')});
	no_superuser('none of them is entered');
	as('owner', 'ALTER EXTENSION anomaly DROP FUNCTION public._ad_score(bytea, record); ALTER EXTENSION anomaly DROP VIEW public._ad_job_health_of; ALTER EXTENSION anomaly DROP TYPE public._ad_kind');
	is(as('owner', 'ALTER EXTENSION anomaly UPDATE'), "\n", "$db: without them the update is done");
}

# Someone who makes the private schema beforehand keeps the extension out, and
# no more.
$db = 'squatted';
$node->safe_psql('postgres', 'CREATE DATABASE squatted; GRANT CREATE ON DATABASE squatted TO mallory');
as('mallory', 'CREATE SCHEMA _anomaly; CREATE TABLE _anomaly._ad_model_name (name text)');
like(as('boss', 'CREATE EXTENSION anomaly'), qr/schema "_anomaly" already exists/, 'a schema of that name made by somebody else is not used');

# The library of this version over the SQL of the last one.
$db = 'unchanged';
$node->safe_psql('postgres', 'CREATE DATABASE unchanged OWNER owner');
super("CREATE EXTENSION anomaly VERSION '0.2.0'; GRANT CREATE ON SCHEMA public TO mallory; CREATE TABLE ev AS SELECT i, i * 37 % 101 AS salary FROM generate_series(1, 200) i");
as('mallory', 'CREATE FUNCTION public.ad_fit(j jsonb, r record) RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING $m$HIJACK$m$; RETURN NULL; END $$');
for my $call ("ad_detect('SELECT salary, i FROM ev', 'zscore')", "ad_train('m', 'SELECT salary, i FROM ev', 'zscore')")
{
	my $said = as('boss', "SELECT * FROM $call");
	unlike($said, qr/HIJACK/, "before ALTER EXTENSION: $call enters no function of others");
	like($said, qr/is older than its library.*ALTER EXTENSION anomaly UPDATE/s, '... and says what to do');
}
like(as('boss', 'SELECT ad_score(m, 5000, 1) > 3 FROM (SELECT ad_fit(\'zscore\'::text, salary, i) AS m FROM ev) f'), qr/^t\n/, 'before ALTER EXTENSION: models are fitted and score');
as('mallory', 'CREATE SCHEMA _anomaly; CREATE TABLE _anomaly._ad_model_name (name text)');
like(as('boss', "SELECT ad_score('none'::text, 1)"), qr/model "none" does not exist/, 'before ALTER EXTENSION: a table of somebody else in the private schema is not taken for ours');

$node->stop;
done_testing();
