# The site that "make site" makes of the documents: every document is a page,
# with its pictures, in the menu and in the search; every link leads somewhere,
# and nothing is loaded from another server. build.pl itself follows the links;
# here it is shown that it finds those that are broken.

use strict;
use warnings;

use File::Basename qw(basename);
use File::Path qw(make_path);
use FindBin;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = "$FindBin::RealBin/../..";
my $dir = PostgreSQL::Test::Utils::tempdir;

plan skip_all => 'mkdocs is not installed' if !grep { -x "$_/mkdocs" } split /:/, $ENV{PATH};

# Build a site; its messages, after whether it is one.
sub build
{
	my ($from, $to) = @_;
	my $said = `'$^X' '$from/docs/site/build.pl' '$to' 2>&1`;

	return ($? == 0, $said);
}

my ($ok, $said) = build($root, "$dir/site");
ok($ok, 'the site of the documents has no faults') or diag($said);

my @documents = map { basename($_, '.md') } glob("$root/docs/*.md");
my @pictures = map { basename($_) } glob("$root/docs/img/*.svg");
my %menu = map { $_ => 1 } slurp_file("$dir/site/index.html") =~ m{<a href="docs/([^"/]*)\.html" class="dropdown-item}g;
my %searched = map { $_->{location} => $_->{text} }
  @{ decode_json(slurp_file("$dir/site/search/search_index.json"))->{docs} };

is_deeply([ grep { !-s "$dir/site/docs/$_.html" } @documents ], [], 'every document is a page');
is_deeply([ grep { !$menu{$_} } @documents ], [], 'and stands in the menu');
is_deeply([ grep { !exists $searched{"docs/$_.html"} } @documents ], [], 'and in the search');
ok((grep { /PgBouncer/ } values %searched), 'which has its words');
is_deeply([ grep { !-s "$dir/site/docs/img/$_" } @pictures ], [], 'pictures are there');

# A small repository with one fault each.
my %faults = (
	'[a](docs/page.md#nowhere)' => qr/page\.html has no place "nowhere"/,
	'[a](docs/none.md)' => qr/none\.md/,
	'![a](https://example.com/a.png)' => qr{loads https://example\.com/a\.png},
	'<script src="//example.com/a.js"></script>' => qr{loads //example\.com/a\.js},
	'<a href="other.html">a</a>' => qr/there is no other\.html/);
make_path("$dir/small/docs/site");
for my $file (qw(build.pl mkdocs.yml style.css))
{
	append_to_file("$dir/small/docs/site/$file", slurp_file("$root/docs/site/$file"));
}
append_to_file("$dir/small/docs/page.md", "# Page\n\n## Here\n");
my $good = "# Small\n\n[a](docs/page.md#here)\n\n[b](docs/site/style.css)\n\n```text\n[a](docs/none.md)\n```\n";
for my $fault ('', sort keys %faults)
{
	unlink "$dir/small/README.md";
	append_to_file("$dir/small/README.md", "$good\n$fault\n");
	($ok, $said) = build("$dir/small", "$dir/small_site");
	ok($ok, 'a good page has no fault') or diag($said) if $fault eq '';
	next if $fault eq '';
	ok(!$ok, "$fault is a fault");
	like($said, $faults{$fault}, 'and named');
}

done_testing();
