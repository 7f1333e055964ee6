/*-------------------------------------------------------------------------
 *
 * cache_counts.c
 *		What the model caches of all processes hold and did, together.
 *
 * Each process has a cache of its own (model/cache.c), which counts.  What
 * has changed since it last said so, it adds to sums in shared memory when a
 * call site that counts ends; and when it ends itself, it takes away what its
 * cache held.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_cache_counts.h"
#include "operate/ad_shared.h"

#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

/* In shared memory; what is held may go down. */
typedef struct Sums
{
	pg_atomic_uint64 models;
	pg_atomic_uint64 bytes;
	pg_atomic_uint64 hits;
	pg_atomic_uint64 loads;
	pg_atomic_uint64 evictions;
} Sums;

static Sums *sums = NULL;
static AdCacheCounts told;		/* what this process has added */
static bool registered = false;

/* Bytes of shared memory. */
Size
ad_cache_counts_size(void)
{
	return MAXALIGN(sizeof(Sums));
}

/* Find the sums, or make them; AddinShmemInitLock is held. */
void
ad_cache_counts_startup(void)
{
	bool		found;

	sums = ShmemInitStruct("anomaly caches", sizeof(Sums), &found);
	if (!found)
	{
		pg_atomic_init_u64(&sums->models, 0);
		pg_atomic_init_u64(&sums->bytes, 0);
		pg_atomic_init_u64(&sums->hits, 0);
		pg_atomic_init_u64(&sums->loads, 0);
		pg_atomic_init_u64(&sums->evictions, 0);
	}
}

/* Add what has changed. */
static void
tell(const AdCacheCounts *now)
{
	(void) pg_atomic_fetch_add_u64(&sums->models, (int64) now->models - told.models);
	(void) pg_atomic_fetch_add_u64(&sums->bytes,
								   (int64) now->bytes - (int64) told.bytes);
	(void) pg_atomic_fetch_add_u64(&sums->hits, (int64) (now->hits - told.hits));
	(void) pg_atomic_fetch_add_u64(&sums->loads,
								   (int64) (now->loads - told.loads));
	(void) pg_atomic_fetch_add_u64(&sums->evictions,
								   (int64) (now->evictions - told.evictions));
	told = *now;
}

/* The process ends, and its cache with it. */
static void
at_exit(int code, Datum arg)
{
	AdCacheCounts now = ad_cache_counts();

	(void) code;
	(void) arg;
	now.models = 0;
	now.bytes = 0;
	tell(&now);
}

/* Add what has changed in this process's cache.  Does not fail. */
void
ad_cache_counts_tell(void)
{
	AdCacheCounts now;

	if (sums == NULL)
		return;
	now = ad_cache_counts();
	if (now.models == told.models && now.bytes == told.bytes &&
		now.hits == told.hits && now.loads == told.loads &&
		now.evictions == told.evictions)
		return;
	if (!registered)
	{
		before_shmem_exit(at_exit, (Datum) 0);
		registered = true;
	}
	tell(&now);
}

/* What all processes hold and did; false: the library is not preloaded. */
bool
ad_cache_counts_all(AdCacheCounts *out)
{
	if (sums == NULL)
		return false;
	ad_cache_counts_tell();
	memset(out, 0, sizeof(*out));
	out->models = (int) pg_atomic_read_u64(&sums->models);
	out->bytes = (Size) pg_atomic_read_u64(&sums->bytes);
	out->hits = pg_atomic_read_u64(&sums->hits);
	out->loads = pg_atomic_read_u64(&sums->loads);
	out->evictions = pg_atomic_read_u64(&sums->evictions);
	return true;
}

/* Forget what was done; what is held is held. */
void
ad_cache_counts_reset(void)
{
	ad_cache_counts_tell();
	pg_atomic_write_u64(&sums->hits, 0);
	pg_atomic_write_u64(&sums->loads, 0);
	pg_atomic_write_u64(&sums->evictions, 0);
}
