# The archive that "make dist" writes, and META.json as PGXN's specification
# (version 1) wants it. The archive is the same bytes whoever writes it, holds
# what a build, an installation and the tests need and nothing that they leave,
# and writes itself again. All places that have the version, and the
# maintainers, have the same.

use strict;
use warnings;

use FindBin;
use Encode qw(decode);
use File::Basename qw(dirname);
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = "$FindBin::RealBin/../..";
my $work = PostgreSQL::Test::Utils::tempdir();
my ($version) = slurp_file("$source/anomaly.control") =~ /^default_version = '(.*)'$/m;
my $meta = decode_json(slurp_file("$source/META.json"));

# --- META.json: what is required, and the form of what is there

my @wrong;

# A version is three numbers, and perhaps a letter and more (semver 1.0.0).
sub is_version { return ($_[0] // '') =~ /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)([a-z][-0-9a-z]*)?$/i }
sub is_url { return ($_[0] // '') =~ m{^(https?|git|ssh|svn)://[^\s/]+\.[^\s/]+(/\S*)?$} }
sub is_text { return !ref $_[0] && ($_[0] // '') =~ /\S/ }

# Say what is wrong with a map: required keys, then those that may be there.
sub keys_of
{
	my ($where, $map, $required, $optional) = @_;

	return push(@wrong, "$where is no object") if ref $map ne 'HASH';
	push @wrong, map { "$where: no $_" } grep { !exists $map->{$_} } @$required;
	my %known = map { $_ => 1 } @$required, @$optional;
	push @wrong, map { "$where: unknown $_" } grep { !$known{$_} && !/^x_/i } keys %$map;
	return;
}

keys_of('META.json', $meta,
	[qw(name version abstract maintainer license provides meta-spec)],
	[qw(description generated_by no_index prereqs release_status resources tags)]);
push @wrong, "name" if ($meta->{name} // '') !~ /^[^\s\/\\[:cntrl:]]{2,}$/;
push @wrong, "$_" for grep { exists $meta->{$_} && !is_text($meta->{$_}) } qw(abstract description generated_by);
push @wrong, 'version' if !is_version($meta->{version});
push @wrong, 'maintainer is not "name <address>"'
  if grep { !is_text($_) || !/^[^<>]*\S <[^@\s<>]+@[^@\s<>.]+(\.[^@\s<>.]+)+>$/ } ref $meta->{maintainer} eq 'ARRAY' ? @{ $meta->{maintainer} } : $meta->{maintainer};
push @wrong, 'license' if grep { !/^(agpl_3|apache_[12]_[01]|artistic_[12]|bsd|freebsd|gfdl_1_[23]|gpl_[123]|lgpl_[23]_[01]|mit|mozilla_1_[01]|openssl|perl_5|postgresql|qpl_1_0|ssleay|sun|zlib|open_source|restricted|unrestricted|unknown)$/ } ref $meta->{license} ? () : $meta->{license};
push @wrong, 'release_status' if ($meta->{release_status} // 'stable') !~ /^(stable|testing|unstable)$/;
push @wrong, 'tags' if ref $meta->{tags} ne 'ARRAY' || !@{ $meta->{tags} } || grep { !is_text($_) || length > 255 || m{[/\\[:cntrl:]]} } @{ $meta->{tags} };
keys_of('meta-spec', $meta->{'meta-spec'}, ['version'], ['url']);
push @wrong, 'meta-spec' if $meta->{'meta-spec'}{version} ne '1.0.0' || !is_url($meta->{'meta-spec'}{url});
for my $name (keys %{ $meta->{provides} })
{
	my $extension = $meta->{provides}{$name};

	keys_of("provides.$name", $extension, [qw(file version)], [qw(abstract docfile)]);
	push @wrong, "provides.$name.version" if !is_version($extension->{version});
}
for my $phase (keys %{ $meta->{prereqs} })
{
	push @wrong, "prereqs.$phase" if $phase !~ /^(configure|build|test|runtime|develop)$/;
	for my $kind (keys %{ $meta->{prereqs}{$phase} })
	{
		push @wrong, "prereqs.$phase.$kind" if $kind !~ /^(requires|recommends|suggests|conflicts)$/;
		push @wrong, map { "prereqs.$phase.$kind.$_" } grep { !is_version($meta->{prereqs}{$phase}{$kind}{$_}) } keys %{ $meta->{prereqs}{$phase}{$kind} };
	}
}
keys_of('resources', $meta->{resources}, [qw(homepage bugtracker repository)], []);
keys_of('resources.bugtracker', $meta->{resources}{bugtracker}, ['web'], ['mailto']);
keys_of('resources.repository', $meta->{resources}{repository}, [qw(url web type)], []);
push @wrong, "resources: no URL: $_" for grep { !is_url($_) } $meta->{resources}{homepage}, $meta->{resources}{bugtracker}{web}, @{ $meta->{resources}{repository} }{qw(url web)};
push @wrong, 'resources.repository.type is not in lower case' if $meta->{resources}{repository}{type} !~ /^[a-z]+$/;
is(join("\n", @wrong), '', 'META.json is as PGXN wants it');

# --- one version, one address

my %contents = map { $_ => slurp_file("$source/$_") } qw(Makefile META.json compose.yaml debian/changelog debian/control.in debian/control packaging/anomaly.spec);
my %versions = (
	'META.json' => $meta->{version},
	'META.json, provides' => $meta->{provides}{anomaly}{version},
	'Makefile' => $contents{Makefile} =~ /^EXTVERSION = (\S+)$/m,
	'compose.yaml' => $contents{'compose.yaml'} =~ /image: "anomaly:(\S+)"/,
	'debian/changelog' => $contents{'debian/changelog'} =~ /^postgresql-anomaly \(([0-9.]+)-\d+\)/,
	'packaging/anomaly.spec' => $contents{'packaging/anomaly.spec'} =~ /^Version: +(\S+)$/m,
	'packaging/anomaly.spec, changelog' => $contents{'packaging/anomaly.spec'} =~ /^\* .* - ([0-9.]+)-\d+$/m);
is_deeply(\%versions, { map { $_ => $version } keys %versions }, 'all have the version of the control file');
my @strange = grep { $_ ne $meta->{maintainer} } map { $_ =~ /([\w ]+ <[^<>\s@]+@[^<>\s]+>)/g } map { $_ =~ s/^ *\* \w{3} \w{3} \d+ \d+ |^Maintainer: | -- //mgr } values %contents;
is(join(', ', @strange), '', 'all name the same maintainers');
my ($minimum) = $contents{'debian/control.in'} && slurp_file("$source/debian/pgversions") =~ /^(\d+)\+$/m;
is("$minimum.0.0", $meta->{prereqs}{runtime}{requires}{PostgreSQL}, '... and the same oldest PostgreSQL');
my ($filled) = $contents{'debian/control'} =~ /^Package: postgresql-(\d+)-anomaly$/m;
is($contents{'debian/control'}, $contents{'debian/control.in'} =~ s/PGVERSION/$filled/gr, 'debian/control is debian/control.in with a version');

# --- the archive

SKIP:
{
	my @missing = grep { my $program = $_; !grep { -x "$_/$program" } split /:/, $ENV{PATH} } qw(zip unzip tar gzip);
	skip "@missing not installed", 1 if @missing;

	# a checkout, in another place each time
	sub copy_of
	{
		my ($name) = @_;

		mkdir "$work/$name" or die;
		system(qq(tar -C '$source' --exclude=./.git --exclude='*.o' --exclude='*.bc' --exclude='*.so' --exclude='*.d' --exclude=./results --exclude='tmp_check*' --exclude='./test/tmp_check' -cf - . | tar -C '$work/$name' -xf -)) == 0 or die;
		return "$work/$name";
	}
	sub run_in
	{
		my ($directory, $command) = @_;
		my $status = system(qq(cd '$directory' && { $command; } >'$work/log' 2>&1));

		diag(slurp_file("$work/log")) if $status;
		return !$status;
	}

	my $first = copy_of('first');
	append_to_file("$first/$_", "left by a build\n") for 'src/core/left.o', 'regression.diffs', 'test/left.pyc';
	mkdir "$first/$_" for 'results', 'test/tmp_check', 'log', 'debian/postgresql-15-anomaly';
	append_to_file("$first/$_/left", "left by a test\n") for 'results', 'test/tmp_check', 'log', 'debian/postgresql-15-anomaly';
	my $dist = 'env -u MAKEFLAGS -u MAKELEVEL make dist SOURCE_DATE_EPOCH=1000000001 PG_CONFIG=/none';
	ok(run_in($first, "umask 077; TZ=Asia/Tokyo LC_ALL=C.UTF-8 $dist"), 'make dist, without PostgreSQL and without git');
	my $second = copy_of('else');
	ok(run_in($second, "umask 002; find . -type f -exec touch {} +; TZ=America/Lima LC_ALL=C $dist"), '... and elsewhere');
	my $name = "anomaly-$version";
	ok(run_in($work, "cmp first/$name.$_ else/$name.$_"), "... the same $_") for qw(zip tar.gz);

	my @zip = sort map { chomp; $_ } qx(unzip -Z1 '$first/$name.zip');
	my @tar = sort grep { !m{/$} } map { chomp; $_ } qx(tar -tzf '$first/$name.tar.gz');
	is_deeply(\@zip, \@tar, 'both archives hold the same files');
	is(join(' ', grep { !m{^\Q$name\E/} } @zip), '', "... below $name");
	my %files = map { substr($_, 1 + length $name) => 1 } @zip;
	is(join(' ', grep { m{\.(?:o|d|bc|so|pyc)$|(?:^|/)(?:tmp_check|results|log|__pycache__)/left|^regression\.|^\.(?:git|ci|github)/|^debian/postgresql} } sort keys %files),
		'', '... and nothing that a build or a test left');
	is(join(' ', grep { !$files{$_} } 'META.json', 'LICENSE', 'Makefile', 'anomaly.control', 'README.md', 'CHANGELOG.md', 'src/anomaly.c',
			"sql/anomaly--$version.sql", 'expected/spec_options.out', 'test/needs.sh', 'test/t/dist.pl', 'Dockerfile', '.dockerignore', 'compose.yaml',
			'debian/rules', 'debian/tests/installcheck', 'packaging/anomaly.spec', map { $_->{file}, $_->{docfile} // () } values %{ $meta->{provides} }),
		'', '... but what is needed, and what META.json names');

	# unpacked, it is complete: nothing is made again, and it packs itself
	ok(run_in($work, "mkdir third && cd third && unzip -q ../first/$name.zip"), 'unpacked');
	my $third = "$work/third/$name";
	is(slurp_file("$third/sql/anomaly--$version.sql"), join('', map { slurp_file($_) } sort glob("$source/sql/install/*.sql")), 'the script is that of the sources');
	like(qx(cd '$third' && env -u MAKEFLAGS -u MAKELEVEL make -n sql/anomaly--$version.sql PG_CONFIG='$ENV{PG_CONFIG}' 2>&1), qr/is up to date/, '... and make has nothing to add')
	  if $ENV{PG_CONFIG};
	is(join(' ', map { sprintf '%o', 0777 & (stat "$third/$_")[2] } qw(test/run.sh META.json)), '755 644', 'modes are kept');
	ok(run_in($third, $dist), 'it writes an archive');
	ok(run_in($work, "cmp first/$name.$_ third/$name/$name.$_"), "... the same $_") for qw(zip tar.gz);
}
done_testing();
