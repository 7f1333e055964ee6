/*-------------------------------------------------------------------------
 *
 * wash_log.c
 *		Wash trading in a log that comes in pieces.
 *
 * A window is decided when the log is complete up to window_size after its
 * first trade.  What is kept is the trades from the first on whose window is
 * not decided, which are those of the last window_size; with option merge the
 * totals of the windows that are being joined as well, and their first trade.
 * So a log gives the same windows into however many pieces it was cut, and
 * those are what ad_wash_find() finds in all of it.
 *
 * A burst is a maximal run of windows each of which shares a trade with one
 * before: what option merge makes one of.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_bytes.h"
#include "market/ad_wash_log.h"

#include "datatype/timestamp.h"

#define MAGIC			0x534c4441	/* "ADLS" */
#define VERSION			1
#define WHAT			"state of a wash-trade job"
#define NO_NAME			0xFFFF
#define MIN_TRADE_BYTES 27
#define SIDE_SHIFT		7		/* of a trade's scale and side in a byte */

/* A log without trades; windows that start before a floor are not given out. */
AdWashLog *
ad_wash_log_create(MemoryContext mcxt, const AdWashConfig *c, int64 floor)
{
	AdWashLog  *log = MemoryContextAllocZero(mcxt, sizeof(AdWashLog));

	log->mcxt = mcxt;
	log->c = *c;
	log->floor = floor;
	ad_dedup_init(&log->dedup, mcxt, c->seed, false);
	return log;
}

/*
 * Add an event, not earlier than those before.  What is no trade plays no
 * part, nor does a duplicate, whose rows come in one piece.  The name stays where it is.
 */
void
ad_wash_log_add(AdWashLog *log, const AdEvent *event, const AdRowName *name)
{
	if (event->kind != AD_EVENT_TRADE ||
		(log->c.dedup && ad_dedup_seen(&log->dedup, event)))
		return;
	if (log->n >= log->c.max_events)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("partition has more than %u trades within \"window_size\"",
						log->c.max_events),
				 errhint("Partition more finely, or raise option \"max_partition_rows\".")));
	if (log->n == log->capacity)
	{
		Size		n = Max(16, (Size) log->capacity * 2);
		Size		size = ad_mul_size(n, sizeof(AdWashTrade));

		log->trades = log->trades ? repalloc_huge(log->trades, size) :
			MemoryContextAllocHuge(log->mcxt, size);
		log->capacity = (uint32) n;
	}
	log->trades[log->n].e = *event;
	log->trades[log->n++].name = *name;
}

/* A new window that is decided, unless it starts too early; NULL then. */
static AdWashDecided *
add_decided(AdWashLog *log, int64 start)
{
	AdWashDecided *d;

	if (start < log->floor)
		return NULL;
	if (log->ndecided == log->max_decided)
	{
		Size		n = Max(4, (Size) log->max_decided * 2);
		Size		size = ad_mul_size(n, sizeof(AdWashDecided));

		log->decided = log->decided ? repalloc_huge(log->decided, size) :
			MemoryContextAllocHuge(log->mcxt, size);
		log->max_decided = (uint32) n;
	}
	d = &log->decided[log->ndecided++];
	memset(d, 0, sizeof(AdWashDecided));
	return d;
}

/* Give out the window of trades i to j, and note that they are of a burst. */
static void
found(AdWashLog *log, uint32 i, uint32 j, const AdWashTotals *t)
{
	const AdWashTrade *first = &log->trades[i];
	bool		again = i < log->burst;
	AdWashDecided *d;

	log->burst = j;
	if (log->c.merge)
	{
		if (log->starts++ == 0)
		{
			log->first = *first;
			memset(&log->run, 0, sizeof(AdWashTotals));
		}
		return;
	}
	d = add_decided(log, first->e.ts);
	if (d == NULL)
		return;
	ad_wash_measure(&d->w, &first->e, &log->trades[j - 1].e, t, 1, &log->c);
	d->first = first->name;
	d->last = log->trades[j - 1].name;
	d->decided = ad_time_add(first->e.ts, log->c.window);
	d->again = again;
}

