# Every SQL block of README.md and docs/*.md runs: the blocks of a document in
# order, in a database of its own. A block marked "sql error" must fail, and
# one that ends in a query from tables must return rows, unless it is marked
# "sql none": a reader who gets none thinks that nothing was found. A block
# marked "sql servers" runs on each of the servers s0.example, s1.example that
# the document connects to, which are databases here.
#
# What a document shows after a block, in a block of no language or of "text", or
# as an indented table, is what psql prints for it, at least the end of it;
# README.md shows all of it, for every block that prints something. Numbers
# agree to a thousandth or to their last digit, "…" stands for anything, and
# columns named after "text varies:" hold any numbers. No block prints the bytes
# of a model, or puts them into the definition of a table.
#
# Links lead to files and headings that are there, figures are those of
# bench/results. Every detector of the library stands in the tables that list
# them all. And no block makes a model in the SELECT list of a subquery in FROM,
# which may be fitted again for every row that is scored (docs/model.md).
#
# ANOMALY_DOCS=jobs runs the documents whose names match.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Document;
use Test::More;
use utf8;

my $root = "$FindBin::RealBin/../..";

# What lists every detector: a document, and what it has of each.
my @lists = (
	[ 'README.md', 'a row of a table', '^\|.*`ad_DETECTOR`' ],
	[ 'docs/detectors.md', 'a row of the table', '^\|.*`ad_DETECTOR`' ],
	[ 'docs/detectors.md', 'a section or a page', '^### .*\bad_DETECTOR\b' ],
	[ 'docs/explain.md', 'a row of the table', '^\|.*`DETECTOR`' ],
	[ 'docs/security.md', 'a row of the table', '^\|.*`DETECTOR`' ]);
my @numbers = qw(Ten Eleven Twelve Thirteen Fourteen Fifteen Sixteen Seventeen
  Eighteen Nineteen Twenty);

# What psql prints for a block: as a reader would see it.
my $as_printed = "\\pset format aligned\n\\pset tuples_only off\n";

# More hexadecimal digits than anybody reads.
my $hex = qr/\\x[0-9a-f]{65}/;

# What ends in a query from something.
my $query = qr/(?:^|;)\s*(?:WITH\b|SELECT\b)[^;]*\bFROM\b[^;]*;\s*$/;

