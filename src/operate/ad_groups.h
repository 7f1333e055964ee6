/*-------------------------------------------------------------------------
 *
 * ad_groups.h
 *		Models of groups: a version of a name that has a model per entity.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_GROUPS_H
#define AD_GROUPS_H

#include "operate/ad_operate.h"

#include "access/htup.h"
#include "access/genam.h"
#include "access/tupdesc.h"
#include "utils/uuid.h"

#define AD_MAX_GROUP_COLUMNS	8

/* What all models of a version have in common. */
typedef struct AdGroups
{
	pg_uuid_t	set;			/* rows of _ad_model_group */
	int32		version;
	char	   *digest;			/* of the version: of no other one's */
	int			nby;
	char	  **by;				/* columns that name an entity */
	int64		min_rows;		/* that a model saw */
	char	   *fallback;		/* name of a model, or NULL */
} AdGroups;

/* The row of an entity in a version. */
typedef struct AdGroup
{
	text	   *entity;			/* as it is kept */
	int32		first;			/* version that it was fitted in */
	bool		ends;			/* last is a version, not all that follow */
	int32		last;
	int64		rows;
	int64		fingerprint;	/* of the rows, whatever their order */
	bool		has_model;
	Datum		model;			/* as stored */
	char	   *problem;		/* if it has none */
} AdGroup;

/* A scan of the entities of a version, in the order of their bytes. */
typedef struct AdGroupScan
{
	Relation	rel;
	Relation	index;
	SysScanDesc scan;
	MemoryContext mcxt;			/* the scan's */
	int32		version;
} AdGroupScan;

/* What scored a row of a version that has a model per entity. */
typedef enum AdGroupUse
{
	AD_GROUP_NONE,				/* nothing: there is no model for it */
	AD_GROUP_FALLBACK,
	AD_GROUP_OWN
} AdGroupUse;

extern AdGroupUse ad_group_last_use;	/* in this process */

extern AdGroups *ad_groups_of(HeapTuple version, TupleDesc desc, int digest);
extern bool ad_group_find(const AdGroups *g, const char *entity, int len,
						  Snapshot snapshot, AdGroup *out);
extern void ad_group_scan_begin(const AdGroups *g, Snapshot snapshot,
								AdGroupScan *scan);
extern bool ad_group_scan_next(AdGroupScan *scan, AdGroup *out);
extern void ad_group_scan_end(AdGroupScan *scan);

#endif							/* AD_GROUPS_H */
