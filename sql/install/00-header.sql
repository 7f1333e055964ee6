\echo Use "CREATE EXTENSION anomaly" to load this file. \quit

