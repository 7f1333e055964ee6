/*-------------------------------------------------------------------------
 *
 * split.c
 *		Rows in folds, a sketch a fold, and those of all but one merged.
 *
 * A fold is drawn by the keys of the rows: normal rows, anomalies and rows
 * without a label each are put in the order of a hash, and dealt to the folds
 * in turn.  So every fold has its share of each, and who is where does not
 * depend on the order in which rows came.
 *
 * Each row is sketched once a repeat.  What a fit of "all but this fold" sees
 * is the sketches of the others, merged, which is exact: it is what a sketch of
 * those rows would be.  Samples are keyed for the same reason.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_compare.h"

/* What asks a spec how many rows it can use. */
typedef struct Wanted
{
	const AdCompareRows *rows;
	const AdCompareSpec *spec;
	Size		n;
} Wanted;

/* Order rows by class, then by what was drawn for them. */
static int
compare_drawn(const void *a, const void *b)
{
	const AdCompareDrawn *i = a;
	const AdCompareDrawn *j = b;

	CHECK_FOR_INTERRUPTS();
	if (i->class != j->class)
		return i->class < j->class ? -1 : 1;
	if (i->hash != j->hash)
		return i->hash < j->hash ? -1 : 1;
	return i->row < j->row ? -1 : 1;
}

/* What a repeat of a design draws by. */
uint64
ad_compare_salt(const AdCompareDesign *design, int repeat)
{
	return ad_mix64(AD_STREAM_FOLDS ^
					ad_mix64(design->seed + (uint64) repeat * UINT64CONST(0x9e3779b97f4a7c15)));
}

/*
 * The rows, normal ones first, then anomalies, then those without a label, each
 * in an order drawn by their keys; palloc'd.
 */
AdCompareDrawn *
ad_compare_draw(const AdCompareRows *r, uint64 salt)
{
	AdCompareDrawn *drawn;

	ad_compare_check_memory(r, ad_mul_size(r->n, sizeof(AdCompareDrawn)));
	drawn = ad_palloc_array(AdCompareDrawn, r->n);
	for (Size i = 0; i < r->n; i++)
	{
		drawn[i].hash = ad_mix64(r->key[i] ^ salt);
		drawn[i].row = (uint32) i;
		drawn[i].class = r->label[i] == AD_UNLABELLED ? 2 : r->label[i];
	}
	qsort(drawn, r->n, sizeof(AdCompareDrawn), compare_drawn);
	return drawn;
}

/* Deal the rows of each class to parts; who is where, by row. */
static void
deal(const AdCompareRows *r, const AdCompareDesign *design, int repeat,
	 int32 *part)
{
	AdCompareDrawn *drawn = ad_compare_draw(r, ad_compare_salt(design, repeat));
	Size		at = 0;

	for (int class = 0; class < 3; class++)
	{
		Size		n = r->count[class];
		Size		held = isnan(design->holdout) ? 0 :
			(Size) floor(design->holdout * (double) n + 0.5);

		/* goes on where the last class ended, so that folds are of one size */
		for (Size i = 0; i < n; i++, at++)
			part[drawn[at].row] = isnan(design->holdout) ?
				(int32) (at % (Size) design->folds) : i < held ? 0 : 1;
	}
	pfree(drawn);
}

/* Put the rows in the order of their parts, and of how they came. */
static void
order_rows(AdCompareSplit *s, const int32 *part)
{
	const AdCompareRows *r = s->rows;
	Size	   *next = ad_palloc0_array(Size, s->nparts);

	s->start = ad_palloc0_array(Size, s->nparts + 1);
	s->order = ad_palloc_array(uint32, r->n);
	for (Size i = 0; i < r->n; i++)
		s->start[part[i] + 1]++;
	for (int p = 0; p < s->nparts; p++)
	{
		s->start[p + 1] += s->start[p];
		next[p] = s->start[p];
	}
	for (Size i = 0; i < r->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		s->order[next[part[i]]++] = (uint32) i;
		/* which row is where, and what its label is: the order does not count */
		s->fingerprint += ad_mix64(r->key[i] ^
								   ad_mix64((uint64) part[i] * 4 + (uint64) (r->label[i] + 1)));
	}
	s->fingerprint = ad_mix64(s->fingerprint ^ (uint64) s->nfolds);
	pfree(next);
}

/* The rows that a spec can use of a full sample. */
static void
ask_wanted(void *arg)
{
	Wanted	   *w = arg;
	AdSketch   *empty = ad_sketch_create(&w->spec->parsed.sampling, w->rows->features,
										 w->rows->nfeatures, CurrentMemoryContext);

	w->n = ad_spec_rows(&w->spec->parsed, ad_sketch_full(empty));
}

/*
 * How rows are sampled for all specs, and how many are kept.  A spec that
 * cannot have a sample says so when it is fitted.
 */
