/*-------------------------------------------------------------------------
 *
 * tape.c
 *		Searching events by time.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_event.h"

/* Say that the partition's rows do not come in the order of time. */
void
ad_tape_unordered(uint32 pos)
{
	ereport(ERROR,
			(errcode(ERRCODE_WINDOWING_ERROR),
			 errmsg("rows of a partition are not ordered by time"),
			 errdetail("Row %u of the partition is earlier than the row before it.",
					   pos + 1),
			 errhint("ORDER BY ts is missing: write OVER (PARTITION BY ... ORDER BY ts, id).")));
}

/*
 * The first position on a tape with a time of ts or later.  The search
 * starts at a position that is thought to be near and costs the logarithm
 * of the distance.
 */
uint32
ad_tape_first_at(const AdTape *tape, int64 ts, uint32 near)
{
	uint32		lo = tape->head;	/* all before are earlier than ts */
	uint32		hi = tape->end; /* this and all after are not */
	uint32		step = 1;

	near = Min(near, tape->end);

	/* it may be all of the tape, a search of which misses the cache each time */
	if (tape->head < tape->end && AD_AT(tape, tape->head)->ts >= ts)
		return tape->head;
	if (near > tape->head && AD_AT(tape, near - 1)->ts >= ts)
	{
		/* it lies before */
		hi = near - 1;
		while (hi - lo > step && AD_AT(tape, hi - step)->ts >= ts)
		{
			hi -= step;
			step *= 2;
		}
		if (hi - lo > step)
			lo = hi - step + 1;
	}
	else
	{
		lo = Max(near, tape->head);
		while (hi - lo > step && AD_AT(tape, lo + step - 1)->ts < ts)
		{
			lo += step;
			step *= 2;
		}
		if (hi - lo > step)
			hi = lo + step - 1;
	}
	while (lo < hi)
	{
		uint32		mid = lo + (hi - lo) / 2;

		if (AD_AT(tape, mid)->ts < ts)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The first position on a tape with a time after ts. */
uint32
ad_tape_first_after(const AdTape *tape, int64 ts, uint32 near)
{
	return ts == PG_INT64_MAX ? tape->end :
		ad_tape_first_at(tape, ts + 1, near);
}
