/*-------------------------------------------------------------------------
 *
 * sql_truncate.c
 *		Whether a source has been emptied since a job last read it.
 *
 * A table that is truncated gets another file.  So it does from VACUUM FULL
 * and CLUSTER, which keep its rows with who wrote them; so it was truncated
 * if its file is another and no row is left that was visible then.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_source.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* What of a snapshot decides whether a transaction was over when it was taken. */
typedef struct Moment
{
	TransactionId xmin;			/* all before it were */
	TransactionId xmax;			/* none from it on was */
	int			n;
	TransactionId *running;		/* between them, these were not */
} Moment;

/* Whether a table has a file of its own that TRUNCATE replaces. */
static bool
is_stored(Oid table)
{
	return get_rel_relkind(table) == RELKIND_RELATION;
}

/* The file of a table. */
static Oid
file_of(Oid table)
{
	HeapTuple	row = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid			file = InvalidOid;

	if (HeapTupleIsValid(row))
	{
		file = ((Form_pg_class) GETSTRUCT(row))->relfilenode;
		ReleaseSysCache(row);
	}
	return file;
}

/*
 * The files of the tables whose column the watermark is, as text; NULL: there
 * are none.
 */
char *
ad_filenodes(const AdJobSource *source)
{
	StringInfoData buf;
	ListCell   *cell;

	initStringInfo(&buf);
	foreach(cell, source->origins)
		if (is_stored(lfirst_oid(cell)))
		appendStringInfo(&buf, "%s%u:%u", buf.len > 0 ? "," : "",
						 lfirst_oid(cell), file_of(lfirst_oid(cell)));
	return buf.len > 0 ? buf.data : NULL;
}

/* Read what pg_current_snapshot() writes, xmin:xmax:xid,xid,...; false: it is none. */
static bool
read_moment(const char *text, Moment *m)
{
	char	   *p;
	int			room = 1;

	for (const char *s = text; *s; s++)
		room += *s == ',';
	m->n = 0;
	m->running = ad_palloc_array(TransactionId, room);
	m->xmin = (TransactionId) strtoull(text, &p, 10);
	if (*p++ != ':')
		return false;
	m->xmax = (TransactionId) strtoull(p, &p, 10);
	if (*p++ != ':')
		return false;
	while (*p != '\0' && m->n < room)
	{
		m->running[m->n++] = (TransactionId) strtoull(p, &p, 10);
		if (*p == ',')
			p++;
		else if (*p != '\0')
			return false;
	}
	return true;
}

/* Whether a transaction was over at a moment. */
static bool
was_over(TransactionId xid, const Moment *m)
{
	if (!TransactionIdIsNormal(xid) || TransactionIdPrecedes(xid, m->xmin))
		return true;
	if (!TransactionIdPrecedes(xid, m->xmax))
		return false;
	for (int i = 0; i < m->n; i++)
		if (TransactionIdEquals(m->running[i], xid))
			return false;
	return true;
}

/* Whether a table has a row, visible now, of a transaction that was over then. */
static bool
has_old_row(Oid table, const Moment *m)
{
	Relation	rel = table_open(table, AccessShareLock);
	TableScanDesc scan;
	TupleTableSlot *slot;
	bool		found = false;
	uint64		n = 0;

	/* of other storage nothing is known: it has not been truncated */
	if (rel->rd_tableam != GetHeapamTableAmRoutine())
	{
		table_close(rel, NoLock);
		return true;
	}
	slot = table_slot_create(rel, NULL);
	scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
	while (!found && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		Datum		xmin = slot_getsysattr(slot, MinTransactionIdAttributeNumber,
										   &isnull);

		AD_CHECK_EVERY_1024(n);
		n++;
		found = was_over(DatumGetTransactionId(xmin), m);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	return found;
}

/*
 * Whether the tables of the watermark, whose files are others than when a
 * snapshot was taken, have no row left that it saw.
 */
bool
ad_source_truncated(const AdJobSource *source, const char *snapshot)
{
	Moment		m;
	ListCell   *cell;
	bool		stored = false;

	if (snapshot == NULL || !read_moment(snapshot, &m))
		return false;
	foreach(cell, source->origins)
		if (is_stored(lfirst_oid(cell)))
	{
		stored = true;
		if (has_old_row(lfirst_oid(cell), &m))
			return false;
	}
	return stored;
}

/* This server and its history: a state from another has other transactions. */
char *
ad_origin(void)
{
	return psprintf(UINT64_FORMAT ":%u", GetSystemIdentifier(),
					ad_current_timeline());
}
