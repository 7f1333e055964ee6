\echo Use "ALTER EXTENSION anomaly UPDATE TO '0.3.0'" to load this file. \quit

-- What moves, changes its form or goes. Functions, aggregates, views and
-- comments follow, as the install script has them (replace.awk).
