-- Two attributes of one name, as SELECT l.*, r.* makes them: no function that
-- takes a row guesses which of them is meant. The functions are those of the
-- catalogue that take features, but those that return NULL in place of errors.
\set SHOW_CONTEXT never
\pset format unaligned

-- What a call raises; {} is the row.
CREATE FUNCTION pg_temp.said(call text, source text, attributes text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; hint text;
BEGIN
	EXECUTE format('SELECT %s FROM %s, (SELECT %s) r', call, source, attributes);
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', state, message, nullif(hint, ''));
END $$;

CREATE TABLE model AS
SELECT ad_fit(ad_zscore() || ad_calibrate(), r) AS m FROM (SELECT i AS a, i * 37 % 101 AS b FROM generate_series(1, 100) i) r;
SELECT ad_train('two_names', 'SELECT i AS a, i * 37 % 101 AS b FROM generate_series(1, 100) i', ad_zscore() || ad_calibrate()) AS version;

-- their calls, of a model as bytes and by name
CREATE TABLE call AS
SELECT proname || '(' || (SELECT coalesce(string_agg(CASE a WHEN 'model' THEN CASE t WHEN 'bytea'::regtype THEN 'm' ELSE '''two_names''' END
                                                            WHEN 'options' THEN '''{}''::jsonb'
                                                            WHEN 'u' THEN '0.5'
                                                            ELSE 'ad_zscore()' END, ', ' ORDER BY o) || ', ', '')
                          FROM unnest(proargtypes::oid[], proargnames) WITH ORDINALITY u(t, a, o)
                          WHERE t <> '"any"'::regtype AND o < pronargs) ||
       'r)' || CASE prokind WHEN 'w' THEN ' OVER ()' ELSE '' END AS call,
       prokind = 'f' AND proname <> 'ad_row' AS has_model
FROM pg_proc
WHERE provariadic = '"any"'::regtype AND proname LIKE 'ad\_%' AND proname NOT LIKE 'ad\_try\_%' AND
      oid IN (SELECT objid FROM pg_depend
              WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'anomaly'));
SELECT has_model, count(*) AS calls FROM call GROUP BY has_model ORDER BY has_model;
SELECT call, pg_temp.said(call, 'model', '1 AS a, 2 AS b') AS said
FROM call WHERE pg_temp.said(call, 'model', '1 AS a, 2 AS b') <> 'no error';

SELECT has_model, attributes, said, count(*) AS calls
FROM call, LATERAL (VALUES
	(1, '3 AS a, 50 AS b, 4 AS a'), (2, '3 AS a, 50 AS b, 60 AS b'),
	(3, '3 AS a, 50 AS b, 5 AS "A"'), (4, '3 AS a, 50 AS b, 1 AS c, 2 AS c'),
	-- the name of a column that has none
	(5, '3 AS a, 50 AS b, abs(1), abs(2)')) v(i, attributes),
	LATERAL (SELECT pg_temp.said(call, 'model', attributes) AS said OFFSET 0) s
GROUP BY has_model, i, attributes, said ORDER BY has_model, i, said;

-- nor do those that run a query
SELECT pg_temp.said(call, 'model', '1') AS said FROM unnest(ARRAY[
$$ad_detect('SELECT 3 AS a, 50 AS b, 4 AS a', 'zscore')$$,
$$ad_train('two_names', 'SELECT 3 AS a, 50 AS b, 4 AS a', 'zscore')$$,
$$ad_train('two_names', 'SELECT r FROM (SELECT 3 AS a, 50 AS b, 4 AS a) r', 'zscore')$$]) call;
-- a dropped attribute has no name
CREATE TABLE dropped (b int, a int, x int);
ALTER TABLE dropped DROP COLUMN x, DROP COLUMN b, ADD COLUMN b int;
INSERT INTO dropped VALUES (3, 50);
SELECT ad_score(m, d) = ad_score(m, 3, 50) AS same FROM model, dropped d;

-- a model that 0.2.0 fitted to rows with two attributes of one name: by position
-- it scores as it did, by name it cannot
CREATE TABLE old AS SELECT decode('
QURNT0RFTAoCAAIAAAAAAPgGAAAAAAAABgAAAAAAAAARfjlWgFMr9xyf2RLUzSKeeMUPjwAAAAAA
AAAAAAAAAAEAAAAAAAAA0AAAAAAAAAAfAQAAAAAAAAIAAAAAAAAA8AEAAAAAAAD6AAAAAAAAAAMA
AAAAAAAA8AIAAAAAAAAjAAAAAAAAAAYAAAAAAAAAGAMAAAAAAABQAAAAAAAAAAQAAAAAAAAAaAMA
AAAAAABUAwAAAAAAAAUAAAAAAAAAwAYAAAAAAAA0AAAAAAAAAHsiZGV0ZWN0b3IiOiAienNjb3Jl
IiwgIm1ldGhvZCI6ICJ6c2NvcmUiLCAiY29tYmluZSI6ICJtYXgiLCAiemVyb19zcHJlYWQiOiAi
c2tpcCIsICJwcmVwYXJlIjogeyJpbXB1dGUiOiAibWVkaWFuIiwgInNjYWxlIjogImF1dG8iLCAi
Y2FsZW5kYXIiOiBmYWxzZSwgInRpbWV6b25lIjogIlVUQyIsICJvbmVob3RfbWF4IjogMTAsICJk
cm9wX2NvcnJlbGF0ZWQiOiBudWxsfSwgInNhbXBsaW5nIjogeyJyb3dzIjogNjU1MzYsICJtZW1v
cnlfbWIiOiA2NCwgInNlZWQiOiAwLCAia2V5ZWQiOiBmYWxzZX19AAYAAABkAAAAAAAAAGQAAAAA
AAAAAgAAAAEBAAAAYQcAAABpbnRlZ2VyAAAAAAAAAAAAAAAAAAAAAGQAAAAAAAAAAAAAAAAA8D8A
AAAAAABZQAAAAAAAQElA+wJDxLbdPEDNzMzMzMwXQAAAAAAAwDlAAAAAAABASUAAAAAAANBSQDMz
MzMzw1dAAQEAAABhBwAAAGludGVnZXIAAAAAAAAAAAAAAAAAAAAAZAAAAAAAAAAAAAAAAADwPwAA
AAAAAFlAAAAAAABASUD8AkPEtt08QM3MzMzMzBdAAAAAAADAOUAAAAAAAEBJQAAAAAAA0FJAMzMz
MzPDV0AAAAAAAAAAAAMAAABVVEMBAAAAAABASUD/////AQAAAAAAQElA/////wAAAAAAmpmZmZmZ
qT8AAAAAAADQPwAAAAAAAOA/AAAAAAAA6D9mZmZmZmbuP5qZmZmZmak/AAAAAAAA0D8AAAAAAADg
PwAAAAAAAOg/ZmZmZmZm7j8AAAAAmpmZmZmZuT/kfXDXTjL6P2QAAAAAAAAAfLy1QbZ58j8Obua1
euPZP2QAAAAAAAAAPAdCyK1M+z88B0LIrUz7PzwHQsitTPs/PAdCyK1M+z+QQtlPfr/6P5BC2U9+
v/o/kELZT36/+j+QQtlPfr/6P+R9cNdOMvo/5H1w104y+j/kfXDXTjL6P+R9cNdOMvo/OLkHXx+l
+T84uQdfH6X5Pzi5B18fpfk/OLkHXx+l+T+M9J7m7xf5P4z0nubvF/k/jPSe5u8X+T+M9J7m7xf5
P+AvNm7Aivg/4C82bsCK+D/gLzZuwIr4P+AvNm7Aivg/NGvN9ZD99z80a831kP33PzRrzfWQ/fc/
NGvN9ZD99z+IpmR9YXD3P4imZH1hcPc/3eH7BDLj9j/d4fsEMuP2P93h+wQy4/Y/3eH7BDLj9j8x
HZOMAlb2PzEdk4wCVvY/hVgqFNPI9T+FWCoU08j1P9mTwZujO/U/2ZPBm6M79T/Zk8Gbozv1P9mT
wZujO/U/Lc9YI3Su9D8tz1gjdK70Py3PWCN0rvQ/Lc9YI3Su9D+BCvCqRCH0P4EK8KpEIfQ/1UWH
MhWU8z/VRYcyFZTzP9VFhzIVlPM/1UWHMhWU8z8pgR665QbzPymBHrrlBvM/fry1QbZ58j9+vLVB
tnnyP9L3TMmG7PE/0vdMyYbs8T/S90zJhuzxP9L3TMmG7PE/JjPkUFdf8T8mM+RQV1/xP3pue9gn
0vA/em572CfS8D/OqRJg+ETwP86pEmD4RPA/zqkSYPhE8D/OqRJg+ETwP0XKU8+Rb+8/RcpTz5Fv
7z/tQILeMlXuP+1Agt4yVe4/PS7f/HQg7D89Lt/8dCDsP+akDQwWBus/5qQNDBYG6z/mpA0MFgbr
P+akDQwWBus/NpJqKljR6D82kmoqWNHoP94ImTn5tuc/3giZOfm25z/eCJk5+bbnP94ImTn5tuc/
L/b1VzuC5T8v9vVXO4LlP9dsJGfcZ+Q/12wkZ9xn5D8oWoGFHjPiPyhagYUeM+I/0NCvlL8Y4T/Q
0K+UvxjhP0F8GWYDyN0/QXwZZgPI3T/iVtOih17ZP+JW06KHXtk/1B7q/U3A0j/UHur9TcDSP4rN
AbIoRMg/is0BsihEyD8AAAAAAAACAAAAAABASUAAAAAAAEBJQGaUXCPxAj1AAgAAAAAAQElAAAAA
AABASUBmlFwj8QI9QAAAAAA=
', 'base64') AS m;
SELECT string_agg(name, ' ') AS names FROM old, ad_features(m);
SELECT round(ad_score(m, 3, 50)::numeric, 6) AS columns, round(ad_score(m, ARRAY[3, 50])::numeric, 6) AS array FROM old;
SELECT said, count(*) AS calls
FROM call, unnest('{"3 AS a","3 AS a, 50 AS a"}'::text[]) attributes,
     LATERAL (SELECT pg_temp.said(call, 'old', attributes) AS said OFFSET 0) s
WHERE call LIKE '%(m, %' GROUP BY said ORDER BY said;

SET client_min_messages = warning;
SELECT ad_drop_model('two_names');
DROP TABLE model, call, dropped, old;
