/*-------------------------------------------------------------------------
 *
 * pieces.c
 *		A module for the tests: order logs in pieces.
 *
 * order_log_chop(seed, cases) makes up order logs, cuts each into pieces at
 * random, reads them piece by piece with the state between them as bytes, and
 * compares what is found, to the last bit, with one look at each period.
 *
 * order_log_mutate(seed, cases) changes bytes of such states and goes on with
 * them: how many were refused.  Anything but an error of class 22 or 54 is
 * raised.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "market/ad_order_log.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(order_log_chop);
PG_FUNCTION_INFO_V1(order_log_mutate);

#define DAY		INT64CONST(86400000000)
#define SECOND	INT64CONST(1000000)

typedef struct Row
{
	AdEvent		e;
	bool		bad;
	bool		ignored;
	AdRowName	name;
} Row;

typedef struct Found
{
	int64		period;
	int64		number;
	int64		skipped;
	AdSequence	s;
	char	   *first;
	char	   *trade;
} Found;

typedef struct FoundList
{
	Found	   *items;
	int			n;
	int			capacity;
} FoundList;

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

static int64
pick3(int64 a, int64 b, int64 c)
{
	int64		i = draw(3);

	return i == 0 ? a : i == 1 ? b : c;
}

static void
make_config(AdLayeringConfig *c)
{
	memset(c, 0, sizeof(*c));
	c->rule = (AdRule) draw(3);
	c->trade_rule = (AdTradeRule) draw(3);
	c->orders_window = pick3(10 * SECOND, SECOND, 1 + draw(20 * SECOND));
	c->cancel_window = pick3(5 * SECOND, SECOND, 1 + draw(20 * SECOND));
	c->trade_window = pick3(2 * SECOND, SECOND, 1 + draw(20 * SECOND));
	if (draw(12) == 0)
		c->orders_window = pick3(DAY / 2, DAY, 3 * DAY);
	c->min_orders = 1 + (int) draw(4);
	c->min_cancels = 1 + (int) draw(4);
	c->causal = draw(2) == 0;
	c->forget = draw(4) == 0 ? 1 + draw(100 * SECOND) : 0;
	c->amend = draw(3) == 0;
	c->dedup = draw(3) == 0;
	if (draw(6) == 0)
		c->min_imbalance = 0.3;
	if (draw(6) == 0)
		c->min_price_levels = 2;
	c->max_events = 10000000;
	c->seed = 0x1234567;
}

static int
by_time(const void *a, const void *b)
{
	const Row  *x = a;
	const Row  *y = b;

	return x->e.ts < y->e.ts ? -1 : x->e.ts > y->e.ts ? 1 :
		x->e.row < y->e.row ? -1 : x->e.row > y->e.row;
}

/* Ids of an event one behind the other; an empty one is none. */
static void
set_ids(AdEvent *e, const char *id, const char *new_id, const char *event_id)
{
	e->id = psprintf("%s%s%s", id, new_id, event_id);
	e->idlen = strlen(id);
	e->newlen = strlen(new_id);
	e->evlen = strlen(event_id);
}

/* The order id of an event, as text. */
static const char *
id_of(const AdEvent *e)
{
	return e->idlen > 0 ? pnstrdup(e->id, e->idlen) : "";
}

