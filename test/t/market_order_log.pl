# An order log in pieces: what is found does not depend on where it was cut,
# to the last bit of each metric. A module of the tests (test/modules/order_log)
# makes up logs of all rules, around midnights, with equal times, ids that come
# again and rows to pass over, cuts them at random, keeps the state between the
# pieces as bytes and compares with one look at each period. And the state as
# hostile bytes: it is refused by name, or it does no harm.
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

my $logs = $ENV{ANOMALY_TEST_LOGS} // ($ENV{ANOMALY_LONG} ? 200_000 : 4000);
my $seed = seed();
my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my $root = "$FindBin::RealBin/../..";
my $dir = PostgreSQL::Test::Utils::tempdir();

copy("$root/test/modules/order_log/$_", $dir) or die "$_: $!" for qw(pieces.c Makefile);
system_or_bail('make', '-s', '-C', $dir, 'with_llvm=no', 'COPT=-Wall -Werror', "ANOMALY_SRC=$root/src", "PG_CONFIG=$pg_config");

my $node = start_server('order_log');
$node->safe_psql('postgres', <<"SQL");
LOAD 'anomaly';
CREATE FUNCTION order_log_chop(seed bigint, cases int) RETURNS text AS '$dir/order_log' LANGUAGE C;
CREATE FUNCTION order_log_mutate(seed bigint, cases int) RETURNS text AS '$dir/order_log' LANGUAGE C;
SQL

my $report = $node->safe_psql('postgres', "LOAD 'anomaly'; SELECT order_log_chop($seed, $logs)");
note $report;
like($report, qr/^0 unequal of $logs; [1-9]/, "$logs logs in pieces give what they give at once");

# what is not an error that names it is raised, a crash ends the session
my ($refused, $taken) = $node->safe_psql('postgres', "LOAD 'anomaly'; SELECT order_log_mutate($seed, 5 * $logs)") =~ /^(\d+) refused, (\d+) taken$/;
note "$refused damaged states refused, $taken taken";
ok($refused > $logs && $taken > 0, 'damaged states are refused, or do no harm');
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server is up');

$node->stop;
done_testing();
