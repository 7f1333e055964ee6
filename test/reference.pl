#!/usr/bin/perl
#
# Prints docs/reference.md: every function, view, type and setting of the
# extension, from their comments in the catalog of the server that psql reaches
# (PGHOST, PGDATABASE, ...), which has the extension. Examples are statements of
# the other documents, which test/t/docs.pl runs. "make docs" starts a server of
# its own for it; test/t/reference.pl compares.

use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));

use FindBin;
use JSON::PP;

my $root = "$FindBin::RealBin/..";

# Title, names, page. A function belongs to the first group that has its name.
my @groups = (
	[ 'Fit and score rows', qr/^ad_(fit|fit_sketch|score|score_row|outlier|row|sketch|merge|try_score|detect|info|features)$/, 'features.md' ],
	[ 'Decide and explain', qr/^ad_(pvalue|pvalue_randomized|pvalue_row|try_pvalue|is_anomaly|is_anomaly_row|probability|threshold|explain|explain_row|why|why_row|assert\w*|fdr|fdr_level|fdr_level_array|fdr_reach)$/, 'decisions.md' ],
	[ 'Specs: parts', qr/^ad_(prepare|sampling|calibrate|ensemble|grid)$/, 'spec.md' ],
	[ 'Specs: detectors', qr/^ad_(auto|iforest|fair_forest|zscore|hbos|ecod|copod|loda|pca|mahalanobis|kmeans|gmm|knn|lof|dbscan|inne|subknn|ocsvm|autoencoder|vae)$/, 'detectors.md' ],
	[ 'Named models', qr/^ad_(train|activate|model|drop_model|rename_model|alter_model|model_health|grant_model|revoke_model|compare|retrain|weight_members|train_groups|refresh_groups|model_groups|group_model)$/, 'operate.md' ],
	[ 'Several servers', qr/^ad_(import_model|publish_model|ships|share_models)$/, 'distributed.md' ],
	[ 'Pictures and reports', qr/plot|timeline|report|case|picture|text_histogram/, 'pictures.md' ],
	[ 'Time series', qr/^ad_(stl|stl_array|decompose|periods|stream\w*|discord|subpca|changepoints|series_score\w*|\w*(stl|periods|discord|subpca|changepoints)_options)$/, 'series.md' ],
	[ 'Market surveillance', qr/^ad_(order_event|layering\w*|wash_trade\w*|quote_stuffing\w*|marking_close\w*)$/, 'market.md' ],
	[ 'Jobs and alerts', qr/^ad_(create_\w+|alter_job|drop_job|rename_job|run_job|resume_job|rescan|label|purge_\w+|grant_job|revoke_job|\w*schedule_job)$/, 'jobs.md' ],
	[ 'Health, drift and statistics', qr/^ad_(health|check_\w+|drift|stat_reset|\w*schedule_\w+)$/, 'monitor.md' ],
	[ 'Compare and tune', qr/^ad_(benchmark\w*|tune|recommend|paired_test)$/, 'compare.md' ],
	[ 'Evaluate', qr/^ad_(roc_auc|average_precision|precision_at|best_f1|roc_curve|pr_curve|confusion|random\w*|generate_\w+|benford\w*)$/, 'evaluate.md' ],
	[ 'Other functions', qr/./, '' ]);
my $io = qr/^ad_\w+_(in|out|recv|send)$/;
my %kinds = (f => 'function', a => 'aggregate', w => 'window function', p => 'procedure');

# The rows of a query, each a JSON object.
sub rows
{
	my ($sql) = @_;

	open(my $psql, '-|:raw', 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c',
		"LOAD 'anomaly'; SET search_path = pg_catalog; SELECT to_json(q) FROM ($sql) q") or die "psql: $!\n";
	my @rows = map { JSON::PP->new->utf8->decode($_) } <$psql>;
	close $psql or die "psql failed\n";
	return @rows;
}

my $member = "JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'anomaly'";

# Names of types as in the documents: the extension's without a schema.
sub type_name
{
	my ($name) = @_;

	$name =~ s/^(?:"?\w+"?\.)?(ad_\w+(?:\[\])?)$/$1/;
	$name =~ s/^"(any)"$/$1/;
	return $name;
}