/* Option merge: go past a trade of the run, and give it out behind the last. */
static void
pass(AdWashLog *log, uint32 i)
{
	const AdWashTrade *trade = &log->trades[i];
	AdEvent		before;
	AdWashDecided *d;

	before.side = log->side;
	ad_wash_add(&log->run, log->run.count[0] + log->run.count[1] > 0 ?
				&before : NULL, &trade->e);
	log->side = trade->e.side;
	if (i + 1 < log->burst)
		return;
	d = add_decided(log, log->first.e.ts);
	if (d != NULL)
	{
		ad_wash_measure(&d->w, &log->first.e, &trade->e, &log->run, log->starts,
						&log->c);
		d->first = log->first.name;
		d->last = trade->name;
		d->decided = ad_time_add(trade->e.ts, log->c.window);
	}
	log->starts = 0;
}

/*
 * Decide what can be, when all trades up to a time have been added.  Nothing
 * may be added after that but what is later.
 */
void
ad_wash_log_settle(AdWashLog *log, int64 complete)
{
	AdWashTotals t;
	uint32		i;
	uint32		j = 0;

	memset(&t, 0, sizeof(t));
	for (i = 0; i < log->n; i++)
	{
		const AdEvent *e = &log->trades[i].e;
		int64		limit = ad_time_add(e->ts, log->c.window);

		AD_CHECK_EVERY_1024(i);
		if (limit > complete)
			break;
		for (; j < log->n && log->trades[j].e.ts <= limit; j++)
		{
			AD_CHECK_EVERY_1024(j);
			ad_wash_add(&t, j > i ? &log->trades[j - 1].e : NULL,
						&log->trades[j].e);
		}
		if (ad_wash_qualifies(&t, &log->c))
			found(log, i, j, &t);
		if (log->c.merge && i < log->burst)
			pass(log, i);
		ad_wash_remove(&t, e, i + 1 < j ? &log->trades[i + 1].e : NULL);
	}
	log->n -= i;
	log->burst -= Min(i, log->burst);
	if (log->n > 0)
		memmove(log->trades, log->trades + i, log->n * sizeof(AdWashTrade));
	log->due = log->n > 0 ? ad_time_add(log->trades[0].e.ts, log->c.window) :
		PG_INT64_MAX;
}

/* Append a trade and the id of its row. */
static void
write_trade(StringInfo w, const AdWashTrade *trade)
{
	const AdEvent *e = &trade->e;

	ad_wr_u8(w, (uint8) (e->scale | e->side << SIDE_SHIFT));
	ad_wr_u64(w, (uint64) e->ts);
	ad_wr_f64(w, e->price);
	ad_wr_u64(w, (uint64) e->qty);
	ad_wr_u16(w, trade->name.name ? (uint16) trade->name.len : NO_NAME);
	if (trade->name.name)
		ad_wr_bytes(w, trade->name.name, trade->name.len);
}

static void
check(AdReader *r, bool good, const char *detail)
{
	if (unlikely(!good))
		ad_rd_corrupt(r, detail);
}

/* Read one, not earlier than a time.  The id of its row stays in the bytes. */
static void
read_trade(AdReader *r, AdWashTrade *trade, int64 after)
{
	AdEvent    *e = &trade->e;
	uint8		packed = ad_rd_u8(r);
	uint8		scale = packed & ((1 << SIDE_SHIFT) - 1);
	uint8		normal;
	uint16		len;
	int64		qty;

	memset(trade, 0, sizeof(AdWashTrade));
	e->kind = AD_EVENT_TRADE;
	e->side = packed >> SIDE_SHIFT;
	e->ts = (int64) ad_rd_u64(r);
	check(r, IS_VALID_TIMESTAMP(e->ts) && e->ts >= after,
		  "a trade is not in its order");
	e->price = ad_rd_f64(r);
	check(r, !isinf(e->price), "a price is out of range");
	qty = (int64) ad_rd_u64(r);
	check(r, scale <= AD_QTY_DECIMALS &&
		  ad_quantity_from_digits(qty, -(int) scale, &e->qty, &normal) &&
		  normal == scale, "a quantity is out of range");
	e->scale = scale;
	len = ad_rd_u16(r);
	if (len == NO_NAME)
		return;
	check(r, len <= AD_MAX_ROW_NAME, "the id of a row is too long");
	ad_rd_need(r, len);
	trade->name.name = (const char *) r->data + r->pos;
	trade->name.len = len;
	r->pos += len;
	ad_rd_text_check(r, trade->name.name, len);
}

