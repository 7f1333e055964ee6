# Which rows a job scores, and when: timelines of transactions and runs, a line
# each. What must hold: a version, that is a key with a watermark, is scored by
# the first run that begins after its commit, whatever the order of commits,
# and never twice; one that comes below what is settled is counted as late.
#
# A line has a name, a setting and steps.
#
# Setting: the type of the watermark, the lag, and any of: a shape of the source
# (see %shape), a time zone, an option of the job.
#
# A step may begin with a session's letter, B if it has none; E is a session in
# another database. In lists of rows 3 is key 3 with watermark 3, 3@5 has
# watermark 5, 1..5 are five rows. 10:05 is a time of 26 October 2025, when
# clocks went back in Europe, 05 a date of that month.
#   +LIST ~LIST -LIST   inserts; updates to the watermark of the list, or to another x; deletes
#   begin commit rollback save undo release prepare "commit prepared" "rollback prepared" kill
#   ! SQL, & SQL        a statement; one that does not end until "wait"
#   run LIST            a run scores these and no others, each counted once in its log
#   rerun LIST          the same, but older rows may be scored again, without an alert
#   kill LIST           the same, after two runs that are killed
#   until W LIST        the same, with until => W
#   go, all LIST        a run; all that was scored since the first, each once
#   fails /RE/          a run fails with this error and changes nothing
#   late N              ad_jobs.late_rows
#   errors KEYS         ad_job_errors
#   health /RE/         a warning of ad_health()
#   warned /RE/         a warning of the last run
#   rescan W, alter JSON, rename
#   job NAME [OPTION=VALUE ...]   another job; "run NAME: LIST" runs it
#   restart, crash      of the server
# In SQL and RE {t} is the table, {A} the process of session A.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Kept;
use Session;
use Test::More;
use Time::HiRes qw(usleep);

# What the source is: its statements, and the source itself if it is not the
# table. Every table has another beside it, {t}_o, with a key. {type} is the
# type of the watermark.
my $columns = 'k {key}, w {type}, x float8 DEFAULT 1, v text';
my %shape = (
	table => [ ["CREATE TABLE {t} ($columns)"] ],
	query => [ ["CREATE TABLE {t} ($columns)"], 'SELECT * FROM {t}' ],
	even => [ ["CREATE TABLE {t} ($columns)"], 'SELECT * FROM {t} WHERE k % 2 = 0' ],
	cte => [ ["CREATE TABLE {t} ($columns)"], 'WITH q AS MATERIALIZED (SELECT * FROM {t}) SELECT * FROM q' ],
	sublink => [ ["CREATE TABLE {t} ($columns)"], 'SELECT * FROM {t} WHERE k IN (SELECT o.k FROM {t}_o o)' ],
	# the features of a key that ends in 2 cannot be computed
	bad => [ ["CREATE TABLE {t} ($columns)"], 'SELECT k, w, v, 1 / x AS x FROM {t}' ],
	badwhere => [ ["CREATE TABLE {t} ($columns)"], 'SELECT * FROM {t} WHERE 1 / x > 0' ],
	# waits at key 4 while somebody holds the lock
	gate => [ ["CREATE TABLE {t} ($columns)"], 'SELECT * FROM {t} WHERE gate(k)' ],
	slow => [ ["CREATE TABLE {t} ($columns)"], 'SELECT * FROM {t} WHERE pause()' ],
	view => [ [ "CREATE TABLE {t} ($columns)", 'CREATE VIEW {t}_v AS SELECT * FROM {t}' ], '{t}_v' ],
	views => [ [ "CREATE TABLE {t} ($columns)", 'CREATE VIEW {t}_u WITH (security_barrier) AS SELECT * FROM {t}', 'CREATE VIEW {t}_v AS SELECT * FROM {t}_u WHERE x > 0' ], '{t}_v' ],
	join => [ [ "CREATE TABLE {t} ($columns)", 'CREATE VIEW {t}_v AS SELECT t.* FROM {t} t JOIN {t}_o o USING (k)' ], '{t}_v' ],
	union => [ [ "CREATE TABLE {t} ($columns)", "CREATE TABLE {t}_p ($columns)", 'CREATE VIEW {t}_v AS SELECT * FROM {t} UNION ALL SELECT * FROM {t}_p' ], '{t}_v' ],
	matview => [ [ "CREATE TABLE {t} ($columns)", 'CREATE MATERIALIZED VIEW {t}_m AS SELECT * FROM {t}' ], '{t}_m' ],
	function => [ [ "CREATE TABLE {t} ($columns)", 'CREATE FUNCTION {t}_f() RETURNS SETOF {t} LANGUAGE plpgsql AS \'BEGIN RETURN QUERY SELECT * FROM {t}; END\'' ], 'SELECT * FROM {t}_f()' ],
	parts => [ [ "CREATE TABLE {t} ($columns) PARTITION BY RANGE (w)", 'CREATE TABLE {t}_1 PARTITION OF {t} FOR VALUES FROM (0) TO (10)',
			'CREATE TABLE {t}_2 PARTITION OF {t} FOR VALUES FROM (10) TO (MAXVALUE)' ] ],
	subparts => [ [ "CREATE TABLE {t} ($columns) PARTITION BY RANGE (w)", 'CREATE TABLE {t}_1 PARTITION OF {t} FOR VALUES FROM (0) TO (10) PARTITION BY LIST (k)',
			'CREATE TABLE {t}_11 PARTITION OF {t}_1 FOR VALUES IN (1)', 'CREATE TABLE {t}_12 PARTITION OF {t}_1 DEFAULT', 'CREATE TABLE {t}_2 PARTITION OF {t} DEFAULT' ] ],
	inherit => [ [ "CREATE TABLE {t} ($columns)", 'CREATE TABLE {t}_c () INHERITS ({t})', 'CREATE TABLE {t}_d () INHERITS ({t}_c)' ] ]);
