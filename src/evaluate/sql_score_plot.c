/*-------------------------------------------------------------------------
 *
 * sql_score_plot.c
 *		ad_plot_scores() and ad_text_histogram(): histograms of scores.
 *
 * Both have one state and one transition function, so that they share it in a
 * query.  A state keeps all scores, and the options as they came; what they
 * are to a picture or a text, its final function finds out.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_options.h"
#include "evaluate/ad_score_bins.h"
#include "sql/ad_aggregate.h"
#include "sql/ad_text.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

PG_FUNCTION_INFO_V1(ad_histogram_transfn);
PG_FUNCTION_INFO_V1(ad_histogram_combinefn);
PG_FUNCTION_INFO_V1(ad_histogram_serialfn);
PG_FUNCTION_INFO_V1(ad_histogram_deserialfn);
PG_FUNCTION_INFO_V1(ad_plot_scores_finalfn);
PG_FUNCTION_INFO_V1(ad_text_histogram_finalfn);

/* The state. */
typedef struct Histogram
{
	AdScoreSet	set;
	Jsonb	   *options;		/* or NULL */
} Histogram;

static const char *const scales[] = {"rows", "share", "log", "auto", NULL};

#define COMMON_OPTIONS \
	AD_FLOAT(AdScorePlotOptions, low, NAN, -1e300, 1e300), \
	AD_FLOAT(AdScorePlotOptions, high, NAN, -1e300, 1e300), \
	AD_FLOAT(AdScorePlotOptions, threshold, NAN, -1e300, 1e300), \
	AD_ENUM(AdScorePlotOptions, scale, AD_HEIGHT_AUTO, scales)

static const AdOption plot_options[] = {
	COMMON_OPTIONS,
	AD_INT(AdScorePlotOptions, bins, 40, 1, AD_MAX_SCORE_BINS),
	AD_TEXT(AdScorePlotOptions, title, NULL, AD_MAX_TITLE_LENGTH),
	AD_INT(AdScorePlotOptions, width, 720, 200, 10000),
	AD_INT(AdScorePlotOptions, height, 300, 200, 10000),
};

static const AdOption text_options[] = {
	COMMON_OPTIONS,
	AD_INT(AdScorePlotOptions, bins, AD_TEXT_SCORE_BINS, 1, AD_MAX_SCORE_BINS),
	AD_INT(AdScorePlotOptions, width, 78, AD_MIN_TEXT_WIDTH, AD_MAX_TEXT_WIDTH),
};

/* Raise the error of options that are not the same in all rows. */
static void
options_change(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"options\" changes between rows of a group")));
}

/* Check a state's rows. */
static void
check_rows(const AdScoreSet *set, Size more)
{
	Size		rows = more;

	if (set->labelled)
		rows += set->labelled->keys[0].n + set->labelled->keys[1].n;
	if (set->unlabelled)
		rows += set->unlabelled->keys[0].n;
	if (rows > AD_MAX_RANKED)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("cannot draw more than %d scores", AD_MAX_RANKED),
				 errhint("Draw a random sample of the rows.")));
}

/* Take the options of a row: those of the rows before. */
static void
take_options(Histogram *h, const Jsonb *given, MemoryContext mcxt)
{
	if (h->options)
	{
		if (VARSIZE(given) != VARSIZE(h->options) ||
			memcmp(given, h->options, VARSIZE(given)) != 0)
			options_change();
		return;
	}
	h->options = MemoryContextAlloc(mcxt, VARSIZE(given));
	memcpy(h->options, given, VARSIZE(given));
}

/*
 * (state, score [, is_anomaly [, options]]): add a row.  Without a score it is
 * passed over, without a label it is of the class that has none.
 */
Datum
ad_histogram_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext mcxt = ad_aggregate_context(fcinfo);
	Histogram  *h = PG_ARGISNULL(0) ? NULL : (Histogram *) PG_GETARG_POINTER(0);
	AdScoreClass class = AD_SCORE_UNLABELLED;
	bool		options = PG_NARGS() > 3 && !PG_ARGISNULL(3);

	if (PG_ARGISNULL(1))
	{
		if (h == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(h);
	}
	if (PG_NARGS() > 2 && !PG_ARGISNULL(2))
		class = PG_GETARG_BOOL(2) ? AD_SCORE_ANOMALY : AD_SCORE_NORMAL;
	if (unlikely(h == NULL))
	{
		h = MemoryContextAllocZero(mcxt, sizeof(Histogram));
		if (options)
			take_options(h, ad_jsonb_argument(PG_GETARG_DATUM(3), "options"),
						 mcxt);
	}
	else if (options != (h->options != NULL))
		options_change();
	else if (options)
		take_options(h, ad_jsonb_argument(PG_GETARG_DATUM(3), "options"), mcxt);
	check_rows(&h->set, 1);
	ad_score_set_add(&h->set, mcxt, PG_GETARG_FLOAT8(1), class);
	PG_RETURN_POINTER(h);
}

/* Merge a ranking into another, which may be NULL, as either may. */
static void
merge(AdRanking **into, AdRanking *from, MemoryContext mcxt)
{
	if (from == NULL)
		return;
	if (*into == NULL)
		*into = ad_ranking_create(mcxt);
	ad_ranking_merge(*into, from);
}

