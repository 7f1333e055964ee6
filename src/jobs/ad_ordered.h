/*-------------------------------------------------------------------------
 *
 * ad_ordered.h
 *		Jobs that read each row once, in the order of time, by partition.
 *
 * A kind of them says what its rows are and what a partition does with them;
 * which rows may be read, reading them, those that cannot be, and the states of
 * partitions are the same for all.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_ORDERED_H
#define AD_ORDERED_H

#include "core/ad_bytes.h"
#include "jobs/ad_run.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "tcop/dest.h"

#define AD_ORDERED_KEYS		16	/* columns of a key, at most */
#define AD_PART_DIGEST		16	/* bytes of a partition's name */
#define AD_PART_NEVER		PG_INT64_MAX	/* due or ends: not by time alone */

/* How far such a job has come; AdJobState.stream as bytes. */
typedef struct AdOrderedPlace
{
	int64		known;			/* of the last row that was read, or what is
								 * before the first */
	int64		ready;			/* no more rows are expected up to here */
	int64		complete;		/* of those up to here, all were read */
	int64		floor;			/* what begins earlier is not told */
	int64		after;			/* no row up to here was read; how many were
								 * since is in AdJobState.forgotten */
} AdOrderedPlace;

/* The head of a row; that of a kind begins with it. */
typedef struct AdOrderedRow
{
	int64		place;
	bool		bad;			/* nothing but the place is set */
} AdOrderedRow;

/* A row that the kind has refused. */
typedef struct AdOrderedBad
{
	int64		place;
	const char *id;				/* or NULL */
	int			id_len;
	ErrorData  *error;
} AdOrderedBad;

/* A column that partitions are told apart by. */
typedef struct AdOrderedKey
{
	Oid			type;
	FmgrInfo	out;
} AdOrderedKey;

/* What a batch has read of a partition. */
typedef struct AdOrderedPart
{
	char	   *keys;			/* its columns as bytes: ad_part_texts() */
	uint32		keys_len;
	uint32		hash;
	uint32		n;
	uint32		capacity;
	char	   *rows;			/* of the kind's size, in order */
} AdOrderedPart;

/* A partition that is being moved on. */
typedef struct AdOrderedStep
{
	const char *keys;			/* its columns as bytes */
	uint32		keys_len;
	const uint8 *state;			/* NULL: it has none */
	Size		state_len;
	const AdOrderedPart *read;	/* its rows; NULL: something is due */
	StringInfo	out;			/* its new state is to be appended */
	int64		due;			/* out: time alone decides something here */
	int64		ends;			/* out: it may be forgotten from here */
} AdOrderedStep;

struct AdOrdered;
struct AdOrderedReader;

/* A kind of such jobs. */
typedef struct AdOrderedKind
{
	const char *what;			/* its state, in messages */
	uint32		magic;			/* of the place as bytes */
	uint16		version;
	Size		row_size;		/* of its rows */

	/* Append what a state depends on: with other bytes it is none. */
	void		(*options) (const struct AdOrdered *o, StringInfo w);

	/*
	 * The place after which rows are read, so that nothing from the floor on
	 * is missed.
	 */
	int64		(*first) (const struct AdOrdered *o, int64 floor);

	/* It is known where the batch begins; NULL: nothing to be done. */
	void		(*started) (struct AdOrdered *o);

	/*
	 * Append the columns that are read of q, those of the key first.  Look at
	 * what they are.
	 */
	void		(*list) (const struct AdOrdered *o, StringInfo buf);
	void		(*describe) (struct AdOrdered *o, TupleDesc desc);

	/*
	 * Take a row, whose memory is zero: set its place, and what else it has.
	 * "values" are those behind the key.  In a context that is reset.
	 */
	void		(*take) (struct AdOrderedReader *r, AdOrderedRow *row,
						 const Datum *values, const bool *nulls);

	/*
	 * Move a partition on; false: nothing of it need be remembered.  In a
	 * context that is reset.
	 */
	bool		(*advance) (struct AdOrdered *o, AdOrderedStep *step);

	/* What the kind keeps in the place besides; NULL: nothing. */
	void		(*write_own) (const struct AdOrdered *o, StringInfo w);
	void		(*read_own) (struct AdOrdered *o, AdReader *r);
} AdOrderedKind;

