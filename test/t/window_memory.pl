# What a window function pulls from a row must not be looked at once the next
# value is pulled: the server frees the row in between.  So every window
# function is given values by reference, toasted ones too, in rows that are so
# wide that each is malloc'ed, on a server whose malloc overwrites what is
# freed.  It must say what it says of narrow rows, or what a model says.
#
# A server with --enable-cassert overwrites all that is freed; there the other
# tests find such faults as well.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

$ENV{MALLOC_PERTURB_} = 165;
my $node = start_server('window_memory');
delete $ENV{MALLOC_PERTURB_};

# Tables a and b have the same values.  In b all that can be out of line is, if
# it is longer than a toast pointer; "wide" adds 9 kB to each row.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE a AS
SELECT i AS id,
	(i * 37 % 101 + CASE WHEN i % 90 = 0 THEN 400 ELSE 0 END)::numeric / 7 AS n,
	(i * 53 % 97)::float8 AS f,
	rpad((ARRAY['on', 'off', 'idle'])[1 + i * 7 % 3], 60 + i % 3, 'x') AS t,
	make_interval(secs => i * 29 % 83) AS i,
	md5((i % 5)::text)::uuid AS u,
	('10.0.0.' || i % 4)::inet AS net,
	(i % 3)::text::bpchar(40) AS c,
	i % 2 = 0 AS flag,
	ARRAY[i * 37 % 101, i * 53 % 97, i * 29 % 83]::float8[] AS arr,
	timestamptz '2025-10-26 08:00Z' + i * interval '1 minute' AS ts,
	(i + 0.5)::numeric / 401 AS p,
	ad_iforest() AS spec, 'iforest'::text AS detector, 'by'::text AS method,
	'{"period": 24, "robust": true}'::jsonb AS stl_options,
	'{"period": 24, "warmup": 48}'::jsonb AS stream_options,
	'{"exclusion": 5}'::jsonb AS discord_options
FROM generate_series(1, 400) i;

-- three episodes of layering, a wash trade and a burst an account, with order ids
CREATE TABLE a_event AS
SELECT row_number() OVER (ORDER BY account, s, k) AS id, 'account ' || account AS account,
	rpad(kind, 80) AS kind, rpad(side, 60) AS side, price::numeric AS price, quantity::numeric AS quantity,
	timestamptz '2025-10-26 08:00Z' + s * interval '1 second' AS ts,
	rpad('order ' || account || '-' || o || '-', 50, 'z') AS o,
	ad_layering_options(rule => 'window') AS by_window, ad_layering_options(rule => 'strict') AS strict,
	ad_layering_options(rule => 'anchored') AS anchored, ad_wash_trade_options(min_total_volume => 1) AS wash,
	ad_quote_stuffing_options('6 seconds', min_messages => 6) AS stuffing,
	ad_marking_close_options('2025-10-26 08:06:00Z', min_volume_share => 0, min_imbalance => 0, min_move_bps => 0) AS closing
FROM generate_series(1, 3) account,
	LATERAL (
		SELECT e * 100 + x.s AS s, 1 AS k, x.kind, x.side, x.price, x.quantity + account, e || x.o
		FROM generate_series(1, 3) e,
			(VALUES ('ORDER_PLACED', 'BUY', 99.99, 1000, 0.0, 'a'), ('ORDER_PLACED', 'BUY', 99.98, 2000, 0.5, 'b'),
				('ORDER_PLACED', 'BUY', 99.97, 3000, 1.0, 'c'), ('ORDER_CANCELLED', 'BUY', 99.99, 1000, 2.0, 'a'),
				('ORDER_CANCELLED', 'BUY', 99.98, 2000, 2.5, 'b'), ('ORDER_CANCELLED', 'BUY', 99.97, 3000, 3.0, 'c'),
				('TRADE_EXECUTED', 'SELL', 100.01, 500, 4.0, 'd'), ('ORDER_PLACED', 'SELL', 100.05, 100, 4.0, 'e')
			) x(kind, side, price, quantity, s, o)
		UNION ALL
		SELECT 1000 + j * 20, j, 'TRADE_EXECUTED', (ARRAY['BUY', 'SELL'])[1 + j % 2], 100, 2000, 'w' || j
		FROM generate_series(1, 12) j
		UNION ALL
		SELECT 2000 + j * 0.008, j, (ARRAY['ORDER_CANCELLED', 'ORDER_PLACED'])[1 + j % 2], 'BUY', 99, 100, 'q' || (j - 1) / 2
		FROM generate_series(1, 120) j) e(s, k, kind, side, price, quantity, o);
