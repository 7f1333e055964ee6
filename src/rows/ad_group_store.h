/*-------------------------------------------------------------------------
 *
 * ad_group_store.h
 *		Training of a model per entity: what is asked, and how it is stored.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_GROUP_STORE_H
#define AD_GROUP_STORE_H

#include "rows/ad_group_fit.h"

#include "utils/jsonb.h"

/* What is asked of a training. */
typedef struct AdGroupTask
{
	char	   *name;
	char	   *query;
	int			nby;
	char	  **by;				/* columns that name an entity, */
	int			by_column[AD_MAX_GROUP_COLUMNS];	/* which they are */
	Jsonb	   *spec;
	char	   *fallback;		/* or NULL */
	int32		min_rows;
	bool		keep_gone;		/* entities without rows keep their models */
	int64		max_bytes;
	Datum		notes;			/* text; 0: none */
	int32		keep;			/* versions; 0: as before */
	bool		activate;
	bool		reuse;			/* models of entities that have not changed */

	char	   *columns;		/* features of the query, in JSON */
	Datum		base_features;	/* of the version before, jsonb; 0: none */
	char	   *base_digest;	/* of that; NULL: none */
	double		fit_ms;			/* reading and fitting took, */
	int64		fit_bytes;		/* and so much memory at most */
	int32		version;		/* out */
} AdGroupTask;

extern void ad_group_lock(const char *name);
extern void ad_group_task_read(AdGroupTask *t);
extern AdGroups *ad_group_base(AdGroupTask *t, double *least_p);
extern int32 ad_group_store(AdGroupTask *t, AdGroupFit *f);

#endif							/* AD_GROUP_STORE_H */
