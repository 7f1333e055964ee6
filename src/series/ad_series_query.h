/*-------------------------------------------------------------------------
 *
 * ad_series_query.h
 *		A user's query, put into queries over its rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SERIES_QUERY_H
#define AD_SERIES_QUERY_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "utils/portal.h"

#define AD_SERIES_BATCH	1000	/* rows a fetch */

/* sql_query.c */
extern char *ad_series_bare_query(Datum query);
extern TupleDesc ad_series_query_columns(const char *query, const char *no_rows);
extern Portal ad_series_query_open(const char *sql);

#endif							/* AD_SERIES_QUERY_H */
