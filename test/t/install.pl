# make install puts the library, the control file and the scripts where this
# PostgreSQL looks for them, and nothing else; make uninstall takes all of it
# away again. Both into a directory of the test's own (DESTDIR).

use strict;
use warnings;

use FindBin;

use PostgreSQL::Test::Utils;
use Test::More;

my $source = "$FindBin::RealBin/../..";
my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my $root = PostgreSQL::Test::Utils::tempdir();

sub ask
{
	my $answer = qx('$pg_config' $_[0]);

	chomp $answer;
	return $answer;
}

# The files below the directory, sorted.
sub files
{
	return sort map { chomp; substr($_, length $root) } qx(find '$root' ! -type d);
}

sub run_make
{
	my ($goal) = @_;

	# what make said matters only if it failed
	return system(qq(make -s -C '$source' PG_CONFIG='$pg_config' DESTDIR='$root' $goal >'$root.log' 2>&1)) == 0
	  ? 1 : diag(slurp_file("$root.log")) && 0;
}

my ($library, $scripts) = (ask('--pkglibdir'), ask('--sharedir') . '/extension');
my $version = slurp_file("$source/anomaly.control") =~ /default_version = '(.*)'/ ? $1 : '?';
my @released = map { m{([^/]+)$} } glob "$source/sql/released/*.sql";

ok(run_make('install'), 'make install');
my @found = grep { !m{^\Q$library\E/bitcode/anomaly} } files();
my ($update) = grep { m{^\Q$scripts\E/anomaly--[0-9.]+--\Q$version\E\.sql$} } @found;
ok($update, 'a script that updates the last release');
is_deeply(
	\@found,
	[ sort "$library/anomaly.so", $update // (), map { "$scripts/$_" } 'anomaly.control', "anomaly--$version.sql", @released ],
	'the library, the control file and the scripts of all releases, and nothing else');

# the same score on every machine, also in a function that the server inlines
for my $made (qw(src/math/linalg.o src/math/linalg.bc))
{
	like(qx(make -C '$source' -n -W src/math/linalg.c PG_CONFIG='$pg_config' with_llvm=yes $made 2>&1),
		qr/^\S.* -ffp-contract=off .*-o \Q$made\E/m, "$made is compiled without fused operations");
}

ok(run_make('uninstall'), 'make uninstall');
is_deeply([ files() ], [], 'leaves nothing');

done_testing();
