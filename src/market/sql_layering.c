/*-------------------------------------------------------------------------
 *
 * sql_layering.c
 *		Window functions ad_layering() and ad_layering_member().
 *
 * Rules window and strict look ahead, so the first row of a partition reads
 * all of it and finds its sequences; the other rows only look whether the
 * next sequence is theirs.  Rule anchored is causal and streams: each row is
 * fed to the rule as it comes, the window's mark follows, and the executor
 * drops what lies behind.  Only at a row that completes a sequence are its
 * peers read ahead, the rows at the very same time, because the metrics
 * cover [start, end] inclusively; option causal leaves that out.
 *
 * ad_layering_member() reads the whole partition whatever the rule: it
 * tells an order that its sequence will be completed later.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_market_sql.h"
#include "market/ad_rows.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

PG_FUNCTION_INFO_V1(ad_layering);
PG_FUNCTION_INFO_V1(ad_layering_member);

/* The columns of type ad_layering_membership. */
enum
{
	MEMBER_SEQUENCE_NO,
	MEMBER_ROLE,
	MEMBER_ALSO_IN,
	MEMBER_COLUMNS
};

typedef struct LayeringState	/* of one partition; starts zeroed */
{
	bool		started;
	AdPartition partition;
	AdSequences sequences;		/* anchored: those not yet given out */
	uint32		next;			/* sequence to give out */
	Size		next_member;
	int64		given;			/* sequences of the partition so far */

	/* anchored */
	AdAnchored *anchored;
	AdDedup		dedup;
	int64		fed;			/* rows read */
	int64		warn_at;		/* skipped rows at the next warning */
} LayeringState;

