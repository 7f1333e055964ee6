# Aggregates as a distributed engine computes them: in parts, on shards, with a
# new FmgrInfo for each row, no expression to ask, exact argument types, states
# through send and receive (test/modules/engine). What comes out is, byte for
# byte, what one server makes of all rows. Some shards are empty.
#
# Also: a state of another version of the extension is refused by name, one that
# was damaged by name or does no harm, and sketches and rows of databases with
# other encodings are converted, or refused.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use File::Copy;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my $root = "$FindBin::RealBin/../..";
my $dir = PostgreSQL::Test::Utils::tempdir();
my $seed = seed();

copy("$root/test/modules/engine/$_", $dir) or die "$_: $!" for qw(engine.c Makefile);
system_or_bail('make', '-s', '-C', $dir, 'with_llvm=no', 'COPT=-Wall -Werror', "PG_CONFIG=$pg_config");

my $node = start_server('engine', 'max_parallel_workers_per_gather = 0');
$node->safe_psql('postgres', <<"SQL");
LOAD 'anomaly';
CREATE FUNCTION engine_worker_transfn(internal, oid, record) RETURNS internal AS '$dir/engine' LANGUAGE C;
CREATE FUNCTION engine_worker_flat_transfn(internal, oid, record) RETURNS internal AS '$dir/engine' LANGUAGE C;
CREATE FUNCTION engine_worker_finalfn(internal) RETURNS bytea AS '$dir/engine' LANGUAGE C;
CREATE FUNCTION engine_combine_transfn(internal, oid, bytea, anyelement) RETURNS internal AS '$dir/engine' LANGUAGE C;
CREATE FUNCTION engine_combine_finalfn(internal, oid, bytea, anyelement) RETURNS anyelement AS '$dir/engine' LANGUAGE C;
CREATE FUNCTION engine_reseal(bytea) RETURNS bytea AS '$dir/engine' LANGUAGE C STRICT;
CREATE AGGREGATE engine_worker(oid, record) (SFUNC = engine_worker_transfn, STYPE = internal, FINALFUNC = engine_worker_finalfn);
CREATE AGGREGATE engine_worker_flat(oid, record) (SFUNC = engine_worker_flat_transfn, STYPE = internal, FINALFUNC = engine_worker_finalfn);
CREATE AGGREGATE engine_combine(oid, bytea, anyelement) (SFUNC = engine_combine_transfn, STYPE = internal,
	FINALFUNC = engine_combine_finalfn, FINALFUNC_EXTRA);

-- the last shard has no rows, the one before NULL rows only
CREATE TABLE rows AS
SELECT i AS id, i % 5 AS shard, i % 3 AS g, (i * 7919 % 10007)::numeric / 7 AS amount, CASE WHEN i % 9 > 0 THEN i % 37 END AS qty,
       (ARRAY['DE', 'FR', 'IT', 'Österreich'])[1 + i % 4] AS country, timestamptz '2026-01-01 00:00Z' + i * interval '7 min' AS ts,
       sin(i) AS score, i % 50 = 0 AS label
FROM generate_series(1, 4000) i;
CREATE TABLE tx AS SELECT * FROM rows JOIN (SELECT id, ad_sketch(ad_sampling(rows => 300, keyed => true),
	ad_row(ARRAY['id', 'amount', 'qty', 'country', 'ts'], id, amount, qty, country, ts)) AS s FROM rows GROUP BY id) o USING (id);
CREATE VIEW shards AS SELECT * FROM generate_series(0, 6) AS shard;
SQL

# The aggregates with a call each: of all their arguments, with which rows.
my $row = "ad_row(ARRAY['id', 'amount', 'qty', 'country', 'ts'], id, amount, qty, country, ts)";
my $keyed = 'ad_sampling(rows => 300, keyed => true)';
my %arguments = (
	'ad_fit(jsonb,ad_row)' => [ "ad_iforest(trees => 20) || ad_calibrate() || $keyed", $row ],
	'ad_fit(text,ad_row)' => [ "'ecod'::text", $row ],
	'ad_sketch(jsonb,ad_row)' => [ $keyed, $row ],
	'ad_merge(ad_sketch_state)' => ['s'],
	'ad_merge(bytea)' => ['s::bytea'],
	'ad_roc_auc(double precision,boolean)' => [ 'score', 'label' ],
	'ad_average_precision(double precision,boolean)' => [ 'score', 'label' ],
	'ad_precision_at(double precision,boolean,bigint)' => [ 'score', 'label', '100::bigint' ],
	'ad_best_f1(double precision,boolean)' => [ 'score', 'label' ],
	'ad_roc_curve(double precision,boolean)' => [ 'score', 'label' ],
	'ad_roc_curve(double precision,boolean,bigint)' => [ 'score', 'label', '20::bigint' ],
	'ad_pr_curve(double precision,boolean)' => [ 'score', 'label' ],
	'ad_pr_curve(double precision,boolean,bigint)' => [ 'score', 'label', '20::bigint' ],
	'ad_confusion(boolean,boolean)' => [ 'score > 0.9', 'label' ],
	'ad_benford(numeric)' => ['amount'],
	'ad_benford(double precision)' => ['amount::double precision'],
	'ad_benford(real)' => ['amount::real'],
	'ad_benford(bigint)' => ['id::bigint']);
