# What ad_detect() promises of every table: without a contamination it flags about
# none of a table of ordinary rows, whatever they are like, and finds what lies
# apart; what it returns is ranked, explained and as many rows as were asked for;
# the same by name and by query; and odd tables are no errors.  Some draws of each
# kind here, many in test/long.sh.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Test::More;

my $node = start_server('detect');
my $long = $ENV{ANOMALY_LONG};

# what happens once in 1,000 does not happen in the suite
$ENV{ANOMALY_TEST_SEED} //= 20261127 unless $long;
my $seed = seed() % 1000000;
my $draws = $long ? 100 : 2;

# Number k of row i of draw d.
sub draw
{
	my ($k, $kind) = @_;

	return "ad_random(d * 1000 + $k, i, '$kind')";
}

# Ordinary rows, by kind, and how many of 100 draws may have an anomaly: the
# greatest of values with long tails lies apart now and then.
my %usual = (
	'normal' => [ 3, draw(1, 'normal') . ' a, ' . draw(2, 'normal') . ' b, ' . draw(3, 'normal') . ' c' ],
	'uniform' => [ 3, draw(1, 'uniform') . ' a, ' . draw(2, 'uniform') . ' b' ],
	'far from zero' => [ 5, '1e9 + ' . draw(1, 'normal') . ' a, -1e15 + 1000 * ' . draw(2, 'uniform') . ' b' ],
	'long tails' => [ 30, 'exp(' . draw(1, 'normal') . ') a, ' . draw(2, 'normal') . ' b' ],
	'whole numbers' => [ 3, '(20 * ' . draw(1, 'uniform') . ')::int a, (5 * ' . draw(2, 'uniform') . ')::int b' ],
	'mostly one value' => [ 15, 'CASE WHEN ' . draw(1, 'uniform') . ' < 0.99 THEN 7 ELSE 8 END a, ' . draw(2, 'normal') . ' b' ],
	'words' => [ 3, 'chr(65 + (10 * ' . draw(1, 'uniform') . ' ^ 2)::int) a, chr(65 + (20 * ' . draw(2, 'uniform') . ' ^ 3)::int) b' ],
	'mixed' => [ 30, 'round(exp(3 + ' . draw(1, 'normal') . ')::numeric, 2) a, chr(65 + (6 * ' . draw(2, 'uniform') . ')::int) b, (24 * ' . draw(3, 'uniform') . ')::int c' ],
	'equal rows' => [ 5, "ad_random(d, i / 5, 'normal') a, ad_random(d + 7, i / 5, 'normal') b" ]);
# The same with something that lies apart: how many rows, and columns.
my %planted = (
	'one absurd value' => [ 1, draw(1, 'normal') . ' + CASE WHEN i = 77 THEN 50 ELSE 0 END a, ' . draw(2, 'normal') . ' b' ],
	'one absurd amount' => [ 1, 'exp(' . draw(1, 'normal') . ' + CASE WHEN i = 77 THEN 12 ELSE 0 END) a, ' . draw(2, 'normal') . ' b' ],
	'one in a hundred' => [ 10, draw(1, 'normal') . ' + CASE WHEN i % 100 = 7 THEN 9 ELSE 0 END a, ' . draw(2, 'normal') . ' + CASE WHEN i % 100 = 7 THEN 7 ELSE 0 END b' ]);

$node->safe_psql('postgres', q{
	-- anomalies in a table of such rows, and how many of them are those in question
	CREATE FUNCTION found(columns text, n int, d int, apart text, OUT flagged int, OUT right_ones int) LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE format('CREATE TEMP TABLE t AS SELECT i, %s FROM generate_series(1, %s) i, (VALUES (%s)) v(d)', columns, n, d);
		EXECUTE format('SELECT count(*), count(*) FILTER (WHERE %s) FROM ad_detect(''t'', key => ''i'') d, LATERAL (SELECT d.key::int AS i) k WHERE is_anomaly', apart)
			INTO flagged, right_ones;
		DROP TABLE t;
	END $$;
});

