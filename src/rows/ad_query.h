/*-------------------------------------------------------------------------
 *
 * ad_query.h
 *		A user's query as text, put into queries over its rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_QUERY_H
#define AD_QUERY_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "executor/spi.h"

typedef struct AdQuery
{
	const char *what;			/* it is called in errors: "training query" */
	char	   *text;			/* without what follows it */
	TupleDesc	columns;
	int			key;			/* the column that is no feature, or -1 */
	const bool *by;				/* columns that are none either; NULL: none */
	const char *features;		/* an SQL expression: the row of features */
	bool		distributed;	/* it reads a table with shards, of Citus */
	bool		gathered;		/* whose rows must come here */
} AdQuery;

extern void ad_query_read(const char *sql, const char *what, AdQuery *out);
extern int	ad_query_find(const AdQuery *q, const char *name,
						  const char *role);
extern void ad_query_wrong_label(const char *name, Oid type);
extern void ad_query_exclude(AdQuery *q, char **names);
extern int	ad_query_key(const AdQuery *q, const char *name);
extern void ad_query_features(AdQuery *q, int key);
extern char *ad_query_of_features(const AdQuery *q, int also);
extern char *ad_query_sketch(const AdQuery *q, int column);
extern char *ad_query_from(const AdQuery *q);
extern char *ad_query_rows(const AdQuery *q, bool keyed);
extern bytea *ad_query_fit(const char *sql, Oid spec_type, Datum spec);
extern void ad_query_read_only(const char *sql, int nargs, Oid *types,
							   Datum *values);
extern SPIPlanPtr ad_query_prepare(const char *sql, int nargs, Oid *types);
extern void ad_query_stream(SPIPlanPtr plan, int nargs, const Oid *types,
							Datum *values, DestReceiver *dest);
extern void ad_query_scores(const AdQuery *q, bytea *model,
							void (*take) (void *arg, double score), void *arg);
extern char *ad_query_key_text(const AdQuery *q);
extern bool ad_query_has_rows(const AdQuery *q);

#endif							/* AD_QUERY_H */
