/*-------------------------------------------------------------------------
 *
 * pieces.c
 *		A module for the tests: trades in pieces.
 *
 * wash_log_chop(seed, cases) makes up logs of trades, cuts each into pieces at
 * random, reads them piece by piece with the state between them as bytes, and
 * compares what is found, to the last bit, with one look at all of it.
 *
 * wash_log_mutate(seed, cases) changes bytes of such states and goes on with
 * them: how many were refused.  Anything but an error that names what is wrong
 * is raised.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "market/ad_wash_log.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(wash_log_chop);
PG_FUNCTION_INFO_V1(wash_log_mutate);

#define SECOND	INT64CONST(1000000)

typedef struct Log
{
	AdWashConfig c;
	int64		floor;
	int			n;
	AdEvent    *events;
	AdRowName  *names;
} Log;

static uint64 state;

/* 0 to n - 1 */
static int64
draw(int64 n)
{
	uint64		z = state += UINT64CONST(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94d049bb133111eb);
	z ^= z >> 31;
	return (int64) (z % (uint64) n);
}

static int
by_time(const void *a, const void *b)
{
	const AdEvent *x = a;
	const AdEvent *y = b;

	return x->ts < y->ts ? -1 : x->ts > y->ts ? 1 :
		x->row < y->row ? -1 : x->row > y->row;
}

/* Trades in bursts and alone, with equal times, among other events. */
static void
make_log(uint64 seed, Log *l)
{
	AdWashConfig *c = &l->c;
	int64		gap;
	int64		ts = draw(1000) * SECOND;

	memset(l, 0, sizeof(Log));
	state = seed;
	c->min_buy_trades = (int) draw(4) + 1;
	c->min_sell_trades = (int) draw(4) + 1;
	c->min_alternation = draw(3) == 0 ? 0 : (double) draw(101);
	c->min_volume = (AdQuantity) draw(draw(2) == 0 ? 10 : 2000) * (AdQuantity) ad_pow10_int[AD_QTY_DECIMALS];
	c->window = draw(3) == 0 ? 1 + draw(20 * SECOND) : 1800 * SECOND;
	c->price_change = (double) draw(3);
	c->merge = draw(2) == 0;
	c->max_events = 100000;
	l->n = 1 + (int) draw(draw(4) == 0 ? 600 : 100);
	l->events = palloc0(l->n * sizeof(AdEvent));
	l->names = palloc0(l->n * sizeof(AdRowName));
	gap = Max(c->window / (1 + draw(20)), 1);
	for (int i = 0; i < l->n; i++)
	{
		AdEvent    *e = &l->events[i];

		if (draw(4) > 0)
			ts += draw(30) == 0 ? draw(3 * c->window) : draw(gap);
		e->ts = ts;
		e->kind = draw(8) == 0 ? AD_EVENT_ORDER : AD_EVENT_TRADE;
		e->side = draw(5) == 0 ? draw(2) : i % 2;
		e->price = 100 + draw(5) / 10.0;
		e->qty = 1 + draw(200);
		e->scale = 0;
		e->row = i;
	}
	qsort(l->events, l->n, sizeof(AdEvent), by_time);
	for (int i = 0; i < l->n; i++)
	{
		l->events[i].row = i;
		if (draw(8) > 0)
		{
			l->names[i].name = psprintf("row %d", i);
			l->names[i].len = (uint32) strlen(l->names[i].name);
		}
	}
	l->floor = draw(3) == 0 ? l->events[draw(l->n)].ts + draw(3) - 1 : PG_INT64_MIN;
}

/* What one look at all of it finds, with the names of rows and bursts. */
static AdWashLog *
expect(const Log *l)
{
	AdWashes	found = {.mcxt = CurrentMemoryContext};
	AdWashLog  *out = palloc0(sizeof(AdWashLog));
	int64		run_end = -1;

	ad_wash_find(l->events, (uint32) l->n, &l->c, &found);
	out->decided = palloc0((found.n + 1) * sizeof(AdWashDecided));
	for (uint32 i = 0; i < found.n; i++)
	{
		const AdWash *w = &found.items[i];
		AdWashDecided *d = &out->decided[out->ndecided];
		bool		again = w->first_row <= run_end;

		run_end = w->last_row;
		if (w->start < l->floor)
			continue;
		d->w = *w;
		d->again = again && !l->c.merge;
		d->first = l->names[w->first_row];
		d->last = l->names[w->last_row];
		out->ndecided++;
	}
	return out;
}