my @functions = rows(qq{
	SELECT p.proname AS name, p.prokind::text AS kind, p.proisstrict AS strict, p.provariadic <> 0 AS variadic,
		   p.proretset AS set, format_type(p.prorettype, NULL) AS returns, obj_description(p.oid, 'pg_proc') AS comment,
		   (SELECT json_agg(json_build_object('name', coalesce(p.proargnames[a.n], ''), 'type', format_type(a.type, NULL),
				'mode', coalesce(p.proargmodes[a.n]::text, 'i'), 'default', pg_get_function_arg_default(p.oid, a.n::int)) ORDER BY a.n)
			FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY a(type, n)) AS arguments
	FROM pg_proc p $member AND d.classid = 'pg_proc'::regclass AND d.objid = p.oid
	WHERE p.pronamespace <> to_regnamespace('_anomaly')
	ORDER BY p.proname, p.pronargs, pg_get_function_identity_arguments(p.oid) COLLATE "C"});
my %is_function = map { $_->{name} => 1 } @functions;
my @columns = rows(qq{
	SELECT c.relname AS relation, c.relkind::text AS kind, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
		   col_description(c.oid, a.attnum) AS comment,
		   coalesce(obj_description(c.oid, 'pg_class'), obj_description(c.reltype, 'pg_type')) AS about
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		 $member AND (d.classid = 'pg_class'::regclass AND d.objid = c.oid AND c.relkind = 'v'
					  OR d.classid = 'pg_type'::regclass AND d.objid = c.reltype AND c.relkind = 'c')
	WHERE c.relnamespace <> to_regnamespace('_anomaly')
	ORDER BY c.relname, a.attnum});
my @types = rows(qq{
	SELECT t.typname AS name, obj_description(t.oid, 'pg_type') AS comment
	FROM pg_type t $member AND d.classid = 'pg_type'::regclass AND d.objid = t.oid
	WHERE t.typtype = 'b' AND t.typelem = 0 AND t.typnamespace <> to_regnamespace('_anomaly') ORDER BY t.typname});
my @settings = rows(q{
	SELECT name, vartype, unit, boot_val, min_val, max_val, enumvals, context, short_desc, extra_desc
	FROM pg_settings WHERE name LIKE 'anomaly.%' ORDER BY name});

# --- examples: of the SQL blocks of the documents, the shortest statement

my %examples;    # name => [ statement, page, anchor ]
foreach my $path (sort glob("$root/docs/*.md"))
{
	my ($page) = $path =~ m{([^/]+)$};
	my ($block, $anchor) = (undef, '');

	next if $page eq 'reference.md';
	open(my $in, '<', $path) or die "$path: $!\n";
	while (my $line = <$in>)
	{
		if (defined $block && $line =~ /^```/)
		{
			foreach my $statement (split /(?<=;)[ \t]*(?:--[^\n]*)?\n/, $block)
			{
				$statement =~ s/^\s+|\s+$//g;
				next if $statement eq '' || length $statement > 900;
				foreach my $name ($statement =~ /\b(ad_\w+)\b/g)
				{
					$examples{$name} = [ $statement, $page, $anchor ]
					  if !$examples{$name} || length $statement < length $examples{$name}[0];
				}
			}
			$block = undef;
		}
		elsif (defined $block) { $block .= $line }
		elsif ($line =~ /^```sql\s*(?:none|servers|citus)?\s*$/) { $block = '' }
		elsif ($line =~ /^#+ (.*?)\s*$/)
		{
			($anchor = lc $1) =~ s/\[([^\]]*)\]\([^)]*\)/$1/g;
			$anchor =~ s/[^\p{L}\p{N}_ -]//g;
			$anchor =~ s/ /-/g;
		}
	}
	close $in;
}

# --- Markdown