my %type = (int => 'bigint', small => 'smallint', int4 => 'integer', tz => 'timestamptz', ts => 'timestamp', date => 'date');

my $timelines = <<'END';
# orders of commits
commits late              | int 0       | A begin; A +1 2; A +3; +4..6; run 4..6; A commit; run 1..3; run
the older one waits       | int 0       | A begin; A +1; +2; run 2; +3; run 3; +4; run 4; A +5; A commit; run 1 5; run
two wait, of a query      | int 0 query | A begin; A +1; run; C begin; C +2; +3; run 3; A commit; run 1; run; C commit; run 2; run
overlapping writers       | int 0       | A begin; A +1; +2; run 2; C begin; C +3; A commit; run 1; D begin; D +4; C commit; run 3; A begin; A +5; D commit; run 4; A commit; run 5; run
begins again at once      | int 0       | A begin; A +1; +2; run 2; A commit; A begin; A +3; +4; run 1 4; run; A commit; run 3; run
savepoints, of a view     | int 0 view  | A begin; A +1; A save; A +2; A undo; A save; A +3; A release; +4; run 4; A commit; run 1 3; run
savepoint first           | int 0       | A begin; A save; A +1; A release; A save; A save; A +2; A undo; A +3; +9; run 9; A commit; run 1 3; run
block with an exception   | int 0       | A begin; A ! DO $$BEGIN INSERT INTO {t} VALUES (1, 1, 1, '1@1');PERFORM 1 / 0;EXCEPTION WHEN division_by_zero THEN INSERT INTO {t} VALUES (2, 2, 1, '2@2');END$$; +3; run 3; run; A commit; run 2; run
rolled back               | int 0       | A begin; A +1 2; +3; run 3; A rollback; run; +4; run 4; run
writer killed             | int 0       | A begin; A +1; +2; run 2; A kill; run; +3; run 3; run; run; +1; run; late 1
has its lock, no xid yet  | int 0       | ! SELECT pg_advisory_lock(1); A & INSERT INTO {t} SELECT 1, 1, 1, '1@1' FROM pg_advisory_lock_shared(1); +2; run 2; run; ! SELECT pg_advisory_unlock(1); A wait; run 1; run
locks, then writes        | int 0       | A begin; A ! LOCK TABLE {t} IN ROW EXCLUSIVE MODE; +2; run 2; run; +3; run 3; A +1; A commit; run 1; run
locks against others      | int 0       | +2; A begin; A ! LOCK TABLE {t} IN SHARE ROW EXCLUSIVE MODE; run 2; run; A +1; A commit; run 1; run
deletes only              | int 0       | +1 2; run 1 2; A begin; A -2; +3; run 3; A commit; run; +4; run 4; run
by a rule of another table | int 0      | ! CREATE RULE r AS ON INSERT TO {t}_o DO ALSO INSERT INTO {t} VALUES (NEW.k, NEW.k, 1, NEW.k || '@' || NEW.k); A begin; A ! INSERT INTO {t}_o VALUES (1); +2; run 2; run; A commit; run 1; run
# who is not in progress
a reader                  | int 0       | A begin; A ! SELECT count(*) FROM {t}; +2; run 2; run; +1; run; late 1
a reader that locks       | int 0       | +2; A begin; A ! SELECT k FROM {t} FOR UPDATE; run 2; run; +1; run; late 1
a reader by a foreign key | int 0       | ! ALTER TABLE {t} ADD PRIMARY KEY (k); ! CREATE TABLE {t}_f (k bigint REFERENCES {t}); +2; A begin; A ! INSERT INTO {t}_f VALUES (2); run 2; run; +1; run; late 1
an old snapshot           | int 0       | A ! BEGIN ISOLATION LEVEL REPEATABLE READ; A ! SELECT count(*) FROM {t}; +2; run 2; run; +1; run; late 1
statistics                | int 0       | A begin; A ! ANALYZE {t}; +2; run 2; run; +1; run; late 1
a load of another table   | int 0       | A begin; A ! INSERT INTO {t}_o VALUES (1); +2; run 2; run; +1; run; late 1
another database          | int 0       | E begin; E ! SELECT pg_current_xact_id(); +2; run 2; run; +1; run; late 1
# two-phase commits
prepared                  | int 0       | A begin; A +1 2; A prepare; +3; run 3; run; A commit prepared; run 1 2; run
prepared, rolled back     | int 0       | A begin; A +1 2; +3; run 3; A prepare; +4; run 4; A rollback prepared; run; +5; run 5; run
prepared after the mark   | int 0       | A begin; A +1 2; +3; run 3; A prepare; run; +4; run 4; run; A commit prepared; run 1 2; run
prepared, a restart       | int 0       | A begin; A +1 2; A prepare; +3; run 3; restart; run; +4; run 4; run; A commit prepared; run 1 2; run
after the mark, a restart | int 0       | A begin; A +1 2; +3; run 3; A prepare; restart; run; +4; run 4; run; A commit prepared; run 1 2; run
prepared, a crash         | int 0 parts | A begin; A +1 12; +3 13; run 3 13; A prepare; crash; run; +14; run 14; run; A commit prepared; run 1 12; run
# updates
updated                   | tz 5min     | +1@10:00 2@10:04; run 1@10:00 2@10:04; ~1@10:05; +3@10:20; run 1@10:05 3@10:20; run
without a new watermark   | int 1000    | +1..3; run 1..3; ~2; run; ~2@4; run 2@4; run
held back                 | int 0       | +1 2; run 1 2; A begin; A ~1@3; +4; run 4; A commit; run 1@3; run
twice between runs        | int 10      | +1; ~1@2; ~1@3; run 1@3; run
there and back            | int 100     | +1; run 1; ~1@2; run 1@2; ~1; ~1@1; run; ~1@3; run 1@3; run
before it is scored       | int 0       | A begin; A +1; A ~1; +2; run 2; A ~1; A commit; run 1; ~1; run
of the key                | int 10      | +1..3; run 1..3; ! UPDATE {t} SET k = 9, v = '9@2' WHERE k = 2; run 9@2; run
two change places         | int 10      | +1@5 2@6; run 1@5 2@6; ! UPDATE {t} SET w = 11 - w, v = k || '@' || 11 - w; run 1@6 2@5; run
ON CONFLICT DO UPDATE     | int 10      | ! CREATE UNIQUE INDEX ON {t} (k); +1; run 1; ! INSERT INTO {t} VALUES (1, 5, 1, '1@5') ON CONFLICT (k) DO UPDATE SET w = excluded.w, v = excluded.v; run 1@5; run
into another partition    | int 100 parts | +1; run 1; ~1@15; run 1@15; run
# rows that are equal, gone, back
equal rows are one        | int 0       | +1 1 2 1; run 1 2; run; +2; run
and over batches          | int 0 batch_size=1 | +1 1 1 2 2; run 1 2; run
a key that repeats        | int 0       | +7@1 7@2 7@3; run 7@1 7@2 7@3; run; +7@4; run 7@4
deleted, back             | int 10      | +1..3; run 1..3; -2; +2; run; -2; +2@4; run 2@4; run
deleted, back later       | int 0       | +1..3; run 1..3; run; -2; +4; run 4; run; +2; run; late 0
deleted before a run      | int 0       | +1..3; -2; run 1 3; run
many of one watermark     | int 0       | +1..120@7; run 1..120@7; +200@7; run 200@7; run
keys that sort oddly      | int 0 text batch_size=2 | +ä@1 a@1 A@1 B@1 10@1 9@1; run ä@1 a@1 A@1 B@1 10@1 9@1; run; +b@1 Ä@1; run b@1 Ä@1; run
# lag and batches
too late                  | int 0       | +10; run 10; run; +5; run; late 1; rescan 5; run 5; run; late 0
moved up, then late       | int 0       | +1..5; run 1..5; run; ~1@9; run 1@9; run; +100@2; run; late 1
late within the lag       | int 10      | +10; run 10; run; +5; run 5; run; late 0
lag raised                | int 0       | +1..20; run 1..20; run; alter {"lag": "100"}; run; +21; run 21; late 0
lag lowered and raised    | int 100     | +1..20; run 1..20; run; alter {"lag": "0"}; run; +21; run 21; run; alter {"lag": "100"}; run; +105@5; run; late 1
scored again, no alert    | int 0       | +1..5; run 1..5; run; +0; run; late 1; rescan 0; rerun 0; run; late 0
rescan of nothing         | int 0       | +1..3; run 1..3; run; rescan 100; run; +4; run 4; run; late 0
rescan while one waits    | int 0       | A begin; A +1; +2 3; run 2 3; rescan 2; run; +4; run 4; A commit; run 1; run; late 0
late, then the lag raised | int 0       | +10; run 10; run; +5; run; alter {"lag": "10"}; run; late 1; rescan 5; run 5; run; late 0
batches of one            | int 0 batch_size=1 | A begin; A +1; +2..5; run 2..5; run; A commit; run 1; +6; run 6; run
full last batch           | int 0 batch_size=3 | +1..6; run 1..6; run; A begin; A +7; +8..10; run 8..10; A commit; run 7; run
equals cut by batches     | int 0 batch_size=7 | A begin; A +1..20@7; +21..60@7; run 21..60@7; A commit; run 1..20@7; run
commits during a run      | int 0 gate batch_size=2 | A begin; A +0; +1..6; ! SELECT pg_advisory_lock(4); R & CALL ad_run_job('{t}'); A commit; ! SELECT pg_advisory_unlock(4); R wait; go; all 0..6; run
begins during a run       | int 9 gate batch_size=2 | +1..6; ! SELECT pg_advisory_lock(4); R & CALL ad_run_job('{t}'); +0; A begin; A +7; ! SELECT pg_advisory_unlock(4); R wait; +8; go; A commit; go; all 0..8; run
runs killed               | int 1000 slow batch_size=4 | +1..60; kill 1..60; run
until a time              | tz 0        | A begin; A +1@10:00; +2@10:05 3@10:40; until 10:30 2@10:05; A commit; until 10:30 1@10:00; run 3@10:40; run
since                     | int 0 since=10 | +5 10 15; run 10 15; A begin; A +16; +17; run 17; A commit; run 16; run; late 0
# several jobs, other sources
two jobs                  | int 0       | +1 2; run 1 2; job b lag=10 batch_size=1; A begin; A +3; +4; run 4; run b: 1 2 4; A commit; run b: 3; run 3; run; run b:
dropped and made again    | int 0       | +1 2; job b; run b: 1 2; ! SELECT ad_drop_job('{t}_b'); job b; run b: 1 2; run b:
renamed                   | int 0       | A begin; A +1; +2; run 2; rename; run; A commit; run 1; run
another source            | int 0 even  | +1..4; run 2 4; run; alter {"source": "{t}"}; run; late 2; rescan 1; rerun 1 3; run; late 0
# views, queries, partitions
by another table          | int 0 join  | +1..3; ! INSERT INTO {t}_o VALUES (1); run 1; A begin; A ! INSERT INTO {t}_o VALUES (2); ! INSERT INTO {t}_o VALUES (3); run 3; run; A commit; run 2; run
by another table, late    | int 0 join  | +1..3; ! INSERT INTO {t}_o VALUES (3); run 3; run; ! INSERT INTO {t}_o VALUES (1); run; late 1; rescan 1; run 1; run
out of the view and back  | int 10 join | +1..3; ! INSERT INTO {t}_o VALUES (1), (2), (3); run 1..3; ! DELETE FROM {t}_o; run; ! INSERT INTO {t}_o VALUES (1), (2), (3); run; +4; ! INSERT INTO {t}_o VALUES (4); run 4
two tables                | int 0 union | A begin; A ! INSERT INTO {t}_p VALUES (1, 1, 1, '1@1'); +2; run 2; run; A commit; run 1; run
view on a view            | int 0 views | A begin; A +1; +2; run 2; run; A commit; run 1; run
WITH                      | int 0 cte   | A begin; A +1; +2; run 2; run; A commit; run 1; run
a table in WHERE          | int 0 sublink | +1..3; ! INSERT INTO {t}_o VALUES (1); run 1; A begin; A ! INSERT INTO {t}_o VALUES (2); ! INSERT INTO {t}_o VALUES (3); run 3; run; A commit; run 2; run
a function, within the lag | int 10 function | A begin; A +1; +2; run 2; run; A commit; run 1; run
a function, out of it     | int 0 function | A begin; A +1; +2; run 2; run; A commit; run; late 1; rescan 1; run 1
a materialized view       | int 10 matview | +1 2; ! REFRESH MATERIALIZED VIEW {t}_m; run 1 2; +3; run; ! REFRESH MATERIALIZED VIEW {t}_m; run 3; run
partitions                | int 0 parts | A begin; A +1 14; +2 15; run 2 15; A commit; run 1 14; run
a partition by name       | int 0 parts | A begin; A ! INSERT INTO {t}_1 VALUES (1, 1, 1, '1@1'); +15; run 15; run; A commit; run 1; run
partitions of partitions  | int 0 subparts | A begin; A ! INSERT INTO {t}_11 VALUES (1, 1, 1, '1@1'); +2 15; run 2 15; run; A commit; run 1; run
a new partition           | int 0 parts | run; ! CREATE TABLE {t}_0 PARTITION OF {t} FOR VALUES FROM (-100) TO (0); A begin; A +6; A ! INSERT INTO {t}_0 VALUES (1, -5, 1, '1@-5'); +7; run 7; run; A commit; run 1@-5 6; run
ATTACH of old rows        | int 0 parts | +5 6; run 5 6; run; ! CREATE TABLE {t}_0 (LIKE {t}); ! INSERT INTO {t}_0 VALUES (1, -5, 1, '1@-5'); ! ALTER TABLE {t} ATTACH PARTITION {t}_0 FOR VALUES FROM (-100) TO (0); run; late 1; rescan -5; run 1@-5; run; late 0
ATTACH within the lag     | int 100 parts | +5 6; run 5 6; run; ! CREATE TABLE {t}_0 (LIKE {t}); ! INSERT INTO {t}_0 VALUES (1, -5, 1, '1@-5'); ! ALTER TABLE {t} ATTACH PARTITION {t}_0 FOR VALUES FROM (-100) TO (0); run 1@-5; run
DETACH and ATTACH         | int 100 parts | +5 15; run 5 15; ! ALTER TABLE {t} DETACH PARTITION {t}_2; run; ! ALTER TABLE {t} ATTACH PARTITION {t}_2 FOR VALUES FROM (10) TO (MAXVALUE); run; +16; run 16; run
DETACH of all, and back   | int 100 parts | +15; run 15; ! ALTER TABLE {t} DETACH PARTITION {t}_2; run; ! ALTER TABLE {t} ATTACH PARTITION {t}_2 FOR VALUES FROM (10) TO (MAXVALUE); run; +16; run 16; run
DROP of a partition       | int 100 parts | +5 15; run 5 15; ! DROP TABLE {t}_1; A begin; A +16; +17; run 17; A commit; run 16; run
inheritance               | int 0 inherit | A begin; A ! INSERT INTO {t}_d VALUES (1, 1, 1, '1@1'); +2; ! INSERT INTO {t}_c VALUES (3, 3, 1, '3@3'); run 2 3; run; A commit; run 1; run
# TRUNCATE, and what looks like it
TRUNCATE                  | int 1000    | +1..5; run 1..5; ! TRUNCATE {t}; +1..3; run; late 3; health /truncated/; rescan 1; run 1..3; run; +4..6; run 4..6
TRUNCATE and a load       | int 1000    | +1..3; run 1..3; begin; ! TRUNCATE {t}; +4..6; commit; run 4..6; run
TRUNCATE, rolled back     | int 1000    | +1..3; run 1..3; begin; ! TRUNCATE {t}; rollback; run; +4; run 4; late 0
TRUNCATE twice            | int 1000    | +1..3; run 1..3; ! TRUNCATE {t}; run; ! TRUNCATE {t}; +1..4; run 4; late 3; rescan 1; run 1..3; run
TRUNCATE, then one waits  | int 1000    | +1..3; run 1..3; ! TRUNCATE {t}; A begin; A +4; +5; run 5; run; A commit; run 4; run
dropped, made again       | int 1000    | +1..3; run 1..3; ! ALTER TABLE {t} RENAME TO {t}_x; ! CREATE TABLE {t} (LIKE {t}_x); +1..4; run 4; late 3; rescan 1; run 1..3; run
TRUNCATE of the unread    | int 1000    | +1..3; ! TRUNCATE {t}; +1 2; run 1 2; run; late 0
TRUNCATE of a partition   | int 1000 parts | +1..5 15; run 1..5 15; ! TRUNCATE {t}_1; +1..3; run; +16; run 16; run
DELETE is none            | int 1000    | +1..3; run 1..3; ! DELETE FROM {t}; ! VACUUM {t}; +1..3; run; +4; run 4; late 0
VACUUM FULL is none       | int 1000    | +1..3; run 1..3; ! VACUUM FULL {t}; run; A begin; A +4; +5; run 5; A commit; run 4; late 0
CLUSTER is none           | int 1000    | +1..3; run 1..3; ! CREATE INDEX {t}_i ON {t} (k); ! CLUSTER {t} USING {t}_i; run; +0; run 0; late 0
another tablespace        | int 1000    | +1..3; run 1..3; ! ALTER TABLE {t} SET TABLESPACE side; run; +0 4; run 0 4; late 0
altered between runs      | int 1000    | +1; run 1; ! ALTER TABLE {t} ADD z int; +2; run 2; ! ALTER TABLE {t} ALTER k TYPE numeric; +3; run 3; ! ALTER TABLE {t} DROP z, ADD y text; A begin; A +4; +5; run 5; A commit; run 4; run
rewritten                 | int 1000    | +1..3; run 1..3; ! ALTER TABLE {t} ADD y float8 DEFAULT random(); run; +4; run 4; run
# watermarks that misbehave
a jump                    | int 0       | +1..3 900000000000; run 1..3 900000000000; warned /900000000000/; health /set aside/; +4 5; run 4 5; run; +6; run 6; run
a jump that is followed   | int 0       | +1..3 900000000000; run 1..3 900000000000; +900000000001..900000000120; run 900000000001..900000000120; run; run; +4; run; late 1
jumps time and again      | int 0       | +1..3 900000000000; run 1..3 900000000000; +4 900000000001..900000000060; run 4 900000000001..900000000060; +5 900000000061..900000000120; run 5 900000000061..900000000120; run; +6; run 6; run
NULL                      | int 10 null | +1 2 9@NULL; run 1 2; errors 9; +3; run 3; errors 9; ~9@4; run 9@4; run
NULL keys                 | int 10 null | +NULL@1 NULL@2 3; run 3; errors NULL NULL; run; errors NULL NULL; ! UPDATE {t} SET k = 1, v = '1@1' WHERE w = 1; run 1; run
ends of bigint            | int 10      | +1@9223372036854775807 2@-9223372036854775808 3; run 1@9223372036854775807 2@-9223372036854775808 3; run; +4; run 4; A begin; A +5; +6; run 6; A commit; run 5; run
an immense lag            | int 1000000000000000 | +1..3; run 1..3; run; +4@-9223372036854775807; run; +5@-999999999999997; run 5@-999999999999997; run
smallint                  | small 0     | +1@-32768 2 3; run 1@-32768 2 3; A begin; A +4; +5@32767; run 5@32767; run; A commit; run 4; run
integer                   | int4 100    | +1@-2147483648 2; run 1@-2147483648 2; +3; run 3; run; +4@2147483647; run 4@2147483647; +5; run 5; run
infinite                  | tz 5min     | +1@10:00 2@infinity; run 1@10:00 2@infinity; warned /infinity/; +3@10:01; run 3@10:01; run; +4@infinity; run 4@infinity; run
many infinite             | tz 5min batch_size=50 | +1..120@infinity 121@10:00; run 1..120@infinity 121@10:00; +122@10:01; run 122@10:01; run; +123@infinity; run 123@infinity; run
minus infinity            | tz 5min     | +1@-infinity 2@10:00; run 1@-infinity 2@10:00; run; +3@-infinity; run; late 1
only infinite             | ts 0        | +1@infinity 2@-infinity; run 1@infinity 2@-infinity; run; +3@infinity; run 3@infinity; run; +4@10:00; run 4@10:00; run
of the future             | tz 5min     | +1..3@2999-01-01 4@10:00; run 1..3@2999-01-01 4@10:00; +5@10:06; run 5@10:06; run; +6@10:05; run 6@10:05; run
before Christ             | tz 5min     | +1@0044-03-15_10:00_BC 2@0044-03-15_10:10_BC; run 1@0044-03-15_10:00_BC 2@0044-03-15_10:10_BC; run; +3@0044-03-15_10:06_BC; run 3@0044-03-15_10:06_BC; +4@0044-03-15_10:00_BC; run; late 1
the first times           | ts 100years | +1@4714-11-24_00:00_BC; run 1@4714-11-24_00:00_BC; run; +2@4714-11-25_00:00_BC; run 2@4714-11-25_00:00_BC; run; +3@4714-11-24_00:01_BC; run 3@4714-11-24_00:01_BC; run
dates                     | date 0      | A begin; A +1@01; +2@02; run 2@02; A commit; run 1@01; run
lag in whole days         | date 90min  | +1@05; run 1@05; run; +2@04; run 2@04; +3@03; run; late 1
infinite dates            | date 0      | +1@10 2@infinity 3@-infinity; run 1@10 2@infinity 3@-infinity; +4@11; run 4@11; run; +5@infinity; run 5@infinity; run
no times of these dates   | date 1day   | +1@5874897-12-31 2@10; run 1@5874897-12-31 2@10; +3@11; run 3@11; run; +4@10; run 4@10; +5@4714-11-24_BC; run; late 1; +6@5874897-12-30; run 6@5874897-12-30; run
the autumn hour           | ts 5min Europe/Vienna | +1@01:50 2@02:50; run 1@01:50 2@02:50; run; +3@02:10; run 3@02:10; +4@03:01; run 4@03:01; +5@02:58; run 5@02:58; +6@03:10; run 6@03:10; run; +7@02:30; run; late 1
the autumn half hour      | ts 5min Australia/Lord_Howe | +1@2025-04-06_01:20 2@2025-04-06_01:55; run 1@2025-04-06_01:20 2@2025-04-06_01:55; run; run; +3@2025-04-06_01:31; run 3@2025-04-06_01:31; +4@2025-04-06_02:10; run 4@2025-04-06_02:10; run; +5@2025-04-06_01:40; run; late 1
the spring hour           | ts 5min Europe/Vienna | +1@2025-03-30_01:59; run 1@2025-03-30_01:59; run; +2@2025-03-30_03:01; run 2@2025-03-30_03:01; run; +3@2025-03-30_02:57; run 3@2025-03-30_02:57; run
autumn, with a zone       | tz 5min Europe/Vienna | +1@10:00; run 1@10:00; run; +2@09:54; run; late 1
# bad rows, bad sources
a bad row                 | int 10 bad  | +1..3; run 1 3; errors 2; +4; run 4; errors 2; run; ~2@5; run; errors 2 2; ! UPDATE {t} SET x = 1, w = 6, v = '2@6' WHERE k = 2; run 2@6; run; errors 2 2; health /could not be scored/
all rows are bad          | int 10 bad  | +2 12 22 32; run; errors 2 12 22 32; +33; run 33; run; errors 2 12 22 32
bad, one by one           | int 0 bad batch_size=1 | A begin; A +2 3; +12 13; run 13; errors 12; A commit; run 3; errors 2 12; run; errors 2 12
on_error => error         | int 0 bad   | alter {"on_error": "error"}; +1..3; fails /2/; errors; ! UPDATE {t} SET x = 1; run 1..3; run
not a row's fault         | int 0 badwhere | +1; run 1; +2; fails /division by zero/; errors; ! UPDATE {t} SET x = 1; run 2; run
source renamed            | int 0       | A begin; A +1; +2; run 2; A commit; ! ALTER TABLE {t} RENAME TO {t}_x; fails /does not exist/; ! ALTER TABLE {t}_x RENAME TO {t}; +3; run 1 3; run
column dropped            | int 0       | A begin; A +1; +2; run 2; A commit; ! ALTER TABLE {t} RENAME x TO y; fails /"?x"?/; ! ALTER TABLE {t} RENAME y TO x; run 1; run
# the bound
many while one waits      | int 0 seen_limit=1000 batch_size=500 | A begin; A +1; +2..1501; run 2..1501; run; health /{A}/; +1502; run 1502; A commit; run; late 1; +1503; run 1503; run; run
END