static bool
same_name(const AdRowName *a, const AdRowName *b)
{
	return a->len == b->len && (a->name == NULL) == (b->name == NULL) &&
		(a->len == 0 || memcmp(a->name, b->name, a->len) == 0);
}

static bool
same_double(double a, double b)
{
	return memcmp(&a, &b, sizeof(double)) == 0;
}

/* What differs between two windows, or NULL. */
static const char *
difference(const AdWashDecided *x, const AdWashDecided *y)
{
	const AdWash *a = &x->w;
	const AdWash *b = &y->w;

	if (a->start != b->start || a->end != b->end)
		return "times";
	if (!same_name(&x->first, &y->first) || !same_name(&x->last, &y->last))
		return "ids of rows";
	if (a->starts != b->starts || a->buys != b->buys || a->sells != b->sells ||
		a->switches != b->switches || a->buy_qty != b->buy_qty ||
		a->sell_qty != b->sell_qty)
		return "counts";
	if (!same_double(a->alternation, b->alternation) ||
		isnan(a->price_change) != isnan(b->price_change) ||
		(!isnan(a->price_change) && !same_double(a->price_change, b->price_change)) ||
		!same_double(a->first_price, b->first_price) ||
		!same_double(a->last_price, b->last_price))
		return "figures";
	if (x->again != y->again)
		return "burst";
	return NULL;
}

/* Read rows [from, to) with a state, and write the new one. */
static int64
read_piece(const Log *l, StringInfo bytes, int from, int to, int64 complete,
		   AdWashLog *out)
{
	AdWashLog  *log = ad_wash_log_create(CurrentMemoryContext, &l->c, l->floor);
	StringInfoData next;

	if (bytes->len > 0)
		ad_wash_log_read(log, (uint8 *) bytes->data, bytes->len);
	for (int i = from; i < to; i++)
		ad_wash_log_add(log, &l->events[i], &l->names[i]);
	ad_wash_log_settle(log, complete);
	for (uint32 i = 0; i < log->ndecided; i++)
	{
		if (log->decided[i].decided > complete)
			elog(ERROR, "a window is decided too early");
		if (out->ndecided == out->max_decided)
		{
			out->max_decided = Max(16, out->max_decided * 2);
			out->decided = out->decided ?
				repalloc(out->decided, out->max_decided * sizeof(AdWashDecided)) :
				palloc(out->max_decided * sizeof(AdWashDecided));
		}
		out->decided[out->ndecided++] = log->decided[i];
	}
	initStringInfo(&next);
	if (log->n > 0)
		ad_wash_log_write(log, &next);
	else if (log->due != PG_INT64_MAX)
		elog(ERROR, "an empty log has something to do");
	*bytes = next;
	return log->due;
}

/* One log in pieces. */
static AdWashLog *
pieces(const Log *l, int64 *largest)
{
	AdWashLog  *out = palloc0(sizeof(AdWashLog));
	int			step = 1 + (int) draw(draw(2) == 0 ? 3 : l->n);
	int64		due = PG_INT64_MAX;
	int			at = 0;
	StringInfoData bytes;

	/* a job that begins in the middle reads from a window before it on */
	while (at < l->n && l->events[at].ts < ad_time_sub(l->floor, l->c.window))
		at++;
	initStringInfo(&bytes);
	while (at < l->n)
	{
		int			to = at + (int) draw(step + 1);
		int64		complete;
		int64		known;

		to = Min(l->n, to);
		while (to > at && to < l->n && l->events[to].ts == l->events[to - 1].ts)
			to++;
		if (to == at && at > 0 && l->events[at].ts == l->events[at - 1].ts)
			continue;
		complete = to < l->n ? l->events[to].ts - 1 : l->events[l->n - 1].ts;
		known = to > 0 ? l->events[to - 1].ts : PG_INT64_MIN;
		if (to > 0 && complete > known && draw(2) == 0)
			complete = known + draw(complete - known + 1);
		/* nothing came, and nothing is due: a job does not look */
		if (to > at || due <= complete)
		{
			due = read_piece(l, &bytes, at, to, complete, out);
			*largest = Max(*largest, bytes.len);
			if (due <= complete)
				elog(ERROR, "what was due is due");
		}
		at = to;
	}
	while (due != PG_INT64_MAX)
		due = read_piece(l, &bytes, 0, 0, due, out);
	return out;
}

