/*-------------------------------------------------------------------------
 *
 * progress.c
 *		Slots in shared memory that say what is running and how far it is.
 *
 * A slot belongs to a backend from begin to end.  The lock guards which
 * slots are whose; what a slot says changes under its own spinlock, and the
 * count of rows, which changes most often, is one atomic store.  A backend
 * may have several at once (a job trains, training fits).
 *
 * A role takes no more slots than it leaves free, so that however many it
 * asks for, what others run is seen.
 *
 * A handle is the slot's number and how often it was given out, so that a
 * handle kept too long finds nothing instead of somebody else's slot.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_progress.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "operate/ad_shared.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#define SLOT_OF(handle) ((handle) % AD_PROGRESS_SLOTS)
#define MAX_USES		(PG_INT32_MAX / AD_PROGRESS_SLOTS)

typedef struct Slot
{
	slock_t		mutex;			/* of what is shown, but rows */
	int			uses;			/* times given out, modulo MAX_USES */
	pg_atomic_uint64 rows;
	AdProgress	shown;			/* its rows are not used */
} Slot;

/* What ends a slot with a memory context. */
typedef struct Ending
{
	MemoryContextCallback callback;
	int			handle;
} Ending;

int			ad_progress_around_fit = -1;

static Slot *slots = NULL;		/* in shared memory */
static int	mine = 0;			/* slots of this backend */
static bool registered = false;

/* Bytes of shared memory. */
Size
ad_progress_size(void)
{
	return ad_mul_size(AD_PROGRESS_SLOTS, sizeof(Slot));
}

/* Find the slots, or make them; AddinShmemInitLock is held. */
void
ad_progress_startup(void)
{
	bool		found;

	slots = ShmemInitStruct("anomaly progress", ad_progress_size(), &found);
	if (found)
		return;
	memset(slots, 0, ad_progress_size());
	for (int i = 0; i < AD_PROGRESS_SLOTS; i++)
	{
		SpinLockInit(&slots[i].mutex);
		pg_atomic_init_u64(&slots[i].rows, 0);
	}
}

/* Free all slots of this backend. */
static void
end_all(void)
{
	if (mine == 0)
		return;
	LWLockAcquire(ad_shared->progress_lock, LW_EXCLUSIVE);
	for (int i = 0; i < AD_PROGRESS_SLOTS; i++)
		if (slots[i].shown.pid == MyProcPid)
			slots[i].shown.pid = 0;
	LWLockRelease(ad_shared->progress_lock);
	mine = 0;
}

/* An aborted transaction runs nothing. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	(void) arg;
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT)
		end_all();
}

/* Nor does a backend that exits. */
static void
at_exit(int code, Datum arg)
{
	(void) code;
	(void) arg;
	end_all();
}

/* The slot of a handle if it is still ours, or NULL. */
static Slot *
slot_of(int handle)
{
	Slot	   *s;

	if (handle < 0 || slots == NULL)
		return NULL;
	s = &slots[SLOT_OF(handle)];
	return s->shown.pid == MyProcPid &&
		s->uses == handle / AD_PROGRESS_SLOTS ? s : NULL;
}

/*
 * Show that something of a kind begins; name and the number of rows to come
 * may be unknown (NULL, NaN).  Returns a handle, or -1 if it is not shown:
 * the role has as many slots as are free.
 */
int
ad_progress_begin(const char *kind, const char *name, double expected)
{
	int			handle = -1;
	Oid			user = GetUserId();
	int			left = 0;		/* free slots, less those of the role */

	if (ad_shared == NULL || MyProc == NULL)
		return -1;
	if (!registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		before_shmem_exit(at_exit, 0);
		registered = true;
	}
	LWLockAcquire(ad_shared->progress_lock, LW_EXCLUSIVE);
	for (int i = 0; i < AD_PROGRESS_SLOTS; i++)
	{
		if (slots[i].shown.pid == 0)
			left++;
		else if (slots[i].shown.user == user)
			left--;
	}
	for (int i = 0; i < AD_PROGRESS_SLOTS && left > 0; i++)
	{
		Slot	   *s = &slots[i];
		AdProgress *p = &s->shown;

		if (p->pid != 0)
			continue;
		memset(p, 0, sizeof(*p));
		p->database = MyDatabaseId;
		p->user = user;
		p->leader = MyProc->lockGroupLeader ?
			MyProc->lockGroupLeader->pid : MyProcPid;
		strlcpy(p->kind, kind, sizeof(p->kind));
		if (name)
			strlcpy(p->name, name, pg_mbcliplen(name, strlen(name),
												sizeof(p->name) - 1) + 1);
		p->expected = expected;
		p->started = GetCurrentTimestamp();
		pg_atomic_write_u64(&s->rows, 0);
		s->uses = (s->uses + 1) % MAX_USES;
		p->pid = MyProcPid;
		handle = s->uses * AD_PROGRESS_SLOTS + i;
		mine++;
		break;
	}
	LWLockRelease(ad_shared->progress_lock);
	return handle;
}

