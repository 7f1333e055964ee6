# The model cache takes no value for a model that it has loaded unless it is
# that model to the last byte: not one with the right header and other bytes
# behind it, from whoever may only score; nor one that is damaged, in whatever
# form it comes, after the sound one, in the same session and statement. Of
# more models than fit it keeps those that are used.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

my $seed = seed();
my $header = 64;
my $node = start_server('model_cache', 'max_parallel_workers_per_gather = 0');

# What a session without the sound model says of damaged bytes.
my $checksum = '22P03 model is damaged Its checksum does not match.';
my $digest = '22P03 model is damaged Its digest does not match.';

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE training AS SELECT i, (i * 37 % 101)::float8 AS x, (i * 53 % 97)::float8 AS y FROM generate_series(1, 2000) i;
CREATE TABLE model (name text PRIMARY KEY, m bytea);
-- as they lie in their rows: plain, compressed, elsewhere
INSERT INTO model
	SELECT 'plain', ad_fit(ad_zscore(), x, y) FROM training WHERE i <= 12 UNION ALL
	SELECT 'packed', ad_fit(ad_hbos(), x, y) FROM training UNION ALL
	SELECT 'toasted', ad_fit(ad_iforest(), x / 7, y / 7) FROM training;
CREATE TABLE grouped AS SELECT i % 5 AS k, ad_fit(ad_iforest(), x / 7, y / 7) AS m FROM training GROUP BY 1;

CREATE TYPE holder AS (m bytea);

-- A byte of a value turned into another.
CREATE FUNCTION damage(m bytea, at int) RETURNS bytea LANGUAGE sql IMMUTABLE AS
	'SELECT set_byte(m, at, get_byte(m, at) # 85)';
