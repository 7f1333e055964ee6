/*-------------------------------------------------------------------------
 *
 * order_log_bytes.c
 *		The state of an order log as bytes.
 *
 * Little-endian.  What is read is checked as if a stranger had written it:
 * every number against its range, every event as one of a query would be,
 * what events say of each other when they name each other as mates.  The open
 * orders are checked when they are opened (book_bytes.c).  So bytes that pass may be of another log, and then find what
 * that one would; they cannot do harm.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_bytes.h"
#include "market/ad_order_log.h"

#include "datatype/timestamp.h"

#define MAGIC			0x474f4c41	/* "ALOG" */
#define WHAT			"state of a layering job"
#define NO_NAME			0xFFFF
#define MIN_EVENT_BYTES 38
#define WHOLE_BYTES		8

/* An event's own byte: kind, side, flags, in this order from below. */
#define SIDE_SHIFT		3
#define FLAGS_SHIFT		4
#define PACKED_BITS		0x7F

static void
check(AdReader *r, bool good, const char *detail)
{
	if (unlikely(!good))
		ad_rd_corrupt(r, detail);
}

static int64
read_time(AdReader *r)
{
	int64		ts = (int64) ad_rd_u64(r);

	check(r, IS_VALID_TIMESTAMP(ts), "a time is out of range");
	return ts;
}

/* Read a quantity, with its scale before it. */
static void
read_quantity(AdReader *r, uint8 scale, AdEvent *e)
{
	int64		qty = (int64) ad_rd_u64(r);
	uint8		normal;

	if (qty == 0 && scale == 0 && e->kind == AD_EVENT_CANCEL)
		return;					/* half of an amendment without an id */
	if (qty == 0 && scale == 0 && (e->flags & AD_EVENT_NO_QTY))
		return;
	check(r, scale <= AD_QTY_DECIMALS &&
		  ad_quantity_from_digits(qty, -(int) scale, &qty, &normal) &&
		  normal == scale, "a quantity is out of range");
	e->qty = qty;
	e->scale = scale;
}

/* Read a price; NaN is none. */
static double
read_price(AdReader *r)
{
	double		price = ad_rd_f64(r);

	check(r, !isinf(price), "a price is out of range");
	return ad_price_normal(price);
}

/* Read the ids of an event, in place. */
static void
read_ids(AdReader *r, AdEvent *e)
{
	Size		len;

	e->idlen = ad_rd_u8(r);
	e->newlen = ad_rd_u8(r);
	len = (Size) e->idlen + e->newlen;
	ad_rd_need(r, len);
	e->id = len > 0 ? (const char *) r->data + r->pos : NULL;
	r->pos += len;
}

/*
 * Append a quantity in units: how many bytes follow, and these; whole ones as
 * such, others as WHOLE_BYTES + 1.
 */
void
ad_wr_units(StringInfo w, AdQuantity units)
{
	int64		whole;
	uint8		n = 0;

	if (!ad_quantity_is_int64(units, &whole))
	{
		ad_wr_u8(w, WHOLE_BYTES + 1);
		ad_wr_u64(w, (uint64) units);
#ifdef HAVE_INT128
		ad_wr_u64(w, (uint64) (units >> 64));
#endif
		return;
	}
	while (n < WHOLE_BYTES && (uint64) whole >> (8 * n) != 0)
		n++;
	ad_wr_u8(w, n);
	for (uint8 i = 0; i < n; i++)
		ad_wr_u8(w, (uint8) ((uint64) whole >> (8 * i)));
}

/* Read one, from 0 to the largest that an event can have. */
AdQuantity
ad_rd_units(AdReader *r)
{
	AdQuantity	one = (AdQuantity) ad_pow10_int[AD_QTY_DECIMALS];
	AdQuantity	largest = AD_QTY_MAX / one < PG_INT64_MAX ? AD_QTY_MAX :
		(AdQuantity) PG_INT64_MAX * one;
	uint8		n = ad_rd_u8(r);
	uint64		low = 0;
	AdQuantity	units;

	check(r, n <= WHOLE_BYTES + 1, "a quantity has too many bytes");
	if (n <= WHOLE_BYTES)
	{
		for (uint8 i = 0; i < n; i++)
			low |= (uint64) ad_rd_u8(r) << (8 * i);
		check(r, low <= (uint64) (largest / one), "a quantity is out of range");
		return (AdQuantity) low * one;
	}
	low = ad_rd_u64(r);
#ifdef HAVE_INT128
	units = (AdQuantity) (((uint128) ad_rd_u64(r) << 64) | low);
#else
	units = (AdQuantity) low;
#endif
	check(r, units >= 0 && units <= largest, "a quantity is out of range");
	return units;
}