/* The memory of an Ending goes. */
static void
end_with_context(void *arg)
{
	Ending	   *e = arg;

	if (ad_progress_around_fit == e->handle)
		ad_progress_around_fit = -1;
	ad_progress_end(e->handle);
}

/*
 * As ad_progress_begin(), and it ends with a memory context at the latest:
 * an error that is caught ends no transaction.
 */
int
ad_progress_begin_in(MemoryContext mcxt, const char *kind, const char *name,
					 double expected)
{
	Ending	   *e;

	if (ad_shared == NULL)
		return -1;
	e = MemoryContextAllocZero(mcxt, sizeof(Ending));
	e->handle = ad_progress_begin(kind, name, expected);
	e->callback.func = end_with_context;
	e->callback.arg = e;
	MemoryContextRegisterResetCallback(mcxt, &e->callback);
	return e->handle;
}

/* Whether a handle is of something that still runs, in this backend. */
bool
ad_progress_is_open(int handle)
{
	return slot_of(handle) != NULL;
}

/* Show what is being done now. */
void
ad_progress_phase(int handle, const char *phase)
{
	Slot	   *s = slot_of(handle);

	if (s == NULL)
		return;
	SpinLockAcquire(&s->mutex);
	strlcpy(s->shown.phase, phase, sizeof(s->shown.phase));
	SpinLockRelease(&s->mutex);
}

/* Show how many rows are done. */
void
ad_progress_rows(int handle, uint64 rows)
{
	Slot	   *s = slot_of(handle);

	if (s)
		pg_atomic_write_u64(&s->rows, rows);
}

/* Show how many fits are made. */
void
ad_progress_fits(int handle, uint64 fits)
{
	Slot	   *s = slot_of(handle);

	if (s == NULL)
		return;
	SpinLockAcquire(&s->mutex);
	s->shown.fits = fits;
	SpinLockRelease(&s->mutex);
}

/* Show how many rows there will be; NaN if it is not known. */
void
ad_progress_expect(int handle, double expected)
{
	Slot	   *s = slot_of(handle);

	if (s == NULL)
		return;
	SpinLockAcquire(&s->mutex);
	s->shown.expected = expected;
	SpinLockRelease(&s->mutex);
}

/* It is over. */
void
ad_progress_end(int handle)
{
	Slot	   *s = slot_of(handle);

	if (s == NULL)
		return;
	LWLockAcquire(ad_shared->progress_lock, LW_EXCLUSIVE);
	s->shown.pid = 0;
	LWLockRelease(ad_shared->progress_lock);
	mine--;
}

/* The handle of this backend's slot of a kind and name, or -1. */
int
ad_progress_find(const char *kind, const char *name)
{
	int			handle = -1;

	if (ad_shared == NULL || mine == 0)
		return -1;
	/* no lock: our slots change by our hand only */
	for (int i = 0; i < AD_PROGRESS_SLOTS && handle < 0; i++)
	{
		const AdProgress *p = &slots[i].shown;

		if (p->pid == MyProcPid && strcmp(p->kind, kind) == 0 &&
			strncmp(p->name, name, strlen(p->name)) == 0 &&
			(strlen(p->name) == strlen(name) ||
			 strlen(name) >= sizeof(p->name)))
			handle = slots[i].uses * AD_PROGRESS_SLOTS + i;
	}
	return handle;
}

/* A copy of all that is running, palloc'd. */
AdProgress *
ad_progress_read(int *n)
{
	AdProgress *copy = ad_palloc_array(AdProgress, AD_PROGRESS_SLOTS);

	*n = 0;
	LWLockAcquire(ad_shared->progress_lock, LW_SHARED);
	for (int i = 0; i < AD_PROGRESS_SLOTS; i++)
	{
		Slot	   *s = &slots[i];

		if (s->shown.pid == 0)
			continue;
		SpinLockAcquire(&s->mutex);
		copy[*n] = s->shown;
		SpinLockRelease(&s->mutex);
		copy[(*n)++].rows = pg_atomic_read_u64(&s->rows);
	}
	LWLockRelease(ad_shared->progress_lock);
	return copy;
}
