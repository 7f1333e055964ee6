-- Loads the golden files of one set of events (:dataset) for
-- sql/market_golden.sql. \copy takes no variables, but the shell that unpacks
-- a file does.
\setenv FILES :directory/test/data/market/:dataset

TRUNCATE golden_raw, golden_raw_sequence, golden_raw_wash;
-- row numbers in the files count from 0
ALTER SEQUENCE golden_row RESTART;

\copy golden_raw FROM PROGRAM 'gzip -dc "$FILES.events.csv.gz"' WITH (FORMAT csv, HEADER)
INSERT INTO golden_event
	SELECT :'dataset', nextval('golden_row'), ts, account_id, product_id, side,
		price, quantity, event_type, order_id FROM golden_raw;

\copy golden_raw_sequence FROM PROGRAM 'gzip -dc "$FILES.window.csv.gz"' WITH (FORMAT csv, HEADER)
INSERT INTO golden_sequence SELECT :'dataset', 'window', * FROM golden_raw_sequence;
TRUNCATE golden_raw_sequence;
\copy golden_raw_sequence FROM PROGRAM 'gzip -dc "$FILES.strict.csv.gz"' WITH (FORMAT csv, HEADER)
INSERT INTO golden_sequence SELECT :'dataset', 'strict', * FROM golden_raw_sequence;
TRUNCATE golden_raw_sequence;
\copy golden_raw_sequence FROM PROGRAM 'gzip -dc "$FILES.anchored.csv.gz"' WITH (FORMAT csv, HEADER)
INSERT INTO golden_sequence SELECT :'dataset', 'anchored', * FROM golden_raw_sequence;

-- this one has no metrics
TRUNCATE golden_base;
\copy golden_base FROM PROGRAM 'gzip -dc "$FILES.either.csv.gz"' WITH (FORMAT csv, HEADER)
INSERT INTO golden_sequence SELECT :'dataset', 'either', * FROM golden_base;

\copy golden_raw_wash FROM PROGRAM 'gzip -dc "$FILES.wash.csv.gz"' WITH (FORMAT csv, HEADER)
INSERT INTO golden_wash SELECT :'dataset', * FROM golden_raw_wash;
