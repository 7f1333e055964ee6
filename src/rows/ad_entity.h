/*-------------------------------------------------------------------------
 *
 * ad_entity.h
 *		Which entity a row is of, and what is known of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_ENTITY_H
#define AD_ENTITY_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "model/ad_cache.h"
#include "operate/ad_groups.h"

/* A column that names an entity, or is a part of its name. */
typedef struct AdEntityColumn
{
	Oid			type;			/* base type; UNKNOWNOID: a literal */
	FmgrInfo	out;
} AdEntityColumn;

/* entity.c */
extern bool ad_entity_type(Oid type);
extern void ad_entity_column(AdEntityColumn *c, Oid type, const char *name,
							 MemoryContext mcxt);
extern bool ad_entity_name(AdEntityColumn *columns, int n,
						   const NullableDatum *values, StringInfo buf);

/* What is known of an entity in a version. */
typedef enum AdEntityState
{
	AD_ENTITY_NEW,				/* nothing */
	AD_ENTITY_NONE,				/* no model is used for it */
	AD_ENTITY_OWN				/* it has one */
} AdEntityState;

typedef struct AdEntityKey
{
	const char *name;			/* in the map's memory */
	uint32		length;
	uint32		hash;
} AdEntityKey;

typedef struct AdEntity
{
	AdEntityKey key;
	AdModelHandle model;
	uint8		state;			/* an AdEntityState */
	char		status;			/* of the hash table */
} AdEntity;

/* entity_map.c: the entities of a version that this process met */
typedef struct AdEntityMap AdEntityMap;

extern AdEntityMap *ad_entity_map(const AdGroups *g, uint64 *serial);
extern bool ad_entity_map_is(const AdEntityMap *map, uint64 serial);
extern AdEntity *ad_entity_find(AdEntityMap *map, const char *name,
								uint32 length);

#endif							/* AD_ENTITY_H */