/* Append an event of a scan and the id of its row. */
static void
write_event(StringInfo w, const AdEvent *e, const AdRowName *name)
{
	ad_wr_u8(w, (uint8) (e->kind | e->side << SIDE_SHIFT |
						 e->flags << FLAGS_SHIFT));
	ad_wr_u8(w, (uint8) e->scale);
	ad_wr_u64(w, (uint64) e->ts);
	ad_wr_f64(w, e->price);
	ad_wr_u64(w, (uint64) e->qty);
	if (e->flags & AD_EVENT_MATCHED)
		ad_wr_u32(w, e->link);
	if (e->flags & (AD_EVENT_MATCHED | AD_EVENT_NO_QTY))
		ad_wr_units(w, e->part);
	ad_wr_u32(w, e->row);
	ad_wr_u8(w, (uint8) e->idlen);
	ad_wr_u8(w, e->newlen);
	ad_wr_bytes(w, e->id, (Size) e->idlen + e->newlen);
	ad_wr_u32(w, name->skipped);
	ad_wr_u16(w, name->name ? (uint16) name->len : NO_NAME);
	if (name->name)
		ad_wr_bytes(w, name->name, name->len);
}

/* Read the kind of an event and what depends on it. */
static void
read_kind(AdReader *r, AdEvent *e)
{
	uint8		packed = ad_rd_u8(r);

	e->kind = packed & 7;
	e->side = packed >> SIDE_SHIFT & 1;
	e->flags = packed >> FLAGS_SHIFT;
	check(r, packed <= PACKED_BITS && e->kind >= AD_EVENT_ORDER &&
		  e->kind <= AD_EVENT_EXPIRE, "an event is of no kind");
	check(r, (!(e->flags & AD_EVENT_NO_QTY) || e->kind == AD_EVENT_CANCEL ||
			  e->kind == AD_EVENT_EXPIRE) &&
		  (!(e->flags & AD_EVENT_USED) || e->kind == AD_EVENT_ORDER) &&
		  (!(e->flags & AD_EVENT_MATCHED) || e->kind == AD_EVENT_ORDER ||
		   e->kind == AD_EVENT_CANCEL), "an event is marked as it cannot be");
}

static void
read_event(AdReader *r, AdEvent *e, AdRowName *name)
{
	uint8		scale;
	uint16		len;

	memset(e, 0, sizeof(AdEvent));
	memset(name, 0, sizeof(AdRowName));
	read_kind(r, e);
	scale = ad_rd_u8(r);
	e->ts = read_time(r);
	e->price = read_price(r);
	read_quantity(r, scale, e);
	e->link = AD_NO_POSITION;
	if (e->flags & AD_EVENT_MATCHED)
		e->link = ad_rd_u32(r);
	if (e->flags & (AD_EVENT_MATCHED | AD_EVENT_NO_QTY))
		e->part = ad_rd_units(r);
	e->row = ad_rd_u32(r);
	read_ids(r, e);
	name->skipped = ad_rd_u32(r);
	len = ad_rd_u16(r);
	if (len == NO_NAME)
		return;
	check(r, len <= AD_MAX_ROW_NAME, "the id of a row is too long");
	ad_rd_need(r, len);
	name->name = (const char *) r->data + r->pos;
	name->len = len;
	r->pos += len;
	ad_rd_text_check(r, name->name, len);
}

/* Check that placements and the cancels by which they count name each other. */
static void
check_links(AdReader *r, const AdEvent *events, uint32 n)
{
	for (uint32 i = 0; i < n; i++)
	{
		const AdEvent *e = &events[i];
		const AdEvent *mate;

		AD_CHECK_EVERY_1024(i);
		if (!(e->flags & AD_EVENT_MATCHED))
			continue;
		check(r, e->link < n, "an event is linked to none");
		mate = &events[e->link];
		check(r, (mate->flags & AD_EVENT_MATCHED) && mate->link == i &&
			  mate->kind != e->kind && mate->side == e->side &&
			  (e->kind == AD_EVENT_ORDER) == (i < e->link),
			  "an event is linked to one that it cannot be of");
	}
}

static void
write_scan(const AdScan *scan, StringInfo w)
{
	ad_wr_u64(w, (uint64) scan->start);
	ad_wr_u32(w, scan->rows);
	ad_wr_u32(w, scan->skipped);
	ad_wr_u32(w, scan->before);
	ad_wr_u32(w, scan->given);
	ad_wr_u64(w, (uint64) scan->spent);
	ad_wr_u32(w, scan->cursor[0]);
	ad_wr_u32(w, scan->cursor[1]);
	ad_wr_u32(w, scan->n);
	for (uint32 i = 0; i < scan->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		write_event(w, &scan->events[i], &scan->names[i]);
	}
	ad_wr_u32(w, scan->clock);
	ad_wr_u32(w, (uint32) scan->book_len);
	ad_wr_bytes(w, scan->book, scan->book_len);
}

