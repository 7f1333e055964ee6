# Calls every SQL function of the extension with odd arguments for as long as
# it is told to; long.sh runs it.
#
#	perl long.pl SEED MINUTES [BATCH]
#
# The functions come from the catalogue, so a new one is called too: functions,
# procedures, aggregates (grouped, filtered, DISTINCT, as windows) and window
# functions over many frames, with some arguments named and some left out. An
# argument is what the type can hold at its edges, something sound, a column,
# or a damaged value: models, sketches, states of streams and order events as
# test/lib/Subjects.pm makes them.
#
# A batch is so many statements in a database of its own, a copy of one that is
# made at the start, and depends on the seed and its number only: with BATCH,
# that one runs alone and its statements are shown with their outcomes.
#
# What counts as a fault: a crash; an error without a name (SQLSTATE XX...),
# out of memory or a loop that ignores a timeout; more memory than a bound. All
# are listed at the end with a statement each, and make the exit status 1.
#
# One connection of our own over the server's protocol tells a statement's
# SQLSTATE, that the server is gone, and how long it has been silent.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use IO::Select;
use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use Subjects;
use Test::More;
use Time::HiRes qw(time sleep);

my ($seed, $minutes, $only) = @ARGV;
die "usage: long.pl SEED MINUTES [BATCH]\n"
  unless defined $minutes && $seed =~ /^\d+$/ && $minutes =~ /^[\d.]+$/;

my $per_batch = 400;
my $timeout = 4;           # seconds of a statement; a busy machine shares them
my $patience = 60;         # seconds past that before it counts as deaf
my $most_memory = 3072;    # MB of one process

# Where the test modules leave what is printed; STDOUT is their log by now.
my $out = Test::More->builder->output;

my $node = start_server(
	'long',
	'autovacuum = off',
	'log_statement = none',
	'log_checkpoints = off',
	'log_min_messages = log',
	'log_min_error_statement = panic',
	'max_parallel_workers_per_gather = 2',
	'max_prepared_transactions = 0');
my $socket = $node->host . '/.s.PGSQL.' . $node->port;

print {$out} "seed $seed: making models, sketches, streams and events\n";
make_subjects($node);
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE fuzzer;
GRANT CREATE ON DATABASE postgres TO fuzzer;
CREATE TABLE ticks AS
	SELECT i, (ARRAY['ORDER_PLACED', 'ORDER_CANCELLED', 'TRADE_EXECUTED'])[1 + i % 3] AS event_type,
		(ARRAY['BUY', 'SELL'])[1 + i / 3 % 2] AS side, 100 + i % 7 * 0.01 AS price, 10::numeric + i % 5 AS quantity,
		timestamptz '2024-01-02 09:00+00' + i * interval '300 ms' AS ts, 'order ' || i / 3 AS order_id,
		'account ' || i % 2 AS account, 'product' AS product,
		ad_order_event((ARRAY['ORDER_PLACED', 'ORDER_CANCELLED', 'TRADE_EXECUTED'])[1 + i % 3],
			(ARRAY['BUY', 'SELL'])[1 + i / 3 % 2], 100 + i % 7 * 0.01, 10::numeric + i % 5,
			timestamptz '2024-01-02 09:00+00' + i * interval '300 ms', 'order ' || i / 3) AS e,
		sin(i)::float8 AS x, i % 17 AS n, i % 5 = 0 AS flag, 'text ' || i % 4 AS colour
	FROM generate_series(1, 120) i;
CREATE TABLE bare ();
INSERT INTO bare DEFAULT VALUES;
CREATE TABLE wide AS SELECT ARRAY(SELECT j * 0.5 FROM generate_series(1, 5000) j)::float8[] AS v;
CREATE TYPE pair AS (a float8, b text);
CREATE DOMAIN positive AS float8 CHECK (VALUE > 0);
SELECT ad_train('m1', 'SELECT x, n FROM training', ad_hbos() || ad_calibrate());
SELECT ad_train('m1', 'SELECT x, n FROM training', ad_zscore() || ad_calibrate());
SELECT ad_train('m2', 'SELECT x, n, ts, colour FROM training', ad_iforest(10, 32));
SELECT ad_create_job('j1', 'm1', 'SELECT i, ts, x, n FROM ticks', 'i', 'ts', '{"score": 0}', features => ARRAY['x', 'n']);
SELECT ad_create_layering_job('j2', 'SELECT event_type, side, price, quantity, ts, order_id, account FROM ticks',
	partition_by => ARRAY['account'], order_by => 'ts');
SELECT ad_create_wash_trade_job('w1', 'SELECT event_type, side, price, quantity, ts, account FROM ticks', partition_by => ARRAY['account'], order_by => 'ts');
GRANT SELECT ON ALL TABLES IN SCHEMA public TO fuzzer;
VACUUM ANALYZE;
SQL

# ---------------------------------------------------------------------------
# What there is to call
# ---------------------------------------------------------------------------

my @functions;
for (split /\n/, $node->safe_psql('postgres', <<'SQL'))
SELECT p.prokind, n.nspname, p.proname, p.pronargdefaults, p.proretset,
	p.prorettype IN ('internal'::regtype, 'trigger'::regtype), p.provariadic <> 0,
	array_to_string(ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) t), ';'),
	array_to_string(p.proargnames[1:p.pronargs], ';', ''), p.oid::regprocedure
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
	JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'anomaly'
