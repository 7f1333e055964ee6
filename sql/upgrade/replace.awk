# Turns the install script into the second half of the upgrade script: every
# function, procedure, aggregate and view takes the place of the old one under
# its name, so that objects of users that depend on it survive, and nothing
# new is forgotten. The first file is the first half, and is left as it is.
#
# What cannot be replaced (tables, types, casts, triggers, ...) is left out
# unless its file is new ("-- since X" with the version of this upgrade in its
# first line): the first half says what becomes of it. test/t/upgrade.pl
# compares the result with a fresh install, object by object.

NR == FNR {
	if (match($0, /UPDATE TO '[^']*'/))
		version = substr($0, RSTART + 11, RLENGTH - 12)
	print
	next
}

FNR == 1 {
	is_new = ($0 == "-- since " version)
}

/^\\echo/ { next }

is_new { print; next }

# a statement that is left out ends with its semicolon
skipping {
	if (/;[ \t]*(--.*)?$/)
		skipping = 0
	next
}

/^CREATE (TABLE|TYPE|CAST|SEQUENCE|INDEX|UNIQUE INDEX|TRIGGER|OPERATOR|OPERATOR CLASS|SCHEMA|DOMAIN) / {
	if (!/;[ \t]*(--.*)?$/)
		skipping = 1
	next
}

{
	sub(/^CREATE (FUNCTION|PROCEDURE|AGGREGATE|VIEW) /, "CREATE OR REPLACE &")
	sub(/CREATE OR REPLACE CREATE /, "CREATE OR REPLACE ")
	print
}
