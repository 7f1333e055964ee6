/*-------------------------------------------------------------------------
 *
 * reduce.c
 *		Columns become fewer: principal components as preparation.
 *
 * ad_prepare(reduce => k) or a share of the variance: a detector then sees, in
 * place of the encoded and scaled columns, the coordinates of a row along the
 * leading axes of the rows it was fitted to.  They are not scaled again, so
 * that distances stay what they were, less what the other axes hold.
 *
 * Of rows that do not differ at all every direction is as good as another, and
 * none can be left out: the columns then stay as they are.
 *
 * A component mixes all columns, and one that is missing would leave none: what
 * is missing is imputed for every detector.
 *
 * In a model (section 10): f64 share of the variance that the components hold,
 * and a map (math/map_bytes.c) from the encoded columns.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_reduce.h"

#include "core/ad_fault.h"

/* Let the detector see the components of what the columns hold. */
static void
attach(AdModel *m, AdReduction *r)
{
	m->reduction = r;
	m->ndense = r->map->outputs;
	m->dense_kinds = ad_palloc0_array(uint8, m->ndense);
	for (int i = 0; i < m->ndense; i++)
		m->dense_kinds[i] = AD_COLUMN_NUMBER;
}

/* What the detector sees of the row in the model's columns. */
const double *
ad_reduce_columns(const AdModel *m)
{
	return ad_map_apply(m->reduction->map, m->columns);
}

/*
 * Turn axes so that the sign of each depends on the rows alone: the first
 * loading that is not small is positive.  The greatest need not be one only.
 */
static void
orient(double *axes, int n, int cols)
{
	for (int i = 0; i < n; i++)
	{
		double	   *axis = axes + (Size) i * cols;
		double		greatest = 0;
		int			first = 0;

		for (int c = 0; c < cols; c++)
			greatest = Max(greatest, fabs(axis[c]));
		while (fabs(axis[first]) < greatest / 2)
			first++;
		if (axis[first] < 0)
			for (int c = 0; c < cols; c++)
				axis[c] = -axis[c];
	}
}

/*
 * Find the axes of n prepared rows, in the current context; NULL if the rows
 * do not differ.
 */
static AdReduction *
find_axes(const double *x, Size n, int cols, double wanted)
{
	AdReduction *r = palloc0(sizeof(AdReduction));
	double	   *variances = ad_palloc_array(double, cols);
	double		total = 0;
	double		kept = 0;
	int			k;

	r->mean = ad_palloc_array(double, cols);
	r->axes = ad_palloc_array(double, ad_mul_size(cols, cols));
	if (!ad_principal_axes(x, n, cols, r->mean, r->axes, variances))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("values are too large for double precision arithmetic"),
				 errdetail("Option \"reduce\" needs differences and squares of them."),
				 errhint("Scale them with ad_prepare(scale => 'standard'), or divide them by a constant."),
				 ad_errdata()));
	k = wanted < 1 ? ad_principal_count(variances, cols, wanted) :
		(int) Min(wanted, cols);
	/* along the others rows do not differ, and axes are arbitrary */
	k = Min(k, ad_principal_varying(variances, cols));
	if (k == 0)
		return NULL;
	orient(r->axes, k, cols);
	r->map = ad_map_create(cols, k);
	memcpy(r->map->mean, r->mean, cols * sizeof(double));
	for (int i = 0; i < k; i++)
		ad_map_set(r->map, i, r->axes + (Size) i * cols);
	ad_map_finish(r->map);
	for (int c = 0; c < cols; c++)
	{
		total += variances[c];
		kept += c < k ? variances[c] : 0;
	}
	r->share = Min(kept / total, 1);
	return r;
}

/*
 * Reduce n prepared rows, and from now on what the model prepares: "wanted"
 * components, or if below 1, as many as hold this share of the variance.
 * Returns the rows, palloc'd in "out", or x itself if they do not differ; the
 * rest is the current context's.
 */
const double *
ad_reduce_fit(AdModel *m, const double *x, Size n, double wanted,
			  MemoryContext out)
{
	MemoryContext mcxt;
	MemoryContext old;
	AdReduction *r;
	double	   *reduced;

	if (m->ncols > AD_LINALG_MAX_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("option \"reduce\" takes at most %d columns, there are %d",
						AD_LINALG_MAX_COLUMNS, m->ncols),
				 errdetail("A category has a column for each of its values."),
				 ad_errdata()));
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "anomaly reduction",
								 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	r = find_axes(x, n, m->ncols, wanted);
	if (r == NULL)
	{
		MemoryContextSwitchTo(old);
		MemoryContextDelete(mcxt);
		return x;
	}
	r->mcxt = mcxt;
	attach(m, r);
	MemoryContextSwitchTo(out);
	reduced = ad_palloc_array(double, ad_mul_size(n, m->ndense));
	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		memcpy(reduced + i * m->ndense, ad_map_apply(r->map, x + i * m->ncols),
			   m->ndense * sizeof(double));
	}
	MemoryContextSwitchTo(old);
	return reduced;
}

/* Forget what an earlier fit to other rows has found. */
void
ad_reduce_forget(AdModel *m)
{
	if (m->reduction)
		MemoryContextDelete(m->reduction->mcxt);
	m->reduction = NULL;
}

/* Share what a detector says that components contribute among the columns. */
void
ad_reduce_explain(const AdModel *m, const double *components, double *columns)
{
	memset(columns, 0, m->ncols * sizeof(double));
	ad_map_share(m->reduction->map, m->columns, components, columns);
}

/* Append a model's reduction; see the file head. */
void
ad_reduce_write(const AdModel *m, StringInfo buf)
{
	const AdReduction *r = m->reduction;

	ad_wr_f64(buf, r->share);
	ad_map_write(buf, r->mean, r->axes, r->map->outputs, m->ncols);
}

/* Read the reduction of a model whose columns are known. */
void
ad_reduce_read(AdReader *r, AdModel *m)
{
	AdReduction *reduction = palloc0(sizeof(AdReduction));

	reduction->share = ad_rd_finite(r);
	reduction->map = ad_map_read(r, m->ncols);
	ad_rd_end(r);
	if (!(reduction->share >= 0 && reduction->share <= 1) || reduction->map->outputs < 1)
		ad_rd_corrupt(r, "its components are out of range");
	attach(m, reduction);
}
