# Every SQL block of README.md and docs/*.md runs: the blocks of a document in
# order, in a database of its own. A block marked "sql error" must fail.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Test::More;

my $root = "$FindBin::RealBin/../..";

# Documents about functions that may not be there yet.
my %needs = (
	'docs/series.md' => 'ad_stl',
	'docs/market.md' => 'ad_layering');

# The SQL blocks of a Markdown file: line, whether it must fail, and text.
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
		elsif ($line =~ /^```sql(\s+error)?\s*$/)
		{
			$block = { line => $., fails => defined $1, sql => '' };
		}
	}
	close $in;
	die "$path: the block at line $block->{line} has no end" if $block;
	return @blocks;
}

# docs/monitoring.md needs anomaly preloaded, and the others do not mind. What
# needs pg_cron runs where that is installed.
my $node = start_server('docs', "shared_preload_libraries = 'anomaly'");
my $cron = $node->safe_psql('postgres',
	"SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'");
my $databases = 0;

foreach my $path (glob("$root/README.md $root/docs/*.md"))
{
	(my $document = $path) =~ s/^\Q$root\E\///;
	my $needed = $needs{$document};
	my @blocks = blocks($path);

  SKIP:
	{
		skip "$document: no $needed()", scalar @blocks
		  if $needed
		  && $node->safe_psql('postgres',
			"SELECT count(*) FROM pg_proc WHERE proname = '$needed'") == 0;

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

		foreach my $block (@blocks)
		{
			next if !$cron && $block->{sql} =~ /pg_cron|ad_(un)?schedule_job/;

			my ($status, $out, $err) = $node->psql($database, $block->{sql},
				on_error_stop => 1);
			my $name = "$document, block at line $block->{line}";

			if ($block->{fails})
			{
				is($status, 3, "$name is refused");
			}
			else
			{
				is($status, 0, "$name runs") or diag($err);
			}
		}
	}
}

$node->stop;
done_testing();