/* Random order flow: life cycles and loose events around midnights. */
static Row *
make_log(const AdLayeringConfig *c, int n)
{
	Row		   *rows = palloc0(n * sizeof(Row));
	int64		grid = pick3(1, SECOND, SECOND / 2);
	int64		span = draw(6) == 0 ? 4 * DAY :
		ad_layering_horizon(c) * (1 + draw(8)) + 1;
	int64		origin = draw(20) * DAY - ad_layering_horizon(c) * draw(4);
	int			levels = 1 + (int) draw(4);
	int			sizes = 1 + (int) draw(4);
	int			ids = (int) draw(4);
	bool		one_side = draw(5) == 0;
	double		base = (double) pick3(100, 0, -5);
	int			kinds = draw(2) == 0 ? 3 : 5;
	bool		no_price = draw(4) == 0;

	for (int i = 0; i < n; i++)
	{
		Row		   *r = &rows[i];
		AdEvent    *e = &r->e;
		int			last = i > 0 ? (int) draw(i) : 0;
		const char *id = "";
		const char *new_id = "";

		if (i > 0 && draw(20) == 0)
		{
			*r = rows[last];	/* a duplicate */
			e->row = i;
			continue;
		}
		e->ts = origin + draw(span);
		if (draw(3) > 0 && i > 0)
			e->ts = rows[last].e.ts + draw(c->cancel_window * 2 + 1);
		e->ts -= e->ts % grid;
		e->kind = 1 + draw(kinds);
		e->side = one_side && e->kind != AD_EVENT_TRADE ? 0 : draw(2);
		e->price = ad_price_normal(base + draw(levels) / 10.0);
		if (no_price && draw(3) == 0)
			e->price = (double) NAN;
		e->qty = 1 + draw(sizes);
		if (draw(5) == 0)
		{
			e->qty = e->qty * 10 + 5;
			e->scale = 1;
		}
		if (e->kind != AD_EVENT_ORDER && i > 0 && draw(3) > 0)
		{
			AdEvent    *o = &rows[last].e;

			e->side = o->side;
			e->price = o->price;
			if (draw(3) > 0 && o->qty > 0)
			{
				e->qty = o->qty;
				e->scale = o->scale;
			}
			id = id_of(o);
		}
		else if (ids > 0 && draw(2) == 0)
			id = psprintf(ids == 1 ? "order %d" : ids == 2 ? "%d" :
						  "an order with a long id %d",
						  ids == 3 ? (int) draw(4) : i);
		if (e->kind == AD_EVENT_REPLACE && draw(2) == 0)
			new_id = psprintf(ids == 3 ? "an order with a long id %d" :
							  "new %d", ids == 3 ? (int) draw(4) : i);
		if ((e->kind == AD_EVENT_CANCEL || e->kind == AD_EVENT_EXPIRE) &&
			draw(4) == 0)
		{
			e->flags = AD_EVENT_NO_QTY;
			e->qty = 0;
			e->scale = 0;
		}
		set_ids(e, id, new_id, draw(10) == 0 ? "event" : "");
		e->row = i;
		r->bad = draw(40) == 0;
		r->ignored = !r->bad && draw(40) == 0;
		if (draw(8) > 0)
		{
			r->name.name = psprintf("row %d", i);
			r->name.len = (uint32) strlen(r->name.name);
		}
	}
	qsort(rows, n, sizeof(Row), by_time);
	return rows;
}

static char *
text_of(const AdRowName *name)
{
	return name->name ? pnstrdup(name->name, name->len) : "none";
}

static Found *
add_found(FoundList *list)
{
	if (list->n == list->capacity)
	{
		list->capacity = Max(16, list->capacity * 2);
		list->items = list->items ?
			repalloc(list->items, list->capacity * sizeof(Found)) :
			palloc(list->capacity * sizeof(Found));
	}
	return &list->items[list->n++];
}

static int64
period_of(int64 t, int64 period)
{
	return t / period - (t % period < 0);
}

/* What one look at each period finds. */
static void
expect(const AdLayeringConfig *c, const Row *rows, int n, int64 floor,
	   FoundList *out)
{
	int64		period = ad_order_log_period(c);
	int64		horizon = ad_layering_horizon(c);
	int64		first = period_of(rows[0].e.ts, period) - 1;
	int64		last = period_of(rows[n - 1].e.ts, period) + 1;

	for (int64 k = first; k <= last; k++)
	{
		AdEvent    *events = palloc(n * sizeof(AdEvent));
		const Row **all = palloc(n * sizeof(Row *));
		AdSequences found = {.mcxt = CurrentMemoryContext};
		uint32		nall = 0;
		uint32		m = 0;

		for (int i = 0; i < n; i++)
			if (rows[i].e.ts >= k * period - horizon &&
				rows[i].e.ts <= (k + 1) * period + horizon)
			{
				if (!rows[i].bad && !rows[i].ignored)
				{
					events[m] = rows[i].e;
					events[m++].row = nall;
				}
				all[nall++] = &rows[i];
			}
		ad_layering_find(events, m, c, &found);
		for (uint32 i = 0; i < found.n; i++)
		{
			AdSequence *s = &found.items[i];
			Found	   *f;
			uint32		end = 0;

			if (s->start < k * period || s->start >= (k + 1) * period ||
				s->start < floor)
				continue;
			while (end < found.nevents && found.events[end].ts <= s->end)
				end++;
			f = add_found(out);
			f->period = k;
			f->number = i + 1;
			f->skipped = 0;
			for (uint32 j = 0; j < found.events[end - 1].row; j++)
				f->skipped += all[j]->bad;
			f->s = *s;
			f->first = text_of(&all[s->first_row]->name);
			f->trade = text_of(&all[s->trade_row]->name);
		}
	}
}

/* Add what a log has decided. */
static void
collect(AdOrderLog *log, FoundList *out)
{
	for (uint32 i = 0; i < log->ndecided; i++)
	{
		AdDecided  *d = &log->decided[i];
		Found	   *f = add_found(out);

		f->period = period_of(d->s.start, log->period);
		f->number = d->number;
		f->skipped = d->skipped;
		f->s = d->s;
		f->first = text_of(&d->first);
		f->trade = text_of(&d->trade);
	}
}

