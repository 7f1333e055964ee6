/*-------------------------------------------------------------------------
 *
 * reference.c
 *		The rows that neighbour detectors keep, and how they are searched.
 *
 * A model holds the plain rows; what makes them searchable is built when it
 * is loaded.  That costs a few milliseconds for 10,000 rows, and leaves
 * nothing in the bytes that could be wrong but numbers.
 *
 * Equal rows are kept and searched as one with a count: the neighbours are
 * those of all rows in an order that puts each row's copies beside it.
 *
 * Models of 0.2.0 have neither counts nor the flag by which a row leaves
 * itself out: they score as they did.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/reference.h"

#include "core/ad_random.h"

#define METRIC_BITS		0xff
#define LEAVE_SELF		0x100
#define COUNTED			0x200
#define FEWEST_NEIGHBORS	5
#define MOST_NEIGHBORS		50	/* a search takes longer with each */

const char *const ad_metric_names[] = {
	"euclidean", "manhattan", "chebyshev", "minkowski", "cosine", NULL
};

/* How many neighbours to look at among n rows where nobody says it. */
int
ad_reference_neighbors(Size n)
{
	int			k = FEWEST_NEIGHBORS;

	while (k < MOST_NEIGHBORS && (Size) (k + 1) * (k + 1) <= n)
		k++;
	return k;
}

/* Return whether two rows are equal; 0 is equal to -0. */
static inline bool
rows_equal(const double *a, const double *b, int cols)
{
	for (int c = 0; c < cols; c++)
		if (a[c] != b[c])
			return false;
	return true;
}

/* A hash that equal rows share. */
static inline uint64
hash_row(const double *x, int cols)
{
	uint64		h = 0;

	for (int c = 0; c < cols; c++)
	{
		double		v = x[c] + 0.0; /* -0 becomes 0 */
		uint64		bits;

		memcpy(&bits, &v, sizeof(bits));
		h = ad_mix64(h + bits);
	}
	return h;
}

/* The first of each set of equal rows, one after another. */
static const double *
gather(const double *x, Size n, int cols, const uint32 *which, Size found)
{
	double	   *rows = ad_palloc_array(double, ad_mul_size(found, cols));
	Size		at = 0;

	for (Size i = 0; i < n && at < found; i++)
		if (which[i] == at)
			memcpy(rows + at++ * cols, x + i * cols, cols * sizeof(double));
	return rows;
}

/*
 * Make one of equal rows, in the order in which each comes first.  Rows are
 * finite.  If all differ nothing is copied.  O(n).
 */
void
ad_reference_distinct(const double *x, Size n, int cols, AdRows *rows)
{
	uint32	   *which = ad_palloc_array(uint32, n);
	uint32	   *counts = ad_palloc_array(uint32, n);
	uint32	   *first = ad_palloc_array(uint32, n);
	uint32	   *table;
	Size		slots = 16;
	Size		found = 0;

	while (slots < n * 2)
		slots *= 2;
	table = ad_palloc0_array(uint32, slots);	/* which + 1 */
	for (Size i = 0; i < n; i++)
	{
		const double *row = x + i * cols;
		Size		at = hash_row(row, cols) & (slots - 1);

		AD_CHECK_EVERY_1024(i);
		while (table[at] != 0 &&
			   !rows_equal(row, x + (Size) first[table[at] - 1] * cols, cols))
			at = (at + 1) & (slots - 1);
		if (table[at] == 0)
		{
			first[found] = (uint32) i;
			counts[found] = 0;
			table[at] = (uint32) ++found;
		}
		which[i] = table[at] - 1;
		counts[which[i]]++;
	}
	pfree(table);
	pfree(first);
	rows->x = x;
	rows->n = found;
	rows->cols = cols;
	rows->total = n;
	rows->counts = counts;
	rows->which = which;
	if (found < n)
	{
		rows->x = gather(x, n, cols, which, found);
		return;
	}
	rows->counts = NULL;
	rows->which = NULL;
	pfree(counts);
	pfree(which);
}