/* A quantity as numeric. */
Datum
ad_quantity_datum(AdQuantity units)
{
	int64		whole;

	if (ad_quantity_is_int64(units, &whole))
		return DirectFunctionCall1(int8_numeric, Int64GetDatum(whole));
	return DirectFunctionCall3(numeric_in,
							   CStringGetDatum(ad_quantity_text(units)),
							   ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}

/* A length of time as an interval. */
Datum
ad_span_datum(int64 microseconds)
{
	Interval   *i = palloc0(sizeof(Interval));

	i->time = microseconds;
	return IntervalPGetDatum(i);
}

/* A count, or -1 if it was not measured. */
static Datum
count_datum(const AdMetrics *m, int64 count)
{
	return Int64GetDatum(m->measured ? count : -1);
}

/* A quantity, or NaN if it was not measured. */
static Datum
measured_quantity(const AdMetrics *m, AdQuantity units)
{
	if (m->measured)
		return ad_quantity_datum(units);
	return DirectFunctionCall3(numeric_in, CStringGetDatum("NaN"),
							   ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}

/*
 * Fill the columns of type ad_layering_sequence.  Times of events are
 * TimestampTz values.
 *
 * No column is ever null: "l IS NOT NULL" is true for a composite only if
 * all of its columns are not null, and it is what people write to keep the
 * rows with a sequence.  A ratio that does not exist is NaN.
 */
void
ad_sequence_values(const AdSequence *s, int64 number, int64 skipped,
				   Datum *values, bool *nulls)
{
	const AdMetrics *m = &s->m;
	Datum	   *times = ad_palloc_array(Datum, s->norders);
	Datum		cancelled = ad_quantity_datum(s->cancel_qty);
	Datum		traded = ad_quantity_datum(s->opp_qty);
	int			i = 0;

	for (uint32 k = 0; k < s->norders; k++)
		times[k] = TimestampTzGetDatum(s->order_times[k]);
	memset(nulls, 0, AD_SEQUENCE_COLUMNS * sizeof(bool));

	values[i++] = Int64GetDatum(number);
	values[i++] = CStringGetTextDatum(ad_side_word(s->side));
	values[i++] = TimestampTzGetDatum(s->start);
	values[i++] = TimestampTzGetDatum(s->end);
	values[i++] = ad_span_datum(s->end - s->start);
	values[i++] = Int64GetDatum((int64) s->norders);
	values[i++] = count_datum(m, m->cancelled_orders);
	values[i++] = measured_quantity(m, m->cancelled_qty);
	values[i++] = traded;
	values[i++] = s->side == AD_BUY ? cancelled : traded;
	values[i++] = s->side == AD_BUY ? traded : cancelled;
	values[i++] = PointerGetDatum(construct_array(times, (int) s->norders,
												  TIMESTAMPTZOID, 8,
												  FLOAT8PASSBYVAL,
												  TYPALIGN_DOUBLE));
	values[i++] = TimestampTzGetDatum(s->trade_time);
	values[i++] = CStringGetTextDatum(ad_found_word(s->found));
	values[i++] = Float8GetDatum(m->severity);
	values[i++] = Int64GetDatum((int64) s->first_row + 1);
	values[i++] = Int64GetDatum((int64) s->trade_row + 1);
	values[i++] = Int64GetDatum((int64) s->ncancels);
	values[i++] = cancelled;

	values[i++] = Float8GetDatum(m->duration_s);
	values[i++] = count_datum(m, m->placed_orders);
	values[i++] = measured_quantity(m, m->placed_qty);
	values[i++] = count_datum(m, m->matched_cancels);
	values[i++] = Float8GetDatum(m->cancel_ratio);
	values[i++] = Float8GetDatum(m->cancel_qty_ratio);
	values[i++] = count_datum(m, m->price_levels);
	values[i++] = Float8GetDatum(m->price_span_bps);
	values[i++] = Float8GetDatum(m->median_time_to_cancel_s);
	values[i++] = Float8GetDatum(m->max_time_to_cancel_s);
	values[i++] = count_datum(m, m->opp_trades);
	values[i++] = measured_quantity(m, m->opp_trade_qty);
	values[i++] = Float8GetDatum(m->opp_trade_vwap);
	values[i++] = Float8GetDatum(m->spoof_to_trade_qty_ratio);
	values[i++] = measured_quantity(m, m->spoof_side_fill_qty);
	values[i++] = Float8GetDatum(m->spoof_side_fill_ratio);
	values[i++] = Float8GetDatum(m->own_order_imbalance);
	values[i++] = Float8GetDatum(m->order_to_trade_ratio);
	values[i++] = Float8GetDatum(m->cancel_to_trade_gap_s);
	values[i++] = Float8GetDatum(m->cancelled_after_trade_qty_ratio);
	values[i++] = Float8GetDatum(m->mean_distance_bps);
	values[i++] = Float8GetDatum(m->mean_placement_gap_s);
	values[i++] = Float8GetDatum(m->size_cv);
	values[i++] = Int64GetDatum(skipped);
	Assert(i == AD_SEQUENCE_COLUMNS);
}

/* A sequence as a composite. */
static Datum
sequence_datum(AdWindowSite *site, const AdSequence *s, int64 number,
			   int64 skipped)
{
	Datum		values[AD_SEQUENCE_COLUMNS];
	bool		nulls[AD_SEQUENCE_COLUMNS];

	if (!site->result || site->result->natts != AD_SEQUENCE_COLUMNS)
		elog(ERROR, "ad_layering must return ad_layering_sequence");
	ad_sequence_values(s, number, skipped, values, nulls);
	return HeapTupleGetDatum(heap_form_tuple(site->result, values, nulls));
}

/* Read the partition and find its sequences. */
static void
start_partition(WindowObject winobj, AdWindowSite *site, LayeringState *st,
				bool want_members)
{
	MemoryContext old;

	ad_window_load(winobj, site, &st->partition);
	st->sequences.mcxt = st->partition.mcxt;
	st->sequences.want_members = want_members;
	old = MemoryContextSwitchTo(st->partition.mcxt);
	ad_layering_find(st->partition.events, st->partition.n,
					 &site->options.layering, &st->sequences);
	MemoryContextSwitchTo(old);
	if (st->sequences.events != st->partition.events)
		pfree(st->partition.events);
	st->partition.events = NULL;
	if (!want_members)
		pfree(st->sequences.events);
}

/* Feed an event to rule anchored, adding a sequence that it may complete. */
static void
feed_event(LayeringState *st, const AdEvent *e)
{
	AdSequence	s;
	int64	   *times;

	if (!ad_anchored_feed(st->anchored, e, &s))
		return;

	/* it must live until its row is reached */
	times = MemoryContextAllocHuge(st->partition.mcxt,
								   s.norders * sizeof(int64));
	memcpy(times, s.order_times, s.norders * sizeof(int64));
	s.order_times = times;
	*ad_sequences_add(&st->sequences) = s;
}

/*
 * Read a row for rule anchored and feed it, adding a sequence it may
 * complete.  False at the end of the partition, or, if only peers are
 * wanted, at a row with another time than peers_of; such a row is not fed.
 */
static bool
feed_row(WindowObject winobj, AdWindowSite *site, LayeringState *st,
		 bool current, bool peers, int64 peers_of)
{
	const AdLayeringConfig *c = &site->options.layering;
	AdEvent		e;
	bool		isout;
	AdBadRow	bad;

	bad = ad_window_row(winobj, site, st->fed, current, &e, &isout);
	if (isout)
		return false;
	if (bad != AD_ROW_GOOD)
	{
		if (bad != AD_ROW_IGNORED && !site->options.skip_bad)
			ad_window_refuse(winobj, site, st->fed, bad);
		st->fed++;
		if (bad == AD_ROW_IGNORED)
			return true;
		if (++st->partition.skipped >= st->warn_at)
		{
			ad_window_warn(site, st->partition.skipped, 0);
			st->warn_at = Max(1, st->warn_at) * 10;
		}
		return true;
	}
	if (peers && e.ts != peers_of)
		return false;
	if (st->fed >= AD_MAX_POSITIONS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a partition can have at most %u rows",
						AD_MAX_POSITIONS)));
	e.row = (uint32) st->fed++;
	if (c->dedup && ad_dedup_seen(&st->dedup, &e))
		return true;
	if (e.kind == AD_EVENT_REPLACE && !c->amend)
	{
		AdEvent		halves[2];

		ad_row_halves(&e, halves);
		feed_event(st, &halves[0]);
		feed_event(st, &halves[1]);
	}
	else
		feed_event(st, &e);
	return true;
}