ALTER TABLE a_event ADD ev ad_order_event;
UPDATE a_event SET ev = ad_order_event(kind, side, price, quantity, ts, o);

DO $$
DECLARE
	name text;
	columns text;
BEGIN
	FOREACH name IN ARRAY ARRAY['', '_event'] LOOP
		EXECUTE format('CREATE TABLE b%s (LIKE a%1$s)', name);
		EXECUTE format('ALTER TABLE b%s ADD pad text', name);
		EXECUTE format('ALTER TABLE b%s ALTER pad SET STORAGE PLAIN', name);
		EXECUTE format('ALTER TABLE b%s SET (toast_tuple_target = 128)', name);
		SELECT string_agg(format('ALTER %I SET STORAGE EXTERNAL', attname), ', ') INTO columns
		FROM pg_attribute
		WHERE attrelid = ('b' || name)::regclass AND attnum > 0 AND attstorage IN ('x', 'm')
			AND attname <> 'pad';
		EXECUTE format('ALTER TABLE b%s %s', name, columns);
		EXECUTE format('INSERT INTO b%s SELECT *, repeat(''p'', 4000) FROM a%1$s ORDER BY id', name);
		EXECUTE format('CREATE VIEW wide%s AS SELECT *, repeat(''y'', 9000 + id::int) AS wider FROM b%1$s OFFSET 0', name);
	END LOOP;
END $$;
CREATE VIEW narrow AS SELECT *, 'y'::text AS wider FROM a;
CREATE VIEW narrow_event AS SELECT *, 'y'::text AS wider FROM a_event;

