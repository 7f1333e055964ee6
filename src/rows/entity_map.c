/*-------------------------------------------------------------------------
 *
 * entity_map.c
 *		The entities that a process met, and their models in the cache.
 *
 * A row of _ad_model_group that is of a version never changes, and a version is
 * told from all others by its set, its number and its digest, which is drawn
 * at random when it is stored.  So what was found of an entity stays true, and a
 * row of one that was met costs no look at a table: its model is held by the
 * handle, unless the cache has let it go.
 *
 * What a few versions were asked last is kept, with a part of the cache's
 * memory, which it counts in; what outgrows that is forgotten at once.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "rows/ad_entity.h"

#include "common/hashfn.h"

#define MAPS		4
#define PART		4			/* of the cache, at most for all maps, */
#define LEAST		(256 * 1024)	/* but so many bytes each */

#define SH_PREFIX		entities
#define SH_ELEMENT_TYPE	AdEntity
#define SH_KEY_TYPE		AdEntityKey
#define SH_KEY			key
#define SH_HASH_KEY(tb, k)	((k).hash)
#define SH_EQUAL(tb, a, b) \
	((a).length == (b).length && memcmp((a).name, (b).name, (a).length) == 0)
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct AdEntityMap
{
	uint64		serial;			/* of what is in it; 0: nothing yet */
	uint64		used;
	pg_uuid_t	set;
	int32		version;
	char		digest[2 * AD_DIGEST_LENGTH + 1];
	MemoryContext mcxt;
	entities_hash *table;
	Size		bytes;
	Size		names;			/* bytes of them */
};

static AdEntityMap maps[MAPS];
static uint64 last_serial = 0;
static uint64 uses = 0;

/* Tell the cache what all maps take. */
static void
account(void)
{
	Size		bytes = 0;

	for (int i = 0; i < MAPS; i++)
		bytes += maps[i].bytes;
	ad_cache_beside(bytes);
}

/* Count what a map takes. */
static void
measure(AdEntityMap *map)
{
	map->bytes = map->names + map->table->size * sizeof(AdEntity);
	account();
}

/* Empty a map, which is one of a version from now on. */
static void
begin(AdEntityMap *map, const AdGroups *g)
{
	map->serial = 0;
	map->bytes = map->names = 0;
	map->table = NULL;
	if (map->mcxt == NULL)
		map->mcxt = AllocSetContextCreate(TopMemoryContext,
										  "anomaly entities",
										  ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(map->mcxt);
	if (g != NULL)
	{
		map->set = g->set;
		map->version = g->version;
		strlcpy(map->digest, g->digest, sizeof(map->digest));
	}
	map->table = entities_create(map->mcxt, 256, NULL);
	measure(map);
	map->serial = ++last_serial;
}

/*
 * The map of a version, made in place of the one that was not used for longest.
 * It is the same until ad_entity_map_is() says that it is not.
 */
AdEntityMap *
ad_entity_map(const AdGroups *g, uint64 *serial)
{
	AdEntityMap *map = NULL;

	for (int i = 0; i < MAPS && map == NULL; i++)
		if (maps[i].serial != 0 && maps[i].version == g->version &&
			memcmp(&maps[i].set, &g->set, sizeof(g->set)) == 0 &&
			strcmp(maps[i].digest, g->digest) == 0)
			map = &maps[i];
	if (map == NULL)
	{
		map = &maps[0];
		for (int i = 1; i < MAPS; i++)
			if (maps[i].used < map->used)
				map = &maps[i];
		begin(map, g);
	}
	map->used = ++uses;
	*serial = map->serial;
	return map;
}

/* Whether a map is still what it was when that serial was given out. */
bool
ad_entity_map_is(const AdEntityMap *map, uint64 serial)
{
	return map->serial == serial;
}

/* Whether a map has all the memory that it may have. */
static bool
is_full(const AdEntityMap *map)
{
	Size		limit = (Size) ad_model_cache_size * 1024 / PART / MAPS;

	return map->bytes > Max(limit, LEAST);
}

/*
 * What is known of an entity: nothing, if it is new.  Good until the next call.
 * A map that has grown too large forgets the others.
 */
AdEntity *
ad_entity_find(AdEntityMap *map, const char *name, uint32 length)
{
	AdEntityKey key;
	AdEntity   *e;
	Size		size = map->table->size;
	bool		found;

	key.name = name;
	key.length = length;
	key.hash = hash_bytes((const unsigned char *) name, (int) length);
	e = entities_lookup(map->table, key);
	if (e != NULL)
		return e;
	if (is_full(map))
	{
		uint64		serial = map->serial;

		/* it stays the map of its version */
		begin(map, NULL);
		map->serial = serial;
		size = 0;
	}
	key.name = memcpy(MemoryContextAlloc(map->mcxt, Max(length, 1)), name, length);
	e = entities_insert(map->table, key, &found);
	e->state = AD_ENTITY_NEW;
	e->model.entry = NULL;
	map->names += length + 16;
	if (map->table->size != size || (map->table->members & 1023) == 0)
		measure(map);
	return e;
}