/* Measure the sequences from one on, and drop those that are not reported. */
static void
measure_from(LayeringState *st, const AdLayeringConfig *c, uint32 from)
{
	uint32		kept = from;

	for (uint32 i = from; i < st->sequences.n; i++)
	{
		AdSequence *s = &st->sequences.items[i];

		ad_anchored_measure(st->anchored, s);
		if (ad_sequence_reported(s, c))
			st->sequences.items[kept++] = *s;
		else
			pfree(s->order_times);
	}
	st->sequences.n = kept;
}

/* One row of rule anchored. */
static Datum
anchored_row(WindowObject winobj, AdWindowSite *site, LayeringState *st,
			 int64 row, bool *isnull)
{
	Datum		result;
	AdSequence *s;

	if (st->fed <= row)
	{
		uint32		before = st->sequences.n;

		(void) feed_row(winobj, site, st, true, false, 0);
		if (st->sequences.n > before)
		{
			int64		ts = st->sequences.items[before].end;

			if (!site->options.layering.causal)
				while (feed_row(winobj, site, st, false, true, ts))
					CHECK_FOR_INTERRUPTS();
			measure_from(st, &site->options.layering, before);
		}
	}
	WinSetMarkPosition(winobj, row);

	*isnull = true;
	if (st->next >= st->sequences.n)
		return (Datum) 0;
	s = &st->sequences.items[st->next];
	if (s->trade_row != (uint32) row)
		return (Datum) 0;
	*isnull = false;
	result = sequence_datum(site, s, ++st->given, st->partition.skipped);
	pfree(s->order_times);
	if (++st->next == st->sequences.n)
		st->next = st->sequences.n = 0;
	return result;
}

/*
 * ad_layering(...) OVER w: the sequence that a row reports, or NULL: the
 * row of its first order, for rule anchored the row of its trade.
 */