static void
write_units(StringInfo w, AdQuantity units)
{
	ad_wr_u64(w, (uint64) units);
#ifdef HAVE_INT128
	ad_wr_u64(w, (uint64) (units >> 64));
#else
	ad_wr_u64(w, 0);
#endif
}

static AdQuantity
read_units(AdReader *r)
{
	uint64		low = ad_rd_u64(r);
	uint64		high = ad_rd_u64(r);
	AdQuantity	units;

#ifdef HAVE_INT128
	check(r, high <= PG_INT64_MAX, "a quantity is out of range");
	units = (AdQuantity) (((uint128) high) << 64 | low);
#else
	check(r, high == 0 && low <= PG_INT64_MAX, "a quantity is out of range");
	units = (AdQuantity) low;
#endif
	return units;
}

/* Append the windows that are being joined. */
static void
write_run(StringInfo w, const AdWashLog *log)
{
	write_trade(w, &log->first);
	ad_wr_u8(w, (uint8) log->side);
	ad_wr_u32(w, log->run.switches);
	for (int s = 0; s < 2; s++)
	{
		ad_wr_u32(w, log->run.count[s]);
		write_units(w, log->run.qty[s]);
	}
}

static void
read_run(AdReader *r, AdWashLog *log)
{
	uint64		count;

	read_trade(r, &log->first, MIN_TIMESTAMP);
	log->side = ad_rd_u8(r);
	log->run.switches = ad_rd_u32(r);
	for (int s = 0; s < 2; s++)
	{
		log->run.count[s] = ad_rd_u32(r);
		log->run.qty[s] = read_units(r);
	}
	count = (uint64) log->run.count[0] + log->run.count[1];
	/* more trades than these may follow: no count may overflow */
	check(r, log->side <= AD_SELL && count > 0 &&
		  count <= AD_MAX_POSITIONS - log->c.max_events &&
		  log->run.switches < count && log->starts <= count,
		  "a count of a burst is out of range");
}

/* Append the state of a log that has just been settled, and has trades. */
void
ad_wash_log_write(const AdWashLog *log, StringInfo w)
{
	ad_wr_u32(w, MAGIC);
	ad_wr_u16(w, VERSION);
	ad_wr_u64(w, (uint64) log->c.window);
	ad_wr_u8(w, log->c.merge);
	ad_wr_u32(w, log->burst);
	ad_wr_u32(w, log->starts);
	if (log->starts > 0)
		write_run(w, log);
	ad_wr_u32(w, log->n);
	for (uint32 i = 0; i < log->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		write_trade(w, &log->trades[i]);
	}
}

/*
 * Read a state into a log just created with the options that it was written
 * with, checked as if a stranger had written it.  Ids of rows stay in the
 * bytes, which must live as long as the log.
 */
void
ad_wash_log_read(AdWashLog *log, const uint8 *data, Size len)
{
	AdReader	r;
	uint16		version;
	int64		after;

	ad_rd_init(&r, data, len, WHAT);
	check(&r, ad_rd_u32(&r) == MAGIC, "it does not begin as one");
	version = ad_rd_u16(&r);
	if (version > VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s has format version %d, this release reads up to %d",
						WHAT, version, VERSION),
				 errhint("Upgrade the extension.")));
	check(&r, version == VERSION, "its version is not known");
	check(&r, (int64) ad_rd_u64(&r) == log->c.window &&
		  ad_rd_u8(&r) == log->c.merge, "it is of other options");
	log->burst = ad_rd_u32(&r);
	log->starts = ad_rd_u32(&r);
	check(&r, log->starts == 0 || log->c.merge, "it is of other options");
	if (log->starts > 0)
		read_run(&r, log);
	log->n = log->capacity = ad_rd_count(&r, log->c.max_events, MIN_TRADE_BYTES);
	check(&r, log->burst <= log->n && (log->starts == 0 || log->burst > 0) &&
		  (!log->c.merge || (log->burst > 0) == (log->starts > 0)),
		  "a burst has more trades than there are");
	if (log->n > 0)
		log->trades = MemoryContextAllocHuge(log->mcxt,
											 ad_mul_size(log->n, sizeof(AdWashTrade)));
	after = log->starts > 0 ? log->first.e.ts : MIN_TIMESTAMP;
	for (uint32 i = 0; i < log->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		read_trade(&r, &log->trades[i], after);
		after = log->trades[i].e.ts;
	}
	ad_rd_end(&r);
}