seed();
my $node = keep(start_server('timelines', 'max_prepared_transactions = 10', 'autovacuum = off', 'max_connections = 50', 'lock_timeout = 30s'));
my $side = $node->basedir . '/side';
mkdir $side;
$node->safe_psql('postgres', "CREATE TABLESPACE side LOCATION '$side'");
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');
$node->safe_psql('postgres', <<'SQL');
ALTER DATABASE postgres SET timezone = 'UTC';
CREATE TABLE train AS SELECT sin(i) AS x FROM generate_series(1, 500) i;
SELECT ad_train('m', 'SELECT x FROM train', ad_zscore());
CREATE FUNCTION pause() RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.001); RETURN true; END';
CREATE FUNCTION gate(k bigint) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	IF k = 4 THEN PERFORM pg_advisory_lock_shared(4), pg_advisory_unlock_shared(4); END IF;
	RETURN true;
END $$;
SQL

# The rows of a list as pairs of key and watermark, as written.
sub rows_in
{
	my ($list) = @_;

	return map {
		my ($k, $w) = split /@/;
		my ($first, $last) = $k =~ /^(\d+)\.\.(\d+)$/ ? ($1, $2) : ($k, $k);

		map { [ $_, $w // $_ ] } $first eq $last ? $k : $first .. $last;
	} split ' ', $list;
}

sub names_of { return map { "$_->[0]\@$_->[1]" } rows_in($_[0]); }

sub literal { return $_[0] eq 'NULL' ? 'NULL' : "'$_[0]'"; }

package Timeline;

use Test::More;
use Time::HiRes qw(usleep);

my $number = 0;

# who writes and who runs jobs, of the timeline before
my %kept = (B => undef, R => undef);

sub new
{
	my ($class, $setting) = @_;
	my ($type, $lag, @words) = split ' ', $setting;
	my $self = bless { table => 't' . ++$number, type => $type{$type}, zone => 'UTC', arguments => { lag => $lag }, options => {}, shape => 'table',
		null => 'NOT NULL', key => 'bigint', sessions => {}, seen => {}, wrong => [] }, $class;

	for my $word (@words)
	{
		if ($word =~ /^(\w+)=(.*)/) { $self->{arguments}{$1} = $2; }
		elsif ($word =~ m{/}) { $self->{zone} = $word; }
		elsif ($word eq 'null') { $self->{null} = ''; }
		elsif ($word eq 'text') { $self->{key} = 'text'; }
		else { $self->{shape} = $word; }
	}
	die "unknown shape $self->{shape}" if !$shape{ $self->{shape} };
	$self->{job} = $self->{table};
	$self->sql($_) for 'CREATE TABLE {t}_o (k bigint)', @{ $shape{ $self->{shape} }[0] };
	$self->sql("ALTER TABLE {t} ALTER w SET NOT NULL") if $self->{null};
	$self->sql('CREATE INDEX ON {t} (w, k)');
	$self->{source} = $shape{ $self->{shape} }[1] // '{t}';
	$self->make($self->{job}, %{ $self->{arguments} });
	return $self;
}

# With what is meant by {t} and its like in its place.
sub fill
{
	my ($self, $text) = @_;

	$text =~ s/\{(?:(t)|(key)|(type)|([A-Z]))\}/$1 ? $self->{table} : $2 ? $self->{key} : $3 ? $self->{type} : $self->{sessions}{$4}{pid}/ge;
	return $text;
}

sub session
{
	my ($self, $letter) = @_;
	my $session = $self->{sessions}{$letter} //= $kept{$letter};

	$session = $self->{sessions}{$letter} = Session->new($node, dbname => $letter eq 'E' ? 'elsewhere' : 'postgres')
	  if !$session || $session->{ended};
	return $session;
}

# A statement that must not fail.
sub sql
{
	my ($self, $sql, $letter) = @_;
	my $answer = $self->session($letter // 'B')->ask($self->fill($sql));

	push @{ $self->{wrong} }, $self->fill($sql) . ": $answer" if $answer =~ /^(?:ERROR|FATAL):/m;
	return $answer;
}

# Options that are newer than some version are altered.
sub make
{
	my ($self, $job, %arguments) = @_;
	my %new = map { exists $arguments{$_} ? ($_ => delete $arguments{$_}) : () } qw(seen_limit on_error late_check);

	$arguments{batch_size} //= 50;
	$self->sql("SET timezone = '$self->{zone}'");
	$self->sql("SELECT ad_create_job('$job', 'm', '" . $self->{source} . q{', 'k', 'w', '{"score": 0}', explain => 0, }
		  . join(', ', map { "$_ => '$arguments{$_}'" } sort keys %arguments) . ')');
	$self->sql('RESET timezone');
	$self->sql("SELECT ad_alter_job('$job', '{" . join(', ', map { qq{"$_": "$new{$_}"} =~ s/"(\d+)"/$1/r } sort keys %new) . "}')") if %new;
	$self->{seen}{$job} = {};
	return;
}

# A watermark as SQL.
sub watermark
{
	my ($self, $w) = @_;

	return 'NULL' if $w eq 'NULL';
	$w = "2025-10-26 $w" if $w =~ /^\d\d:\d\d/;
	$w = "2025-10-$w" if $w =~ /^\d\d$/ && $self->{type} eq 'date';
	$w =~ tr/_/ /;
	return "'$w'::$self->{type}";
}

# What alerted since the last time, how often, and how many rows were logged.
sub scored
{
	my ($self, $job) = @_;
	my $seen = $self->{seen}{$job};
	my (%now, @new);

	$now{$_}++ for split /\n/, $self->sql(qq{SELECT "row" ->> 'v' FROM ad_alerts WHERE job = '$job'});
	push @new, ($_) x ($now{$_} - ($seen->{alerts}{$_} // 0)) for keys %now;
	my $rows = $self->sql("SELECT coalesce(sum(rows), 0) FROM ad_job_runs WHERE job = '$job'");
	my $more = $rows - ($seen->{rows} // 0);
	$self->{seen}{$job} = { alerts => \%now, rows => $rows };
	return ($more, sort @new);
}

sub run
{
	my ($self, $list, $call, $again) = @_;
	my $job = $list =~ s/^(\w): ?// ? "$self->{table}_$1" : $self->{job};
	my $answer = $self->session('R')->ask($call // "CALL ad_run_job('$job')");
	my ($rows, @got) = $self->scored($job);
	$self->{answer} = $answer;
	my @expected = sort(main::names_of($list));

	return if $answer !~ /ERROR:|FATAL:/ && "@got" eq "@expected" && ($again || $rows == @expected);
	my $failed = $answer =~ /((?:ERROR|FATAL):.*)/ ? ", $1" : '';
	push @{ $self->{wrong} }, sprintf('%s: expected %d %s: %d %s, %d rows%s', $self->{step}, scalar @expected, "@expected[0 .. ($#expected > 7 ? 7 : $#expected)]",
		scalar @got, "@got[0 .. ($#got > 7 ? 7 : $#got)]", $rows, $failed);
	return;
}

my %word = (begin => 'BEGIN', commit => 'COMMIT', rollback => 'ROLLBACK', save => 'SAVEPOINT s', undo => 'ROLLBACK TO s', release => 'RELEASE s',
	prepare => "PREPARE TRANSACTION '{t}'", 'commit prepared' => "COMMIT PREPARED '{t}'", 'rollback prepared' => "ROLLBACK PREPARED '{t}'");

# What a step says about rows.
sub write
{
	my ($self, $letter, $operation, $list) = @_;

	if ($operation eq '+')
	{
		my @values = map {
			sprintf('(%s, %s, %d, %s)', main::literal($_->[0]), $self->watermark($_->[1]), $self->{shape} !~ /^bad/ || $_->[0] !~ /2$/,
				main::literal("$_->[0]\@$_->[1]"))
		} main::rows_in($list);
		return $self->sql('INSERT INTO {t} VALUES ' . join(', ', @values), $letter);
	}
	for my $row (main::rows_in($list))
	{
		my ($k, $w) = @$row;
		my $set = $list =~ /@/ ? 'w = ' . $self->watermark($w) . ", v = '$k\@$w'" : 'v = v';

		$self->sql($operation eq '-' ? "DELETE FROM {t} WHERE k = $k" : "UPDATE {t} SET $set WHERE k = $k", $letter);
	}
	return;
}

# Wait until a session waits.
sub held
{
	my ($self, $letter) = @_;

	$node->poll_query_until('postgres',
		"SELECT state = 'idle' OR wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = " . $self->session($letter)->{pid})
	  or die 'nobody waits';
	return;
}

# Two runs that are killed.
sub kill_runs
{
	my ($self) = @_;

	for my $wait (10_000, 30_000)
	{
		my $run = $self->session('R');

		$run->say("CALL ad_run_job('$self->{job}')");
		usleep($wait);
		$self->sql("SELECT pg_terminate_backend($run->{pid})");
		$run->ends(60);
	}
	return;
}

my %step = (
	run => sub { $_[0]->run($_[1]) },
	rerun => sub { $_[0]->run($_[1], undef, 1) },
	kill => sub { $_[0]->kill_runs; $_[0]->run($_[1]) },
	go => sub { $_[0]->sql("CALL ad_run_job('$_[0]{job}')", 'R') },
	all => sub { $_[0]->run($_[1], 'SELECT 1') },
	until => sub {
		my ($self, $what) = @_;
		my ($until, $list) = split ' ', $what, 2;

		$self->run($list // '', "CALL ad_run_job('$self->{job}', until => " . $self->watermark($until) . ')');
	},
	fails => sub {
		my ($self, $re) = @_;
		my $answer = $self->session('R')->ask("CALL ad_run_job('$self->{job}')");
		my ($rows, @new) = $self->scored($self->{job});

		$re = $self->fill(substr($re, 1, -1));
		push @{ $self->{wrong} }, "$self->{step}: $answer, $rows rows, alerts @new" if $answer !~ /^ERROR:.*(?:$re)/m || $rows || @new;
	},
	late => sub {
		my ($self, $expected) = @_;

		$self->sql('SELECT * FROM ad_health()');
		my $got = $self->sql("SELECT late_rows FROM ad_jobs WHERE name = '$self->{job}'");
		push @{ $self->{wrong} }, "$self->{step}: late_rows is $got" if $got ne $expected;
	},
	errors => sub {
		my ($self, $keys) = @_;
		my $got = $self->sql("SELECT coalesce(string_agg(coalesce(key, 'NULL'), ' ' ORDER BY length(key), key), '') FROM ad_job_errors WHERE job = '$self->{job}'");

		push @{ $self->{wrong} }, "$self->{step}: errors of $got" if $got ne $keys;
	},
	health => sub {
		my ($self, $re) = @_;
		my $got = $self->sql(q{SELECT status, detail, hint FROM ad_health() WHERE status <> 'ok'});

		$re = $self->fill(substr($re, 1, -1));
		push @{ $self->{wrong} }, "$self->{step}: $got" if $got !~ /$re/;
	},
	warned => sub {
		my ($self, $re) = @_;

		$re = substr($re, 1, -1);
		push @{ $self->{wrong} }, "$self->{step}: $self->{answer}" if $self->{answer} !~ /^WARNING:.*(?:$re)/ms;
	},
	rescan => sub { $_[0]->sql("SELECT ad_rescan('$_[0]{job}', " . $_[0]->watermark($_[1]) . '::text)') },
	alter => sub { $_[0]->sql("SELECT ad_alter_job('$_[0]{job}', '$_[1]')") },
	rename => sub {
		my ($self) = @_;

		$self->sql("SELECT ad_rename_job('$self->{job}', '$self->{job}_r')");
		$self->{seen}{"$self->{job}_r"} = delete $self->{seen}{ $self->{job} };
		$self->{job} .= '_r';
	},
	job => sub {
		my ($self, $what) = @_;
		my ($name, @options) = split ' ', $what;

		$self->make("$self->{table}_$name", %{ $self->{arguments} }, map { split /=/ } @options);
	},
	restart => sub { $_[0]->leave; $node->restart },
	crash => sub { $node->stop('immediate'); $_[0]->leave; $node->start });

# End all sessions, but for some that go on in the next timeline.
sub leave
{
	my ($self, @stay) = @_;
	my %stay = map { $_ => 1 } @stay;

	for my $letter (keys %{ $self->{sessions} })
	{
		my $session = delete $self->{sessions}{$letter};

		if ($stay{$letter} && !$session->{ended}) { $kept{$letter} = $session; }
		else { $session->end; $kept{$letter} = undef if exists $kept{$letter}; }
	}
	return;
}

sub play
{
	my ($self, $steps) = @_;

	for my $step (split /; /, $steps)
	{
		$self->{step} = $step;
		my ($letter, $what) = $step =~ /^(?:([A-Z]) )?(.*)/;
		my ($name, $rest) = $what =~ /^(\w+) ?(.*)/;

		if ($what =~ /^! (.*)/) { $self->sql($1, $letter); }
		elsif ($what =~ /^& (.*)/)
		{
			$self->session($letter)->say($self->fill($1));
			$self->held($letter);
		}
		elsif ($what eq 'wait')
		{
			my $answer = $self->session($letter)->answer;

			push @{ $self->{wrong} }, "$step: $answer" if $answer =~ /ERROR:|FATAL:/;
		}
		elsif ($letter && $what eq 'kill')
		{
			$self->sql('SELECT pg_terminate_backend(' . $self->session($letter)->{pid} . ')');
			$self->session($letter)->ask('SELECT 1');
		}
		elsif ($what =~ /^([-+~])(.*)/) { $self->write($letter, $1, $2); }
		elsif ($word{$what}) { $self->sql($word{$what}, $what =~ / / ? 'P' : $letter); }
		else { ($step{$name} // die "unknown step $step")->($self, $rest); }
	}
	# health is of all jobs
	$self->sql('SELECT count(ad_drop_job(name)::text) FROM ad_jobs');
	$self->leave(keys %kept);
	return join "\n", @{ $self->{wrong} };
}

package main;

my $pattern = $ENV{ANOMALY_TIMELINES} // '';
for my $line (grep { /^[^#]/ } split /\n/, $timelines)
{
	my ($name, $setting, $steps) = map { s/^\s+|\s+$//gr } split / \| /, $line, 3;
	next if $name !~ /$pattern/;
	is(Timeline->new($setting)->play($steps), '', "$name ($setting)");
}

$node->stop;
done_testing();