ORDER BY p.oid::regprocedure::text COLLATE "C"
SQL
{
	my ($kind, $schema, $name, $defaults, $set, $opaque, $variadic, $types, $names, $signature) = split /\|/;
	my @types = split /;/, $types;

	push @functions, {
		kind => $kind, call => ($schema eq 'public' ? '' : "\"$schema\".") . "\"$name\"", name => $name,
		defaults => $defaults, set => $set eq 't', opaque => $opaque eq 't', variadic => $variadic eq 't',
		types => \@types, names => [ split /;/, $names, -1 ], signature => $signature };
}
# No value of that type can be had in SQL: aggregates call these.
my $all = @functions;
@functions = grep { my $f = $_; !grep { $_ eq 'internal' } @{ $f->{types} } } @functions;

my @relations = split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT c.oid::regclass FROM pg_class c
	JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'anomaly'
WHERE c.relkind IN ('v', 'r') ORDER BY c.oid::regclass::text COLLATE "C"
SQL

my %subject;
my $number = 0;
for (split /\n/, $node->safe_psql('postgres',
		"SELECT id, kind, coalesce(arguments, ''), coalesce(rows, '') FROM subject ORDER BY id"))
{
	my ($id, $kind, $arguments, $rows) = split /\|/;
	push @{ $subject{$kind} }, { id => $id, arguments => $arguments, rows => $rows };
}

# Options and their words: of constructors, and of other functions' defaults.
my @specs = map { variants($node, $_) } detectors($node), qw(auto prepare sampling calibrate ensemble);
my %words = map { $_ => 1 } detectors($node);
my %keys;
for my $f (@functions)
{
	$keys{$_} = 1 for grep { $_ ne '' } @{ $f->{names} };
}
my $written = join ' ', @specs, $node->safe_psql('postgres', "SELECT pg_get_function_arguments(oid) FROM pg_proc WHERE proname LIKE 'ad%'");
$words{$1} = 1 while $written =~ /'([^' ]+)'/g;
my @keys = sort keys(%keys), qw(detector prepare sampling calibrate members combine score p_value method seasonal
  words BUY ORDER_PLACED);
my @words = sort keys %words;

# ---------------------------------------------------------------------------
# Random statements. Every choice comes from rand(), which a batch seeds.
# ---------------------------------------------------------------------------