Datum
ad_layering(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	AdWindowSite *site = fcinfo->flinfo->fn_extra;
	LayeringState *st;
	int64		row;
	AdSequence *s;

	if (unlikely(site == NULL))
		site = ad_window_site(fcinfo, AD_OWNER_LAYERING);
	st = WinGetPartitionLocalMemory(winobj, sizeof(LayeringState));
	row = WinGetCurrentPosition(winobj);

	if (unlikely(!st->started))
	{
		ad_window_options(winobj, site);
		st->partition.mcxt = GetMemoryChunkContext(st);
		st->started = true;
		if (site->options.layering.rule == AD_RULE_ANCHORED)
		{
			st->sequences.mcxt = st->partition.mcxt;
			st->anchored = ad_anchored_create(st->partition.mcxt,
											  &site->options.layering);
			ad_dedup_init(&st->dedup, st->partition.mcxt,
						  site->options.layering.seed, true);
		}
		else
			start_partition(winobj, site, st, false);
	}

	if (st->anchored)
	{
		bool		isnull;
		Datum		result = anchored_row(winobj, site, st, row, &isnull);

		if (isnull)
			PG_RETURN_NULL();
		PG_RETURN_DATUM(result);
	}

	if (st->next >= st->sequences.n)
		PG_RETURN_NULL();
	s = &st->sequences.items[st->next];
	if (s->first_row != (uint32) row)
		PG_RETURN_NULL();
	st->next++;
	PG_RETURN_DATUM(sequence_datum(site, s, ++st->given,
								   st->partition.skipped));
}

/*
 * ad_layering_member(...) OVER w: the sequence a row belongs to and the
 * row's role in it, or NULL.
 */
Datum
ad_layering_member(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	AdWindowSite *site = ad_window_site(fcinfo, AD_OWNER_LAYERING);
	LayeringState *st = WinGetPartitionLocalMemory(winobj,
												   sizeof(LayeringState));
	int64		row = WinGetCurrentPosition(winobj);
	AdMember   *m;
	AdEvent    *e;
	Datum		values[MEMBER_COLUMNS];
	bool		nulls[MEMBER_COLUMNS] = {false};
	Datum	   *others;
	int			n = 0;
	Size		last;

	if (!st->started)
	{
		ad_window_options(winobj, site);
		st->partition.mcxt = GetMemoryChunkContext(st);
		st->started = true;
		start_partition(winobj, site, st, true);
	}
	if (!site->result || site->result->natts != MEMBER_COLUMNS)
		elog(ERROR, "ad_layering_member must return ad_layering_membership");

	m = &st->sequences.members[st->next_member];
	for (last = st->next_member; last < st->sequences.nmembers &&
		 st->sequences.events[st->sequences.members[last].pos].row == (uint32) row;
		 last++)
	{
		/* an amendment may be a cancel and an order: the order is shown */
		if (st->sequences.events[st->sequences.members[last].pos].kind == AD_EVENT_ORDER &&
			st->sequences.events[m->pos].kind != AD_EVENT_ORDER)
			m = &st->sequences.members[last];
	}
	if (last == st->next_member)
		PG_RETURN_NULL();
	e = &st->sequences.events[m->pos];
	values[MEMBER_SEQUENCE_NO] = Int64GetDatum((int64) m->seq + 1);
	values[MEMBER_ROLE] =
		CStringGetTextDatum(e->kind == AD_EVENT_ORDER ? "order" :
							e->kind == AD_EVENT_CANCEL ? "cancel" :
							"trade");
	others = ad_palloc_array(Datum, last - st->next_member);
	for (Size i = st->next_member; i < last; i++)
		if (st->sequences.members[i].seq != m->seq)
			others[n++] = Int64GetDatum((int64) st->sequences.members[i].seq + 1);
	values[MEMBER_ALSO_IN] =
		PointerGetDatum(construct_array(others, n, INT8OID, 8,
										FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	st->next_member = last;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(site->result, values,
													  nulls)));
}