-- A copy of a value that is in memory.
CREATE FUNCTION copy(m bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS
	'SELECT set_byte(m, 0, get_byte(m, 0))';

-- The error of a statement, with $1 a value; "none" if there is none.
CREATE FUNCTION failure(sql text, m bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	message text;
	detail text;
BEGIN
	EXECUTE sql USING m;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', state, message, detail);
END $$;

-- The sound model, then damaged copies of it, one after the other at one
-- call site that lives as long as the transaction.
CREATE FUNCTION expression(sound bytea, damaged bytea[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	m bytea;
	score float8;
	x float8 := 1;
BEGIN
	FOR i IN 0 .. cardinality(damaged) LOOP
		m := sound;
		score := ad_score(m, x, x);
		IF i > 0 THEN
			m := NULL;
			m := damaged[i];
		END IF;
		BEGIN
			score := ad_score(m, x, x);
			IF i > 0 THEN RETURN NEXT 'none'; END IF;
		EXCEPTION WHEN invalid_binary_representation THEN
			RETURN NEXT SQLSTATE || ' ' || SQLERRM;
		END;
	END LOOP;
END $$;

-- The same, with a statement for each value.
CREATE FUNCTION statements(sound bytea, damaged bytea[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	score float8;
	m bytea;
BEGIN
	FOREACH m IN ARRAY damaged LOOP
		SELECT ad_score(sound, x, y) INTO score FROM training LIMIT 1;
		BEGIN
			SELECT ad_score(m, x, y) INTO score FROM training LIMIT 1;
			RETURN NEXT 'none';
		EXCEPTION WHEN invalid_binary_representation THEN
			RETURN NEXT SQLSTATE || ' ' || SQLERRM;
		END;
	END LOOP;
END $$;
SQL
is( sql_value($node, "SELECT string_agg(name || CASE WHEN pg_column_size(m) > length(m) THEN ' whole' WHEN pg_column_size(m) = length(m) THEN ' away' ELSE ' compressed' END,
	', ' ORDER BY name) FROM model"), 'packed compressed, plain whole, toasted away', 'models are stored in three ways');

# A session: returns what a list of queries say, one after the other. A psql that
# connects anew starts one sooner than another psql.
my $psql = Session->new($node, options => '-c client_min_messages=warning');

sub session
{
	my (@queries) = @_;

	return split /\n/, $psql->do("\\connect -\n" . join ";\n", @queries);
}

sub literal
{
	return "'\\x" . unpack('H*', $_[0]) . "'::bytea";
}

# A multiple of CRC-32C's polynomial, as bits of a message: what is changed by
# it keeps its checksum.
sub keep_checksum
{
	my ($bytes, $at) = @_;
	my $pattern = pack('b40', '1' . unpack('B32', pack('N', 0x1EDC6F41)));

	substr($bytes, $at, 5) ^= $pattern;
	return $bytes;
}

# 1. Whoever may score with a model by its name, and knows its header, does
# not get at what else is in it.
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE mallory LOGIN;
CREATE TABLE staff AS SELECT i, 50000 + i * 37 % 101 AS salary FROM generate_series(1, 500) i;
SELECT ad_train('al', 'SELECT salary, i FROM staff', ad_zscore());
SELECT ad_grant_model('al', 'mallory', 'score');
SQL
{
	my $bytes = bytes_of($node, "ad_model('al')");
	my $other = bytes_of($node, "SELECT m FROM model WHERE name = 'packed'");
	my $n = length($bytes);
	my $middle = $header + int(($n - $header) / 2);
	my %forged = (
		'zeros' => substr($bytes, 0, $header) . ("\0" x ($n - $header)),
		'the last byte' => substr($bytes, 0, $n - 1) . (substr($bytes, -1) ^ "\1"),
		'the first byte of the body' => substr($bytes, 0, $header) . (substr($bytes, $header, 1) ^ "\1") . substr($bytes, $header + 1),
		'a byte in the middle' => substr($bytes, 0, $middle) . (substr($bytes, $middle, 1) ^ "\1") . substr($bytes, $middle + 1),
		'bits that keep the checksum' => keep_checksum($bytes, $middle),
		'the body of another' => substr($bytes, 0, $header) . substr($other . $bytes, $header, $n - $header));
	my @load = ('SET ROLE mallory', "SELECT ad_score('al', 1, 1) IS NOT NULL", "SELECT ad_threshold('al') IS NOT NULL");

	for my $what (sort keys %forged)
	{
		my $value = literal($forged{$what});
		my @ask = map { "SELECT failure('$_', $value)" } (
			'SELECT * FROM ad_features($1)', 'SELECT ad_info($1)', 'SELECT ad_score($1, 1, 1)',
			'SELECT ad_threshold($1)', 'SELECT ad_pvalue($1, 1, 1)', 'SELECT ad_is_anomaly($1, 1, 1)', 'SELECT ad_probability($1, 1, 1)',
			'SELECT ad_why($1, 1, 1)', 'SELECT * FROM ad_explain($1, 1, 1)');
		my @after = session(@load, @ask);
		my @fresh = session('SET ROLE mallory', @ask);

		is(join("\n", splice(@after, 0, 2)), "t\nt", 'a role scores by name');
		is(join("\n", @after), join("\n", @fresh), "... and $what changed is refused as if it had not");
		is((grep { $_ ne ($what =~ /keep/ ? $digest : $checksum) } @fresh), 0, '... by name');
	}
	is((session('SET ROLE mallory', "SELECT failure('SELECT * FROM ad_features(''al'')', NULL)"))[0],
		'42501 permission denied for model "al" The privilege "read" is needed.', 'the role may not read the model');
}

# 2. A damaged copy after the sound one. Each form is tried at every position of
# the small model, and at some of the larger ones.
my %forms = (
	'a constant' => [ "SELECT failure(format('SELECT ad_score(%%L::bytea, 1, 1)', %s), NULL)" ],
	'a constant over rows' => [ "SELECT failure(format('SELECT count(ad_score(%%L::bytea, x, y)) FROM training WHERE i < 4', %s), NULL)" ],
	'a parameter' => [ "SELECT failure('SELECT ad_score(\$1, 1, 1)', %s)" ],
	'a parameter over rows' => [ "SELECT failure('SELECT count(ad_score(\$1, x, y)) FROM training WHERE i < 4', %s)" ],
	'a parameter of a generic plan' => [ "SELECT failure('SELECT count(ad_score(\$1, x, y)) FROM training WHERE i < 4', %s)", 'SET plan_cache_mode = force_generic_plan' ],
	'an expression' => [ "SELECT failure('SELECT ad_score(copy(\$1), 1, 1)', %s)" ],
	'p-values' => [ "SELECT failure('SELECT ad_probability(\$1, 1, 1)', %s)" ],
	'ad_info' => [ "SELECT failure('SELECT ad_info(\$1)', %s)" ],
	'ad_features' => [ "SELECT failure('SELECT count(*) FROM ad_features(\$1)', %s)" ],
	'ad_threshold' => [ "SELECT failure('SELECT ad_threshold(\$1)', %s)" ],
	'ad_why' => [ "SELECT failure('SELECT ad_why(\$1, 1, 1)', %s)" ],
	'ad_explain' => [ "SELECT failure('SELECT count(*) FROM ad_explain(\$1, 1, 1)', %s)" ]);

# Forms with the sound value first, in the same statement; $1 is the damaged one.
my %within = (
	'VALUES' => 'SELECT count(ad_score(v.m, 1, 1)) FROM (VALUES (sound()), ($1)) v(m)',
	'a CASE' => 'SELECT count(ad_score(CASE WHEN i < 3 THEN sound() ELSE $1 END, 1, 1)) FROM generate_series(1, 3) i',
	'a subquery that makes a copy each row' =>
		'SELECT count(ad_score(v.m, 1, 1)) FROM (SELECT copy(CASE WHEN i < 3 THEN s.m ELSE d.m END) AS m
			FROM (SELECT sound() AS m OFFSET 0) s, (SELECT $1 AS m OFFSET 0) d, generate_series(1, 3) i OFFSET 0) v',
	'a materialized subquery' =>
		'WITH v AS MATERIALIZED (SELECT i, copy(CASE WHEN i < 3 THEN sound() ELSE $1 END) AS m FROM generate_series(1, 3) i)
			SELECT count(ad_score(v.m, 1, 1)) FROM v',
	'sorted rows' => 'SELECT count(ad_score(v.m, 1, 1)) FROM (SELECT copy(CASE WHEN i < 3 THEN sound() ELSE $1 END) AS m FROM generate_series(1, 3) i
			ORDER BY i OFFSET 0) v',
	'a function in FROM' => 'SELECT count(ad_score(v, 1, 1)) FROM unnest(ARRAY[sound(), $1]) v',
	'elements of an array' => 'SELECT count(ad_score((ARRAY[sound(), $1])[i], 1, 1)) FROM generate_series(1, 2) i',
	'a lateral subquery' => 'SELECT count(ad_score(v.m, 1, 1)) FROM generate_series(1, 3) i, LATERAL (SELECT copy(CASE WHEN i < 3 THEN sound() ELSE $1 END) AS m OFFSET 0) v',
	'a correlated subquery' => 'SELECT count(ad_score((SELECT copy(CASE WHEN i < 3 THEN sound() ELSE $1 END) OFFSET 0), 1, 1)) FROM generate_series(1, 3) i',
	'a row in a subquery' => 'SELECT count(ad_score((v.r).m, 1, 1)) FROM (SELECT ROW(copy(CASE WHEN i < 3 THEN sound() ELSE $1 END))::holder AS r
			FROM generate_series(1, 3) i OFFSET 0) v',
	'a fit, changed' => 'SELECT count(ad_score(CASE WHEN i < 3 THEN f.m ELSE set_byte(f.m, length(f.m) - 9, get_byte(f.m, length(f.m) - 9) # 1) END, x, y))
			FROM training, (SELECT ad_fit(ad_zscore(), x, y) AS m FROM training) f WHERE i < 5 AND $1 IS NOT NULL',
	'a fit, changed in a subquery' => 'SELECT count(ad_score(g.m, x, y)) FROM training JOIN
			(SELECT k, CASE WHEN k < 2 THEN f.m ELSE set_byte(f.m, length(f.m) - 9, get_byte(f.m, length(f.m) - 9) # 1) END AS m
				FROM (SELECT ad_fit(ad_zscore(), x, y) AS m FROM training) f, generate_series(1, 2) k OFFSET 0) g ON k = 1 + (i > 2)::int
			WHERE i < 5 AND $1 IS NOT NULL');

for my $name ('plain', 'packed', 'toasted')
{
	my $sound = bytes_of($node, "SELECT m FROM model WHERE name = '$name'");
	my $n = length($sound);
	my @at = $name eq 'plain' ? ($header .. $n - 1) : ($header, $n - 1, map { $header + int(rand($n - $header)) } 1 .. 30);
	my $positions = 'ARRAY[' . join(', ', @at) . ']';
	my $few = 'ARRAY[' . join(', ', @at[ 0, 1, 2, int(@at / 2), $#at ]) . ']';
	my $model = "(SELECT copy(m) FROM model WHERE name = '$name')";
	my $is = sub {
		my ($form, $count, @got) = @_;
		my @wrong = grep { index($checksum, $_) != 0 } @got;

		ok(@got == $count && !@wrong, "$name model as $form, then damaged copies: all are refused")
		  or diag(scalar(@got) . " answers, expected $count; " . scalar(@wrong) . ' wrong, such as: ' . ($wrong[0] // ''));
	};

	# none of these sessions has the sound model
	$is->('parameter, in a session without it,', scalar @at,
		session("SELECT failure('SELECT ad_score(\$1, 1, 1)', damage($model, at)) FROM unnest($positions) at"));

	for my $form (sort keys %forms)
	{
		my ($query, @set) = @{ $forms{$form} };
		my @got = session(@set, sprintf($query, $model), sprintf("$query FROM unnest($positions) at", "damage($model, at)"), sprintf($query, $model));

		is(shift(@got) . pop(@got), 'nonenone', "$name model as $form: a sound copy is scored before and after");
		$is->($form, scalar @at, @got);
	}

	$node->safe_psql('postgres', "CREATE OR REPLACE FUNCTION sound() RETURNS bytea LANGUAGE sql IMMUTABLE AS \$\$ SELECT m FROM model WHERE name = '$name' \$\$");
	for my $form (sort keys %within)
	{
		my $query = $within{$form} =~ s/'/''/gr;
		my @got = session("SELECT failure('$query', damage($model, at)) FROM unnest($few) at");

		$is->("$form in one statement", 5, @got);
	}

	for my $function ('expression', 'statements')
	{
		# an error ends the life of an expression's call site: a transaction each
		$is->("PL/pgSQL's $function", scalar @at,
			session(map { "SELECT $function($model, ARRAY[damage($model, $_)])" } @at));
	}
	$is->("PL/pgSQL's statements, in one", scalar @at,
		session("SELECT statements($model, (SELECT array_agg(damage($model, at)) FROM unnest($positions) at))"));

	# prepared statements, of one call site and plan
	my @prepared = session(
		'PREPARE score(bytea) AS SELECT failure($q$SELECT ad_score($1, 1, 1)$q$, $1)',
		map { 'EXECUTE score(' . literal($_) . ')' } ($sound, map { my $d = $sound; substr($d, $_, 1) ^= "\x55"; $d } @at[ 0, 1, 2, $#at ]));
	is(shift(@prepared), 'none', "$name model in a prepared statement: a sound one is scored");
	$is->('prepared', 4, @prepared);

	# bits that the checksum does not see
	for my $at ($header + 24, int($n / 2), $n - 5)
	{
		my $value = literal(keep_checksum($sound, $at));

		is((session("SELECT failure('SELECT ad_score(\$1, 1, 1)', $model)", "SELECT failure('SELECT ad_score(\$1, 1, 1)', $value)"))[1],
			$digest, "$name model, then a copy with the same checksum: it is refused");
	}
}

# 3. Values in tables: what replaces a value that was scored is looked at.
for my $name ('plain', 'packed', 'toasted')
{
	my $score = 'SELECT count(ad_score(m, 1, 1)) FROM stored WHERE $1 IS NULL OR true';
	my $ask = "SELECT failure('$score', NULL)";
	my $damaged = 'damage(copy(m), length(m) - 33)';
	my @got = session(
		"CREATE TEMP TABLE stored AS SELECT 1 AS id, m FROM model WHERE name = '$name'", $ask, $ask,
		'BEGIN', "UPDATE stored SET m = $damaged", $ask, 'ROLLBACK', $ask,
		'BEGIN', 'SAVEPOINT s', "UPDATE stored SET m = $damaged", $ask, 'ROLLBACK TO s', $ask, 'COMMIT',
		'VACUUM FULL stored', $ask,
		"ALTER TABLE stored ALTER m TYPE bytea USING $damaged", $ask,
		'TRUNCATE stored', "INSERT INTO stored SELECT 1, m FROM model WHERE name = '$name'", $ask,
		"TRUNCATE stored", "INSERT INTO stored SELECT 1, damage(m, length(m) - 1) FROM model WHERE name = '$name'", $ask,
		'DROP TABLE stored', "CREATE TEMP TABLE stored AS SELECT 1 AS id, m FROM model WHERE name = '$name'", $ask,
		# sound and damaged rows, side by side
		"INSERT INTO stored SELECT 2, damage(m, length(m) - 2) FROM model WHERE name = '$name'", $ask,
		"DELETE FROM stored WHERE id = 2", 'VACUUM stored', $ask);

	is(join(', ', map { /^none|$checksum/ ? (/none/ ? 'sound' : 'damaged') : $_ } @got),
		'sound, sound, damaged, sound, damaged, sound, sound, damaged, sound, damaged, sound, damaged, sound',
		"$name model in a table that changes");
}

# 4. What is the same is known as such, whatever form it comes in: each model
# is loaded once, and scores as it does by itself.
SKIP:
{
	skip 'memory contexts cannot be read before PostgreSQL 14', 2
	  if sql_value($node, 'SHOW server_version_num') < 140000;

	my $loaded = "SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'anomaly model'";
	my @got = session(
		'SELECT count(ad_score(m, x, y)) FROM training JOIN grouped ON k = i % 5', $loaded,
		'CREATE TEMP TABLE again AS SELECT k, copy(m) AS m FROM grouped',
		'SELECT count(ad_score(m, x, y)) FROM training JOIN again ON k = i % 5', $loaded,
		'SELECT count(ad_score(copy(m), x, y)) FROM training JOIN again ON k = i % 5 WHERE i <= 100', $loaded,
		"SELECT format('SELECT ad_score(%L::bytea, 1, 1) IS NOT NULL', m) FROM again WHERE k = 3 \\gexec\n", $loaded,
		'SELECT count(ad_info(m)), count(ad_threshold(m)) FROM again', $loaded,
		"SELECT count(f.*) > 0 FROM again, ad_features(copy(m)) f", $loaded);

	is(join(' ', @got), '2000 5 2000 5 100 5 t 5 5|5 5 t 5', 'five models in eight forms are loaded as five');

	@got = session(
		'SET plan_cache_mode = force_generic_plan',
		'PREPARE score(bytea) AS SELECT count(ad_score($1, x, y)) FROM training',
		"SELECT format('EXECUTE score(%L)', m) FROM model \\gexec\n", $loaded);
	is(join(' ', @got), '2000 2000 2000 3', '... and as parameters');
}
is( sql_value($node, <<'SQL'), 2000, 'models of a GROUP BY, joined in mixed order, score as they do one by one');
WITH g AS MATERIALIZED (SELECT i % 5 AS k, ad_fit(ad_iforest(), x / 7, y / 7) AS m FROM training GROUP BY 1)
SELECT count(*) FROM training t JOIN g ON k = i % 5 JOIN grouped USING (k)
WHERE ad_score(g.m, x, y) = (SELECT ad_score(s.m, t.x, t.y) FROM grouped s WHERE s.k = g.k);
SQL
is( sql_value($node, <<'SQL'), '2000|2000', 'so do they in two calls of a row, and with a small cache');
SET anomaly.model_cache_size = 0;
WITH g AS MATERIALIZED (SELECT i % 5 AS k, ad_fit(ad_iforest(), x / 7, y / 7) AS m FROM training GROUP BY 1)
SELECT count(*) FILTER (WHERE ad_score(g.m, x, y) = ad_score(s.m, x, y)),
	count(*) FILTER (WHERE ad_score(s.m, x, y) > ad_threshold(s.m) IS NOT DISTINCT FROM ad_is_anomaly(g.m, x, y))
FROM training t JOIN g ON k = i % 5 JOIN grouped s USING (k);
SQL

# A value that stays the same for many rows is not read whole for each, and
# one that takes its place is found.
{
	my $rows = 3000;
	my ($many, $changed) = session(
		'CREATE FUNCTION trained() RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT copy(m) FROM model WHERE name = $q$plain$q$); END $$',
		"SELECT count(ad_score(m, i, i)) FROM trained() m, generate_series(1, $rows) i",
		"SELECT failure('SELECT count(ad_score(v.m, 1, 1)) FROM (SELECT trained() AS m, 1 AS k UNION ALL SELECT damage(trained(), 700), 2) v, generate_series(1, $rows) i', NULL)");

	is($many, $rows, "a function's model scores many rows");
	is($changed, $checksum, '... and the damaged one after it is refused');
}

# 5. The planner marks the models of which it knows where they come from, and
# no others.
for my $case (
	[ made => 'SELECT ad_score(f.m, x, y) FROM training, (SELECT ad_fit(ad_zscore(), x, y) AS m FROM training) f' ],
	[ made => 'WITH f AS (SELECT ad_fit(ad_zscore(), x, y) AS m FROM training) SELECT ad_score(m, x, y) FROM training, f' ],
	[ made => 'WITH f AS MATERIALIZED (SELECT ad_fit(ad_zscore(), x, y) AS m FROM training) SELECT ad_score(m, x, y), ad_pvalue(m, x, y) FROM training, f' ],
	[ made => "WITH f AS MATERIALIZED (SELECT i % 2 AS k, ad_fit('zscore', x, y) AS m FROM training GROUP BY 1), g AS (SELECT * FROM f)
		SELECT ad_score(g.m, x, y) FROM training LEFT JOIN g ON k = i % 2" ],
	[ made => 'SELECT ad_score((SELECT ad_fit(ad_zscore(), x, y) FROM training), x, y) FROM training' ],
	[ made => 'SELECT (SELECT max(ad_score(f.m, t.x, t.y)) FROM training t WHERE t.i < 3) FROM (SELECT ad_fit(ad_zscore(), x, y) AS m FROM training) f' ],
	[ made => 'SELECT ad_score(f.m, x, y) FROM training, (SELECT ad_fit(ad_zscore(), x, y) OVER (PARTITION BY i % 2) AS m FROM training) f' ],
	[ made => 'SELECT ad_score(f.m, x, y) FROM training, (SELECT ad_fit_sketch(ad_zscore(), ad_sketch(x, y)) AS m FROM training) f' ],
	[ made => 'SELECT ad_score(m, x, y) FROM (training CROSS JOIN (SELECT ad_fit(ad_zscore(), x, y) AS m FROM training) f) AS j' ],
	[ fixed => 'SELECT ad_score($1, x, y) FROM training' ],
	[ fixed => 'SELECT ad_score($1, x, y) FROM (SELECT * FROM training OFFSET 0) t' ],
	[ none => 'SELECT ad_score($1, 1, 1)' ],
	[ none => 'SELECT ad_score(m, 1, 1) FROM model' ],
	[ none => 'SELECT ad_score(m, x, y) FROM training, (SELECT m FROM model OFFSET 0) f' ],
	[ none => 'SELECT ad_score(m, x, y) FROM training, (SELECT copy(ad_fit(ad_zscore(), x, y)) AS m FROM training) f' ],
	[ none => 'SELECT ad_score(m, x, y) FROM training, (SELECT ad_fit(ad_zscore(), x, y) AS m FROM training UNION ALL SELECT m FROM model) f' ],
	[ none => 'WITH RECURSIVE f(m, k) AS (SELECT ad_fit(ad_zscore(), x, y), 1 FROM training UNION ALL SELECT copy(m), k + 1 FROM f WHERE k < 3) SELECT ad_score(m, x, y) FROM training, f' ],
	[ none => 'SELECT ad_score(coalesce(f.m, $1), x, y) FROM training, (SELECT ad_fit(ad_zscore(), x, y) AS m FROM training) f' ])
{
	my ($expect, $query) = @$case;
	my ($out, $plan) = ('', '');

	$node->psql('postgres', "SET plan_cache_mode = force_generic_plan; PREPARE q" . ($query =~ /\$1/ ? '(bytea)' : '') . " AS $query;
		SET debug_print_plan = on; SET client_min_messages = log; EXPLAIN (COSTS OFF) EXECUTE q" . ($query =~ /\$1/ ? "('')" : ''),
		stdout => \$out, stderr => \$plan);
	is($plan =~ /:resulttypmod -3\b/ ? 'made' : $plan =~ /:resulttypmod -2\b/ ? 'fixed' : $plan =~ /:planTree/ ? 'none' : "no plan: $plan",
		$expect, "$expect: $query");
}

# 6. What is kept. Each case is a session with a cache that holds some 60 of 200
# models; the last of its steps is what is counted: [ uses, the number of the
# model of use i, loads at least and at most ].
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE many (k int PRIMARY KEY, m bytea);
ALTER TABLE many ALTER m SET STORAGE EXTERNAL;
INSERT INTO many SELECT k, ad_fit(ad_zscore(), x + k, y) FROM training, generate_series(0, 399) k WHERE i <= 50 GROUP BY k;
INSERT INTO many SELECT 1000, ad_fit(ad_iforest(500), x, y) FROM training;
SQL
my $cyclic = [ 600, 'i % 200' ];
my $hot = [ 400, 'i * 17 % 40' ];
my $other = [ 400, '100 + i * 17 % 40' ];
for my $case (
	[ 'all that fit are loaded once', [ 600, 'i % 50', 50, 50 ] ],
	[ 'models in turn, more than fit: a part stays', $cyclic, [ 600, 'i % 200', 3 * 130, 3 * 150 ] ],
	[ '... a few more than fit: most stay', [ 600, 'i % 70' ], [ 700, 'i % 70', 0, 10 * 25 ] ],
	[ '... in mixed order: as many hits as fit', [ 600, 'hashint4(i) & 127' ], [ 1000, 'hashint4(i + 600) & 127', 400, 650 ] ],
	[ '... in order, each for many rows: once', [ 2000, 'i / 10', 200, 200 ] ],
	[ 'what is used again outlives what is used once', $hot, [ 200, '200 + i' ], [ 400, 'i * 17 % 40', 0, 0 ] ],
	[ '... also when they alternate', $hot, [ 400, 'CASE WHEN i % 2 = 0 THEN i * 17 % 40 ELSE 200 + i / 2 END', 200, 200 ] ],
	[ 'another set of models is kept instead', $hot, [ 100, '60 + i' ], $other, [ 400, '100 + i * 17 % 40', 0, 0 ] ],
	[ '... after they were used twice', $hot, [ 100, '60 + i' ], [ 400, '200 + i * 17 % 40', 40, 90 ] ],
	[ 'two that alternate are kept before long', $cyclic, [ 100, 'CASE i % 3 WHEN 0 THEN 300 WHEN 1 THEN 310 ELSE i END' ],
		[ 100, 'CASE i % 3 WHEN 0 THEN 300 WHEN 1 THEN 310 ELSE 320 END', 1, 20 ] ],
	[ 'one larger than the cache displaces none', $hot, [ 3, '1000' ], [ 400, 'i * 17 % 40', 0, 0 ] ],
	[ '... and is held while it is used', [ 300, '1000', 1, 1 ] ])
{
	my ($name, @steps) = @$case;
	my $uses = sub { "SELECT count(ad_score((SELECT m FROM many WHERE k = $_[0]->[1]), 1, i)) FROM generate_series(0, $_[0]->[0] - 1) i" };
	my $last = pop @steps;
	my $loads = 'SELECT loads FROM _anomaly._ad_cache()';
	my @got = session("SET anomaly.model_cache_size = '256kB'", (map { $uses->($_) } @steps), $loads, $uses->($last), $loads,
		'SELECT bytes > 100000 OR models < 2, bytes <= 256 * 1024 FROM _anomaly._ad_cache()');
	my ($before, $rows, $after, $memory) = splice(@got, -4);
	my $n = $after - $before;

	ok($rows == $last->[0] && $n >= $last->[2] && $n <= $last->[3], $name) or diag("$n loads, expected $last->[2] to $last->[3]");
	is($memory, 't|t', '... in the memory that there is');
}

# Two calls on a row are no reason to keep its model.
{
	my $rows = 'FROM (SELECT (SELECT m FROM many WHERE k = i % 200) AS m FROM generate_series(0, 599) i OFFSET 0) t';
	my @got = session("SET anomaly.model_cache_size = '256kB'", map { ("SELECT count(ad_score(m, 1, 1)), count(ad_threshold(m)) $rows",
		'SELECT loads FROM _anomaly._ad_cache()') } 1 .. 2);

	cmp_ok($got[3] - $got[1], '<=', 3 * 150, 'two calls on a row keep a part of models in turn');
}

# A model whose bytes are known is not taken for another, nor a damaged one for it.
{
	my $damaged = 'damage(copy(m), length(m) - 33)';
	my @got = session("SET anomaly.model_cache_size = 0", 'SELECT count(ad_score(m, 1, 1)) FROM many WHERE k < 9',
		"SELECT failure('SELECT ad_score(\$1, 1, 1)', $damaged) FROM many WHERE k < 9",
		'SELECT count(ad_score(m, 1, 1)) FROM many WHERE k < 9', 'SELECT models, loads FROM _anomaly._ad_cache()');

	is(join("\n", @got), join("\n", 9, ($checksum) x 9, 9, '0|18'), 'models that went and come again are checked as ever');
}
SKIP:
{
	skip 'memory contexts cannot be read before PostgreSQL 14', 1
	  if sql_value($node, 'SHOW server_version_num') < 140000;
	my @got = session("SET anomaly.model_cache_size = '256kB'", 'SELECT count(ad_score(m, 1, 1)) FROM many',
		'SELECT count(*) FROM many, ad_explain(m, 1, 1) WHERE k IN (399, 1000)',
		"SELECT sum(c.total_bytes) = max(a.bytes), count(*) FILTER (WHERE c.name = 'anomaly model') = max(a.models)
			FROM pg_backend_memory_contexts c, _anomaly._ad_cache() a WHERE c.name = 'anomaly model'");
	is($got[-1], 't|t', 'its memory is that of the contexts');
}

$psql->end;
$node->stop;
done_testing();
