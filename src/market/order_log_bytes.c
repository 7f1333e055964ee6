/*-------------------------------------------------------------------------
 *
 * order_log_bytes.c
 *		The state of an order log as bytes.
 *
 * Little-endian.  What is read is checked as if a stranger had written it:
 * every number against its range, every event as one of a query would be,
 * what events say of each other by building the rule's state again from them
 * (order_log.c).  So bytes that pass may be of another log, and then find what
 * that one would; they cannot do harm.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_bytes.h"
#include "market/ad_order_log.h"

#include "datatype/timestamp.h"

#define MAGIC			0x474f4c41	/* "ALOG" */
#define VERSION			1
#define WHAT			"state of a layering job"
#define NO_NAME			0xFFFF
#define MIN_EVENT_BYTES 33
#define MIN_OPEN_BYTES	5

/* An event's own byte: kind, side, flag, in this order from below. */
#define SIDE_SHIFT		2
#define DONE_SHIFT		3
#define PACKED_BITS		0x0F

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

	check(r, scale <= AD_QTY_DECIMALS &&
		  ad_quantity_from_digits(qty, -(int) scale, &qty, &normal) &&
		  normal == scale, "a quantity is out of range");
	e->qty = qty;
	e->scale = scale;
}

static double
read_price(AdReader *r)
{
	double		price = ad_rd_finite(r);

	check(r, price > 0, "a price is out of range");
	return price;
}

/* Read an order id of a length, in place; 0: none. */
static void
read_id(AdReader *r, uint8 len, AdEvent *e)
{
	ad_rd_need(r, len);
	e->id = len > 0 ? (const char *) r->data + r->pos : NULL;
	e->idlen = len;
	r->pos += len;
}

/* Append the key of open orders and how many there are. */
void
ad_open_orders_write(StringInfo w, const AdEvent *key, uint32 count,
					 bool with_time)
{
	ad_wr_u8(w, (uint8) key->idlen);
	if (key->idlen > 0)
		ad_wr_bytes(w, key->id, key->idlen);
	else
	{
		ad_wr_u8(w, (uint8) (key->side | key->scale << 1));
		ad_wr_f64(w, key->price);
		ad_wr_u64(w, (uint64) key->qty);
	}
	ad_wr_u32(w, count);
	if (with_time)
		ad_wr_u64(w, (uint64) key->ts);
}

/* Read one of them at *pos, which moves on; the id stays where it is. */
uint32
ad_open_orders_read(const uint8 *data, Size len, Size *pos, AdEvent *key,
					bool with_time)
{
	AdReader	r;
	uint32		count;

	ad_rd_init(&r, data, len, WHAT);
	r.pos = *pos;
	memset(key, 0, sizeof(AdEvent));
	read_id(&r, ad_rd_u8(&r), key);
	if (key->idlen == 0)
	{
		uint8		packed = ad_rd_u8(&r);

		key->side = packed & 1;
		key->price = read_price(&r);
		read_quantity(&r, packed >> 1, key);
	}
	count = ad_rd_u32(&r);
	check(&r, count > 0, "an order key has no orders");
	if (with_time)
		key->ts = read_time(&r);
	*pos = r.pos;
	return count;
}

/* Append an event of a scan and the id of its row. */
static void
write_event(StringInfo w, const AdEvent *e, const AdRowName *name)
{
	ad_wr_u8(w, (uint8) (e->kind | e->side << SIDE_SHIFT |
						 (e->flags & AD_EVENT_DONE ? 1 << DONE_SHIFT : 0)));
	ad_wr_u8(w, (uint8) e->scale);
	ad_wr_u64(w, (uint64) e->ts);
	ad_wr_f64(w, e->price);
	ad_wr_u64(w, (uint64) e->qty);
	ad_wr_u32(w, e->row);
	ad_wr_u8(w, (uint8) e->idlen);
	ad_wr_bytes(w, e->id, e->idlen);
	ad_wr_u16(w, name->name ? (uint16) name->len : NO_NAME);
	if (name->name)
		ad_wr_bytes(w, name->name, name->len);
}

static void
read_event(AdReader *r, AdEvent *e, AdRowName *name)
{
	uint8		packed = ad_rd_u8(r);
	uint8		scale = ad_rd_u8(r);
	uint16		len;

	memset(e, 0, sizeof(AdEvent));
	memset(name, 0, sizeof(AdRowName));
	check(r, packed <= PACKED_BITS && (packed & 3) != 0,
		  "an event is of no kind");
	e->kind = packed & 3;
	e->side = packed >> SIDE_SHIFT & 1;
	e->flags = packed >> DONE_SHIFT ? AD_EVENT_DONE : 0;
	e->ts = read_time(r);
	e->price = read_price(r);
	read_quantity(r, scale, e);
	e->row = ad_rd_u32(r);
	read_id(r, ad_rd_u8(r), e);
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

static void
write_scan(const AdScan *scan, StringInfo w)
{
	ad_wr_u64(w, (uint64) scan->start);
	ad_wr_u32(w, scan->rows);
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
	ad_wr_u32(w, (uint32) scan->open_len);
	ad_wr_bytes(w, scan->open, scan->open_len);
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
	scan->before = ad_rd_u32(r);
	scan->given = ad_rd_u32(r);
	scan->spent = (int64) ad_rd_u64(r);
	scan->cursor[0] = ad_rd_u32(r);
	scan->cursor[1] = ad_rd_u32(r);
	scan->n = scan->held = scan->capacity =
		ad_rd_count(r, log->c.max_events, MIN_EVENT_BYTES);
	check(r, scan->rows <= AD_MAX_POSITIONS && scan->n <= scan->rows &&
		  scan->before <= scan->rows - scan->n &&
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
		check(r, e->row < scan->rows && e->row - i >= scan->before &&
			  e->row >= i && (i == 0 || e->row > e[-1].row),
			  "the row of an event is out of range");
		after = e->ts;
	}
	scan->open_len = ad_rd_count(r, PG_UINT32_MAX, 1);
	scan->open = r->data + r->pos;
	r->pos += scan->open_len;
}

/* Append the state of a log that has just been settled. */
void
ad_order_log_write(const AdOrderLog *log, StringInfo w)
{
	ad_wr_u32(w, MAGIC);
	ad_wr_u16(w, VERSION);
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
	if (version > VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("state of a layering job has format version %d, this release reads up to %d",
						version, VERSION),
				 errhint("Upgrade the extension.")));
	check(&r, version == VERSION, "its version is not known");
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
