\echo Use "ALTER EXTENSION anomaly UPDATE TO '0.2.0'" to load this file. \quit

-- Nothing of 0.1.0 changes but what the new topics, which follow, say of it.

