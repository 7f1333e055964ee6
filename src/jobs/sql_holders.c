/*-------------------------------------------------------------------------
 *
 * sql_holders.c
 *		Which transactions may still add to the tables of a source.
 *
 * Those that hold a lock that writers take, or wait for one.  A statement
 * takes its lock before it draws the value of a sequence or the clock, and a
 * transaction keeps it to its end, so every row that is not visible yet
 * belongs to one of them, also where it has no transaction id yet.
 *
 * They are known by their virtual transaction ids, which a prepared
 * transaction keeps; after a restart it has another, "-1/xid".
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_source.h"
#include "operate/ad_own.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#define HOLDERS \
	"SELECT DISTINCT l.virtualtransaction FROM pg_catalog.pg_locks l " \
	"WHERE l.locktype = 'relation' AND l.relation = ANY ($1) " \
	"AND l.database IN (0, (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())) " \
	"AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') " \
	"AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()"

/* The transactions in progress on some tables, as texts; palloc'd. */
List *
ad_holders(List *tables)
{
	MemoryContext mcxt = CurrentMemoryContext;
	MemoryContext old;
	Oid			types[] = {OIDARRAYOID};
	Datum		values[1];
	Datum	   *oids = ad_palloc_array(Datum, list_length(tables));
	List	   *holders = NIL;
	ListCell   *cell;
	int			n = 0;

	foreach(cell, tables)
		oids[n++] = ObjectIdGetDatum(lfirst_oid(cell));
	values[0] = PointerGetDatum(construct_array(oids, n, OIDOID, sizeof(Oid),
												true, TYPALIGN_INT));
	(void) ad_own_run(HOLDERS, 1, types, values, NULL);
	old = MemoryContextSwitchTo(mcxt);
	for (uint64 i = 0; i < SPI_processed; i++)
		holders = lappend(holders,
						  pstrdup(SPI_getvalue(SPI_tuptable->vals[i],
											   SPI_tuptable->tupdesc, 1)));
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
	return holders;
}

/* Whether a text is in a list of texts. */
static bool
is_among(List *texts, const char *text)
{
	ListCell   *cell;

	foreach(cell, texts)
		if (strcmp(lfirst(cell), text) == 0)
		return true;
	return false;
}

/* Whether a transaction is a prepared one that has gone through a restart. */
static bool
is_restarted(const char *holder)
{
	return strncmp(holder, "-1/", 3) == 0;
}

/*
 * Whether all that once held locks have ended, given who holds them now.  If
 * one is gone, a prepared transaction that got another name in a restart may
 * be it, and takes its place.
 */
bool
ad_holders_ended(List **holders, List *now)
{
	List	   *left = NIL;
	bool		renamed = false;
	ListCell   *cell;

	foreach(cell, *holders)
	{
		if (is_among(now, lfirst(cell)))
			left = lappend(left, lfirst(cell));
		else if (!is_restarted(lfirst(cell)))
			renamed = true;
	}
	if (renamed)
		foreach(cell, now)
			if (is_restarted(lfirst(cell)) && !is_among(left, lfirst(cell)))
			left = lappend(left, lfirst(cell));
	*holders = left;
	return left == NIL;
}

/*
 * Up to where a kind that reads each row once may read, of what was "ready"
 * before and the mark below which nothing comes any more but from transactions
 * in progress.  Who holds a writer's lock now may still add below the mark; it
 * is ready when all of these have ended, looked up before the snapshot that is
 * read with.
 */
int64
ad_holders_ready(AdJobState *s, const AdJobSource *source, int64 mark,
				 int64 ready)
{
	List	   *holders = source->local ? ad_holders(source->tables) : NIL;

	if (s->has_mark && ad_holders_ended(&s->holders, holders))
	{
		ready = Max(ready, s->mark);
		s->has_mark = false;
	}
	if (s->has_mark)
		return ready;
	if (holders == NIL)
		return Max(ready, mark);
	s->has_mark = true;
	s->mark = mark;
	s->holders = holders;
	s->marked_at = GetCurrentTimestamp();
	return ready;
}