/* Read the numbers of a scan before its events. */
static void
read_numbers(const AdOrderLog *log, AdReader *r, AdScan *scan)
{
	scan->start = (int64) ad_rd_u64(r);
	check(r, scan->start % log->period == 0 &&
		  IS_VALID_TIMESTAMP(ad_time_add(scan->start, log->period)) &&
		  scan->start >= MIN_TIMESTAMP - log->period,
		  "a scan begins at no midnight");
	scan->rows = ad_rd_u32(r);
	scan->skipped = ad_rd_u32(r);
	scan->before = ad_rd_u32(r);
	scan->given = ad_rd_u32(r);
	scan->spent = (int64) ad_rd_u64(r);
	scan->cursor[0] = ad_rd_u32(r);
	scan->cursor[1] = ad_rd_u32(r);
	scan->n = scan->held = scan->capacity =
		ad_rd_count(r, log->c.max_events, MIN_EVENT_BYTES);
	check(r, scan->rows <= AD_MAX_POSITIONS && scan->skipped <= scan->rows &&
		  (uint64) scan->n + scan->before <= 2 * (uint64) scan->rows &&
		  scan->given <= scan->before + scan->n &&
		  scan->spent >= 0 && scan->spent <= AD_CREDIT_START +
		  ((AdCredit) scan->before + scan->n) * AD_CREDIT_PER_EVENT &&
		  scan->cursor[0] <= scan->n && scan->cursor[1] <= scan->n,
		  "a count of a scan is out of range");
}

static void
read_scan(AdOrderLog *log, AdReader *r, AdScan *scan)
{
	int64		after;

	read_numbers(log, r, scan);
	after = ad_time_sub(scan->start, log->horizon);
	if (scan->n > 0)
	{
		scan->events = MemoryContextAllocHuge(log->mcxt,
											  ad_mul_size(scan->n,
														  sizeof(AdEvent)));
		scan->names = MemoryContextAllocHuge(log->mcxt,
											 ad_mul_size(scan->n,
														 sizeof(AdRowName)));
	}
	for (uint32 i = 0; i < scan->n; i++)
	{
		AdEvent    *e = &scan->events[i];

		AD_CHECK_EVERY_1024(i);
		read_event(r, e, &scan->names[i]);
		check(r, e->ts >= after &&
			  e->ts <= scan->start + log->period + log->horizon,
			  "an event is not of its scan, or not in its order");
		check(r, e->row < scan->rows &&
			  (i == 0 || e->row > e[-1].row ||
			   (e->row == e[-1].row && e->kind == AD_EVENT_ORDER &&
				e[-1].kind == AD_EVENT_CANCEL)) &&
			  scan->names[i].skipped <= scan->skipped,
			  "the row of an event is out of range");
		after = e->ts;
	}
	check_links(r, scan->events, scan->n);
	scan->clock = ad_rd_u32(r);
	scan->book_len = ad_rd_count(r, PG_UINT32_MAX, 1);
	scan->book = r->data + r->pos;
	r->pos += scan->book_len;
}

/* Append the state of a log that has just been settled. */
void
ad_order_log_write(const AdOrderLog *log, StringInfo w)
{
	ad_wr_u32(w, MAGIC);
	ad_wr_u16(w, AD_ORDER_LOG_VERSION);
	ad_wr_u8(w, (uint8) log->c.rule);
	ad_wr_u8(w, log->c.forget > 0);
	ad_wr_u64(w, (uint64) log->c.orders_window);
	ad_wr_u64(w, (uint64) log->c.cancel_window);
	ad_wr_u64(w, (uint64) log->c.trade_window);
	ad_wr_u8(w, (uint8) log->nscans);
	for (int i = 0; i < log->nscans; i++)
		write_scan(&log->scans[i], w);
}

/*
 * Read a state into a log just created with the options that it was written
 * with.  Order ids and ids of rows stay in the bytes, which must live as long
 * as the log.
 */
void
ad_order_log_read(AdOrderLog *log, const uint8 *data, Size len)
{
	AdReader	r;
	uint16		version;

	ad_rd_init(&r, data, len, WHAT);
	check(&r, ad_rd_u32(&r) == MAGIC, "it does not begin as one");
	version = ad_rd_u16(&r);
	if (version > AD_ORDER_LOG_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("state of a layering job has format version %d, this release reads up to %d",
						version, AD_ORDER_LOG_VERSION),
				 errhint("Upgrade the extension.")));
	check(&r, version == AD_ORDER_LOG_VERSION, "its version is not known");
	check(&r, ad_rd_u8(&r) == log->c.rule &&
		  ad_rd_u8(&r) == (log->c.forget > 0) &&
		  (int64) ad_rd_u64(&r) == log->c.orders_window &&
		  (int64) ad_rd_u64(&r) == log->c.cancel_window &&
		  (int64) ad_rd_u64(&r) == log->c.trade_window,
		  "it is of other options");
	log->nscans = ad_rd_u8(&r);
	check(&r, log->nscans <= AD_MAX_SCANS, "it has too many scans");
	for (int i = 0; i < log->nscans; i++)
	{
		memset(&log->scans[i], 0, sizeof(AdScan));
		read_scan(log, &r, &log->scans[i]);
		check(&r, i == 0 || log->scans[i].start > log->scans[i - 1].start,
			  "its scans are not in their order");
	}
	ad_rd_end(&r);
}
