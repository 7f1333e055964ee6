/*-------------------------------------------------------------------------
 *
 * market_rule.c
 *		Times the market rules over arrays of events.
 *
 * market_rule(rule, partitions, events, layout, repeat) makes partitions of
 * order flow (placements that are cancelled, filled or left, in bursts) and
 * returns nanoseconds of processor time an event spent in
 * ad_layering_find(), sequences found, how many of them have metrics, and
 * bytes an event at the peak of the process.  Layouts: "spread", the
 * flow over time as it comes; "dense", all times squeezed into the orders
 * window; "instant", every event at the same microsecond.  With "without ids"
 * behind it the events have no order ids.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "core/ad_elementary.h"
#include "core/ad_random.h"
#include "market/ad_layering.h"
#include "market/ad_wash.h"
#include "utils/builtins.h"

#include <time.h>

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(market_rule);

#define SECOND INT64CONST(1000000)

static int
by_time(const void *a, const void *b)
{
	const AdEvent *x = a;
	const AdEvent *y = b;

	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

/* The kilobytes of a line of /proc/self/status; 0 if there is none. */
static long
process_kb(const char *key)
{
	FILE	   *f = fopen("/proc/self/status", "r");
	char		line[256];
	long		kb = 0;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			kb = strtol(line + strlen(key), NULL, 10);
	fclose(f);
	return kb;
}

/* Processor time of this process, so that other work does not count. */
static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* One partition's flow; order ids are 8 bytes. */
static void
make_flow(AdEvent *ev, uint32 n, AdRandom *r, const char *layout)
{
	int64		t = 0;
	uint32		i = 0;
	double		squeeze = 1;
	bool		ids = strstr(layout, "without ids") == NULL;

	while (i < n)
	{
		int			burst = ad_random_below(r, 10) < 7 ? 1 :
			2 + (int) ad_random_below(r, 6);
		uint8		side = (uint8) ad_random_below(r, 2);

		t += (int64) (-ad_log(1 - ad_random_double(r)) * 4 * SECOND);
		for (int b = 0; b < burst && i < n; b++)
		{
			int64		life = (int64) (-ad_log(1 - ad_random_double(r)) *
										3 * SECOND);
			double		fate = ad_random_double(r);
			AdEvent    *e = &ev[i];
			char	   *id = palloc(8);
			uint64		word = ad_random_next(r);

			memcpy(id, &word, 8);
			memset(e, 0, sizeof(AdEvent));
			t += (int64) (ad_random_double(r) * SECOND / 4);
			e->ts = t;
			e->kind = AD_EVENT_ORDER;
			e->side = side;
			e->price = 100 + (double) ad_random_below(r, 200) / 100;
			e->qty = 100 * (1 + (int64) ad_random_below(r, 30));
			e->id = ids ? id : NULL;
			e->idlen = ids ? 8 : 0;
			i++;
			if (fate < 0.9 && i < n)
			{
				ev[i] = *e;
				ev[i].ts += life;
				ev[i].kind = fate < 0.62 ? AD_EVENT_CANCEL : AD_EVENT_TRADE;
				i++;
			}
		}
	}
	for (i = 0; i < n; i++)
		ev[i].row = i;
	if (n > 0)
		qsort(ev, n, sizeof(AdEvent), by_time);
	if (strncmp(layout, "dense", 5) == 0)
		squeeze = (double) (9 * SECOND) / (double) Max(ev[n - 1].ts, 1);
	else if (strncmp(layout, "instant", 7) == 0)
		squeeze = 0;
	for (i = 0; i < n; i++)
	{
		ev[i].row = i;
		ev[i].ts = (int64) ((double) ev[i].ts * squeeze);
	}
}

/* See the file head. */
Datum
market_rule(PG_FUNCTION_ARGS)
{
	char	   *rule = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			partitions = PG_GETARG_INT32(1);
	uint32		events = (uint32) PG_GETARG_INT32(2);
	char	   *layout = text_to_cstring(PG_GETARG_TEXT_PP(3));
	int			repeat = PG_GETARG_INT32(4);
	AdLayeringConfig c = {0};
	AdWashConfig wash = {0};
	AdRandom	random;
	MemoryContext cxt;
	MemoryContext flow;
	AdEvent    *ev;
	double		seconds = 0;
	int64		found = 0;
	int64		measured = 0;
	long		before = process_kb("VmRSS:");
	long		peak = 0;
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false};

	c.rule = strcmp(rule, "strict") == 0 ? AD_RULE_STRICT :
		strcmp(rule, "anchored") == 0 ? AD_RULE_ANCHORED : AD_RULE_WINDOW;
	c.trade_rule = AD_TRADE_EITHER;
	c.orders_window = 10 * SECOND;
	c.cancel_window = 5 * SECOND;
	c.trade_window = 2 * SECOND;
	c.min_orders = c.min_cancels = 3;
	c.max_events = 100000000;
	c.seed = 42;
	wash.min_buy_trades = wash.min_sell_trades = 3;
	wash.min_alternation = 60;
	wash.window = 1800 * SECOND;
	wash.price_change = 1;
	ad_random_seed(&random, 7, 0);
	cxt = AllocSetContextCreate(CurrentMemoryContext, "bench",
								ALLOCSET_DEFAULT_SIZES);
	flow = AllocSetContextCreate(CurrentMemoryContext, "flow",
								 ALLOCSET_DEFAULT_SIZES);
	for (int p = 0; p < partitions; p++)
	{
		MemoryContext old = MemoryContextSwitchTo(flow);

		ev = MemoryContextAllocHuge(flow, events * sizeof(AdEvent));
		make_flow(ev, events, &random, layout);
		MemoryContextSwitchTo(cxt);
		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < repeat; i++)
		{
			double		start = cpu_seconds();
			AdSequences s = {0};

			if (strcmp(rule, "wash") == 0)
			{
				AdWashes	w = {0};

				w.mcxt = cxt;
				ad_wash_find(ev, events, &wash, &w);
				s.n = w.n;
			}
			else
			{
				s.mcxt = cxt;
				ad_layering_find(ev, events, &c, &s);
			}
			seconds += cpu_seconds() - start;
			found += s.n;
			if (s.items)
				for (uint32 k = 0; k < s.n; k++)
					measured += s.items[k].m.measured;
			peak = Max(peak, process_kb("VmHWM:"));
			MemoryContextReset(cxt);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(flow);
	}

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Float8GetDatum(seconds * 1e9 / repeat / partitions / events);
	values[1] = Int64GetDatum(found / repeat);
	values[2] = Int64GetDatum(measured / repeat);
	values[3] = Float8GetDatum((double) (peak - before) * 1024 / events);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}
