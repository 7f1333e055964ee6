/*-------------------------------------------------------------------------
 *
 * reference.c
 *		The rows that neighbour detectors keep, and how they are searched.
 *
 * A model holds the plain rows; what makes them searchable is built when it
 * is loaded.  That costs a few milliseconds for 10,000 rows, and leaves
 * nothing in the bytes that could be wrong but numbers.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/reference.h"

const char *const ad_metric_names[] = {
	"euclidean", "manhattan", "chebyshev", "minkowski", "cosine", NULL
};

/*
 * The rows of a fit that its model keeps: at most "most", their number in
 * *n.  The matrix itself if that is all of it.
 */
const double *
ad_reference_rows(const AdMatrix *m, int max_rows, Size *n)
{
	Size	   *rows;
	double	   *x;

	if (m->rows <= (Size) max_rows)
	{
		*n = m->rows;
		return m->x;
	}
	rows = ad_detector_reference_rows(m, max_rows, n);
	x = ad_palloc_array(double, ad_mul_size(*n, m->cols));
	for (Size i = 0; i < *n; i++)
		memcpy(x + i * m->cols, m->x + rows[i] * m->cols,
			   m->cols * sizeof(double));
	pfree(rows);
	return x;
}

/* Append rows to a payload. */
void
ad_reference_write(StringInfo payload, const double *x, Size n, int cols,
				   AdMetric metric, double p)
{
	ad_wr_u32(payload, metric);
	ad_wr_u32(payload, (uint32) n);
	ad_wr_f64(payload, p);
	ad_wr_f64_array(payload, x, ad_mul_size(n, cols));
}

/*
 * Make rows, which are finite, searchable for up to k neighbours, in the
 * current context.  No distance is NaN then, so as many neighbours are found
 * as there are.
 */
void
ad_reference_open(AdReference *ref, const double *x, Size n, int cols,
				  AdMetric metric, double p, int k)
{
	ref->x = x;
	ref->n = (uint32) n;
	ref->metric = metric;
	ref->nb = ad_neighbors_build(x, n, cols, metric, p, k, AD_NEIGHBORS_AUTO);
	ref->scratch = ad_neighbors_scratch(ref->nb, k);
	ref->distance = ad_palloc_array(double, Max(k, 1));
	ref->index = ad_palloc_array(uint32, Max(k, 1));
}

/*
 * Read and check rows of a payload and make them searchable for up to k
 * neighbours, in the current context.
 */
void
ad_reference_load(AdReader *r, int cols, bool allow_empty, int k,
				  AdReference *ref)
{
	uint32		metric = ad_rd_u32(r);
	uint32		n = ad_rd_count(r, AD_MAX_REFERENCE_ROWS,
								cols * sizeof(double));
	double		p = ad_rd_f64(r);
	Size		values = ad_mul_size(n, cols);
	double	   *x;

	if (metric >= AD_METRICS)
		ad_rd_corrupt(r, "a metric does not exist");
	if (!(p >= 1 && p <= AD_MAX_MINKOWSKI_P))
		ad_rd_corrupt(r, "the power of a metric is out of range");
	if (n == 0 && !allow_empty)
		ad_rd_corrupt(r, "there are no reference rows");
	ad_rd_need(r, ad_mul_size(values, sizeof(double)));
	x = ad_palloc_array(double, values);
	ad_rd_f64_array(r, x, values);
	for (Size i = 0; i < values; i++)
		if (!isfinite(x[i]))
			ad_rd_corrupt(r, "a reference row is not finite");
	ad_reference_open(ref, x, n, cols, (AdMetric) metric, p, k);
}

/*
 * Find the k nearest rows, into ref->distance and ref->index; returns how
 * many there are.
 */
int
ad_reference_nearest(AdReference *ref, const double *x, int k, uint32 self)
{
	return ad_neighbors_nearest(ref->nb, ref->scratch, x, k, self,
								ref->distance, ref->index);
}

/* A reference row equal to a row, or AD_NO_SELF. */
uint32
ad_reference_self(AdReference *ref, const double *x)
{
	if (ad_reference_nearest(ref, x, 1, AD_NO_SELF) == 1 &&
		ref->distance[0] == 0)
		return ref->index[0];
	return AD_NO_SELF;
}

/* Append what ad_info() says of reference rows. */
void
ad_reference_describe(const AdReference *ref, StringInfo json)
{
	appendStringInfo(json, "\"reference_rows\": %u, \"search\": \"%s\"",
					 ref->n, ad_neighbors_plan(ref->nb));
}
