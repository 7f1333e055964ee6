-- Loads the golden files of one set of events (:dataset) for
-- sql/market_golden.sql. \copy takes no variables, but the shell that unpacks
-- a file does.
\setenv FILES :directory/test/data/market/:dataset

TRUNCATE golden_raw;
-- row numbers in the files count from 0
ALTER SEQUENCE golden_row RESTART;

\copy golden_raw FROM PROGRAM 'sh "$GOLDEN" "$FILES" events' WITH (FORMAT csv)
INSERT INTO golden_event SELECT *, nextval('golden_row') FROM golden_raw;
\copy golden_sequence FROM PROGRAM 'sh "$GOLDEN" "$FILES" sequences' WITH (FORMAT csv)
\copy golden_wash FROM PROGRAM 'sh "$GOLDEN" "$FILES" wash' WITH (FORMAT csv)
