# No view tells by EXPLAIN ANALYZE what it does not show. The server takes
# comparisons past the barrier of a view, so for every view, and every column
# that can be compared, a value that only the rows of others have must give the
# counts, node by node, of a value that no row has, whatever plan is forced.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# without statistics, whose estimates would give another plan per value
my $node = start_server('operate_views', 'autovacuum = off', 'max_parallel_workers_per_gather = 0',
	q{shared_preload_libraries = 'anomaly'});

sub sql { return scalar $node->safe_psql('postgres', shift); }

sql(<<'SQL');
CREATE ROLE victim LOGIN;
CREATE ROLE enemy LOGIN;		-- has nothing
CREATE ROLE neighbour LOGIN;	-- has a model and a job, and is granted a job
CREATE SCHEMA victim AUTHORIZATION victim;
CREATE SCHEMA neighbour AUTHORIZATION neighbour;
SQL
for my $role ('victim', 'neighbour')
{
	my $jobs = $role eq 'victim' ? 4 : 2;

	sql(<<"SQL");
SET ROLE $role;
CREATE TABLE $role.t AS SELECT '$role' || i AS id, '$role entity ' || i % 7 AS who, i % 5 AS a, i % 11 AS b,
	timestamptz '2026-03-02' + ascii('$role') * interval '1 day' + i * interval '1 minute' AS at FROM generate_series(1, 150) i;
UPDATE $role.t SET a = 90 WHERE id ~ '[37]\$';
SELECT ad_train('$role model ' || g, format('SELECT a, b FROM $role.t WHERE a < %s', 50 + g), ad_zscore() || ad_calibrate(share => 0.5), notes => '$role note ' || g)
FROM generate_series(1, 3) g;
SELECT ad_create_job('$role job ' || g, '$role model 1', '$role.t', 'id', 'at', rule => '{"score": 2}', entity => 'who', lag => '1 year', batch_size => 1000 + ascii('$role') + g,
	explain => CASE WHEN '$role' = 'victim' THEN 2 ELSE 1 END)
FROM generate_series(1, $jobs) g;
SQL
	$node->safe_psql('postgres', "SET ROLE $role; CALL ad_run_job('$role job $_')") for 1 .. $jobs;
	sql(<<"SQL");
SET ROLE $role;
SELECT ad_label(job, key, key ~ '3', '$role says Mr S ' || key) FROM ad_alert WHERE key ~ '[13]';
ALTER TABLE $role.t RENAME at TO at_;
SQL
	$node->psql('postgres', "SET ROLE $role; CALL ad_run_job('$role job 1')");
}
sql(q{SET ROLE victim; SELECT ad_grant_job('victim job 4', 'neighbour', 'label'); SELECT ad_grant_job('victim job 3', 'pg_monitor'); SELECT ad_grant_model('victim model 1', 'pg_monitor', 'score')});
sql("UPDATE _anomaly._ad_job_run r SET error = error || ' of ' || owner::text, rows = r.rows + length(owner::text), batches = 5000 FROM _anomaly._ad_job j WHERE j.id = r.job_id AND r.error IS NOT NULL AND owner::text = 'victim'");
is(sql("SELECT count(*) > 50, count(label) > 10, count(*) FILTER (WHERE job ~ 'neighbour') > 10 FROM ad_alert"), 't|t|t', 'there are alerts and labels of both');

