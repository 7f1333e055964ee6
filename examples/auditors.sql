-- For auditors: digits that do not follow Benford's law, and invoices that were paid twice.
-- Run it in an empty database:  psql -aqX -d audit -f auditors.sql
-- What it prints is in auditors.out.

CREATE EXTENSION anomaly;
SET timezone = 'UTC';

-- 1. The data: invoices of forty vendors in a year. Amounts grow by percents, as prices do, so their
--    first digits follow Benford's law. V-17 invents his: just below 5,000, where a second signature
--    is needed. Fifteen invoices were entered twice, with a space or a digit changed.
CREATE TABLE invoices AS
SELECT 10000 + row_number() OVER (ORDER BY day, v, n) AS id, 'V-' || lpad(v::text, 2, '0') AS vendor, 'R' || v || '-' || lpad(n::text, 4, '0') AS number, day,
       CASE WHEN v = 17 THEN round((4500 + 490 * ad_random(1, n))::numeric, 2)
            ELSE round((exp(ln(20) + ad_random(2, v * 1000 + n) * ln(1000)))::numeric, 2) END AS amount
FROM generate_series(1, 40) v, generate_series(1, 100) n, LATERAL (SELECT date '2025-01-02' + (ad_random(3, v * 1000 + n) * 360)::int AS day) d;
INSERT INTO invoices
SELECT 90000 + id, vendor, CASE WHEN id % 2 = 0 THEN lower(replace(number, '-', ' ')) ELSE number || '/2' END, day + 5 + (id % 20)::int, amount
FROM invoices WHERE id % 267 = 1;
SELECT count(*) AS invoices, count(DISTINCT vendor) AS vendors, sum(amount) AS paid FROM invoices;

-- 2. Benford's law: a first digit d is as frequent as log10(1 + 1/d). Of all vendors together the
--    digits conform: by Nigrini's bounds a mean absolute deviation (mad) up to 0.006 is close
--    conformity, up to 0.012 acceptable, up to 0.015 marginal, and above it none.
SELECT n, round(mad::numeric, 4) AS mad, verdict FROM (SELECT (ad_benford(amount)).* FROM invoices) b;

SELECT d.digits, d.observed, round(d.share::numeric, 3) AS share, round(d.expected_share::numeric, 3) AS benford,
       rpad('', (d.share * 100)::int, '#') AS picture
FROM (SELECT ad_benford(amount) AS b FROM invoices) i, ad_benford_digits(b) d ORDER BY d.digits;

-- 3. The same of each vendor: who stands out? Of a hundred invoices a deviation of 0.03 is chance;
--    the p-value of chi-square tells: one vendor of a thousand has one below 0.001 by chance.
SELECT vendor, n, round(mad::numeric, 3) AS mad, round(chi_square::numeric, 1) AS chi_square, p_value < 0.001 AS beyond_chance, verdict
FROM (SELECT vendor, (ad_benford(amount)).* FROM invoices GROUP BY vendor) b ORDER BY chi_square DESC LIMIT 3;

-- 4. Just below the limit: how many invoices lie within a tenth below 5,000, of how many around it?
SELECT vendor, count(*) FILTER (WHERE amount < 5000) AS below, count(*) FILTER (WHERE amount >= 5000) AS above
FROM invoices WHERE amount BETWEEN 4500 AND 5500 GROUP BY vendor HAVING count(*) > 5 ORDER BY 2 DESC;

-- 5. Paid twice: the same vendor and amount within thirty days, and a number that is the same once
--    case, spaces, dashes and a trailing /2 are gone.
WITH tidy AS (SELECT *, regexp_replace(regexp_replace(upper(number), '/\d+$', ''), '[^A-Z0-9]', '', 'g') AS bare FROM invoices)
SELECT a.id, b.id AS again, a.vendor, a.number, b.number AS number_again, a.amount, b.day - a.day AS days_later
FROM tidy a JOIN tidy b ON b.vendor = a.vendor AND b.amount = a.amount AND b.bare = a.bare AND b.id > a.id AND b.day - a.day BETWEEN 0 AND 30
ORDER BY a.amount DESC LIMIT 5;
WITH tidy AS (SELECT *, regexp_replace(regexp_replace(upper(number), '/\d+$', ''), '[^A-Z0-9]', '', 'g') AS bare FROM invoices)
SELECT count(*) AS paid_twice, sum(a.amount) AS to_get_back
FROM tidy a JOIN tidy b ON b.vendor = a.vendor AND b.amount = a.amount AND b.bare = a.bare AND b.id > a.id AND b.day - a.day BETWEEN 0 AND 30;