/* The rows of a fit that its model keeps: at most max_rows, drawn from all. */
void
ad_reference_rows(const AdMatrix *m, int max_rows, AdRows *rows)
{
	Size	   *drawn;
	Size		n;
	double	   *x;

	if (m->rows <= (Size) max_rows)
	{
		ad_reference_distinct(m->x, m->rows, m->cols, rows);
		return;
	}
	drawn = ad_detector_reference_rows(m, max_rows, &n);
	x = ad_palloc_array(double, ad_mul_size(n, m->cols));
	for (Size i = 0; i < n; i++)
		memcpy(x + i * m->cols, m->x + drawn[i] * m->cols,
			   m->cols * sizeof(double));
	pfree(drawn);
	ad_reference_distinct(x, n, m->cols, rows);
}

/* Append rows to a payload. */
void
ad_reference_write(StringInfo payload, const AdRows *rows, AdMetric metric,
				   double p)
{
	Size		bytes = ad_mul_size(rows->n, sizeof(uint32) +
									ad_mul_size(rows->cols, sizeof(double)));

	enlargeStringInfo(payload, (int) Min(bytes, MaxAllocSize / 2));
	ad_wr_u32(payload, metric | LEAVE_SELF | (rows->counts ? COUNTED : 0));
	ad_wr_u32(payload, (uint32) rows->n);
	ad_wr_f64(payload, p);
	for (Size i = 0; i < rows->n && rows->counts; i++)
		ad_wr_u32(payload, rows->counts[i]);
	ad_wr_f64_array(payload, rows->x, ad_mul_size(rows->n, rows->cols));
}

/*
 * Make rows, which are finite, searchable for up to k neighbours, in the
 * current context.  No distance is NaN then, so as many neighbours are found
 * as there are.
 */
void
ad_reference_open(AdReference *ref, const AdRows *rows, AdMetric metric,
				  double p, int k)
{
	k = Max(k, 1);
	ref->rows = *rows;
	ref->leave_self = true;
	ref->metric = metric;
	ref->nb = ad_neighbors_build(rows->x, rows->n, rows->cols, metric, p, k,
								 AD_NEIGHBORS_AUTO);
	ad_neighbors_weigh(ref->nb, rows->counts);
	ref->scratch = ad_neighbors_scratch(ref->nb, k);
	ref->distance = ad_palloc_array(double, k);
	ref->index = ad_palloc_array(uint32, k);
	ref->found_distance = ref->distance;
	ref->found_index = ref->index;
	if (rows->counts)
	{
		ref->found_distance = ad_palloc_array(double, k);
		ref->found_index = ad_palloc_array(uint32, k);
	}
}

/* Read and check the counts of rows; returns their sum. */
static Size
load_counts(AdReader *r, Size n, uint32 *counts)
{
	Size		total = 0;

	for (Size i = 0; i < n; i++)
	{
		counts[i] = ad_rd_u32(r);
		total += counts[i];
		if (counts[i] < 1 || total > AD_MAX_REFERENCE_ROWS)
			ad_rd_corrupt(r, "the count of a reference row is out of range");
	}
	return total;
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
	uint32		flags = metric & ~METRIC_BITS;
	uint32		n = ad_rd_count(r, AD_MAX_REFERENCE_ROWS,
								cols * sizeof(double));
	double		p = ad_rd_f64(r);
	Size		values = ad_mul_size(n, cols);
	double	   *x;
	AdRows		rows = {.n = n,.cols = cols,.total = n};

	metric &= METRIC_BITS;
	if (metric >= AD_METRICS)
		ad_rd_corrupt(r, "a metric does not exist");
	if ((flags & ~(LEAVE_SELF | COUNTED)) != 0)
		ad_rd_corrupt(r, "reference rows are of an unknown kind");
	if (!(p >= 1 && p <= AD_MAX_MINKOWSKI_P))
		ad_rd_corrupt(r, "the power of a metric is out of range");
	if (n == 0 && !allow_empty)
		ad_rd_corrupt(r, "there are no reference rows");
	if (flags & COUNTED)
	{
		uint32	   *counts = ad_palloc_array(uint32, n);

		rows.total = load_counts(r, n, counts);
		rows.counts = counts;
	}
	ad_rd_need(r, ad_mul_size(values, sizeof(double)));
	x = ad_palloc_array(double, values);
	ad_rd_f64_array(r, x, values);
	for (Size i = 0; i < values; i++)
		if (!isfinite(x[i]))
			ad_rd_corrupt(r, "a reference row is not finite");
	rows.x = x;
	ad_reference_open(ref, &rows, (AdMetric) metric, p, k);
	ref->leave_self = (flags & LEAVE_SELF) != 0;
}