static int
by_number(const void *a, const void *b)
{
	const Found *x = a;
	const Found *y = b;

	return x->period != y->period ? (x->period < y->period ? -1 : 1) :
		x->number < y->number ? -1 : x->number > y->number;
}

/* What differs between two sequences, or NULL. */
static const char *
difference(const Found *x, const Found *y)
{
	const AdSequence *a = &x->s;
	const AdSequence *b = &y->s;

	if (x->period != y->period || x->number != y->number)
		return "number";
	if (x->skipped != y->skipped)
		return "skipped rows";
	if (strcmp(x->first, y->first) != 0 || strcmp(x->trade, y->trade) != 0)
		return "ids of rows";
	if (a->start != b->start || a->end != b->end ||
		a->trade_time != b->trade_time)
		return "times";
	if (a->first_row != b->first_row || a->trade_row != b->trade_row)
		return "rows";
	if (a->side != b->side || a->found != b->found ||
		a->ncancels != b->ncancels || a->cancel_qty != b->cancel_qty ||
		a->opp_qty != b->opp_qty)
		return "counts";
	if (a->norders != b->norders ||
		memcmp(a->order_times, b->order_times,
			   a->norders * sizeof(int64)) != 0)
		return "order times";
	if (memcmp(&a->m, &b->m, sizeof(AdMetrics)) != 0)
		return "metrics";
	return NULL;
}

/* Read rows [from, to) with a state, and write the new one. */
static int64
read_piece(const AdLayeringConfig *c, int64 floor, StringInfo bytes,
		   const Row *rows, int from, int to, int64 known, int64 complete,
		   FoundList *out)
{
	AdOrderLog *log = ad_order_log_create(CurrentMemoryContext, c, floor);
	StringInfoData next;

	if (bytes->len > 0)
		ad_order_log_read(log, (uint8 *) bytes->data, bytes->len);
	for (int i = from; i < to; i++)
	{
		if (rows[i].bad || rows[i].ignored)
			ad_order_log_skip(log, rows[i].e.ts, rows[i].bad);
		else
			ad_order_log_add(log, &rows[i].e, &rows[i].name);
	}
	ad_order_log_settle(log, known, complete);
	collect(log, out);
	initStringInfo(&next);
	if (log->nscans > 0)
		ad_order_log_write(log, &next);
	else if (log->due != PG_INT64_MAX)
		elog(ERROR, "an empty log has something to do");
	*bytes = next;
	return log->due;
}

/* One log in pieces, and at once. */
static void
one_case(uint64 seed, FoundList *expected, FoundList *found, int64 *bytes)
{
	AdLayeringConfig c;
	int			n;
	Row		   *rows;
	int64		floor = PG_INT64_MIN;
	int			at = 0;
	int			step;
	StringInfoData state_bytes;
	int64		due = PG_INT64_MAX;

	state = seed;
	make_config(&c);
	n = 1 + (int) draw(draw(4) == 0 ? 600 : 120);
	rows = make_log(&c, n);
	if (draw(3) == 0)
		floor = rows[draw(n)].e.ts + draw(3) - 1;
	expect(&c, rows, n, floor, expected);
	step = 1 + (int) draw(draw(2) == 0 ? 3 : n);

	/* a job that begins in the middle reads from here on */
	while (at < n && rows[at].e.ts < ad_order_log_first(&c, floor))
		at++;
	initStringInfo(&state_bytes);
	while (at < n)
	{
		int			to = at + (int) draw(step + 1);
		int64		complete;
		int64		known;

		to = Min(n, to);
		while (to > at && to < n && rows[to].e.ts == rows[to - 1].e.ts)
			to++;
		if (to == at && at > 0 && rows[at].e.ts == rows[at - 1].e.ts)
			continue;
		complete = to < n ? rows[to].e.ts - 1 : rows[n - 1].e.ts;
		known = to > 0 ? rows[to - 1].e.ts : PG_INT64_MIN;
		if (to > 0 && complete > known && draw(2) == 0)
			complete = known + draw(complete - known + 1);
		if (draw(2) == 0)
			known = complete;	/* by events of other partitions */

		/* nothing came, and nothing is due: a job does not look */
		if (to > at || due <= complete)
		{
			due = read_piece(&c, floor, &state_bytes, rows, at, to, known,
							 complete, found);
			*bytes = Max(*bytes, state_bytes.len);
			if (due <= complete)
				elog(ERROR, "seed " UINT64_FORMAT ": what was due is due", seed);
		}
		at = to;
	}
	while (due != PG_INT64_MAX)
		due = read_piece(&c, floor, &state_bytes, rows, 0, 0,
						 rows[n - 1].e.ts, due, found);
	(void) read_piece(&c, floor, &state_bytes, rows, 0, 0, PG_INT64_MAX,
					  PG_INT64_MAX, found);
	if (state_bytes.len > 0)
		elog(ERROR, "seed " UINT64_FORMAT ": a state is left over", seed);
}

