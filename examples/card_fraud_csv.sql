-- Makes card_fraud.csv: psql -XAtq -f card_fraud_csv.sql > card_fraud.csv
-- Sixty cards over thirty days, each with a home, an amount it usually spends and hours in which it
-- is used. Four cards are stolen in the last week: small payments to try them, then large ones
-- abroad, minutes apart. Made up; no figure in it is anybody's.
COPY (
    WITH usual AS (
        SELECT card, n,
               timestamp '2026-03-01' + (ad_random(1, card * 1000 + n) * 30)::int * interval '1 day'
                   + interval '8 hours' + (ad_random(2, card * 1000 + n) * 14 * 60)::int * interval '1 minute' AS at,
               (ARRAY['grocery', 'grocery', 'fuel', 'restaurant', 'online', 'pharmacy'])[1 + floor(ad_random(3, card * 1000 + n) * 6)::int] AS merchant,
               CASE WHEN ad_random(4, card * 1000 + n) < 0.03 THEN (ARRAY['FR', 'IT', 'AT'])[1 + card % 3]
                    ELSE (ARRAY['DE', 'DE', 'FR', 'NL'])[1 + card % 4] END AS country,
               round((exp(ln(8 + 4 * (card % 9)) + 0.6 * ad_random(5, card * 1000 + n, 'normal')))::numeric, 2) AS amount,
               false AS is_fraud
        FROM generate_series(1, 60) card, generate_series(1, 40) n
    ), stolen AS (
        SELECT card, 100 + n, timestamp '2026-03-24 22:40' + card * interval '9 hours' + n * interval '2 minutes 10 seconds',
               CASE WHEN n < 3 THEN 'online' ELSE 'electronics' END, CASE WHEN n < 3 THEN 'US' ELSE 'RO' END,
               round((CASE WHEN n < 3 THEN 1 + ad_random(6, card * 10 + n) ELSE 240 + 500 * ad_random(7, card * 10 + n) END)::numeric, 2), true
        FROM unnest('{7, 12, 15, 19}'::int[]) card, generate_series(0, 6) n
    )
    SELECT row_number() OVER (ORDER BY at, card, n) AS id, 'card-' || lpad(card::text, 2, '0') AS card, at, merchant, country, amount, is_fraud
    FROM (SELECT * FROM usual UNION ALL SELECT * FROM stolen) t ORDER BY 1
) TO STDOUT (FORMAT csv, HEADER);
