/*-------------------------------------------------------------------------
 *
 * map_bytes.c
 *		Linear maps in models.
 *
 * Little-endian: u32 outputs, then as f64 the mean (one a column) and the rows
 * of W (outputs x columns).
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_linalg.h"

/* Append a map. */
void
ad_map_write(StringInfo buf, const double *mean, const double *w,
			 int outputs, int cols)
{
	ad_wr_u32(buf, (uint32) outputs);
	ad_wr_f64_array(buf, mean, cols);
	ad_wr_f64_array(buf, w, (Size) outputs * cols);
}

/*
 * Read a map of at most as many outputs as columns, all finite.  Allocates
 * no more than the bytes' own length, give or take the padding.
 */
AdMap *
ad_map_read(AdReader *r, int cols)
{
	uint32		outputs = ad_rd_u32(r);
	AdMap	   *m;
	double	   *row;

	if (outputs > (uint32) cols)
		ad_rd_corrupt(r, "a map has more outputs than columns");
	ad_rd_need(r, ((Size) outputs + 1) * cols * sizeof(double));
	m = ad_map_create(cols, (int) outputs);
	row = ad_palloc_array(double, cols);
	ad_rd_f64_array(r, m->mean, cols);
	if (!ad_all_finite(m->mean, cols))
		ad_rd_corrupt(r, "a number is not finite");
	for (uint32 i = 0; i < outputs; i++)
	{
		CHECK_FOR_INTERRUPTS();
		ad_rd_f64_array(r, row, cols);
		if (!ad_all_finite(row, cols))
			ad_rd_corrupt(r, "a number is not finite");
		ad_map_set(m, (int) i, row);
	}
	ad_map_finish(m);
	pfree(row);
	return m;
}
