# Every SQL block of README.md and docs/*.md runs: the blocks of a document in
# order, in a database of its own. A block marked "sql error" must fail, and
# one that ends in a query from tables must return rows, unless it is marked
# "sql none": a reader who gets none thinks that nothing was found. A block
# marked "sql servers" runs on each of the servers s0.example, s1.example that
# the document connects to, which are databases here.
#
# Every detector of the library stands in the tables that list them all. And no
# block makes a model in the SELECT list of a subquery in FROM, which may be
# fitted again for every row that is scored (docs/model.md).

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Test::More;

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

# The SQL blocks of a Markdown file: line, mark and text.
sub blocks
{
	my ($path) = @_;
	my @blocks;
	my $block;

	open(my $in, '<:encoding(UTF-8)', $path) or die "$path: $!";
	while (my $line = <$in>)
	{
		if ($block && $line =~ /^```\s*$/)
		{
			push @blocks, $block;
			$block = undef;
		}
		elsif ($block)
		{
			$block->{sql} .= $line;
		}
		elsif ($line =~ /^```sql(?:\s+(error|none|servers))?\s*$/)
		{
			$block = { line => $., mark => $1 // '', sql => '' };
		}
	}
	close $in;
	die "$path: the block at line $block->{line} has no end" if $block;
	return @blocks;
}

# The whole of a document.
sub contents
{
	my ($path) = @_;

	open(my $in, '<:encoding(UTF-8)', $path) or die "$path: $!";
	local $/;
	return scalar <$in>;
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

# docs/monitor.md needs anomaly preloaded, and the others do not mind. What
# needs pg_cron runs where that is installed.
my $node = start_server('docs', "shared_preload_libraries = 'anomaly'");
my $cron = $node->safe_psql('postgres',
	"SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'");
my $contrib = $node->safe_psql('postgres',
	"SELECT count(*) = 2 FROM pg_available_extensions WHERE name IN ('postgres_fdw', 'dblink')") eq 't';
my $databases = 0;

foreach my $path (glob("$root/README.md $root/docs/*.md"))
{
	(my $document = $path) =~ s/^\Q$root\E\///;
	my @blocks = blocks($path);

	my $database = 'docs' . ++$databases;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION anomaly')
	  unless grep { $_->{sql} =~ /CREATE EXTENSION anomaly/ } @blocks;

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

	foreach my $block (@blocks)
	{
		$block->{sql} =~ s/host '(\w+)\.example', dbname '\w+'/"host '" . $node->host . "', port '" . $node->port . "', dbname '$1'"/ge;
		if ($block->{mark} eq 'servers')
		{
			foreach my $server (@servers)
			{
				my ($status, undef, $err) = $node->psql($server, $block->{sql}, on_error_stop => 1);

				is($status, 0, "$document, block at line $block->{line} runs on $server") or diag($err);
			}
			next;
		}
		next if !$cron && $block->{sql} =~ /pg_cron|ad_(un)?schedule_job/;

		my ($status, $out, $err) = $node->psql($database, $block->{sql},
			on_error_stop => 1);
		my $name = "$document, block at line $block->{line}";

		if ($block->{mark} eq 'error')
		{
			is($status, 3, "$name is refused");
		}
		else
		{
			is($status, 0, "$name runs") or diag($err);
			isnt($out, '', "$name returns rows")
			  if $status == 0 && $block->{mark} ne 'none' && $block->{sql} =~ $query;
		}
	}
}

my @detectors = detectors($node);
foreach my $list (@lists)
{
	my ($document, $what, $pattern) = @$list;
	my $text = contents("$root/$document");
	my @missing = grep { my $here = $pattern =~ s/DETECTOR/$_/r; $text !~ /$here/m } @detectors;

	@missing = grep { !-f "$root/docs/$_.md" } @missing if $what =~ /page/;
	is("@missing", '', "$document has $what for every detector");
}
like(contents("$root/README.md"), qr/^## $numbers[@detectors - 10] detectors$/m,
	'README.md says how many detectors there are');

$node->stop;
done_testing();