-- scores of a model of the rows: neither a window nor a pull
CREATE FUNCTION score(features text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format(
		'SELECT id || '' '' || ad_score((SELECT ad_fit(''iforest'', %s) FROM a), %1$s) FROM a ORDER BY id', features);
END $$;
SQL

is( sql_value(
		$node, q(SELECT count(*) FROM pg_class c JOIN pg_class b ON b.reltoastrelid = c.oid
			WHERE b.relname IN ('b', 'b_event') AND pg_relation_size(c.oid) > 0)),
	'2',
	'values are out of line');

# Signature => [expression over "wide" and "narrow", "" or "_event"], ...
# The expressions of ad_outlier are lists of features.
my @features = (
	'n, f', 'f, n', 'n, t', 't, n, u', 'n, i, f', 'u, net, c, n, flag', 't, t, n',
	'n + 1, t || u, i', 'ts, p, n, f', 'arr');
my $window = 'OVER (ORDER BY id)';
my $by_account = 'OVER (PARTITION BY account ORDER BY ts, id)';
my %cases = (
	'ad_stl(double precision,timestamp with time zone,jsonb)' =>
	  [ '', 'n::float8, ts, stl_options', 'f + n, ts + i, \'{"period": 24, "step": "1 minute"}\'' ],
	'ad_stl(double precision,timestamp without time zone,jsonb)' => [ '', 'n::float8, ts::timestamp, stl_options' ],
	'ad_stl(double precision,bigint,jsonb)' => [ '', 'n::float8, id::bigint, stl_options' ],
	'ad_series_score(double precision,timestamp with time zone,jsonb)' => [ '', 'n::float8, ts, stl_options' ],
	'ad_series_score(double precision,timestamp without time zone,jsonb)' => [ '', 'n::float8, ts::timestamp, stl_options' ],
	'ad_series_score(double precision,bigint,jsonb)' => [ '', 'n::float8, id::bigint, stl_options' ],
	'ad_stream(double precision,timestamp with time zone,jsonb)' => [ '', 'n::float8, ts, stream_options' ],
	'ad_stream(double precision,timestamp without time zone,jsonb)' =>
	  [ '', 'n::float8, ts::timestamp, stream_options' ],
	'ad_stream(double precision,bigint,jsonb)' => [ '', 'n::float8, id::bigint, stream_options' ],
	'ad_stream(double precision,text,jsonb)' => [ '', 'n::float8, ts::text, stream_options' ],
	'ad_discord(double precision,integer,jsonb)' => [ '', 'n::float8, 12, discord_options' ],
	'ad_subpca(double precision,integer)' => [ '', 'n::float8, 12' ],
	'ad_subpca(double precision,integer,jsonb)' => [ '', 'n::float8, 12, ad_subpca_options()' ],
	'ad_fdr(double precision,text)' => [ '', 'p::float8, method' ],
	'ad_fdr_level(double precision,text,jsonb)' => [ '', 'p::float8' ],
	'ad_wash_trade(ad_order_event)' => [ '_event', 'ev', 'ad_order_event(kind, side, price, quantity, ts)' ],
	'ad_wash_trade(ad_order_event,jsonb)' => [ '_event', 'ev, wash' ],
	'ad_wash_trade(text,text,anyelement,anycompatible,timestamp with time zone)' =>
	  [ '_event', 'kind, side, price, quantity, ts' ],
	'ad_wash_trade(text,text,anyelement,anycompatible,timestamp with time zone,jsonb)' =>
	  [ '_event', 'kind, side, price, quantity, ts, wash' ],
	'ad_quote_stuffing(ad_order_event)' => [ '_event', 'ev', 'ad_order_event(kind, side, price, quantity, ts)' ],
	'ad_quote_stuffing(ad_order_event,jsonb)' => [ '_event', 'ev, stuffing' ],
	'ad_quote_stuffing(text,text,anyelement,anycompatible,timestamp with time zone)' =>
	  [ '_event', 'kind, side, price, quantity, ts' ],
	'ad_quote_stuffing(text,text,anyelement,anycompatible,timestamp with time zone,jsonb)' =>
	  [ '_event', 'kind, side, price, quantity, ts, stuffing' ],
	'ad_marking_close(ad_order_event,jsonb)' => [ '_event', 'ev, closing' ],
	'ad_marking_close(text,text,anyelement,anycompatible,timestamp with time zone,jsonb)' =>
	  [ '_event', 'kind, side, price, quantity, ts, closing' ]);
for my $f (qw(ad_layering ad_layering_member))
{
	my $plain = 'kind, side, price, quantity, ts';
	my @rules = qw(by_window strict anchored);

	$cases{"$f(ad_order_event)"} = [ '_event', 'ev' ];
	$cases{"$f(ad_order_event,jsonb)"} = [ '_event', map { "ev, $_" } @rules ];
	my $types = 'text,text,anyelement,anycompatible,timestamp with time zone';
	$cases{"$f($types)"} = [ '_event', $plain ];
	$cases{"$f($types,text)"} = [ '_event', "$plain, o" ];
	$cases{"$f($types,jsonb)"} = [ '_event', map { "$plain, $_" } @rules ];
	$cases{"$f($types,text,jsonb)"} =
	  [ '_event', map { ("$plain, o, $_", "lower(kind), lower(side), price::float8, quantity::bigint, ts, o, $_") } @rules ];
}

# The rows of a window call, one a line, and its error.
my $session = Session->new($node);

sub rows
{
	my ($table, $call, $over, $id) = @_;

	my $answer = $session->ask(
		"SELECT id || ' ' || coalesce(v::text, '-') FROM (SELECT id, $call $over AS v, wider FROM $table) s WHERE length(wider) > 0 ORDER BY s.id");
	@$id = $answer =~ /^(?:ERROR|FATAL|PANIC|WARNING):/m || $session->{ended} ? ('', $answer) : ($answer, '');
	return;
}

# Compare two ways to the same rows.
sub same
{
	my ($name, $got, $expected) = @_;

	is($got->[1] // '', '', "$name: no error");
	cmp_ok($got->[0], 'eq', $expected, $name);
}

my %done;
for my $signature (sort keys %cases)
{
	my ($kind, @arguments) = @{ $cases{$signature} };
	my ($name) = $signature =~ /^(\w+)/;
	my $over = $kind ? $by_account : $window;

	for my $arguments (@arguments)
	{
		my (@wide, @narrow);

		rows("wide$kind", "$name($arguments)", $over, \@wide);
		rows("narrow$kind", "$name($arguments)", $over, \@narrow);
		like($narrow[0], qr/ [^-\n]/, "$name($arguments) finds something");
		same("$name($arguments)", \@wide, $narrow[0]);
	}
	$done{$signature} = 1;
}

# Other than the array and the row, these pull several values of a row.
for my $features (@features, 'r')
{
	my $columns = $features eq 'r' ? 'n, t, u, f' : $features;
	my $from = $features eq 'r' ? ', LATERAL (SELECT w.n, w.t, w.u, w.f) r' : '';
	my $expected = sql_value($node, "SELECT score('$columns')");

	for my $spec (qw(spec detector))
	{
		my @wide;

		rows("(SELECT w.*" . ($from && ', r') . " FROM wide w$from) s",
			"ad_outlier($spec, $features)", 'OVER ()', \@wide);
		same("ad_outlier($spec, $features)", \@wide, $expected);
	}
}
$done{'ad_outlier(jsonb,"any")'} = $done{'ad_outlier(text,"any")'} = 1;

# The message about a row that is refused has all its values.
for my $f (qw(ad_layering ad_layering_member ad_wash_trade ad_quote_stuffing ad_marking_close))
{
	my @wide;
	my %options = (ad_wash_trade => 'wash', ad_quote_stuffing => 'stuffing', ad_marking_close => 'closing');

	rows('wide_event',
		"$f(kind, CASE WHEN id = 7 THEN 'sideways' ELSE side END, price + 0.125, quantity * 3, ts, "
		  . ($options{$f} // 'o, by_window') . ')',
		$by_account, \@wide);
	like($wide[1],
		qr/"TRADE_EXECUTED[ .]*", side "sideways", price "100\.135", quantity "1503", ts "2025-10-26 /,
		"$f: the message has the values of the row");
	like($wide[1], qr/, order_id "order 1-1d-z*"/, "$f: and the order id") if !$options{$f};
}

# A window that went to a temporary file is read from it a few times, though
# every argument of a row is pulled for itself.
for my $call ('ad_layering(kind, side, price, quantity, ts, o) OVER (ORDER BY ts)',
	"ad_wash_trade(kind, side, price, quantity, ts, wash) OVER (ORDER BY ts)",
	"ad_outlier('zscore', kind, side, price, quantity, ts) OVER ()")
{
	my $plan = sql_value($node, "SET work_mem = '64kB'; SET max_parallel_workers_per_gather = 0;
		EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT $call FROM (
			SELECT n * 1000 + id AS id, kind, side, price, quantity, ts + n * interval '1 day' AS ts, n || o AS o, wash
			FROM a_event, generate_series(0, 30) n) e");
	my ($read) = $plan =~ /"Temp Read Blocks": (\d+)/;
	my ($written) = $plan =~ /"Temp Written Blocks": (\d+)/;

	cmp_ok($written, '>', 100, "$call: in a temporary file");
	cmp_ok($read, '<', 6 * $written, 'read a few times');
}

# None is forgotten.  Functions of the same C code and arguments are one.
is( sql_value(
		$node, q(SELECT string_agg(DISTINCT prosrc || '(' || replace(oidvectortypes(proargtypes), ', ', ',') || ')', E'\n') FROM pg_proc p
			JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
			JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'anomaly'
			WHERE prokind = 'w')),
	join("\n", sort keys %done),
	'every window function is here');

$session->end;
$node->stop;
done_testing();