for my $kind (sort keys %usual)
{
	my ($allowed, $columns) = @{ $usual{$kind} };
	my ($tables, $flagged) = split /\|/, $node->safe_psql('postgres', "SET client_min_messages = warning;
		SELECT count(*) FILTER (WHERE flagged > 0), sum(flagged) FROM generate_series(1, $draws) g, found(\$\$$columns\$\$, 600, $seed + g, 'false')");

	# three standard errors above
	my $most = $draws * $allowed / 100 + 3 * sqrt($draws * $allowed / 100) + 0.5;
	ok($tables <= $most && $flagged <= 0.005 * 600 * $draws, "$kind: about none of $draws tables has anomalies")
	  or diag("$tables tables, $flagged rows");
}
for my $kind (sort keys %planted)
{
	my ($n, $columns) = @{ $planted{$kind} };
	my ($flagged, $right) = split /\|/, $node->safe_psql('postgres', "SET client_min_messages = warning;
		SELECT sum(flagged), sum(right_ones) FROM generate_series(1, $draws) g, found(\$\$$columns\$\$, 1000, $seed + g, 'i % " . 1000 / $n . " = " . ($n == 1 ? 77 : 7) . "')");

	ok($right >= 0.9 * $n * $draws, "$kind: found") or diag("$right of " . $n * $draws);
	ok($flagged - $right <= 0.2 * $n * $draws + 1, "$kind: and little else") or diag($flagged - $right . ' others');
}

# Odd tables: each is answered, in order, with reasons, and no more rows than asked for.
my %odd = (
	'no rows' => 'SELECT 1.5 AS a, 2 AS b WHERE false',
	'one row' => 'SELECT 1.5 AS a, 2 AS b',
	'two rows' => 'SELECT i AS a, i * i AS b FROM generate_series(1, 2) i',
	'some NULLs' => 'SELECT nullif(i % 5, 0) AS a, CASE WHEN i % 7 > 0 THEN i END AS b FROM generate_series(1, 90) i',
	'a column of NULLs' => 'SELECT NULL::int AS a, i % 7 AS b FROM generate_series(1, 90) i',
	'constants' => "SELECT 1 AS a, 'x' AS b, true AS c FROM generate_series(1, 90)",
	'one text' => "SELECT md5(i::text) AS a FROM generate_series(1, 90) i",
	'120 columns' => 'SELECT ' . join(', ', map { "(i * $_ % 31)::float8 AS c$_" } 1 .. 120) . ' FROM generate_series(1, 90) i',
	'one row, many times' => 'SELECT 1.5 AS a, 2 AS b FROM generate_series(1, 500)',
	'infinite' => "SELECT CASE WHEN i = 9 THEN float8 'Infinity' ELSE i % 13 END AS a, i % 7 AS b FROM generate_series(1, 90) i",
	'huge' => 'SELECT 1e300 * (1 + i % 13) AS a, i % 7 AS b FROM generate_series(1, 90) i',
	'times' => "SELECT timestamptz '2026-01-01' + i * interval '1 h' AS a, (i % 24) * interval '1 h' AS b, date '2026-01-01' + i % 30 AS c FROM generate_series(1, 90) i",
	'odd names' => 'SELECT i % 7 AS "A ""b""", i % 11 AS "c\'d", i % 5 AS "select", i % 3 AS "_f", i % 4 AS "ÄÖ" FROM generate_series(1, 90) i');

for my $kind (sort keys %odd)
{
	for my $call ("ad_detect('odd')", "ad_detect('odd', 'iforest', top => 3)", "ad_detect('odd', 'zscore', top => 0)")
	{
		my ($ret, $out, $err) = $node->psql('postgres', "SET client_min_messages = warning; CREATE TEMP TABLE odd AS $odd{$kind};
			SELECT n <= most, ranked, explained FROM (SELECT count(*) AS n, coalesce(bool_and(score <= before), true) AS ranked,
				coalesce(bool_and(why IS NOT NULL OR score IS NULL), true) AS explained, least(count(*), 20) AS most
			FROM (SELECT *, coalesce(lag(score) OVER (ORDER BY n), 'Infinity') AS before FROM $call WITH ORDINALITY d(key, score, p_value, is_anomaly, explanation, why, n)) d) q");

		# every row, in the query's order: of those it is only to be an answer
		like($out, $call =~ /top => 0/ ? qr/^[tf]\|[tf]\|[tf]$/ : qr/^t\|t\|t$/, "$kind: $call") or diag($err);
	}
}

# a name says what the query of its rows says
is($node->safe_psql('postgres', q{
	CREATE TABLE "Odd ""Name""" AS SELECT i, i % 7 AS a, i * i % 31 AS b FROM generate_series(1, 300) i;
	CREATE VIEW seen AS SELECT * FROM "Odd ""Name""";
	SELECT count(DISTINCT answer) FROM (VALUES ('"Odd ""Name"""'), ('public . "Odd ""Name"""'), ('seen'), ('SELECT * FROM seen'), (E'TABLE seen -- all\n;')) v(source),
		LATERAL (SELECT array_agg(row(d.*)::text) AS answer FROM ad_detect(source, key => 'i') d) a}), 1, 'by name or by query');

done_testing();
