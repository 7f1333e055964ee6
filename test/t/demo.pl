# What "make demo" shows, but for building and installing (test/fresh.sh runs all
# of it on a fresh machine): it ends well, fits a terminal of 100 columns, and
# has in it what it promises. The picture in the checkout is the one drawn.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Test::More;

my $root = "$FindBin::RealBin/../..";
my $node = start_server('demo', "shared_preload_libraries = 'anomaly'");
my $picture = $node->basedir . '/taxi.svg';

$ENV{DEMO_PICTURE} = $picture;
$ENV{DEMO_DRAWN} = "$root/docs/img/series_nyc_taxi.svg";
$node->safe_psql('postgres', 'CREATE DATABASE demo');

my ($out, $err) = ('', '');
my $done = IPC::Run::run(
	[ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('demo'), '-v', 'bold=', '-v', 'dim=', '-v', 'plain=',
		'-v', 'processors=2', '-v', "picture=$picture", '-v', "data=$root/test/data", '-f', "$root/test/demo.sql" ],
	'>', \$out, '2>', \$err);

ok($done, 'the demo ends well');
is($err, '', '... with nothing to complain about');
is(join("\n", grep { length > 100 && $_ ne $ENV{DEMO_DRAWN} } split /\n/, $out), '', '... in 100 columns');

my %shows = (
	'a reason for a row' => qr/^ 20001 \| garage .* amount 9,999\.00 is far above the usual/m,
	'an alert raised by a job' => qr/^ 202001 \| +0\.0\d+ \| country "KP" was never seen before/m,
	'few false alarms' => qr/p_value +\| +why +\n[-+]+\n(?: 20\d{4} [^\n]*\n){1,5}\n/,
	'a case of layering' => qr/^ A7 +\| BUY +\| +4 \|.*\n(?:.*\n){3,4}? 16:31:04\.000 \| ORDER_PLACED /m,
	'all events of the case' => qr/(?:^ 16:31:\d\d\.\d00 \| \w+ +\| \w+ +\|.*#\n){9}/m,
	'a series' => qr/^ 2014-11-02 \| +\d+\.\d \| yes$/m,
	'the path of its picture' => qr/^ad_stl_plot\(\) drew it, to the byte as in\n.*series_nyc_taxi\.svg$/m,
	'speed' => qr/^ score, one process +\| +\d+\.\d\d \| [\d,]+$/m,
	'accuracy' => qr/^ +0\.99\d+ \| +1\.00 \| +0\.07$/m,
	'counts' => qr/ iforest +\| +\d+ \| [\d,]+ +\| +\d+\.\d\d$/m,
	'health' => qr/^ alert flood +\| ok /m);
like($out, $shows{$_}, "it shows $_") for sort keys %shows;
diag($out) if !Test::More->builder->is_passing;

$node->stop;
done_testing();
