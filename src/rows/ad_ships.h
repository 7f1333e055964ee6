/*-------------------------------------------------------------------------
 *
 * ad_ships.h
 *		What a plan fetches from foreign servers, and why not less.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SHIPS_H
#define AD_SHIPS_H

#include "postgres.h"

#include "executor/spi.h"
#include "nodes/plannodes.h"
#include "rows/ad_query.h"

/* A scan of foreign tables. */
typedef struct AdShip
{
	const char *scan;			/* the tables, with their schemas */
	const char *server;
	bool		aggregate;		/* the server aggregates */
	const char *ships;			/* what comes, in words */
	const char *reason;			/* why not less; NULL: nothing to say */
	const char *hint;			/* NULL: none */
} AdShip;

/* Whether a training query is run as sketches of the tables of each server. */
typedef enum AdShards
{
	AD_SHARDS_AUTO,				/* if they ship */
	AD_SHARDS_ONLY,				/* an error if they do not */
	AD_SHARDS_OFF
} AdShards;

/* ships.c */
extern List *ad_ships_of_plan(SPIPlanPtr plan);
extern const Query *ad_ships_query(SPIPlanPtr plan);

/* shards.c */
extern AdShards ad_shards_by_name(const char *word);
extern bytea *ad_shards_fit(const char *name, const AdQuery *query,
							AdShards shards, Datum spec, Oid spec_type,
							bool *done);
extern void ad_shards_check(const char *name, const AdQuery *query,
							const char *fit, AdShards shards, Oid spec_type);
extern bytea *ad_shards_merge(const char *name, const char *fit,
							  AdShards shards, Datum spec, Oid spec_type);

#endif							/* AD_SHIPS_H */