# What EXPLAIN ANALYZE counts, without the conditions, which hold the value.
sql(<<'SQL');
CREATE FUNCTION counts(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	said text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' || query LOOP
		IF line !~ '^ *(\w+ )?(Filter|Cond|Key): ' THEN
			said := said || E'\n' || line;
		END IF;
	END LOOP;
	RETURN said;
END $$;

-- a value of a column that only others' rows have, and one that none has
CREATE TABLE probe (id serial, role text, view text, col text, type text, value text, absent text);
DO $$
DECLARE
	c record;
	r text;
	v text;
BEGIN
	FOR c IN
		SELECT cl.oid::regclass::text AS view, quote_ident(a.attname) AS col, format_type(a.atttypid, a.atttypmod) AS type,
			cl.oid AS id, a.attnum,
			CASE t.typcategory WHEN 'S' THEN 'victim zzz' WHEN 'D' THEN '2031-01-01' WHEN 'T' THEN '17 years' WHEN 'N' THEN '2000000007' WHEN 'B' THEN 'false' END AS absent
		FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'anomaly' AND d.deptype = 'e'
			JOIN pg_class cl ON d.classid = 'pg_class'::regclass AND cl.oid = d.objid AND cl.relkind = 'v'
			JOIN pg_attribute a ON a.attrelid = cl.oid AND a.attnum > 0 JOIN pg_type t ON t.oid = a.atttypid
		WHERE t.typcategory IN ('S', 'D', 'T', 'N', 'B') AND a.attname <> 'database'		-- which databases there are everybody knows
		ORDER BY 1, 2
	LOOP
		FOREACH r IN ARRAY ARRAY['enemy', 'neighbour'] LOOP
			CONTINUE WHEN NOT has_column_privilege(r, c.id, c.attnum, 'SELECT');
			CONTINUE WHEN c.type = 'boolean' AND r <> 'enemy';		-- its own rows have both
			FOR v IN EXECUTE format('SELECT DISTINCT %s::text FROM %s WHERE %1$s IS NOT NULL ORDER BY 1', c.col, c.view) LOOP
				INSERT INTO probe (role, view, col, type, value, absent) VALUES (r, c.view, c.col, c.type, v, c.absent);
			END LOOP;
			EXECUTE format('SET LOCAL ROLE %I', r);
			FOR v IN EXECUTE format('SELECT DISTINCT %s::text FROM %s WHERE %1$s IS NOT NULL', c.col, c.view) LOOP
				RESET ROLE;
				DELETE FROM probe p WHERE p.role = r AND p.view = c.view AND p.col = c.col AND p.value = v;
				EXECUTE format('SET LOCAL ROLE %I', r);
			END LOOP;
			RESET ROLE;
		END LOOP;
	END LOOP;
	-- some of each will do
	DELETE FROM probe p USING (SELECT id, row_number() OVER (PARTITION BY role, view, col ORDER BY md5(value)) AS n FROM probe) o WHERE o.id = p.id AND o.n > 1;
END $$;
GRANT SELECT ON probe TO PUBLIC;
SQL
my $views = sql('SELECT count(DISTINCT view), count(DISTINCT (view, col)) > 100 FROM probe');
like($views, qr/^(1[5-9]|[23]\d)\|t$/, "enough views and columns are tried ($views)");
note sql("SELECT 'not tried: ' || c.oid::regclass FROM pg_class c JOIN pg_depend d ON d.objid = c.oid AND d.deptype = 'e' WHERE c.relkind = 'v' AND c.oid::regclass::text NOT IN (SELECT view FROM probe)");

my %plans = (
	'as planned' => '',
	'no index' => 'SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off;',
	'index scans' => 'SET enable_seqscan = off; SET enable_bitmapscan = off;',
	'bitmap scans' => 'SET enable_seqscan = off; SET enable_indexscan = off; SET enable_indexonlyscan = off;',
	'nested loops' => 'SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;',
	'merge joins' => 'SET enable_hashjoin = off; SET enable_nestloop = off; SET enable_sort = off;',
	'hash joins' => 'SET enable_mergejoin = off; SET enable_nestloop = off; SET enable_seqscan = off;',
	'costs turned round' => 'SET cpu_operator_cost = 0; SET random_page_cost = 0; SET seq_page_cost = 100;');
for my $plan (sort keys %plans)
{
	my $told = $node->safe_psql('postgres', "CREATE TABLE told (what text); GRANT ALL ON told TO PUBLIC; $plans{$plan}" . <<'SQL');
DO $$
DECLARE
	p record;
	form text;
	a text;
	b text;
	what text;
BEGIN
	FOR p IN SELECT * FROM probe ORDER BY id LOOP
		EXECUTE format('SET LOCAL ROLE %I', p.role);
		FOREACH form IN ARRAY ARRAY['%1$s = %2$L', '%1$s >= %2$L AND %1$s <= %2$L']
		LOOP
			what := format('SELECT %s FROM %s WHERE ', CASE WHEN has_table_privilege(p.view, 'SELECT') THEN '*' ELSE p.col END, p.view);
			a := public.counts(what || format(form, p.col, p.value));
			b := public.counts(what || format(form, p.col, p.absent));
			IF a IS DISTINCT FROM b THEN
				INSERT INTO public.told VALUES (format('%s: %s%s%s but for %s%s', p.role, what, format(form, p.col, p.value), a, p.absent, b));
			END IF;
		END LOOP;
		RESET ROLE;
	END LOOP;
	-- what may be updated
	FOR p IN SELECT pr.*, quote_ident(u.attname) AS target FROM probe pr JOIN pg_attribute u ON u.attrelid = pr.view::regclass
			 AND u.attnum > 0 AND has_column_privilege(pr.role, u.attrelid, u.attnum, 'UPDATE') AND u.attname IN ('failures', 'error', 'rule') LOOP
		EXECUTE format('SET LOCAL ROLE %I', p.role);
		what := format('UPDATE %s SET %s = NULL WHERE %s = ', p.view, p.target, p.col);
		a := public.counts(what || format('%L', p.value));
		b := public.counts(what || format('%L', p.absent));
		IF a IS DISTINCT FROM b THEN
			INSERT INTO public.told VALUES (format('%s: %s%L%s but for %s%s', p.role, what, p.value, a, p.absent, b));
		END IF;
		RESET ROLE;
	END LOOP;
END $$;
SELECT count(*) || E' tell\n' || string_agg(what, E'\n\n') FROM (SELECT what FROM told ORDER BY length(what), what LIMIT 1000) t;
DROP TABLE told;
SQL
	is($told, '', "$plan: no count tells whether others have a value");
}

$node->stop;
done_testing();