sub pick { return $_[ int rand @_ ]; }
sub chance { return rand() < $_[0]; }
sub quote { my $s = shift; $s =~ s/'/''/g; return "'$s'"; }

my @texts = ("''", "' '", "'a'", "'a\"b'", "'a''b'", "'%s%n'", "E'tab\\tline\\n'", "'null'", "'NaN'", "'-1'", "'0'",
	"'{}'", "'[]'", "'ünïcödé'", "U&'\\+01F600'", "'; SELECT 1'", "'--'", "'\$1'", "'../..'", "repeat('x', 64)",
	"repeat('long ', 1000)", "repeat('x', 200000)", "repeat('[', 5000)", "E'\\x01'", "'postgres'", "'fuzzer'",
	"'no such'");
my @queries = ('SELECT x, n FROM training', 'SELECT x, n FROM probe', 'SELECT * FROM training', 'SELECT x FROM probe WHERE false',
	'SELECT', '', ' ', ';', '--', 'SELECT 1; SELECT 2', 'SELECT * FROM nowhere', 'SELECT 1/0', 'VALUES (1), (2)', 'TABLE probe',
	'SELECT FROM training', 'SELECT NULL', 'WITH q AS (SELECT x FROM probe) SELECT * FROM q', 'INSERT INTO probe DEFAULT VALUES RETURNING x',
	'DELETE FROM probe', 'DROP TABLE probe', 'BEGIN', 'COMMIT', 'EXPLAIN SELECT 1', 'SELECT i, ts, x, n FROM ticks', 'SELECT $1',
	'SELECT x AS a, x AS a FROM probe', 'SELECT p FROM probe p', 'SELECT v FROM many', 'SELECT v FROM probe_many', 'training', 'SELECT i AS key, ts, x FROM ticks ORDER BY ts',
	'SELECT event_type, side, price, quantity, ts, order_id, account, product FROM ticks ORDER BY ts', 'SELECT e FROM ticks',
	'SELECT ts AS "time", x AS value FROM training ORDER BY ts', 'SELECT ts, x FROM training', 'SELECT colour, ts, x FROM ticks', 'SELECT pg_sleep(0)',
	'SELECT x FROM training FOR UPDATE', 'SELECT ad_score(\'m1\', x, n) FROM probe', 'SELECT x, n, flag FROM training', 'SELECT (((', 'select x into y from probe');
my @names = ("'m1'", "'m1'", "'m2'", "'j1'", "'j2'", "'m3'", "''", "'no such'", "'M1'", "' m1'", "repeat('m', 63)", "repeat('m', 64)", "'ünïcödé'", "NULL");
my @doubles = qw(0 1 -1 0.5 0.1 0.01 2 3 10 100 1e6 1e15 1e-9 1e-300 5e-324 1e308 -1e308 1.7976931348623157e308 NaN Infinity -Infinity -0);
my @integers = (0, 0, 1, 1, 2, 3, 5, 7, 10, 24, 100, -1, -2, 256, 1000, 32768, 65535, 65536, 65537, 1000000, 2147483647, -2147483648);
my @bigints = (@integers, '9223372036854775807', '-9223372036854775808', '4294967296', '2147483648');
my @times = ("'2024-03-31 02:30'", "'2024-03-30 00:00'", "'2024-04-01 12:00'", "'2024-01-02 09:00:10'", "'infinity'", "'-infinity'", "'294276-12-31 23:59:59'",
	"'4713-01-01 BC'", "'epoch'", "'2000-01-01 00:00:00.000001'", "'1000-01-01'");
my @intervals = ("'0'", "'1 second'", "'1 hour'", "'1 day'", "'1 month'", "'-1 day'", "'1 microsecond'", "'10 seconds'", "'1000000 years'", "'178000000 years'",
	"'-178000000 years'", "'1 month -30 days'", "'2147483647 months 2147483647 days'");
my @other_types = qw(date time inet uuid json jsonb money bit varbit point box tsvector xml name oid "char" bytea numeric int2range regclass float4 int2 interval
  ad_order_event pair positive int[] text[] float8[] numeric[]);

my $used;        # kinds of damaged values in the statement being made
my $force;       # true where each value that has bytes of ours is to be damaged
my $columns;     # true where columns of a table with x, n, ts ... are in reach

# A value to damage: its expression, and the subject.
sub damaged
{
	my ($kind) = @_;
	my $one = pick(@{ $subject{$kind} });
	my $two = pick(@{ $subject{$kind} });
	my $n = int rand 2**31;

	$used->{$kind} = 1;
	return ("ad_test_receive(ad_test_damage((SELECT value FROM subject WHERE id = $one->{id}), $n), NULL::ad_order_event)", $one)
	  if $kind eq 'event';
	return (sprintf('ad_test_mutate((SELECT value FROM subject WHERE id = %d), (SELECT value FROM subject WHERE id = %d), %d, %d)',
			$one->{id}, $two->{id}, $n, rand 19), $one);
}

sub json
{
	my ($depth) = @_;
	my $what = int rand($depth > 2 ? 6 : 8);

	return 'null' if $what == 0;
	return pick('true', 'false') if $what == 1;
	return pick(map { /^-?[\d.]+(e-?\d+)?$/ ? $_ : () } @doubles, @bigints) if $what == 2 || $what == 3;
	return '"' . pick(@words, '', 'no such', '1 day', 'auto') . '"' if $what == 4 || $what == 5;
	return '[' . join(',', map { json($depth + 1) } 1 .. rand 4) . ']' if $what == 6;
	return '{' . join(',', map { '"' . pick(@keys) . '":' . json($depth + 1) } 1 .. rand 4) . '}';
}

sub odd_jsonb
{
	my ($name) = @_;
	my $what = rand;

	return 'NULL' if $what < 0.08;
	return pick(@specs) . (chance(0.4) ? ' || ' . pick(@specs) : '') if $what < 0.5 || $name eq 'spec' && $what < 0.75;
	return "jsonb_build_object(" . quote(pick(@keys)) . ", " . odd(pick('text', 'integer', 'double precision', 'boolean'), '') . ")" if $what < 0.6;
	return "ad_layering_options(rule => '" . pick('window', 'strict', 'anchored', 'either') . "')" if $what < 0.64;
	return "ad_stl_options(period => " . pick(12, 24, "'auto'") . ")" if $what < 0.68;
	return "'{}'::jsonb" if $what < 0.74;
	return quote(json(0)) . '::jsonb' if $what < 0.82;
	return quote('{' . join(',', map { '"' . pick(@keys) . '":' . json(1) } 0 .. rand 4) . '}') . '::jsonb';
}

sub odd_text
{
	my ($name) = @_;

	return 'NULL' if chance(0.07);
	return quote(pick(@queries)) if $name =~ /^(query|source|sql)$/ && chance(0.85);
	return pick(@names) if $name =~ /^(name|model|job|new_name|reference)$/ && chance(0.85);
	return quote(pick(detectors_list())) if $name =~ /^(detector|spec)$/ && chance(0.7);
	return quote(pick('ORDER_PLACED', 'ORDER_CANCELLED', 'TRADE_EXECUTED', 'TRADE')) if $name eq 'event_type' && chance(0.8);
	return quote(pick('BUY', 'SELL')) if $name eq 'side' && chance(0.8);
	return quote(pick('i', 'ts', 'x', 'key', 'colour')) if $name =~ /^(key|watermark|entity|order_by|label)$/ && chance(0.7);
	return quote(pick('postgres', 'fuzzer', 'public', 'nobody')) if $name eq 'role' && chance(0.7);
	return quote(pick('score', 'read', 'label', 'all')) if $name eq 'privilege' && chance(0.7);
	return quote(pick(@words)) if chance(0.5);
	return pick(@texts);
}

my @detectors_list;
sub detectors_list { return @detectors_list = @detectors_list ? @detectors_list : sort(detectors($node)); }
detectors_list();

# An array of a type: of odd elements, empty, of many dimensions, long.
sub odd_array
{
	my ($element, $name) = @_;
	my $what = rand;

	return "NULL::${element}[]" if $what < 0.08;
	return "ARRAY[]::${element}[]" if $what < 0.16;
	return "ARRAY[NULL]::${element}[]" if $what < 0.22;
	return sprintf 'ARRAY[[%s], [%s]]::%s[]', odd($element, $name), odd($element, $name), $element if $what < 0.28;
	return "'[5:6]={" . ($element =~ /time/ ? '2024-01-01,2024-01-02' : $element eq 'boolean' ? 't,f' : '1,2') . "}'::${element}[]"
	  if $what < 0.32 && $element =~ /^(double precision|bigint|integer|text|boolean|timestamp.*)$/;
	if ($what < 0.6)
	{
		return "ARRAY(SELECT sin(g)::float8 FROM generate_series(1, " . pick(1, 2, 3, 30, 200, 1000) . ') g)' if $element eq 'double precision';
		return "ARRAY(SELECT timestamptz '2024-01-01' + g * interval '1 hour' FROM generate_series(1, " . pick(2, 3, 30, 200) . ') g)'
		  if $element =~ /^timestamp with/;
		return 'ARRAY(SELECT g % 3 = 0 FROM generate_series(1, ' . pick(2, 30, 200, 1000) . ') g)' if $element eq 'boolean';
		return 'ARRAY(SELECT e FROM ticks ORDER BY i)' if $element eq 'ad_order_event';
		return 'ARRAY[' . join(', ', map { pick(@specs) } 0 .. rand 3) . ']' if $element eq 'jsonb';
	}
	return "ARRAY[" . join(', ', map { odd($element, $name) } 0 .. rand 5) . "]::${element}[]";
}

# What a feature may be, or what is none.
sub odd_any
{
	my $what = int rand 20;

	return odd(pick('double precision', 'integer', 'bigint', 'text', 'boolean', 'timestamp with time zone', 'numeric', 'double precision'), '') if $what < 10;
	return pick("'5'", 'NULL', "''", "'red'") if $what == 10;
	return 'ROW(' . join(', ', map { odd(pick('double precision', 'text', 'integer'), '') } 1 .. rand 4) . ')' if $what == 11;
	return pick("NULL::record", "ROW()", "NULL::probe", "ROW(1, ROW(2, 'a'))", "ROW(1.5, 'a')::pair", "(SELECT b FROM bare b)") if $what == 12;
	return odd_array(pick('double precision', 'text', 'integer'), '') if $what == 13;
	return "NULL::" . pick(@other_types) if $what == 14;
	return pick("'2024-01-01'::date", "'12:00'::time", "'1.2.3.4'::inet", "'{}'::json", "'1'::money", "B'101'", "'(1,2)'::point", "1::oid", "'a'::\"char\"",
		"'pg_class'::regclass", "1.5::float4", "2::int2", "'1 day'::interval", "1e30::numeric", "'NaN'::numeric", "(1e300)::numeric", "2.5::positive", "'\\x00'::bytea",
		"'a'::name", "'a'::varchar(3)", "'a'::char(5)", "'[1,3)'::int4range", "gen_random_uuid()") if $what == 15;
	return $columns ? pick(qw(x n ts colour flag)) : '1' if $what < 19;
	return odd('ad_order_event', '');
}

# SQL of a value of that type for an argument of that name.
sub odd
{
	my ($type, $name) = @_;

	if ($columns && chance(0.6))
	{
		my %column = ('double precision' => 'x', integer => 'n', 'timestamp with time zone' => 'ts', 'timestamp without time zone' => 'ts::timestamp',
			boolean => 'flag', bigint => pick('i', 'n'));
		return $name if $columns eq 'ticks' && $name =~ /^(event_type|side|price|quantity|ts|order_id)$/ && chance(0.8);
		return $force ? "CASE WHEN i = 60 THEN " . (damaged('event'))[0] . " ELSE e END" : 'e' if $columns eq 'ticks' && $type eq 'ad_order_event';
		return $column{$type} if $column{$type} && ($column{$type} ne 'i' || $columns ne 'probe');
	}
	return odd_text($name) . ($name eq '' || chance(0.3) ? '::text' : '') if $type eq 'text';
	return odd_jsonb($name) if $type eq 'jsonb';
	return odd_any() if $type eq '"any"';
	return 'NULL::' . $type if chance(0.06);
	return quote(chance(0.3) ? sprintf('%.6g', (rand() - 0.5) * 10**(rand(8) - 2)) : pick(@doubles)) . '::float8' if $type eq 'double precision';
	return pick(@integers) if $type eq 'integer';
	return pick(@bigints) . '::bigint' if $type eq 'bigint';
	return quote(pick(@doubles, '123456789012345678901234567890', '0.000000000000000001')) . '::numeric' if $type eq 'numeric';
	return pick('true', 'false') if $type eq 'boolean';
	return $type . ' ' . pick(@times) if $type =~ /^timestamp/;
	return 'interval ' . pick(@intervals) if $type eq 'interval';
	return pick("100.5::numeric", '10', "99.5::float8", "1::bigint", "2::int2", "1.5::float4", odd('numeric', ''), odd('double precision', ''), odd('bigint', ''), "'text'::text",
		'NULL::numeric', 'true') if $type =~ /^any(element|compatible|nonarray)$/;
	if ($type eq 'bytea')
	{
		my $what = rand;
		return pick("'\\x'::bytea", "'\\x00'::bytea", "decode(repeat('00', 64), 'hex')", "convert_to('ADMODEL' || E'\\n', 'UTF8')", "decode(repeat('ff', 100000), 'hex')") if $what < 0.1 && !$force;
		my $kind = $name =~ /sketch|current/ ? pick('sketch', 'sketch', 'model') : $name eq 'state' ? pick('stream', 'stream', 'stream', 'model')
		  : $name =~ /model|reference/ ? pick('model', 'model', 'model', 'sketch') : pick('model', 'sketch', 'stream');
		return "(SELECT value FROM subject WHERE id = " . pick(@{ $subject{$kind} })->{id} . ')' if $what < 0.35 && !$force;
		return (damaged($kind))[0];
	}
	if ($type eq 'ad_order_event')
	{
		return (damaged('event'))[0] if $force || chance(0.5);
		return quote(join ',', pick('ORDER_PLACED', 'TRADE_EXECUTED', 'x', ''), pick('BUY', 'SELL', '', '0'), pick(@doubles), pick(@doubles, '1.5', '10'),
			pick('2024-01-01', 'infinity', '', '294276-12-31'), chance(0.5) ? () : pick('', 'id', 'a,b', '"')) . '::ad_order_event';
	}
	return odd_array($1, $name) if $type =~ /^(.*)\[\]$/;
	return "'" . pick('', 'postgres', 'a,b', '1') . "'::cstring" if $type eq 'cstring';
	return "'" . pick('integer', 'float8', 'text', 'timestamptz', 'record', 'void') . "'::regtype" if $type eq 'regtype';
	# types of our own, and those yet unknown here
	return pick("NULL::$type", "''::$type", "'1'::$type", "'postgres'::$type") if $type =~ /role/;
	return sprintf "jsonb_populate_record(NULL::%s, %s)", $type, chance(0.5) ? "(SELECT to_jsonb(j) FROM ad_jobs j LIMIT 1)" : quote('{' . join(',', map { "\"$_\":" . json(1) } 1 .. rand 3) . '}') . '::jsonb';
}

# The arguments of a call: positional, then maybe named, then maybe left out.
sub arguments
{
	my ($f) = @_;
	my @types = @{ $f->{types} };
	my @names = @{ $f->{names} };
	my $tail = '';
	my @list;

	if ($f->{variadic})
	{
		pop @types;
		if (chance(0.25))
		{
			$tail = 'VARIADIC ' . pick(odd_array('double precision', ''), odd_array('text', ''), 'NULL::float8[]', "'{}'::int[]", 'ARRAY[ROW(1, 2)]', 'NULL', '5', '(SELECT v FROM wide)');
		}
		else
		{
			$tail = $columns && chance(0.4) ? pick('x, n', 'x', 'n, x', 'x, n, ts, colour', 's', 's.*') : join ', ', map { odd_any() } 1 .. rand 5;
		}
	}
	my $given = @types - (chance(0.5) ? int rand($f->{defaults} + 1) : 0);
	my $named = !$f->{variadic} && $f->{kind} ne 'a' && $f->{kind} ne 'w' && chance(0.25) && @names >= @types && !grep { $_ eq '' } @names[ 0 .. $#types ];

	for my $i (0 .. $given - 1)
	{
		my $value = odd($types[$i], $names[$i] // '');
		push @list, ($named ? "\"$names[$i]\" => " : '') . $value;
	}
	push @list, $tail if $tail ne '';
	return join ', ', @list;
}

my @frames = ('()', '(ORDER BY ts)', '(ORDER BY ts, n)', '(PARTITION BY flag ORDER BY ts)', '(ORDER BY x)', '(PARTITION BY n ORDER BY ts DESC)',
	'(ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)', '(ORDER BY ts ROWS BETWEEN CURRENT ROW AND 2 FOLLOWING)', '(ORDER BY ts ROWS BETWEEN 5 FOLLOWING AND 9 FOLLOWING)',
	'(ORDER BY ts RANGE BETWEEN INTERVAL \'1 hour\' PRECEDING AND CURRENT ROW)', '(ORDER BY n GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE TIES)',
	'(PARTITION BY colour ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW)', '(PARTITION BY ts)');

# Calls that go well, for functions whose arguments must fit each other: some
# of these are made odd. What is not listed here is called all the same.
my $ticks = "'SELECT event_type, side, price, quantity, ts, order_id, account FROM ticks'";
my %sound = (
	ad_create_job => [ "'j3'", "'m1'", "'SELECT i, ts, x, n, colour FROM ticks'", "'i'", "'ts'", "'{\"score\": 0}'::jsonb", "'colour'", 100, "'1 hour'",
		"interval '1 minute'", 1000, 2, 'NULL', "ARRAY['x', 'n']" ],
	ad_create_layering_job => [ "'j4'", $ticks, 'NULL', "'{\"score\": 0}'::jsonb", "ARRAY['account']", "'ts'" ],
	ad_create_wash_trade_job => [ "'w2'", $ticks, 'NULL', "'{\"score\": 0}'::jsonb", "ARRAY['account']", "ARRAY['ts', 'side']", 'NULL', 'false' ],
	ad_alter_job => [ "'j1'", "'{\"batch_size\": 5}'::jsonb" ],
	ad_run_job => [ "'j1'", 'now()' ],
	ad_label => [ "'j1'", "'5'", 'true', "'note'" ],
	ad_grant_job => [ "'j1'", "'fuzzer'", "'read'" ],
	ad_revoke_job => [ "'j1'", "'fuzzer'", "'read'" ],
	ad_purge_job => [ "'j1'", 'now()' ],
	ad_drop_job => ["'j2'"],
	ad_train => [ "'m3'", "'SELECT x, n FROM training'", "'ecod'", "'notes'", 3, 'true' ],
	ad_retrain => [ "'m1'", 0, 10, 0 ],
	ad_compare => [ "'m1'", 1, 2, "'SELECT x, n, flag FROM training'", 10, "'flag'" ],
	ad_activate => [ "'m1'", 1 ],
	ad_rename_model => [ "'m2'", "'m4'" ],
	ad_grant_model => [ "'m1'", "'fuzzer'", "'score'" ],
	ad_revoke_model => [ "'m1'", "'fuzzer'", "'score'" ],
	ad_drop_model => [ "'m1'", 1 ],
	ad_drift => [ "'m1'", '(SELECT ad_sketch(x, n) FROM training)', "'{}'::jsonb" ],
	ad_detect => [ "'SELECT x, n FROM training'", "'zscore'", 0.1, 'NULL', "ARRAY['n']", 5, 0.05 ],
	ad_decompose => [ "'SELECT ts AS \"time\", x AS value FROM training'", 'ad_stl_options(period => 24)' ],
	ad_layering_sequences => [ $ticks, 'NULL', "ARRAY['account']", "'ts'", 'false', 'NULL' ],
	ad_layering_timeline => [ 'ARRAY(SELECT e FROM ticks ORDER BY i)', 'NULL', 'NULL', "'title'", 900, 460 ],
	ad_stream_update => [ 'NULL', "ARRAY(SELECT ts FROM training ORDER BY i)", "ARRAY(SELECT x FROM training ORDER BY i)", "'{}'::jsonb" ],
	ad_roc_curve => [ "ARRAY(SELECT x FROM training ORDER BY i)", "ARRAY(SELECT flag FROM training ORDER BY i)", 10 ],
	ad_pr_curve => [ "ARRAY(SELECT x FROM training ORDER BY i)", "ARRAY(SELECT flag FROM training ORDER BY i)", 10 ],
	ad_stl_array => [ "ARRAY(SELECT x FROM training ORDER BY i)", 'ad_stl_options(period => 24)' ],
	ad_stl_plot => [ "ARRAY(SELECT x FROM training ORDER BY i)", 'ad_stl_options(period => 24)', "'title'", 900, 560, "'a'", "'b'" ],
	ad_changepoints => [ "ARRAY(SELECT x FROM training ORDER BY i)", "'pelt'", 'NULL', 2 ]);

# One statement, and the function it calls.
sub statement
{
	my $f = pick(@functions);

	$used = {};
	$columns = '';
	$force = 0;

	# a damaged value where a sound one is expected, with all else right
	if (chance(0.3))
	{
		my @scoring = grep { ($_->{names}[0] // '') eq 'model' && $_->{types}[0] eq 'bytea' && $_->{variadic} } @functions;
		$f = pick(@scoring);
		my ($value, $one) = damaged('model');
		my $options = @{ $f->{types} } > 2 ? odd('jsonb', 'options') . ', ' : '';
		my $call = "$f->{call}(d, $options$one->{arguments})";
		return ("SELECT count(length(r::text)) FROM (SELECT $value AS d OFFSET 0) d, "
			  . ($one->{rows} =~ /^(\S+)(?: (p))?(.*)$/ ? "(SELECT * FROM $1$3) " . ($2 // 'p') : $one->{rows}) . ", LATERAL "
			  . ($f->{set} ? "$call r" : "(SELECT $call AS r) r"), $f);
	}
	elsif (chance(0.2))
	{
		my $type = chance(0.6) ? 'bytea' : 'ad_order_event';

		$f = pick(grep { grep { $_ eq $type } @{ $_->{types} } } grep { !$_->{variadic} } @functions);
		$force = 1;
	}
	elsif (chance(0.15))
	{
		my $name = pick(sort keys %sound);
		my @arguments = @{ $sound{$name} };

		$f = pick(grep { $_->{name} eq $name && @{ $_->{types} } >= @arguments } @functions)
		  or die "$name is listed but not there";
		for my $i (0 .. $#arguments)
		{
			$arguments[$i] = odd($f->{types}[$i], $f->{names}[$i] // '') if chance(0.12);
		}
		my $call = "$f->{call}(" . join(', ', @arguments) . ')';
		return ($f->{kind} eq 'p' ? "CALL $call" : "SELECT count(length(r::text)) FROM (SELECT * FROM $call r LIMIT 2000) r", $f);
	}
	elsif (chance(0.03))
	{
		my $view = pick(@relations);
		return ("SELECT count(length(r::text)) FROM $view r", { name => "$view", signature => "table $view" });
	}
	if ($f->{kind} eq 'p')
	{
		return ("CALL $f->{call}(" . arguments($f) . ')', $f);
	}
	if ($f->{kind} eq 'a' || $f->{kind} eq 'w')
	{
		$columns = pick('training', 'probe', 'ticks', 'ticks');
		$columns = 'ticks' if $f->{signature} =~ /order_event|side|anyelement/ && chance(0.9);
		my $from = "(SELECT * FROM $columns"
		  . ($f->{kind} eq 'w' && chance(0.9) ? ' WHERE isfinite(ts)' : '')
		  . (chance(0.1) ? ' LIMIT ' . int rand 3 : '') . ') s';
		my $arguments = arguments($f);
		my $over = $f->{kind} eq 'w' || chance(0.3);
		my $call = "$f->{call}(" . (!$over && chance(0.1) && $arguments !~ /VARIADIC/ ? 'DISTINCT ' : '') . $arguments
		  . (!$over && chance(0.2) ? ' ORDER BY ' . pick('x', 'ts', 'n DESC') : '') . ')';

		$call =~ s/\((DISTINCT )( ORDER BY .*)?\)$/()/;
		$call .= ' FILTER (WHERE ' . pick('x > 0', 'flag', 'false', 'n > 5') . ')' if $f->{kind} eq 'a' && chance(0.15);
		return ("SELECT count(length(r::text)) FROM (SELECT $call OVER " . pick(@frames) . " AS r FROM $from) q", $f) if $over;
		return ("SELECT count(length(r::text)) FROM (SELECT $call AS r FROM $from" . (chance(0.3) ? ' GROUP BY ' . pick('flag', 'n', 'colour', '()') : '') . ") q", $f);
	}
	$columns = chance(0.3) ? pick('training', 'probe', 'ticks') : '';
	my $from = $columns ? " FROM (SELECT * FROM $columns LIMIT " . pick(0, 1, 3, 40) . ") s" : '';
	my $call = "$f->{call}(" . arguments($f) . ')';
	return ("SELECT $call IS NULL$from", $f) if $f->{opaque};
	return ("SELECT count(length(r::text)) FROM (SELECT $call AS r$from LIMIT 2000) q", $f) if !$f->{set} || chance(0.2);
	return ("SELECT count(length(r::text)) FROM (SELECT r" . ($from ? "$from, LATERAL" : ' FROM') . " $call r LIMIT 2000) q", $f);
}

# ---------------------------------------------------------------------------
# The connection
# ---------------------------------------------------------------------------

my ($connection, $buffer, $pid);

sub connect_to
{
	my ($database) = @_;
	my $body = pack('N', 196608) . join('', map { "$_\0" } 'user', 'postgres', 'database', $database, 'application_name', 'long') . "\0";

	$connection = IO::Socket::UNIX->new(Peer => $socket) or return 0;
	$buffer = '';
	$pid = undef;
	syswrite $connection, pack('N', 4 + length $body) . $body;
	while (my ($type, $data) = message($patience))
	{
		$pid = unpack 'N', $data if $type eq 'K';
		return 1 if $type eq 'Z';
		return 0 if $type eq 'E';
	}
	return 0;
}

# The next message: its type and content; nothing if the server is gone, type
# '' if it was silent for that long.
sub message
{
	my ($seconds) = @_;
	my $until = time + $seconds;

	while (length $buffer < 5 || length $buffer < 1 + unpack 'x N', $buffer)
	{
		my $left = $until - time;

		return ('', '') if $left <= 0;
		next unless IO::Select->new($connection)->can_read($left);
		my $n = sysread $connection, $buffer, 65536, length $buffer;
		return () unless $n;
	}
	my ($type, $length) = unpack 'a N', $buffer;
	my $data = substr $buffer, 5, $length - 4;
	substr($buffer, 0, 1 + $length) = '';
	return ($type, $data);
}

sub memory_of
{
	my ($process) = @_;

	open my $f, '<', "/proc/$process/status" or return 0;
	local $/;
	return <$f> =~ /^RssAnon:\s+(\d+) kB/m ? $1 / 1024 : 0;
}

# Runs SQL: SQLSTATE ('00000' if it went well) and message; nothing if the
# server is gone. What takes too much memory is stopped and gets "memory",
# what does not stop "deaf".
sub run
{
	my ($sql) = @_;
	my ($state, $text, $late) = ('00000', '', '');
	my $started = time;

	local $SIG{PIPE} = 'IGNORE';
	syswrite $connection, 'Q' . pack('N', 5 + length $sql) . "$sql\0";
	while (my ($type, $data) = message(0.25))
	{
		if ($type eq '')
		{
			if (!$late && memory_of($pid) > $most_memory)
			{
				$late = 'memory';
				kill INT => $pid;
			}
			if (time - $started > $timeout + $patience)
			{
				# PostgreSQL::Test::Cluster's server goes with it
				kill KILL => $pid;
				$late = 'deaf';
			}
			next;
		}
		if ($type eq 'E')
		{
			my %field = map { substr($_, 0, 1) => substr($_, 1) } grep { length } split /\0/, $data;
			($state, $text) = ($field{C}, $field{M});
		}
		return ($late || $state, $text) if $type eq 'Z';
	}
	return $late eq 'deaf' ? ('deaf', 'does not stop') : ();
}

# ---------------------------------------------------------------------------
# Batches
# ---------------------------------------------------------------------------

my (%outcomes, %kinds, %called, %went_well, %faults, %expected);
my ($statements, $batches, $crashes) = (0, 0, 0);
my $log_at = 0;

# What the server's log says since the last look.
sub new_log
{
	open my $f, '<', $node->logfile or return '';
	seek $f, $log_at, 0;
	local $/;
	my $text = <$f> // '';
	$log_at = tell $f;
	return $text;
}

sub fault
{
	my ($what, $f, $sql, $batch) = @_;
	(my $key = "$f->{name}: $what") =~ s/\d+/N/g;
	$key = substr $key, 0, 200;

	$faults{$key}{n}++;
	$faults{$key}{sql} //= $sql;
	$faults{$key}{batch} //= $batch;
	print {$out} sprintf "# fault in batch %d: %s\n#   %s\n", $batch, substr($key, 0, 300), substr($sql, 0, 1000) if $faults{$key}{n} == 1;
}

sub fresh_database
{
	my $strategy = $node->pg_version >= 15 ? ' STRATEGY = file_copy' : '';

	connect_to('template1') or die 'cannot connect';
	for my $sql ('DROP DATABASE IF EXISTS fuzz WITH (FORCE)', "CREATE DATABASE fuzz TEMPLATE postgres$strategy")
	{
		my ($state, $text) = run($sql);
		die "$sql: $text" if $state ne '00000';
	}
	close $connection;
	connect_to('fuzz') or die 'cannot connect';
}

sub batch
{
	my ($b) = @_;

	srand($seed * 1_000_003 + $b);
	fresh_database();
	my @settings = ("SET statement_timeout = '${timeout}s'", "SET search_path = public, pg_temp", "SET client_min_messages = error",
		chance(0.3) ? 'SET work_mem = 64' : (),
		chance(0.3) ? ('SET min_parallel_table_scan_size = 0', 'SET parallel_setup_cost = 0', 'SET parallel_tuple_cost = 0') : (),
		chance(0.2) ? 'SET extra_float_digits = -15' : (),
		chance(0.2) ? "SET timezone = 'Europe/Berlin'" : (),
		chance(0.2) ? "SET datestyle = 'German'" : (),
		chance(0.3) ? "SET anomaly.model_cache_size = '" . pick('0', '64kB', '1MB') . "'" : (),
		chance(0.2) ? "SET anomaly.simd = off" : (),
		chance(0.3) ? 'SET ROLE fuzzer' : ());
	run($_) for @settings;
	if (defined $only)
	{
		print {$out} "$_;\n" for @settings;
	}
	for (1 .. $per_batch)
	{
		my ($sql, $f) = statement();
		my $kinds = join ' and ', sort keys %$used;
		my ($state, $text) = run($sql);

		if (!defined $state)
		{
			my $log = '';
			for (1 .. 100)
			{
				$log .= new_log();
				last if $log =~ /terminated by signal|database system is shut down/;
				sleep 0.2;
			}
			my ($report) = $log =~ /((?:TRAP:|==\d+==ERROR: AddressSanitizer|.*runtime error:).*(?:\n.*){0,14})/;
			$crashes++;
			print {$out} "# crash in batch $b (long.sh $seed 0 $b repeats it)\n#   $sql\n" . ($report // $log) . "\n";
			fault('crash ' . ($log =~ /(terminated by signal \d+)/ ? $1 : ''), $f, $sql, $b);
			$node->{_pid} = undef;
			sleep 1;
			$node->start(fail_ok => 1) or $node->restart;
			die 'too many crashes' if $crashes > 20;
			return;
		}
		$statements++;
		$outcomes{$state}++;
		$kinds{$_}{$state eq '00000' ? 'accepted' : 'refused'}++ for keys %$used ? keys %$used : 'odd call';
		$called{ $f->{signature} }++;
		$went_well{ $f->{signature} }++ if $state eq '00000';
		print {$out} "$sql;\n-- $state $text\n" if defined $only;
		fault("$state $text", $f, $sql, $b) if $state =~ /^(XX|53200|58|deaf|memory)/;
		if ($state eq 'deaf')
		{
			$node->{_pid} = undef;
			sleep 2;
			$node->start(fail_ok => 1) or $node->restart;
			return;
		}
		last if $state =~ /^57P/ && !connect_to('fuzz');
	}
	close $connection;
}

new_log();
my $until = time + 60 * $minutes;
my $told = time;
for (my $b = $only // 0;; $b++)
{
	batch($b);
	$batches++;
	last if defined $only || time > $until;
	if (time - $told > 60)
	{
		$told = time;
		print {$out} "# batch $b, $statements statements, $crashes crashes\n";
	}
}

# ---------------------------------------------------------------------------
# What came out
# ---------------------------------------------------------------------------

my %plural = (model => 'damaged models', sketch => 'damaged sketches', stream => 'damaged states of streams', event => 'damaged order events', 'odd call' => 'odd calls');
my @never = grep { !$called{$_} } map { $_->{signature} } @functions;
my @refused = grep { $called{$_} && !$went_well{$_} } map { $_->{signature} } @functions;

print {$out} sprintf "\nseed %s: %d statements in %d batches, %d functions of %d called (%d more take internal values)\n",
  $seed, $statements, $batches, @functions - @never, scalar @functions, $all - @functions;
print {$out} sprintf "never called: %s\n", join ', ', @never if @never;
print {$out} sprintf "never went well: %s\n", join ', ', @refused if @refused && !defined $only;
print {$out} sprintf "%-28s %8d, %d went well, %d refused\n", $plural{$_}, ($kinds{$_}{accepted} // 0) + ($kinds{$_}{refused} // 0), $kinds{$_}{accepted} // 0, $kinds{$_}{refused} // 0
  for qw(model sketch stream event), 'odd call';
print {$out} 'outcomes: ' . join(', ', map { "$_ $outcomes{$_}" } sort { $outcomes{$b} <=> $outcomes{$a} } keys %outcomes) . "\n";
print {$out} sprintf "fault, %d times, first in batch %d: %s\n    %s\n", $faults{$_}{n}, $faults{$_}{batch}, $_, $faults{$_}{sql} for sort keys %faults;
is(scalar keys %faults, 0, 'no crash, no error without a name, no statement that does not stop');
$node->stop;
done_testing();
print {$out} scalar(keys %faults) . ' faults, ' . $crashes . " crashes\n";