Datum
order_log_chop(PG_FUNCTION_ARGS)
{
	uint64		seed = (uint64) PG_GETARG_INT64(0);
	int32		cases = PG_GETARG_INT32(1);
	int64		sequences = 0;
	int64		unequal = 0;
	int64		bytes = 0;
	char	   *which = "";
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "order logs",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;

	for (int32 i = 0; i < cases; i++)
	{
		FoundList	expected = {0};
		FoundList	found = {0};
		const char *what = NULL;

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(mcxt);
		one_case(seed + i, &expected, &found, &bytes);
		if (found.n > 0)
			qsort(found.items, found.n, sizeof(Found), by_number);
		if (found.n != expected.n)
			what = psprintf("%d sequences instead of %d", found.n, expected.n);
		for (int k = 0; k < found.n && !what; k++)
			what = difference(&found.items[k], &expected.items[k]);
		sequences += expected.n;
		if (what)
		{
			unequal++;
			if (*which == '\0')
			{
				MemoryContextSwitchTo(old);
				which = psprintf(", first " UINT64_FORMAT ": %s", seed + i, what);
			}
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(mcxt);
	}
	PG_RETURN_TEXT_P(cstring_to_text(psprintf(INT64_FORMAT " unequal of %d%s; "
											  INT64_FORMAT " sequences, states of up to "
											  INT64_FORMAT " bytes",
											  unequal, cases, which, sequences, bytes)));
}

/* Change some bytes. */
static void
mutate(StringInfo bytes)
{
	int			n = 1 + (int) draw(4);

	for (int i = 0; i < n; i++)
	{
		int			at = (int) draw(bytes->len);

		switch (draw(5))
		{
			case 0:
				bytes->data[at] ^= (char) (1 << draw(8));
				break;
			case 1:
				bytes->data[at] = (char) draw(256);
				break;
			case 2:
				bytes->data[at] = (char) pick3(0, 255, 127);
				break;
			case 3:
				memset(bytes->data + at, (int) pick3(0, 255, 1),
					   Min(8, bytes->len - at));
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

Datum
order_log_mutate(PG_FUNCTION_ARGS)
{
	uint64		seed = (uint64) PG_GETARG_INT64(0);
	int32		cases = PG_GETARG_INT32(1);
	volatile int64 refused = 0;
	volatile int64 taken = 0;
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "order logs",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;

	for (volatile int32 i = 0; i < cases; i++)
	{
		AdLayeringConfig c;
		FoundList	found = {0};
		StringInfoData bytes;
		Row		   *rows;
		int			n;
		int			half;

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(mcxt);
		state = seed + i;
		make_config(&c);
		c.max_events = 100000;
		n = 2 + (int) draw(100);
		rows = make_log(&c, n);
		half = 1 + (int) draw(n - 1);
		while (half < n && rows[half].e.ts == rows[half - 1].e.ts)
			half++;
		initStringInfo(&bytes);
		(void) read_piece(&c, PG_INT64_MIN, &bytes, rows, 0, half,
						  rows[half - 1].e.ts, rows[half - 1].e.ts, &found);
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
				(void) read_piece(&c, PG_INT64_MIN, &bytes, rows, half, n,
								  rows[n - 1].e.ts, rows[n - 1].e.ts, &found);
				(void) read_piece(&c, PG_INT64_MIN, &bytes, rows, 0, 0,
								  PG_INT64_MAX, PG_INT64_MAX, &found);
				taken++;
			}
			PG_CATCH();
			{
				ErrorData  *e;

				MemoryContextSwitchTo(mcxt);
				e = CopyErrorData();
				if (ERRCODE_TO_CATEGORY(e->sqlerrcode) != ERRCODE_DATA_EXCEPTION &&
					ERRCODE_TO_CATEGORY(e->sqlerrcode) != ERRCODE_PROGRAM_LIMIT_EXCEEDED &&
					ERRCODE_TO_CATEGORY(e->sqlerrcode) != ERRCODE_INSUFFICIENT_RESOURCES &&
					e->sqlerrcode != ERRCODE_WINDOWING_ERROR &&
					e->sqlerrcode != ERRCODE_FEATURE_NOT_SUPPORTED)
					PG_RE_THROW();
				FlushErrorState();
				refused++;
			}
			PG_END_TRY();
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(mcxt);
	}
	PG_RETURN_TEXT_P(cstring_to_text(psprintf(INT64_FORMAT " refused, "
											  INT64_FORMAT " taken",
											  refused, taken)));
}
