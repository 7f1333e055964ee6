/*-------------------------------------------------------------------------
 *
 * shared.c
 *		Shared memory: asked for and set up when the library is preloaded.
 *
 * Everything that is not statistics or progress works without it, so a
 * library that is loaded on demand just finds ad_shared to be NULL.  The
 * memory is as old as the server's: a crash of any backend makes it anew,
 * empty.  The counts of models survive a restart (stats_file.c).
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_shared.h"

#include "miscadmin.h"
#include "operate/ad_cache_counts.h"
#include "operate/ad_progress.h"
#include "operate/ad_stats.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#define TRANCHE "anomaly"

AdShared   *ad_shared = NULL;

#if PG_VERSION_NUM >= 150000
static shmem_request_hook_type previous_request = NULL;
#endif
static shmem_startup_hook_type previous_startup = NULL;

/* Ask for memory and locks. */
static void
request(void)
{
#if PG_VERSION_NUM >= 150000
	if (previous_request)
		previous_request();
#endif
	RequestAddinShmemSpace(MAXALIGN(sizeof(AdShared)));
	RequestAddinShmemSpace(ad_stats_size());
	RequestAddinShmemSpace(ad_progress_size());
	RequestAddinShmemSpace(ad_cache_counts_size());
	RequestNamedLWLockTranche(TRANCHE, 2);
}

/* Find the memory, or make it: in the postmaster, and wherever forked anew. */
static void
startup(void)
{
	bool		found;
	bool		is_new;
	AdShared   *shared;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("anomaly", sizeof(AdShared), &found);
	if (!found)
	{
		LWLockPadded *locks = GetNamedLWLockTranche(TRANCHE);

		shared->stats_lock = &locks[0].lock;
		shared->progress_lock = &locks[1].lock;
	}
	ad_stat_measure_clock();
	ad_stats_startup(&is_new);
	ad_progress_startup();
	ad_cache_counts_startup();
	ad_shared = shared;
	LWLockRelease(AddinShmemInitLock);

	if (!IsUnderPostmaster)
	{
		on_shmem_exit(ad_stats_save, (Datum) 0);
		if (is_new)
			ad_stats_load();
	}
}

/* Define the settings, and hook into the server's start if there is one. */
void
ad_shared_init(void)
{
	ad_stats_settings(process_shared_preload_libraries_in_progress);
	if (!process_shared_preload_libraries_in_progress)
		return;
#if PG_VERSION_NUM >= 150000
	previous_request = shmem_request_hook;
	shmem_request_hook = request;
#else
	request();
#endif
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
}

/* Raise an error, which says what to do, unless the library was preloaded. */
void
ad_shared_require(const char *what)
{
	if (ad_shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("\"%s\" needs anomaly to be loaded at server start",
						what),
				 errhint("Add anomaly to shared_preload_libraries and restart the server.")));
}