static Size
sampling_of(const AdCompareRows *r, const AdCompareSpec *specs, int nspecs,
			AdSampling *out)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "anomaly compared sampling",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	Size		wanted = 1;

	ad_options_defaults(ad_sampling_options, ad_n_sampling_options, out);
	out->keyed = true;
	for (int i = 0; i < nspecs; i++)
	{
		Wanted		w = {.rows = r,.spec = &specs[i]};

		CHECK_FOR_INTERRUPTS();
		(void) ad_compare_catch(ask_wanted, &w);
		wanted = Max(wanted, w.n);
		out->rows = Max(out->rows, specs[i].parsed.sampling.rows);
		out->memory_mb = Max(out->memory_mb, specs[i].parsed.sampling.memory_mb);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return wanted;
}

/* Sketch the rows of a part. */
static AdSketch *
sketch_part(const AdCompareSplit *s, int part, const AdSampling *sampling,
			Size wanted)
{
	const AdCompareRows *r = s->rows;
	int			d = r->nfeatures;
	AdSketch   *sketch = ad_sketch_create(sampling, r->features, d, s->mcxt);
	double	   *x = ad_palloc_array(double, d);
	AdCategory *category = ad_palloc0_array(AdCategory, d);

	ad_sketch_shrink(sketch, wanted);
	for (Size i = s->start[part]; i < s->start[part + 1]; i++)
	{
		uint32		row = s->order[i];

		AD_CHECK_EVERY_1024(i);
		memcpy(x, ad_compare_row(r, row), d * sizeof(double));
		for (int c = 0; c < r->ncategories; c++)
		{
			int			j = r->categories[c];
			const AdDict *dict = &r->dicts[j];

			category[j].s = NULL;
			if (!isnan(x[j]))
			{
				category[j].s = dict->arena + dict->entries[(uint32) x[j]].at;
				category[j].len = dict->entries[(uint32) x[j]].len;
			}
			x[j] = 0;
		}
		ad_sketch_add(sketch, x, category, r->key[row]);
	}
	ad_compare_check_memory(r, 0);
	pfree(x);
	pfree(category);
	return sketch;
}

/*
 * Split the rows for repeat "repeat" of a design, from 0, and sketch them for
 * fits of any of the specs.
 */
AdCompareSplit *
ad_compare_split(AdCompareRows *rows, const AdCompareDesign *design,
				 int repeat, const AdCompareSpec *specs, int nspecs)
{
	MemoryContext mcxt = AllocSetContextCreate(rows->mcxt, "anomaly split",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	AdCompareSplit *s = palloc0(sizeof(AdCompareSplit));
	int32	   *part;
	AdSampling	sampling;
	Size		wanted;
	double		started;

	s->mcxt = mcxt;
	s->rows = rows;
	s->fold = -1;
	s->nfolds = rows->fold ? rows->nfolds : isnan(design->holdout) ? design->folds : 1;
	s->nparts = s->nfolds + 1;
	ad_compare_check_memory(rows, ad_mul_size(rows->n, sizeof(int32) + sizeof(uint32)));
	part = ad_palloc_array(int32, rows->n);
	if (rows->fold)
		for (Size i = 0; i < rows->n; i++)
			part[i] = rows->fold[i] == AD_ALWAYS_FITTED ? s->nfolds : rows->fold[i];
	else
		deal(rows, design, repeat, part);
	order_rows(s, part);
	pfree(part);

	wanted = sampling_of(rows, specs, nspecs, &sampling);
	s->sketches = ad_palloc0_array(AdSketch *, s->nparts);
	started = ad_compare_seconds();
	for (int p = 0; p < s->nparts; p++)
		/* of one fold, nobody fits what is held out */
		if (s->start[p + 1] > s->start[p] && (s->nfolds > 1 || p == s->nfolds))
			s->sketches[p] = sketch_part(s, p, &sampling, wanted);
	s->seconds = (ad_compare_seconds() - started) / (double) rows->n;
	MemoryContextSwitchTo(old);
	return s;
}

/* Let go of a split. */
void
ad_compare_free(AdCompareSplit *split)
{
	MemoryContextDelete(split->mcxt);
}

/* The rows that are held out as things stand. */
Size
ad_compare_fold_rows(const AdCompareSplit *s)
{
	return s->start[s->fold + 1] - s->start[s->fold];
}

/* Hold out a fold: merge the sketches of the others. */
void
ad_compare_fold(AdCompareSplit *s, int fold)
{
	MemoryContext old;

	Assert(fold >= 0 && fold < s->nfolds);
	if (s->fold == fold)
		return;
	if (s->fold_mcxt == NULL)
		s->fold_mcxt = AllocSetContextCreate(s->mcxt, "anomaly fold",
											 ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(s->fold_mcxt);
	s->fold = -1;
	s->others = NULL;
	old = MemoryContextSwitchTo(s->fold_mcxt);
	for (int p = 0; p < s->nparts; p++)
	{
		const AdSketch *sketch = s->sketches[p];

		CHECK_FOR_INTERRUPTS();
		if (p == fold || sketch == NULL)
			continue;
		if (s->others == NULL)
			s->others = ad_sketch_create(&sketch->sampling, s->rows->features,
										 s->rows->nfeatures, s->fold_mcxt);
		ad_sketch_merge(s->others, sketch);
		ad_compare_check_memory(s->rows, 0);
	}
	MemoryContextSwitchTo(old);
	s->fold = fold;
}
