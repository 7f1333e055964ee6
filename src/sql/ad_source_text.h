/*-------------------------------------------------------------------------
 *
 * ad_source_text.h
 *		A source of rows: the name of a table, or a query.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SOURCE_TEXT_H
#define AD_SOURCE_TEXT_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* source_text.c */
extern char *ad_source_name(const char *text);
extern Oid	ad_source_find(const char *name);
extern char *ad_source_typed(const char *text);
extern char *ad_source_query(char *text, const char *what);
extern List *ad_source_parse(const char *query, const char *what);

#endif							/* AD_SOURCE_TEXT_H */
