/*-------------------------------------------------------------------------
 *
 * ad_store.h
 *		A version of a named model becomes a row of the registry.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_STORE_H
#define AD_STORE_H

#include "model/ad_model.h"
#include "rows/ad_registry.h"

/* A version to be stored. */
typedef struct AdStored
{
	text	   *name;
	int32		version;		/* 0: the next */
	bytea	   *bytes;			/* empty: a model per entity */
	Datum		spec;			/* jsonb */
	const char *query;
	int64		rows;
	Datum		features;		/* jsonb */
	const char *digest;			/* hexadecimal */
	Datum		notes;			/* text; 0: none */
	Datum		groups;			/* jsonb; 0: it is one model */
	Datum		labels;			/* jsonb: column and query; 0: none */
	double		fit_ms;			/* reading and fitting took (NaN: not known), */
	int64		fit_bytes;		/* and so much memory at most */
	int32		keep;			/* versions; 0: as many as before */
	bool		activate;
} AdStored;

extern void ad_store_model(AdStored *s, bytea *bytes);
extern Datum ad_store_features(const AdModel *m);
extern int32 ad_store_next(text *name, int32 keep);
extern int32 ad_store_version(const AdStored *s);

/* group_sweep.c */
extern bool ad_store_has_groups(void);
extern Datum ad_store_sets(text *name);
extern void ad_store_sweep(Datum sets);

#endif							/* AD_STORE_H */
