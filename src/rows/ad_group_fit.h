/*-------------------------------------------------------------------------
 *
 * ad_group_fit.h
 *		Fits of a model per entity, as the groups of a query come.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_GROUP_FIT_H
#define AD_GROUP_FIT_H

#include "model/ad_spec.h"
#include "operate/ad_groups.h"

#include "tcop/dest.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"

/* What is to be done to the stored entities; a row of the tuplestore each. */
typedef enum AdGroupChange
{
	AD_GROUP_INSERT,			/* what is new of an entity */
	AD_GROUP_END,				/* its old row ends with the old version */
	AD_GROUP_EXTEND				/* its old row is that of the new one too */
} AdGroupChange;

enum
{
	CHANGE_WHAT,				/* AdGroupChange, as an integer */
	CHANGE_ENTITY,
	CHANGE_FIRST,				/* of the old row */
	CHANGE_ROWS,
	CHANGE_FINGERPRINT,
	CHANGE_MODEL,
	CHANGE_PROBLEM,
	CHANGE_COLUMNS
};

typedef struct AdGroupFit
{
	DestReceiver pub;
	const char *name;			/* of the model */
	AdSpec	   *spec;			/* raises errors */
	int64		min_rows;
	int64		max_bytes;
	bool		keep_gone;
	const AdGroups *base;		/* version whose models are reused, or NULL */
	int			progress;

	Tuplestorestate *changes;
	TupleDesc	desc;			/* of them */

	/* found */
	int64		fitted;
	int64		kept;			/* nothing has changed */
	int64		failed;			/* have no model, new or kept */
	int64		gone;			/* have no rows any more */
	int64		entities;		/* with rows */
	int64		rows;
	int64		unnamed;		/* rows without an entity */
	int64		bytes;			/* of all models */
	char	   *first_problem;	/* or NULL */
	int64		max_rows;		/* of a model that was fitted */
	double		least_p;		/* of any entity; 1: there are no p-values */
	Datum		features;		/* of the first model, jsonb; 0: none */

	/* in between */
	MemoryContext mcxt;			/* of what stays */
	MemoryContext group_mcxt;	/* of one group */
	ResourceOwner owner;		/* of the scan */
	AdGroupScan scan;			/* of the base */
	MemoryContext base_mcxt;	/* of at */
	AdGroup		at;				/* where it stands */
	bool		has_at;
} AdGroupFit;

extern void ad_group_fit_begin(AdGroupFit *f);
extern void ad_group_fit_end(AdGroupFit *f);

#endif							/* AD_GROUP_FIT_H */