sub wrapped
{
	my ($text, $width) = @_;
	my @lines = ('');

	# a link stays in one piece
	foreach my $word ($text =~ /\G\s*((?:\[[^\]]*\]\([^)]*\)|\S)+)/g)
	{
		if ($lines[-1] eq '') { $lines[-1] = $word }
		elsif (length("$lines[-1] $word") <= ($width // 100)) { $lines[-1] .= " $word" }
		else { push @lines, $word }
	}
	return join("\n", @lines);
}

# Text as Markdown shows it: names are code, stars and brackets themselves.
sub prose
{
	my ($text) = @_;

	$text =~ s/([*<>\[\]])/\\$1/g;
	$text =~ s/(?<![\w`])((?:ad_|anomaly\.)\w+(?:\(\))?)/`$1`/g;
	return $text;
}

sub cell
{
	my ($text) = @_;

	$text //= '';
	$text =~ s/\|/\\|/g;
	$text =~ s/\s+/ /g;
	return $text;
}

sub table
{
	my ($header, @rows) = @_;

	return join("\n", map({ '| ' . join(' | ', @$_) . ' |' } $header), '|' . ('---|' x @$header),
		map { '| ' . join(' | ', map { cell($_) } @$_) . ' |' } @rows);
}

# A comment taken apart: what it is about, arguments, errors.
sub parts
{
	my ($comment, @names) = @_;
	my %names = map { $_ => 1 } @names;
	my (%of, @about, @errors);

	foreach my $sentence (split /(?<=\.) (?=[A-Za-z_])/, $comment)
	{
		my ($list, $meaning) = $sentence =~ /^((?:\w+(?:, | and )?)+): (.*?)\.?$/s;
		my @list = split(/, | and /, $list // '');

		if (@list && !grep { !$names{$_} } @list) { $of{$_} = $meaning foreach @list }
		elsif ($sentence =~ /^Raises /) { push @errors, $sentence }
		else { push @about, $sentence }
	}
	return (join(' ', @about), \%of, join(' ', @errors));
}

sub signature
{
	my ($function) = @_;
	my @arguments = grep { $_->{mode} =~ /[ibv]/ } @{ $function->{arguments} // [] };
	my @text = map {
		($_->{mode} eq 'v' ? 'VARIADIC ' : '') . ($_->{name} ne '' ? "$_->{name} " : '') . type_name($_->{type})
		  . (defined $_->{default} ? " DEFAULT " . $_->{default} =~ s/::(?:"?\w+"?\.)?[\w ]+(?:\[\])?$//r : '')
	} @arguments;
	my $line = "$function->{name}(" . join(', ', @text) . ')';

	$line = "$function->{name}(\n    " . join(",\n    ", @text) . ')' if length $line > 100;
	return $line;
}

# What it returns, in words.
sub result
{
	my ($function) = @_;
	my @out = grep { $_->{mode} =~ /[obt]/ } @{ $function->{arguments} // [] };

	return () if $function->{kind} eq 'p';
	return ($function->{set} ? 'rows of ' : 'one row of ') . join(', ', map { "`$_->{name}` " . type_name($_->{type}) } @out) if @out > 1;
	my $type = type_name(@out ? $out[0]{type} : $function->{returns});
	my ($base) = $type =~ /^(ad_\w+)/;
	$type = "[`$type`](#$base" . ($is_function{$base} ? '-type' : '') . ')' if $base;
	return ($function->{set} ? 'rows of ' : '') . $type;
}

sub example
{
	my ($name) = @_;
	my ($statement, $page, $anchor) = @{ $examples{$name} // return () };

	return ("Example, from [$page]($page#$anchor):", "```\n$statement\n```");
}

# An overload, without its result if that is the one before's.
sub entry
{
	my ($function, $before) = @_;
	my @in = grep { $_->{mode} =~ /[ibv]/ && $_->{name} ne '' } @{ $function->{arguments} // [] };
	my ($about, $of, $errors) = parts($function->{comment} // '', map { $_->{name} } @in);
	my @entry = ("```\n" . signature($function) . "\n```");

	push @entry, wrapped(prose($about));
	if (%$of)
	{
		push @entry, table([ 'argument', 'type', 'default', 'meaning' ],
			map { [ "`$_->{name}`", type_name($_->{type}),
				defined $_->{default} ? '`' . ($_->{default} =~ s/::(?:"?\w+"?\.)?[\w ]+(?:\[\])?$//r) . '`' : '', prose($of->{ $_->{name} }) ] }
			  grep { exists $of->{ $_->{name} } } @in);
	}
	push @entry, map { wrapped("Returns: $_.") } grep { $_ ne ($before // '') } result($function);
	push @entry, wrapped('*Errors*: ' . prose($errors)) if $errors ne '';
	return @entry;
}

my (%members, @page);
foreach my $function (grep { $_->{name} !~ $io } @functions)
{
	my ($group) = grep { $function->{name} =~ $_->[1] } @groups;
	push @{ $members{ $group->[0] }{ $function->{name} } }, $function;
}

sub anchor
{
	my ($title) = @_;

	$title = lc $title;
	$title =~ s/[^\w -]//g;
	return $title =~ s/ /-/gr;
}

push @page, '# Reference', wrapped('Every function, view, type and setting, from their comments in the catalog, which `\df+`, `\dv+`, `\dT+` and '
	  . '`\d+` of psql show too. This page is written by `make docs`; do not edit it. A form described as "Same as" another has the arguments, '
	  . 'the NULL rule and the errors of that one. Codes such as 22023 are SQLSTATEs.');
push @page, join("\n", map { wrapped("- [$_->[0]](#" . anchor($_->[0]) . '): ' . join(', ', map { "[`$_`](#$_)" } sort keys %{ $members{ $_->[0] } }), 98) =~ s/\n/\n  /gr }
	  grep { $members{ $_->[0] } } @groups) . "\n"
  . join("\n", map { "- [$_](#" . anchor($_) . ')' } 'Views', 'Types', 'Settings');
foreach my $group (grep { $members{ $_->[0] } } @groups)
{
	push @page, "## $group->[0]";
	push @page, "See [$group->[2]]($group->[2])." if $group->[2] ne '';
	foreach my $name (sort keys %{ $members{ $group->[0] } })
	{
		my @overloads = @{ $members{ $group->[0] }{$name} };

		push @page, "### $name";
		# what others refer to comes first
		@overloads = ((grep { $_->{comment} !~ /^Same as/ } @overloads), (grep { $_->{comment} =~ /^Same as/ } @overloads));
		push @page, ucfirst($kinds{ $overloads[0]{kind} }) . '.' if $overloads[0]{kind} ne 'f';
		my $before;
		foreach my $function (@overloads)
		{
			push @page, entry($function, $before);
			($before) = result($function);
		}
		push @page, example($name);
	}
}

foreach my $kind ([ 'v', 'Views' ], [ 'c', 'Types' ])
{
	push @page, "## $kind->[1]";
	my %of;
	push @{ $of{ $_->{relation} } }, $_ foreach grep { $_->{kind} eq $kind->[0] } @columns;
	my %base = map { $_->{name} => $_ } ($kind->[0] eq 'c' ? @types : ());
	foreach my $name (sort keys %of, keys %base)
	{
		my $type = $base{$name};

		push @page, "### $name" . ($is_function{$name} ? ' (type)' : '');
		push @page, wrapped(prose($type ? $type->{comment} : $of{$name}[0]{about} // ''));
		push @page, table([ 'column', 'type', 'meaning' ], map { [ "`$_->{name}`", type_name($_->{type}), prose($_->{comment} // '') ] } @{ $of{$name} })
		  if $of{$name};
		push @page, example($name) if $kind->[0] eq 'v';
	}
	push @page, wrapped('Their input and output functions are ' . join(', ', map { "`$_`" } sort map { $_->{name} } grep { $_->{name} =~ $io } @functions) . '.')
	  if $kind->[0] eq 'c';
}

push @page, '## Settings', wrapped('Contexts: `user` settings can be changed by anybody with `SET`, `superuser` ones by superusers, '
	  . '`sighup` ones in `postgresql.conf` with a reload, `postmaster` ones with a restart.');
push @page, table([ 'setting', 'default', 'range', 'context', 'meaning' ],
	map {
		my $setting = $_;
		my $unit = defined $setting->{unit} ? " $setting->{unit}" : '';
		my $range = $setting->{enumvals} ? join(', ', @{ $setting->{enumvals} })
		  : defined $setting->{min_val} ? "$setting->{min_val} to $setting->{max_val}$unit" : 'on, off';
		[ "`$setting->{name}`", "$setting->{boot_val}$unit", $range, $setting->{context},
			prose(join(' ', grep { defined && $_ ne '' } $setting->{short_desc}, $setting->{extra_desc})) ]
	} @settings);

print join("\n\n", @page), "\n";
