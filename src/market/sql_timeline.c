/*-------------------------------------------------------------------------
 *
 * sql_timeline.c
 *		ad_layering_timeline(): the picture of an episode, as SVG text.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_book.h"
#include "market/ad_market_sql.h"
#include "market/ad_timeline.h"

#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_layering_timeline);

/* Return a size in pixels, or raise an error if it is not one. */
static int
pixels(int value, const char *name)
{
	if (value < 200 || value > 10000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is out of range: %d", name, value),
				 errdetail("Allowed: 200 to 10000 pixels.")));
	return value;
}

/* Read what the arguments after the options say of the picture. */
static void
read_config(FunctionCallInfo fcinfo, AdTimelineConfig *config)
{
	if (!PG_ARGISNULL(2))
	{
		config->sequence = PG_GETARG_INT32(2);
		if (config->sequence < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("sequence_no must be at least 1")));
	}
	if (!PG_ARGISNULL(3))
		config->title = ad_text_argument(PG_GETARG_DATUM(3), "title",
										 AD_MAX_TITLE_LENGTH);
	if (!PG_ARGISNULL(4))
		config->width = pixels(PG_GETARG_INT32(4), "width");
	if (!PG_ARGISNULL(5))
		config->height = pixels(PG_GETARG_INT32(5), "height");
}

/* Read an array of packed events onto an empty tape; bad ones are left out. */
static void
read_events(ArrayType *array, const AdMarketOptions *options, AdTape *tape)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE,
					  &elements, &nulls, &n);
	if (n > AD_MAX_TIMELINE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a timeline can show at most %d events, not %d",
						AD_MAX_TIMELINE, n),
				 errhint("Select the events of one episode.")));
	tape->events = ad_palloc0_array(AdEvent, Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		AdEvent    *e = &tape->events[tape->end];
		AdBadRow	bad = ad_row_packed(elements[i], nulls[i], e);

		if (bad != AD_ROW_GOOD && bad != AD_ROW_IGNORED &&
			!options->skip_bad)
			ad_row_refuse(bad, &options->words, "event null");
		if (bad == AD_ROW_GOOD)
		{
			e->row = (uint32) i;
			tape->end++;
		}
	}
}

/*
 * ad_layering_timeline(events, options, sequence_no, title, width, height):
 * the events, an array in the order of time, with the sequences that the
 * options find in them.
 */
Datum
ad_layering_timeline(PG_FUNCTION_ARGS)
{
	ArrayType  *array;
	AdSequences sequences = {0};
	AdMarketOptions *options = palloc(sizeof(AdMarketOptions));
	AdTimelineConfig config = {900, 460, 0, NULL};
	AdTape		tape = {NULL, PG_UINT32_MAX, 0, 0};
	StringInfoData out;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	array = PG_GETARG_ARRAYTYPE_P(0);
	ad_market_options(PG_ARGISNULL(1) ? NULL :
					  ad_jsonb_argument(PG_GETARG_DATUM(1), "options"),
					  AD_OWNER_LAYERING, options);
	read_config(fcinfo, &config);
	read_events(array, options, &tape);
	if (tape.end == 0)
		PG_RETURN_NULL();
	sequences.mcxt = CurrentMemoryContext;
	sequences.want_members = true;
	ad_layering_find(tape.events, tape.end, &options->layering, &sequences);
	tape.events = sequences.events;
	tape.end = sequences.nevents;
	ad_book_feed_all(&tape, ad_market_seed(), options->layering.forget);
	if (config.sequence > 0 && (uint32) config.sequence > sequences.n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("events have %u sequences, not %d", sequences.n,
						config.sequence)));
	initStringInfo(&out);
	ad_timeline_draw(&out, &tape, &sequences, &config);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