/* Combine two partial states; either may be NULL. */
Datum
ad_histogram_combinefn(PG_FUNCTION_ARGS)
{
	MemoryContext mcxt = ad_aggregate_context(fcinfo);
	Histogram  *a = PG_ARGISNULL(0) ? NULL : (Histogram *) PG_GETARG_POINTER(0);
	Histogram  *b = PG_ARGISNULL(1) ? NULL : (Histogram *) PG_GETARG_POINTER(1);

	if (b == NULL)
	{
		if (a == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(a);
	}
	if (a == NULL)
	{
		a = MemoryContextAllocZero(mcxt, sizeof(Histogram));
		if (b->options)
			take_options(a, b->options, mcxt);
	}
	else if ((a->options != NULL) != (b->options != NULL))
		options_change();
	else if (b->options)
		take_options(a, b->options, mcxt);
	merge(&a->set.labelled, b->set.labelled, mcxt);
	merge(&a->set.unlabelled, b->set.unlabelled, mcxt);
	a->set.odd += b->set.odd;
	check_rows(&a->set, 0);
	PG_RETURN_POINTER(a);
}

/* Write a ranking that may be NULL. */
static void
write_ranking(StringInfo buf, AdRanking *r)
{
	ad_wr_u8(buf, r != NULL);
	if (r)
		ad_ranking_write(r, buf);
}

/* A state for the exchange between workers; options as text.  Strict. */
Datum
ad_histogram_serialfn(PG_FUNCTION_ARGS)
{
	Histogram  *h = (Histogram *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	(void) ad_aggregate_context(fcinfo);
	initStringInfo(&buf);
	ad_wr_u32(&buf, 0);			/* place of the varlena header */
	ad_aggregate_write_release(&buf);
	ad_wr_u8(&buf, h->options != NULL);
	if (h->options)
	{
		char	   *text = DatumGetCString(DirectFunctionCall1(jsonb_out,
															   JsonbPGetDatum(h->options)));

		ad_wr_string(&buf, text, strlen(text));
	}
	ad_wr_u64(&buf, h->set.odd);
	write_ranking(&buf, h->set.labelled);
	write_ranking(&buf, h->set.unlabelled);
	SET_VARSIZE(buf.data, buf.len);
	PG_RETURN_BYTEA_P(buf.data);
}

/* The state that ad_histogram_serialfn wrote.  Strict. */
Datum
ad_histogram_deserialfn(PG_FUNCTION_ARGS)
{
	Histogram  *h = palloc0(sizeof(Histogram));
	bytea	   *bytes;
	AdReader	in;

	(void) ad_aggregate_context(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);
	ad_rd_init(&in, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), "histogram");
	ad_aggregate_check_release(&in);
	if (ad_rd_u8(&in) != 0)
	{
		Size		len;
		const char *s = ad_rd_string(&in, 4 * AD_MAX_OPTIONS_LENGTH, &len);

		ad_rd_text_check(&in, s, len);
		h->options = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
														CStringGetDatum(pnstrdup(s, len))));
	}
	h->set.odd = ad_rd_u64(&in);
	if (ad_rd_u8(&in) != 0)
		h->set.labelled = ad_ranking_read(&in, CurrentMemoryContext);
	if (ad_rd_u8(&in) != 0)
		h->set.unlabelled = ad_ranking_read(&in, CurrentMemoryContext);
	ad_rd_end(&in);
	PG_RETURN_POINTER(h);
}

/* Count the scores of a final function's state; false if there are none. */
static bool
finish(FunctionCallInfo fcinfo, const char *owner, const AdOption *table, int n,
	   AdScoreBins *h, AdScorePlotOptions *o)
{
	Histogram  *state;

	(void) ad_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		return false;
	state = (Histogram *) PG_GETARG_POINTER(0);
	ad_options_defaults(table, n, o);
	if (state->options)
		ad_options_parse(&state->options->root, owner, table, n, NULL, o);
	if (o->low >= o->high)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"low\" must be less than \"high\"")));
	return ad_score_bins_build(h, &state->set, o);
}

/* ad_plot_scores(score [, is_anomaly [, options]]) -> text: SVG */
Datum
ad_plot_scores_finalfn(PG_FUNCTION_ARGS)
{
	AdScoreBins h;
	AdScorePlotOptions o = {0};
	StringInfoData out;

	if (!finish(fcinfo, "ad_plot_scores", plot_options,
				lengthof(plot_options), &h, &o))
		PG_RETURN_NULL();
	initStringInfo(&out);
	ad_score_plot(&out, &h, &o);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* ad_text_histogram(score [, is_anomaly [, options]]) -> text */
Datum
ad_text_histogram_finalfn(PG_FUNCTION_ARGS)
{
	AdScoreBins h;
	AdScorePlotOptions o = {0};
	StringInfoData out;

	if (!finish(fcinfo, "ad_text_histogram", text_options,
				lengthof(text_options), &h, &o))
		PG_RETURN_NULL();
	initStringInfo(&out);
	ad_score_text(&out, &h, &o);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
