# Trades in pieces: the windows of wash trading that are found do not depend on
# where a log was cut. A module of the tests (test/modules/wash_log) makes up
# logs, with equal times and windows joined or not, cuts them at random, keeps
# the state between the pieces as bytes and compares with ad_wash_find() over
# all of it. And the state as hostile bytes: it is refused by name, or it does
# no harm.
#
# ANOMALY_TEST_LOGS sets how many logs; ANOMALY_TEST_SEED repeats a run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use File::Copy;
use PostgreSQL::Test::Utils;
use Test::More;

my $logs = $ENV{ANOMALY_TEST_LOGS} // ($ENV{ANOMALY_LONG} ? 500_000 : 10_000);
my $seed = seed();
my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my $root = "$FindBin::RealBin/../..";
my $dir = PostgreSQL::Test::Utils::tempdir();

copy("$root/test/modules/wash_log/$_", $dir) or die "$_: $!" for qw(pieces.c Makefile);
system_or_bail('make', '-s', '-C', $dir, 'with_llvm=no', 'COPT=-Wall -Werror', "ANOMALY_SRC=$root/src", "PG_CONFIG=$pg_config");

my $node = start_server('wash_log');
$node->safe_psql('postgres', <<"SQL");
LOAD 'anomaly';
CREATE FUNCTION wash_log_chop(seed bigint, cases int) RETURNS text AS '$dir/wash_log' LANGUAGE C;
CREATE FUNCTION wash_log_mutate(seed bigint, cases int) RETURNS text AS '$dir/wash_log' LANGUAGE C;
SQL

my $report = $node->safe_psql('postgres', "LOAD 'anomaly'; SELECT wash_log_chop($seed, $logs)");
note $report;
like($report, qr/^0 unequal of $logs; [1-9]/, "$logs logs in pieces give what they give at once");

# what is not an error that names it is raised, a crash ends the session
my ($refused, $taken) = $node->safe_psql('postgres', "LOAD 'anomaly'; SELECT wash_log_mutate($seed, 5 * $logs)") =~ /^(\d+) refused, (\d+) taken$/;
note "$refused damaged states refused, $taken taken";
ok($refused > $logs && $taken > 0, 'damaged states are refused, or do no harm');
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server is up');

$node->stop;
done_testing();