# the same of labels that are numbers
for my $name (grep { /boolean/ } keys %arguments)
{
	$arguments{ $name =~ s/boolean/_anomaly._ad_flag/gr } =
	  [ map { /score >|label/ ? "($_)::int::_anomaly._ad_flag" : $_ } @{ $arguments{$name} } ];
}
for my $name (qw(ad_plot_scores ad_text_histogram))
{
	$arguments{"$name(double precision)"} = ['score'];
	$arguments{"$name(double precision,boolean)"} = [ 'score', 'label' ];
	$arguments{"$name(double precision,boolean,jsonb)"} = [ 'score', 'label', q{'{"bins": 10}'::jsonb} ];
}

# All that can be computed in parts and have exact types.
my @aggregates = rows_of($node, <<'SQL');
SELECT a.aggfnoid::regprocedure, p.prorettype::regtype
FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
     JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'anomaly'
WHERE a.aggcombinefn <> 0 AND p.provariadic = 0 AND p.proname LIKE 'ad\_%' ORDER BY 1
SQL

# The first column of a query in a database, or its error. Clients speak UTF8;
# a database without encoding is given the bytes as they are.
my %sessions;

sub run
{
	my ($database, $sql) = @_;
	my $session = $sessions{$database};

	if (!$session)
	{
		$session = $sessions{$database} = Session->new($node, dbname => $database, verbosity => 'verbose');
		$session->do("SET client_encoding = 'UTF8'") if $database ne 'e_sql_ascii';
		$session->do('SET client_min_messages = error');
	}
	my $answer = $session->ask($sql);
	return $answer =~ /ERROR:  (.*)/ ? $1 : $answer;
}

# What the engine makes of an aggregate, and what one server makes of it.
sub engine_sql
{
	my ($name, $type, $worker, $where) = @_;
	my $arguments = join ', ', @{ $arguments{$name} };

	return "SELECT md5(engine_combine('$name'::regprocedure, part, NULL::$type)::text) FROM shards LEFT JOIN LATERAL "
	  . "(SELECT $worker('$name'::regprocedure, ROW($arguments)) AS part FROM tx WHERE tx.shard = shards.shard AND $where) s ON true";
}