Datum
wash_log_chop(PG_FUNCTION_ARGS)
{
	int64		seed = PG_GETARG_INT64(0);
	int			cases = PG_GETARG_INT32(1);
	int64		windows = 0;
	int64		bursts = 0;
	int64		largest = 0;
	int			unequal = 0;
	char	   *which = "";
	MemoryContext old = CurrentMemoryContext;
	MemoryContext mcxt = AllocSetContextCreate(old, "logs", ALLOCSET_DEFAULT_SIZES);

	for (int i = 0; i < cases; i++)
	{
		Log			l;
		AdWashLog  *want;
		AdWashLog  *have;
		const char *what = NULL;

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(mcxt);
		make_log((uint64) (seed + i), &l);
		want = expect(&l);
		have = pieces(&l, &largest);
		if (have->ndecided != want->ndecided)
			what = psprintf("%u windows instead of %u", have->ndecided, want->ndecided);
		for (uint32 k = 0; k < want->ndecided && !what; k++)
		{
			what = difference(&have->decided[k], &want->decided[k]);
			bursts += !want->decided[k].again;
		}
		windows += want->ndecided;
		MemoryContextSwitchTo(old);
		if (what && unequal++ == 0)
			which = psprintf(", first " INT64_FORMAT ": %s", seed + i, what);
		MemoryContextReset(mcxt);
	}
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%d unequal of %d%s; " INT64_FORMAT " windows, " INT64_FORMAT
											  " bursts, states of up to " INT64_FORMAT " bytes",
											  unequal, cases, which, windows, bursts, largest)));
}

/* Change some bytes. */
static void
mutate(StringInfo bytes)
{
	int			n = 1 + (int) draw(4);

	for (int i = 0; i < n; i++)
	{
		int			at = (int) draw(bytes->len);
		int			len = 1 + (int) draw(8);
		static const char odd[] = {0, -1, 127, 1};

		switch (draw(4))
		{
			case 0:
				bytes->data[at] ^= (char) (1 << draw(8));
				break;
			case 1:
				bytes->data[at] = (char) draw(256);
				break;
			case 2:
				memset(bytes->data + at, odd[draw(4)], Min(len, bytes->len - at));
				break;
			default:
				if (draw(4) == 0)
					bytes->len = at + 1;
				else
					memmove(bytes->data + at, bytes->data + draw(at + 1),
							Min(8, bytes->len - at));
				break;
		}
	}
}

/* Whether an error names what is wrong with the bytes, or is of a limit. */
static bool
is_named(const ErrorData *e)
{
	int			category = ERRCODE_TO_CATEGORY(e->sqlerrcode);

	return category == ERRCODE_DATA_EXCEPTION ||
		category == ERRCODE_PROGRAM_LIMIT_EXCEEDED ||
		category == ERRCODE_INSUFFICIENT_RESOURCES ||
		e->sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED;
}

Datum
wash_log_mutate(PG_FUNCTION_ARGS)
{
	int64		seed = PG_GETARG_INT64(0);
	int32		cases = PG_GETARG_INT32(1);
	volatile int64 refused = 0;
	volatile int64 taken = 0;
	MemoryContext old = CurrentMemoryContext;
	MemoryContext mcxt = AllocSetContextCreate(old, "logs", ALLOCSET_DEFAULT_SIZES);

	for (volatile int32 i = 0; i < cases; i++)
	{
		Log			l;
		AdWashLog	out = {0};
		StringInfoData bytes;
		int			half;

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(mcxt);
		make_log((uint64) (seed + i), &l);
		half = 1 + (int) draw(l.n);
		while (half < l.n && l.events[half].ts == l.events[half - 1].ts)
			half++;
		initStringInfo(&bytes);
		(void) read_piece(&l, &bytes, 0, half, l.events[half - 1].ts, &out);
		if (bytes.len > 0)
		{
			char	   *copy;

			mutate(&bytes);
			/* exact, so that a read past the end is seen by a sanitizer */
			copy = palloc(bytes.len);
			memcpy(copy, bytes.data, bytes.len);
			bytes.data = copy;
			PG_TRY();
			{
				(void) read_piece(&l, &bytes, half, l.n, l.events[l.n - 1].ts, &out);
				(void) read_piece(&l, &bytes, 0, 0, PG_INT64_MAX, &out);
				taken++;
			}
			PG_CATCH();
			{
				ErrorData  *e;

				MemoryContextSwitchTo(mcxt);
				e = CopyErrorData();
				if (!is_named(e))
					PG_RE_THROW();
				FlushErrorState();
				refused++;
			}
			PG_END_TRY();
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(mcxt);
	}
	PG_RETURN_TEXT_P(cstring_to_text(psprintf(INT64_FORMAT " refused, " INT64_FORMAT " taken",
											  refused, taken)));
}