/*
 * Count the copies of n rows found, and those of the one left out, until there
 * are k neighbours, which go to distance and index; returns how many there are.
 */
static int
count_copies(const AdReference *ref, const double *found_distance,
			 const uint32 *found_index, int n, int k, uint32 self,
			 double *distance, uint32 *index)
{
	const uint32 *counts = ref->rows.counts;
	int			total = 0;

	if (self != AD_NO_SELF)
		for (uint32 left = counts[self] - 1; left > 0 && total < k; left--)
		{
			distance[total] = 0;
			index[total++] = self;
		}
	for (int j = 0; j < n; j++)
		for (uint32 left = counts[found_index[j]]; left > 0 && total < k;
			 left--)
		{
			distance[total] = found_distance[j];
			index[total++] = found_index[j];
		}
	return total;
}

/* The copies of what was found for one row. */
static int
count_found(AdReference *ref, int n, int k, uint32 self)
{
	if (ref->rows.counts == NULL)
		return n;
	return count_copies(ref, ref->found_distance, ref->found_index, n, k, self,
						ref->distance, ref->index);
}

/*
 * Find the k nearest rows, into ref->distance and ref->index; returns how
 * many there are.  Of the row "self" one copy is left out.
 */
int
ad_reference_nearest(AdReference *ref, const double *x, int k, uint32 self)
{
	int			n = ad_neighbors_nearest(ref->nb, ref->scratch, x, k, self,
										 ref->found_distance, ref->found_index);

	return count_found(ref, n, k, self);
}

/*
 * Find the k nearest rows of a row to be scored, into ref->distance and
 * ref->index; returns how many there are.  If the model is one by which a row
 * leaves itself out, one row at distance 0 is no neighbour.
 */
int
ad_reference_others(AdReference *ref, const double *x, int k)
{
	uint32		self;
	int			n;

	if (!ref->leave_self)
		return ad_reference_nearest(ref, x, k, AD_NO_SELF);
	n = ad_neighbors_others(ref->nb, ref->scratch, x, k, &self,
							ref->found_distance, ref->found_index);
	return count_found(ref, n, k, self);
}

/*
 * Call a function for each of the rows, some at a time, with its k nearest
 * others; one copy of the row itself is none of them.
 */
void
ad_reference_each(AdReference *ref, int k, AdReferenceVisit visit, void *arg)
{
	Size		n = ref->rows.n;
	double	   *distance = ad_palloc_array(double, AD_OWN_ROWS * k);
	uint32	   *index = ad_palloc_array(uint32, AD_OWN_ROWS * k);

	for (Size at = 0; at < n; at += AD_OWN_ROWS)
	{
		int			rows = (int) Min(n - at, AD_OWN_ROWS);
		uint32		row[AD_OWN_ROWS];
		int			found;

		for (int j = 0; j < rows; j++)
			row[j] = (uint32) ad_neighbors_order(ref->nb, at + j);
		found = ad_neighbors_own(ref->nb, ref->scratch, row, rows, k, distance,
								 index);
		for (int j = 0; j < rows; j++)
		{
			const double *d = distance + j * k;
			const uint32 *i = index + j * k;
			int			total = found;

			if (ref->rows.counts)
			{
				total = count_copies(ref, d, i, found, k, row[j],
									 ref->distance, ref->index);
				d = ref->distance;
				i = ref->index;
			}
			visit(arg, row[j], d, i, total);
		}
	}
	pfree(distance);
	pfree(index);
}

/* Append what ad_info() says of reference rows. */
void
ad_reference_describe(const AdReference *ref, StringInfo json)
{
	appendStringInfo(json, "\"reference_rows\": %zu, ", ref->rows.total);
	if (ref->rows.counts)
		appendStringInfo(json, "\"distinct_rows\": %zu, ", ref->rows.n);
	appendStringInfo(json, "\"search\": \"%s\"", ad_neighbors_plan(ref->nb));
}
