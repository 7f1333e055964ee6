/*-------------------------------------------------------------------------
 *
 * detector.c
 *		Detectors by id, and what their fits have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_spec.h"

#include "core/ad_random.h"

bool		ad_scorer_grew = false;
void		(*ad_detector_phase) (const char *phase) = NULL;

#define CASE(NAME, id, name) case AD_DET_##NAME: return ad_detectors[AD_AT_##NAME];

/* Find a detector by its id; NULL: none.  Two cases of one id do not compile. */
const AdDetector *
ad_detector_by_id(uint16 id)
{
	switch (id)
	{
			AD_DETECTOR_LIST(CASE)
		default:
			return NULL;
	}
}

/*
 * Raise an error if a detector's table has the id of another in the list,
 * or one that is not in it: its models would be read as another's.  Returns
 * the detector.
 */
const AdDetector *
ad_detector_checked(const AdDetector *d)
{
	const AdDetector *listed = ad_detector_by_id(d->id);

	if (listed != d)
		elog(ERROR, "detector \"%s\" has the id %u of \"%s\"", d->name, d->id,
			 listed ? listed->name : "none");
	return d;
}

/* See ad_detector.h. */
int
ad_detector_part(double part, Size all, int least, int most)
{
	double		n = part > 1 ? part : rint(part * (double) all);

	return (int) Min((Size) Min(Max(n, least), most), all);
}

/* Enough rows; see ad_detector.h. */
Size
ad_detector_enough_rows(const void *options pg_attribute_unused())
{
	return AD_ENOUGH_ROWS;
}

/* Rows for ranks and bins; see ad_detector.h. */
Size
ad_detector_rank_rows(const void *options pg_attribute_unused())
{
	return AD_RANK_ROWS;
}

/* Draw reference rows; see ad_detector.h. */
Size *
ad_detector_reference_rows(const AdMatrix *m, int max_rows, Size *n)
{
	Size	   *rows;
	AdRandom	random;
	Size		left = Min(m->rows, (Size) max_rows);

	*n = left;
	rows = ad_palloc_array(Size, left);
	ad_random_seed(&random, m->seed, AD_STREAM_REFERENCE_ROWS);
	/* selection sampling (Knuth's algorithm S) */
	for (Size i = 0, k = 0; left > 0; i++)
		if (ad_random_below(&random, m->rows - i) < left)
		{
			rows[k++] = i;
			left--;
		}
	return rows;
}