sub plain_sql
{
	my ($name, $type, $where) = @_;

	my $function = $name =~ s/\(.*//r;
	return "SELECT md5($function(" . join(', ', @{ $arguments{$name} }) . ")::text) FROM tx WHERE $where";
}

for (@aggregates)
{
	my ($name, $type) = @$_;

	if (!ok(exists $arguments{$name}, "$name has a call here"))
	{
		next;
	}
	# sketches differ in the order of their values; what is fitted to them does not
	my $wrap = $type =~ /^(ad_sketch_state)$/ || $name =~ /^ad_merge/ ? 'ad_fit_sketch(ad_iforest(trees => 5), %s)' : '%s';
	for my $worker (qw(engine_worker engine_worker_flat))
	{
		for my $where ('true', 'id < 0', $worker =~ /flat/ ? () : ('shard = 2', 'id = 7'))
		{
			my ($engine, $plain) = (engine_sql($name, $type, $worker, $where), plain_sql($name, $type, $where));

			$engine =~ s/engine_combine\(.*?NULL::\Q$type\E\)/sprintf($wrap, $&)/e;
			$plain =~ s/md5\((.*)::text\) FROM tx/'md5(' . sprintf($wrap, $1) . '::text) FROM tx'/e;
			# a flat state is written for every row
			$_ =~ s/FROM tx WHERE /FROM tx WHERE id <= 100 AND / for $worker =~ /flat/ ? ($engine, $plain) : ();
			my $result = run('postgres', $engine);
			like($result, qr/^([0-9a-f]{32})?$/, "$name by $worker where $where: it has a result");
			is($result, run('postgres', $plain), "$name by $worker of rows where $where");
		}
	}
}

# The forms that an exact check refuses: it is the engine that says so.
for my $call ([ 'ad_fit(jsonb,"any")', 'ad_zscore(), score' ], [ 'ad_sketch("any")', 'score' ])
{
	my ($name, $arguments) = @$call;
	my (undef, undef, $error) = $node->psql('postgres', "SELECT engine_worker('$name'::regprocedure, ROW($arguments)) FROM tx");

	like($error, qr/could not confirm type correctness/, "$name is refused by an exact check");
}

# postgres_fdw sends the whole aggregate, names included; EXPLAIN does not
# connect.
SKIP:
{
	skip 'postgres_fdw is not installed', 5
	  unless sql_value($node, q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'});
	$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION postgres_fdw;
CREATE SERVER shard FOREIGN DATA WRAPPER postgres_fdw OPTIONS (extensions 'anomaly');
CREATE USER MAPPING FOR postgres SERVER shard;
CREATE FOREIGN TABLE far (id bigint, amount numeric, country text, ts timestamptz) SERVER shard;
SQL
	my %ships = (
		"SELECT ad_fit(ad_iforest(), ad_row(ARRAY['amount', 'country'], amount, country)) FROM far" => qr/Relations: Aggregate on/,
		"SELECT ad_sketch('{}', ad_row(ARRAY['amount'], amount)) FROM far GROUP BY id" => qr/Relations: Aggregate on/,
		"SELECT ad_sketch('{}', ad_row(amount, country, 'constant'::text)) FROM far" => qr/Relations: Aggregate on/,
		"SELECT id FROM far WHERE ad_score((SELECT NULL::bytea), ad_row(ARRAY['amount'], amount)) > 0.5" => qr/Remote SQL: .*ad_row\('\{amount\}'::text\[\], amount\)/,
		'SELECT ad_fit(ad_iforest(), f) FROM (SELECT amount, country FROM far) f' => qr/Remote SQL: SELECT amount, country FROM/);

	like($node->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS OFF) $_"), $ships{$_}, "what is sent of $_") for sort keys %ships;
}

# One state, with a name for what was done to it.
sub combined
{
	my ($bytes, $name) = @_;

	return run('postgres', "SELECT md5(engine_combine('$name'::regprocedure, $bytes, NULL::bytea)) FROM parts");
}

$node->safe_psql('postgres', <<"SQL");
CREATE TABLE parts AS SELECT shard, engine_worker('ad_fit(jsonb,ad_row)'::regprocedure,
	ROW(ad_iforest(trees => 3) || ad_sampling(rows => 50, keyed => true), $row)) AS part FROM tx GROUP BY shard;
CREATE TABLE release AS SELECT extversion AS v FROM pg_extension WHERE extname = 'anomaly';
SQL
my $version = sql_value($node, 'SELECT v FROM release');
my $other = $version =~ s/^\d+/9/r;
my $fit = 'ad_fit(jsonb,ad_row)';
my $hex = sub { unpack 'H*', $_[0] };
like(combined('part', $fit), qr/^[0-9a-f]{32}$/, 'states combine');
my @without;
for (@aggregates)
{
	my ($name, $type) = @$_;
	my $arguments = join ', ', @{ $arguments{$name} };
	my $changed = sprintf q{engine_reseal(decode(replace(encode(part, 'hex'), '%s', '%s'), 'hex'))}, $hex->($version), $hex->($other);
	my $sql = "FROM (SELECT engine_worker('$name'::regprocedure, ROW($arguments)) AS part FROM tx) s";

	if (run('postgres', "SELECT $changed = part $sql") eq 't')
	{
		push @without, $name;
		next;
	}
	like(run('postgres', "SELECT engine_combine('$name'::regprocedure, $changed, NULL::$type) $sql"),
		qr/^0A000: aggregate state was made by version \Q$other\E of the anomaly extension, this server has \Q$version\E/,
		"a state of $name of another version is refused by name");
}
is(join(' ', sort @without), join(' ', (map { "ad_benford($_)" } 'bigint', 'double precision', 'numeric', 'real'),
		'ad_confusion(_anomaly._ad_flag,_anomaly._ad_flag)', 'ad_confusion(boolean,boolean)', 'ad_merge(ad_sketch_state)'), 'states without a version are counts, or a sketch, which has that of its format');
like(combined('engine_reseal(set_byte(part, 8, 200))', $fit), qr/^0A000: sketch has format version 200/, 'one of a later format too');
like(combined("(SELECT ad_sketch('{}', $row)::bytea FROM tx)", $fit), qr/^22P03: aggregate state is not that of a fit/, 'a sketch is no state of a fit');

# Bytes changed at random, with a checksum that agrees: an error with a name,
# or no harm.
my $states = sql_value($node, <<"SQL");
CREATE FUNCTION harm(part bytea, i int) RETURNS text LANGUAGE plpgsql AS \$\$
BEGIN
	RETURN engine_combine('$fit'::regprocedure, engine_reseal(set_byte(set_byte(part, (hashint8(${seed}::bigint + i) & 2147483647) % length(part), hashint4(i) & 255),
		CASE WHEN i % 2 = 0 THEN 64 + (hashint4(\$2 + 1) & 1023) ELSE 70 END, hashint4(i + 5) & 255)), NULL::bytea) IS NOT NULL;
EXCEPTION WHEN invalid_binary_representation OR feature_not_supported OR program_limit_exceeded OR configuration_limit_exceeded OR invalid_parameter_value
	OR invalid_text_representation OR numeric_value_out_of_range OR null_value_not_allowed THEN
	RETURN SQLSTATE;
END
\$\$;
SELECT count(*) FILTER (WHERE h = 'true') > 10 AND count(*) FILTER (WHERE h = '22P03') > 100 FROM (SELECT harm(part, i) AS h FROM parts, generate_series(1, 300) i) s
SQL
is($states, 't', 'damaged states are refused by name, or do no harm');

# --- encodings

for my $encoding (qw(LATIN1 SQL_ASCII))
{
	$node->safe_psql('postgres', "CREATE DATABASE \"e_\L$encoding\E\" ENCODING '$encoding' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
	$node->safe_psql("e_\L$encoding\E", 'CREATE EXTENSION anomaly');
}
my $source = "(SELECT i AS n, (ARRAY['Öl', 'äpfel', 'plain'])[1 + i % 3] AS w FROM generate_series(1, 60) i) t";
my $ascii = "(SELECT i AS n, (ARRAY['oil', 'apple', 'plain'])[1 + i % 3] AS w FROM generate_series(1, 60) i) t";
my $long = "(SELECT i AS n, repeat('long', 30) || i % 3 AS w FROM generate_series(1, 60) i) t";

my %database = (UTF8 => 'postgres', LATIN1 => 'e_latin1', SQL_ASCII => 'e_sql_ascii');
for my $from (sort keys %database)
{
	my $sketch = run($database{$from}, "SELECT ad_sketch('{}'::jsonb, t) FROM $source");
	my $plain = run($database{$from}, "SELECT ad_sketch('{}'::jsonb, t) FROM $ascii");
	my $hashed = run($database{$from}, "SELECT ad_sketch('{}'::jsonb, t) FROM $long");
	my $packed = run($database{$from}, "SELECT ad_row(ARRAY['näme'], 'Öl'::text)");

	for my $to (sort keys %database)
	{
		my $there = $database{$to};
		my $refused = qr/^0A000: \S+( row)? was made in a database with encoding $from, this one has $to/;
		my $can = $from eq $to || ($from ne 'SQL_ASCII' && $to ne 'SQL_ASCII');
		my $here = run($there, "SELECT md5(ad_fit(ad_hbos(), t)) FROM $source");

		for my $type ('bytea', 'ad_sketch_state')
		{
			my $made = run($there, "SELECT md5(ad_fit_sketch(ad_hbos(), ad_merge('$sketch'::$type)))");

			like($made, $can ? qr/^\Q$here\E$/ : $refused, "a sketch of $from in $to, as $type: " . ($can ? 'converted' : 'refused'));
			is(run($there, "SELECT md5(ad_fit_sketch(ad_hbos(), '$plain'::$type))"),
				run($there, "SELECT md5(ad_fit(ad_hbos(), t)) FROM $ascii"), "one of ASCII alone of $from in $to, as $type");
			like(run($there, "SELECT md5(ad_fit_sketch(ad_hbos(), '$hashed'::$type))"),
				$from eq $to ? qr/^[0-9a-f]{32}$/ : $refused, "one of hashed values of $from in $to, as $type");
		}
		like(run($there, "SELECT '$packed'::ad_row::text = ad_row(ARRAY['näme'], 'Öl'::text)::text"), $can ? qr/^t$/ : $refused, "a row of $from in $to");
	}
}
like(run('e_latin1', "SELECT '" . run('postgres', "SELECT ad_sketch('{}'::jsonb, '€'::text)") . "'::ad_sketch_state"),
	qr/^22P05: /, 'what has no equivalent is refused');
is(run('e_latin1', "SELECT length('" . run('postgres', "SELECT ad_sketch('{}', ad_row('Öl'::text))::text") . "'::ad_sketch_state::bytea)"),
	run('postgres', "SELECT length(ad_sketch('{}', ad_row('Ol'::text))::bytea)"), 'once in, a sketch is of the encoding of its database');

$_->end for values %sessions;
$node->stop;
done_testing();