/*
 * A batch of such a job; the kind's begins with it, and sets what is before
 * "place".
 */
typedef struct AdOrdered
{
	const AdOrderedKind *kind;
	AdBatch    *b;
	AdJobSource source;
	AdLag		lag;
	int64		limit;			/* rows of a batch */
	int			nkeys;
	char	   *sort;			/* SQL: order of rows at one time, or NULL */
	char	   *id_text;		/* SQL: of q, what tells rows at one time
								 * apart, as text, or NULL */

	AdOrderedPlace place;
	bool		anew;			/* it has just begun */
	int64		before;			/* place.known before the batch */
	char	   *time;			/* SQL: the watermark of q */
	AdOrderedKey *keys;
} AdOrdered;

/* Reads the rows of a batch into partitions. */
typedef struct AdOrderedReader
{
	DestReceiver pub;			/* must be first */
	AdOrdered  *o;
	MemoryContext mcxt;			/* of the batch */
	MemoryContext row_mcxt;		/* reset every so many rows */
	StringInfoData keys;		/* of the row at hand */
	AdOrderedPart *parts;
	uint32		nparts;
	uint32		max_parts;
	uint32	   *slots;			/* parts by hash; a power of two */
	uint32		nslots;
	int64		rows;
	List	   *bad;			/* AdOrderedBad */
	int64		first;			/* places of the first and last row */
	int64		last;
	int64		before_last;	/* the place before the last */
} AdOrderedReader;

/* Which rows are read. */
typedef struct AdOrderedRange
{
	int64		after;			/* of places after this ... */
	int64		upto;			/* ... and up to this */
	int64		limit;			/* as many; 0: all */
	bool		one;			/* only those with this id */
	const char *id;				/* as text; NULL: none */
	AdOrderedReader *into;		/* add to this; NULL: to a new one */
} AdOrderedRange;

/* Row i of a part. */
static inline const AdOrderedRow *
ad_ordered_row(const AdOrdered *o, const AdOrderedPart *p, uint32 i)
{
	return (const AdOrderedRow *) (p->rows + i * o->kind->row_size);
}

/* sql_ordered.c */
extern bool ad_ordered_batch(AdOrdered *o, AdBatch *b);
extern int64 ad_ordered_passed(const AdOrderedKind *kind, const AdJob *j,
							   const AdJobState *s);
extern int64 ad_ordered_rescan(const AdOrderedKind *kind, const AdJob *j,
							   AdJobState *s, int64 from, int64 first);

/* sql_ordered_rows.c */
extern Datum ad_ordered_bound(const AdOrdered *o, int64 place);
extern AdOrderedReader *ad_ordered_reader(AdOrdered *o);
extern void ad_ordered_read(AdOrderedReader *r, const AdOrderedRange *range);
extern void ad_ordered_forget(AdOrderedReader *r);
extern void ad_ordered_refuse(AdOrderedReader *r, int64 place, const char *id,
							  int id_len, ErrorData *error);

/* sql_ordered_careful.c */
extern AdOrderedReader *ad_ordered_try(AdOrdered *o,
									   const AdOrderedRange *range,
									   ErrorData **error);
extern AdOrderedReader *ad_ordered_read_carefully(AdOrdered *o, int64 after,
												  int64 *upto, int64 limit,
												  ErrorData *error);
extern void ad_ordered_timeless(AdOrdered *o);

/* sql_ordered_parts.c */
extern void ad_part_texts(const char *what, const char *keys, uint32 len,
						  int n, char **texts);
extern void ad_parts_advance(AdOrdered *o, AdOrderedReader *r);
extern void ad_parts_end(int32 job, int64 known);
extern void ad_parts_clear(int32 job);

#endif							/* AD_ORDERED_H */
