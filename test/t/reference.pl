# docs/reference.md is what test/reference.pl makes of the catalog, and the
# comments there say what a reference needs: of a function each argument, what
# NULL does, and the errors; of a view each column.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Test::More;

my $root = "$FindBin::RealBin/../..";

# Functions that have too many arguments to name each.
my %many = (ad_grid => 'one argument per option of a detector');

# Views and functions without an example, with the reason.
my %without = (ad_alert => 'old name of ad_alerts', ad_job_run => 'old name of ad_job_runs');

my $node = start_server('reference', "shared_preload_libraries = 'anomaly'");

sub contents
{
	my ($path) = @_;

	open(my $in, '<', $path) or return '';
	local $/;
	return scalar <$in>;
}

{
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'postgres');
	my $made = qx('$^X' '$root/test/reference.pl');
	my $kept = contents("$root/docs/reference.md");

	is($?, 0, 'the reference is made');
	ok($made eq $kept, 'docs/reference.md is up to date: "make docs" writes it');
	if ($made ne $kept)
	{
		my @made = split /\n/, $made;
		my @kept = split /\n/, $kept;
		my ($line) = grep { ($made[$_] // '') ne ($kept[$_] // '') } 0 .. $#made;

		diag("line " . (1 + ($line // @made)) . ":\n- " . ($kept[ $line // @made ] // '') . "\n+ " . ($made[ $line // @made ] // ''))
	}
	my @names = $made =~ /^### (ad_\w+)$/mg;
	cmp_ok(scalar @names, '>', 150, 'it has the functions');
	my @without = map { /^### (ad_\w+)$/m && !/^Example, from/m ? $1 : () } split /^(?=###? )/m, $made =~ s/^## Types.*//msr;
	is("@without", join(' ', sort keys %without), 'each function and view has an example');
	unlike($made, qr/^## Other functions$/m, 'each is in a group of test/reference.pl');
}

my $members = "JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'anomaly'";
my @functions = map { [ split /\t/, $_, 4 ] } split /\n/, $node->safe_psql('postgres', qq{
	SELECT concat_ws(E'\t', p.proname, p.proname || '(' || coalesce((SELECT string_agg(CASE WHEN a.o = p.pronargs AND p.provariadic <> 0
				THEN 'VARIADIC ' ELSE '' END || format_type(a.t, NULL), ', ' ORDER BY a.o)
			FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a(t, o)), '') || ')',
		coalesce((SELECT string_agg(n.name, ',') FROM unnest(p.proargnames, p.proargmodes) n(name, mode)
			WHERE n.name <> '' AND coalesce(n.mode, 'i') IN ('i', 'b', 'v')), '-'),
		replace(coalesce(obj_description(p.oid, 'pg_proc'), ''), E'\n', ' '))
	FROM pg_proc p $members AND d.classid = 'pg_proc'::regclass AND d.objid = p.oid
	WHERE p.pronamespace <> to_regnamespace('_anomaly') AND p.proname !~ '^ad_.*_(in|out|recv|send)\$'
	ORDER BY 1});
my %comment = map { $_->[1] => $_->[3] } @functions;
my @faults;

foreach my $function (@functions)
{
	my ($name, $signature, $arguments, $comment) = @$function;
	my $whole = $comment;
	my $of = $comment;

	# what "Same as" refers to, as far as that goes
	foreach my $step (1 .. 3)
	{
		my ($other) = $of =~ /^Same as (ad_\w+\((?:[^()]|\([^()]*\))*\))/ or last;

		if (!exists $comment{$other})
		{
			push @faults, "$signature: there is no $other";
			last;
		}
		$of = $comment{$other};
		$whole .= " $of";
	}
	push @faults, "$signature: the comment is no sentence" if $comment !~ /^[A-Z].*\.$/;
	push @faults, "$signature: nothing about NULL" if $whole !~ /\bNULLs?\b/;
	push @faults, "$signature: nothing about errors" if $whole !~ /\bRaises? /;
	push @faults, map { "$signature: nothing about the argument $_" } grep { $whole !~ /\b\Q$_\E\b/ } split /,/, $arguments eq '-' ? '' : $arguments
	  if !$many{$name};
}
is(join("\n", @faults), '', 'the comment of every function has its arguments, what NULL does, and errors');

is($node->safe_psql('postgres', qq{
	SELECT c.relname || '.' || a.attname
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		 $members AND (d.classid = 'pg_class'::regclass AND d.objid = c.oid AND c.relkind = 'v'
					   OR d.classid = 'pg_type'::regclass AND d.objid = c.reltype AND c.relkind = 'c')
	WHERE c.relnamespace <> to_regnamespace('_anomaly') AND coalesce(col_description(c.oid, a.attnum), '') = ''
	ORDER BY 1}), '', 'every column of a view and of a type has a comment');
is($node->safe_psql('postgres', q{
	SELECT name FROM pg_settings WHERE name LIKE 'anomaly.%' AND short_desc !~ '^(Sets|Selects) .*\.$'}), '',
	'every setting has a description that begins with a verb');

$node->stop;
done_testing();
