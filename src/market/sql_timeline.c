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
				 errdetail("Allowed values are 200 to 10000 pixels.")));
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

/*
 * Read the events of an array, find the sequences that the options ask for,
 * with their members, and match the events, which are those of the tape.
 * Return how many elements are no events.
 */
int64
ad_timeline_load(ArrayType *array, AdWindowSite *site, AdTape *tape,
				 AdSequences *sequences)
{
	AdPartition partition = {CurrentMemoryContext, NULL, 0, 0};

	ad_events_of_array(array, site, &partition);
	sequences->mcxt = CurrentMemoryContext;
	sequences->want_members = true;
	ad_layering_find(partition.events, partition.n, &site->options.layering,
					 sequences);
	tape->events = sequences->events;
	tape->mask = PG_UINT32_MAX;
	tape->head = 0;
	tape->end = sequences->nevents;
	ad_book_feed_all(tape, ad_market_seed(), site->options.layering.forget);
	return partition.skipped;
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
	AdWindowSite *site = palloc0(sizeof(AdWindowSite));
	AdTimelineConfig config = {900, 460, 0, false, NULL};
	AdTape		tape;
	StringInfoData out;
	int			n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	array = PG_GETARG_ARRAYTYPE_P(0);
	n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	site->owner = AD_OWNER_LAYERING;
	ad_site_options(site, PG_ARGISNULL(1) ? NULL :
					ad_jsonb_argument(PG_GETARG_DATUM(1), "options"));
	read_config(fcinfo, &config);
	if (n > AD_MAX_TIMELINE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a timeline can show at most %d events, not %d",
						AD_MAX_TIMELINE, n),
				 errhint("Select the events of one episode.")));
	(void) ad_timeline_load(array, site, &tape, &sequences);
	if (tape.end == 0)
		PG_RETURN_NULL();
	if (config.sequence > 0 && (uint32) config.sequence > sequences.n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("events have %u sequences, not %d", sequences.n,
						config.sequence)));
	initStringInfo(&out);
	ad_timeline_draw(&out, &tape, &sequences, &config);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
