-- Card fraud: from a CSV file to alerts with reasons.
-- Run it in this directory, in an empty database:  psql -aqX -d fraud -f card_fraud.sql
-- What it prints is in card_fraud.out.

CREATE EXTENSION anomaly;
SET timezone = 'UTC';

-- 1. The data: card payments of a month. is_fraud is what was found out later; the model never sees it.
CREATE TABLE payments (id bigint PRIMARY KEY, card text, at timestamptz NOT NULL, merchant text, country text, amount numeric, is_fraud boolean);
\copy payments FROM 'card_fraud.csv' (FORMAT csv, HEADER)
CREATE INDEX ON payments (at, id);
SELECT count(*) AS payments, count(DISTINCT card) AS cards, count(*) FILTER (WHERE is_fraud) AS frauds FROM payments;

-- 2. What makes a payment strange is seldom in the payment itself. Two windows say it: how fast the
--    card is used (velocity), and how the amount compares with what this card has spent so far.
CREATE VIEW card_features AS
SELECT id, card, at, is_fraud, amount, merchant,
       count(*) OVER last_hour AS payments_1h,
       sum(amount) OVER last_day AS amount_24h,
       round(amount / avg(amount) OVER before, 1) AS times_usual,
       (country <> first_value(country) OVER (PARTITION BY card ORDER BY at, id))::int AS abroad
FROM payments
WINDOW last_hour AS (PARTITION BY card ORDER BY at RANGE BETWEEN '1 hour' PRECEDING AND CURRENT ROW),
       last_day AS (PARTITION BY card ORDER BY at RANGE BETWEEN '24 hours' PRECEDING AND CURRENT ROW),
       before AS (PARTITION BY card ORDER BY at, id ROWS BETWEEN 50 PRECEDING AND 1 PRECEDING);

-- 3. A model of the first three weeks. No labels: it learns what is usual. beyond_range: an amount
--    that no payment had counts as strange by itself; cross: every row serves for p-values.
SELECT ad_train('cards', $$
    SELECT amount, payments_1h, amount_24h, times_usual, abroad, merchant FROM card_features WHERE at < '2026-03-22' $$,
    ad_iforest(sample_size => 1024) || ad_prepare(beyond_range => true) || ad_calibrate(method => 'cross'));

-- 4. Does it work? The last week has the frauds, so here the labels may judge.
SELECT round(ad_roc_auc(ad_score('cards', f), is_fraud)::numeric, 2) AS roc_auc,
       round(ad_average_precision(ad_score('cards', f), is_fraud)::numeric, 1) AS average_precision
FROM card_features f WHERE at >= '2026-03-22';
SELECT ad_text_histogram(ad_score('cards', f), is_fraud, ad_plot_options(bins => 8)) FROM card_features f WHERE at >= '2026-03-22';

-- 5. A job scores what is new, once, and writes alerts. Here it reads the last week; with pg_cron,
--    SELECT ad_schedule_job('card fraud', '* * * * *') lets it run by itself every minute.
SELECT ad_create_job('card fraud', 'cards', 'card_features', key => 'id', watermark => 'at', entity => 'card',
                     rule => '{"p_value": 0.005}', since => '2026-03-22');
CALL ad_run_job('card fraud');

-- 6. The alerts, one line per card: how many, from when on, and why the strangest one.
SELECT entity AS card, count(*) AS alerts, to_char(min(event_at), 'DD Mon HH24:MI') AS first,
       replace((array_agg(ad_why('cards', f) ORDER BY a.score DESC, a.key))[1], '; ', E'\n') AS why
FROM ad_alerts a JOIN card_features f ON f.id = a.key::bigint
WHERE job = 'card fraud' GROUP BY entity ORDER BY count(*) DESC, min(event_at);

-- 7. How right was it? Tell the job what became of the alerts, as an analyst does who looks at them.
--    Most of the 28 frauds are found; what is missed are the first small ones of each card.
SELECT count(ad_label('card fraud', key, f.is_fraud)) AS labels
FROM ad_alerts a JOIN card_features f ON f.id = a.key::bigint WHERE job = 'card fraud';
SELECT alerts, confirmed, alerts - confirmed AS false_alarms FROM ad_job_stats WHERE job = 'card fraud';

-- 8. Pictures for the colleagues: all scores, and the parts of the score of one alert.
\pset tuples_only on
\pset format unaligned
\o card_fraud_scores.svg
SELECT ad_plot_scores(ad_score('cards', f), is_fraud, ad_plot_options(title => 'Payments of the last week')) FROM card_features f WHERE at >= '2026-03-22';
\o card_fraud_alert.svg
SELECT ad_plot_explain('cards', ad_plot_options(title => format('Payment %s of %s', id, card)), f)
FROM card_features f WHERE id = (SELECT key::bigint FROM ad_alerts WHERE job = 'card fraud' ORDER BY score DESC, key LIMIT 1);
\o