# What SQL has of fits in the SELECT list of a subquery in FROM, but for WITH
# queries that are materialized.
sub refits
{
	my ($sql) = @_;
	my @open;
	my @found;

	while ($sql =~ /\G(?:'[^']*'|--[^\n]*|([()])|.)/gs)
	{
		next if !defined $1;
		if ($1 eq ')')
		{
			pop @open;
			next;
		}
		my $at = pos $sql;
		push @open, $at;
		next if @open < 2 || substr($sql, $at) !~ /^\s*SELECT\b[^;]*?\bad_fit\s*\(/s;
		my ($before, $inside) = (substr($sql, 0, $open[-2] - 1), substr($sql, $open[-2], $at - 1 - $open[-2]));
		# up to its own FROM it is a value of the SELECT list
		push @found, substr($sql, $at - 1, 60)
		  if $before =~ /\b(?:FROM|JOIN|LATERAL)\s*$|,\s*$|\bAS\s+NOT\s+MATERIALIZED\s*$/i
		  && $inside =~ /^\s*SELECT\b/i && $inside !~ /\bFROM\b/i;
	}
	return @found;
}

my $refit = '(SELECT ad_fit(ad_iforest() || ad_sampling(seed => s), a) FROM t)';
is(scalar refits($_), 1, "found: $_")
  for "SELECT ad_score(m, a) FROM (SELECT s, $refit AS m FROM generate_series(1, 20) s) q, t",
  "SELECT 1 FROM t JOIN (SELECT $refit AS m) q ON true", "SELECT 1 FROM t, (SELECT $refit AS m) q",
  "WITH q AS NOT MATERIALIZED (SELECT s, $refit AS m FROM generate_series(1, 20) s) SELECT ad_score(m, a) FROM q, t";
is(scalar refits($_), 0, "no fault: $_")
  for "WITH q AS MATERIALIZED (SELECT s, $refit AS m FROM generate_series(1, 20) s) SELECT ad_score(m, a) FROM q, t",
  "SELECT ad_score($refit, a) FROM t", "SELECT ad_score(m, a) FROM t, (SELECT ad_fit('knn', a) AS m FROM t) f",
  "SELECT * FROM ad_features((SELECT ad_fit('iforest', o) FROM (SELECT amount FROM orders) o))";

# what a comparison finds, and what not
my $table = " id | score | what \n----+-------+------\n  1 | 0.702 | a b\n(1 row)\n";
is(output_differs(@$_), undef, 'agree')
  for [ $table, $table ], [ $table =~ s/\(1 row\)\n//r, $table ], [ $table, $table =~ s/0\.702/0.7017/r ],
  [ $table =~ s/----\+-/---------+--/r, $table ], [ $table =~ s/a b/a …/r, $table ],
  [ $table =~ s/^\s+1.*\n/…\n/mr, $table ], [ $table, $table =~ s/0\.702/1234.5/r, { score => 1 } ],
  [ "x\n…\n", "x\ny\nz\n" ];
ok(defined output_differs(@$_), 'differ')
  for [ $table, $table =~ s/0\.702/0.705/r ], [ $table, $table =~ s/ 1 / 2 /r ], [ $table, $table =~ s/a b/a c/r ],
  [ $table, "$table more\n" ], [ "$table more\n", $table ], [ $table, $table =~ s/1 row/2 rows/r ],
  [ $table, $table =~ s/ 1 / 2 /r, { score => 1 } ], [ $table, '' ], [ "1\n", "11\n" ], [ "0.5\n", "0.52\n" ],
  [ "0.5 a\n", "-0.5 a\n" ];
like("\\x" . 'ab' x 40, $hex, 'bytes are seen');

# docs/monitor.md needs anomaly preloaded, and the others do not mind. What
# needs pg_cron runs where that is installed.
my $node = start_server('docs', "shared_preload_libraries = 'anomaly'");
my $cron = $node->safe_psql('postgres',
	"SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'");
my $contrib = $node->safe_psql('postgres',
	"SELECT count(*) = 2 FROM pg_available_extensions WHERE name IN ('postgres_fdw', 'dblink')") eq 't';
my $databases = 0;
my @long;
my $definitions = q{
	SELECT c.oid::regclass || ': ' || n || ' bytes' FROM pg_class c, LATERAL (SELECT coalesce(sum(length(x)), 0) AS n FROM
		(SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = c.oid
		 UNION ALL SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = c.oid
		 UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = c.oid
		 UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = c.oid) d(x)) s
	WHERE n > 5000 AND relkind IN ('r', 'p', 'm', 'f') AND relnamespace NOT IN ('_anomaly'::regnamespace, 'pg_catalog'::regnamespace)};

# A copy of a database with the extension is made sooner than the extension.
$node->safe_psql('postgres', 'CREATE DATABASE extended');
$node->safe_psql('extended', 'CREATE EXTENSION anomaly');

# Blocks as one psql runs them, which is started once for all of them; each
# begins as in a session of its own. Sets {out} and {err} of each.
sub run_blocks
{
	my ($database, @blocks) = @_;
	return if !@blocks;
	my $mark = 'block ' . int(rand(2**31));
	my $marks = sub { "\\echo '$mark $_[0]'\n\\warn '$mark $_[0]'\n" };
	my $script = '';

	foreach my $i (0 .. $#blocks)
	{
		$script .= $as_printed . $marks->($i) . $blocks[$i]->{sql} . "\n" . $marks->('end')
		  . "ROLLBACK;\nDISCARD ALL;\n";
	}
	utf8::encode($script);
	my ($status, @streams) = $node->psql($database, $script, on_error_stop => 0);
	foreach my $stream (0, 1)
	{
		utf8::decode($streams[$stream]);
		my %of = "$streams[$stream]\n" =~ /^$mark (\d+)\n(.*?)^$mark end$/gms;

		$blocks[$_]->{ $stream ? 'err' : 'out' } = $of{$_} // 'ERROR: the session ended' for 0 .. $#blocks;
	}
	return;
}

foreach my $path (glob("$root/README.md $root/docs/*.md"))
{
	(my $document = $path) =~ s/^\Q$root\E\///;
	next if $document !~ ($ENV{ANOMALY_DOCS} // '.');
	my @blocks = blocks($path) or next;

	my $database = 'docs' . ++$databases;
	my $template = (grep { $_->{sql} =~ /CREATE EXTENSION anomaly/ } @blocks) ? 'template1' : 'extended';

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE $template");

	# pg_cron serves one database of a server
	if ($cron && grep { $_->{sql} =~ /pg_cron/ } @blocks)
	{
		$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'anomaly, pg_cron'
cron.database_name = '$database'
cron.host = '@{[ $node->host ]}'
CONF
		$node->restart;
	}

	is_deeply([ map { refits($_->{sql}) } @blocks ], [], "$document fits no model for every row");
	# the servers that it connects to
	my %servers = map { $_ => 1 } map { $_->{sql} =~ /host '(\w+)\.example'/g } @blocks;
	my @servers = sort keys %servers;

	if (@servers && !$contrib)
	{
		note "$document: not run without postgres_fdw and dblink";
		next;
	}
	$node->safe_psql('postgres', "CREATE DATABASE $_") for @servers;

	# up to a block for the servers, which goes in between
	my @run;

	@blocks = grep { $cron || $_->{sql} !~ /pg_cron|ad_(un)?schedule_job/ } @blocks;
	foreach my $block (@blocks)
	{
		$block->{sql} =~ s/host '(\w+)\.example', dbname '\w+'/"host '" . $node->host . "', port '" . $node->port . "', dbname '$1'"/ge;
		if ($block->{mark} ne 'servers')
		{
			push @run, $block;
			next;
		}
		run_blocks($database, splice @run);
		foreach my $server (@servers)
		{
			my ($status, undef, $err) = $node->psql($server, $block->{sql}, on_error_stop => 1);

			is($status, 0, "$document, block at line $block->{line} runs on $server") or diag($err);
		}
	}
	push @run, { sql => "\\pset tuples_only on\n$definitions;" };
	run_blocks($database, @run);
	push @long, $run[-1]->{out}, $run[-1]->{err} =~ /ERROR.*/g;

	foreach my $block (grep { $_->{mark} ne 'servers' } @blocks)
	{
		my ($out, $err) = @$block{qw(out err)};
		my $failed = $err =~ /^(?:psql:\S+ )?(?:ERROR|FATAL|PANIC):/m;
		my $name = "$document, block at line $block->{line}";

		my $message = join "\n", message_lines($err);
		if ($block->{mark} eq 'error')
		{
			ok($failed, "$name is refused");
			$out = $message;
		}
		else
		{
			ok(!$failed, "$name runs") or diag($err);
			unlike($out, qr/^\(0 rows\)\s*\z/m, "$name returns rows")
			  if !$failed && $block->{mark} ne 'none' && $block->{sql} =~ $query;
			is($message, '', "$name has no notices") if $document eq 'README.md';
		}
		ok($out !~ $hex, "$name prints no bytes");
		if (defined $block->{output})
		{
			my $differs = output_differs($block->{output}, $out, $block->{varies}, $document ne 'README.md');

			utf8::encode($_) for grep { defined } $differs, $out;
			is($differs, undef, "$name prints what is shown") or diag($out);
		}
		elsif ($document eq 'README.md')
		{
			is($out, '', "$name shows what it prints");
		}
	}
}

foreach my $path (glob("$root/*.md $root/docs/*.md"))
{
	(my $document = $path) =~ s/^\Q$root\E\///;
	my $folder = $path =~ s/[^\/]*$//r;
	my @broken;

	foreach my $link (links($path))
	{
		my ($line, $file, $anchor) = @$link;
		my $target = $file eq '' ? $path : $folder . $file;

		push @broken, "line $line: $file#$anchor"
		  if !-e $target || $anchor ne '' && $target =~ /\.md$/ && !anchors($target)->{$anchor};
	}
	is_deeply(\@broken, [], "$document has no broken link");
}

# figures are written by the program that reads what was measured
SKIP:
{
	skip 'no python3', 1 if system('python3 -c 0 2>/dev/null') != 0;
	my $wrong = qx(cd '$root' && python3 -B bench/figures.py --check 2>&1);

	is($wrong, '', 'the figures of documents are those of bench/results');
}

# what is measured stands between the comments of that program
my $readme = contents("$root/README.md");
my $prose = $readme =~ s/<!-- (\w+): .*?<!-- end of \1 -->//sgr;
is(join("\n", $prose =~ /^.*\d[\d.,]* ?(?:rows\/s|µs|ns|ms|×|million rows).*$/mg), '', 'README.md has no figures by hand');
cmp_ok(scalar(my @lines = split /\n/, $readme), '<=', 450, 'README.md can be read in one go');
is(join("\n", grep { length > 100 && !/^\||^!?\[/ } @lines), '', '... in lines of 100 columns');

# a table's definition is read by people, and a dump holds it
is(join('', @long) =~ s/^\n//gmr, '', 'no table of a document has a model in its definition');

my @detectors = detectors($node);
foreach my $list (@lists)
{
	my ($document, $what, $pattern) = @$list;
	my $text = contents("$root/$document");
	my @missing = grep { my $here = $pattern =~ s/DETECTOR/$_/r; $text !~ /$here/m } @detectors;

	@missing = grep { !-f "$root/docs/$_.md" } @missing if $what =~ /page/;
	is("@missing", '', "$document has $what for every detector");
}
like($readme, qr/^##+ $numbers[@detectors - 10] detectors$/m,
	'README.md says how many detectors there are');

$node->stop;
done_testing();
