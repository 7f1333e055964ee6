/*-------------------------------------------------------------------------
 *
 * ad_market.h
 *		Order events, layering sequences and wash trades: the room's types.
 *
 * An event is one row of an order log: an order placed, cancelled or
 * traded, of one side, at a price, in a quantity, at a time, perhaps with
 * an order id.  The caller hands in events in their total order (time,
 * then row); a position is an event's 0-based place in that order.
 *
 * Prices are doubles: decimals of up to 15 significant digits stay apart,
 * so price equality is exact for every price a market quotes.  Quantities
 * are decimals (a 64-bit mantissa and a scale) and are summed exactly in
 * 128-bit units of 10^-18; a sum that does not fit is an error.
 *
 * Nothing here sees fmgr.h; times are int64 microseconds on any epoch.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_MARKET_H
#define AD_MARKET_H

#include "core/ad_core.h"

/* What an event is; the numbers are stored in ad_order_event values. */
#define AD_EVENT_ORDER		1
#define AD_EVENT_CANCEL		2
#define AD_EVENT_TRADE		3

#define AD_BUY				0
#define AD_SELL				1

#define AD_NO_POSITION		PG_UINT32_MAX	/* no event */
#define AD_MAX_POSITIONS	(PG_UINT32_MAX - 1) /* events of a partition */
#define AD_MAX_ORDER_ID		255 /* bytes of an order id */
#define AD_MAX_WORD			63	/* bytes of an event or side word */

/* quantity.c: exact decimals */
#ifdef HAVE_INT128
typedef int128 AdQuantity;		/* units of 10^-AD_QTY_DECIMALS */
#define AD_QTY_DECIMALS		18
#define AD_QTY_MAX			((AdQuantity) (((uint128) -1) >> 1))
#else
typedef int64 AdQuantity;
#define AD_QTY_DECIMALS		4
#define AD_QTY_MAX			((AdQuantity) PG_INT64_MAX)
#endif

extern const int64 ad_pow10_int[19];
extern const double ad_pow10_double[23];

#define AD_EVENT_MATCHED	0x01	/* link names the other half of the pair */

typedef struct AdEvent
{
	int64		ts;				/* microseconds */
	double		price;			/* finite, > 0 */
	int64		qty;			/* mantissa, > 0 ... */
	const char *id;				/* order id, not terminated; NULL: unknown */
	uint32		link;			/* mate's position, or next open placement */
	uint32		entry;			/* placement: its key in the matcher */
	uint32		row;			/* the caller's row number, for results */
	unsigned int kind:2;		/* AD_EVENT_... */
	unsigned int side:1;		/* AD_BUY or AD_SELL */
	unsigned int flags:1;		/* AD_EVENT_MATCHED */
	unsigned int scale:5;		/* decimals of qty, at most AD_QTY_DECIMALS;
								 * qty has no trailing zeros after the point */
	unsigned int idlen:8;		/* bytes of the order id */
} AdEvent;

/* Events by position: an array (mask all ones) or a ring. */
typedef struct AdTape
{
	AdEvent    *events;
	uint32		mask;
	uint32		head;			/* oldest position held */
	uint32		end;			/* one past the newest */
} AdTape;

#define AD_AT(tape, pos)	(&(tape)->events[(pos) & (tape)->mask])

/* An event's quantity in units. */
static inline AdQuantity
ad_event_units(const AdEvent *e)
{
	return (AdQuantity) e->qty *
		(AdQuantity) ad_pow10_int[AD_QTY_DECIMALS - e->scale];
}

/* An event's quantity as a double. */
static inline double
ad_event_size(const AdEvent *e)
{
	return (double) e->qty / ad_pow10_double[e->scale];
}

extern void ad_quantity_overflow(void) pg_attribute_noreturn();
extern bool ad_quantity_from_text(const char *s, int64 *qty, uint8 *scale);
extern bool ad_quantity_from_double(double d, int64 *qty, uint8 *scale);
extern bool ad_quantity_from_digits(int64 mantissa, int exponent,
									int64 *qty, uint8 *scale);
extern char *ad_quantity_text(AdQuantity units);
extern bool ad_quantity_is_int64(AdQuantity units, int64 *value);
extern double ad_quantity_double(AdQuantity units);

/* The sum of two quantities; an error if it does not fit. */
static inline AdQuantity
ad_quantity_add(AdQuantity a, AdQuantity b)
{
	if (unlikely(a > AD_QTY_MAX - b))
		ad_quantity_overflow();
	return a + b;
}

/* Times add and subtract without wrapping. */
static inline int64
ad_time_add(int64 t, int64 d)
{
	return t > PG_INT64_MAX - d ? PG_INT64_MAX : t + d;
}

static inline int64
ad_time_sub(int64 t, int64 d)
{
	return t < PG_INT64_MIN + d ? PG_INT64_MIN : t - d;
}

/* words.c: dialects of event and side words */
#define AD_WORDS_EVENT		0	/* codes AD_EVENT_... */
#define AD_WORDS_SIDE		1	/* codes AD_BUY, AD_SELL */
#define AD_MAX_WORDS		64	/* of one kind */
#define AD_WORD_MEMO		16	/* spellings remembered as written */
#define AD_WORD_MEMO_LENGTH 23

typedef struct AdWord
{
	char		word[AD_MAX_WORD + 1];	/* trimmed, upper case */
	int			len;
	int			code;
} AdWord;

typedef struct AdWordMemo
{
	char		raw[AD_WORD_MEMO_LENGTH];	/* exactly as a row wrote it */
	uint8		len;
	int			code;
} AdWordMemo;

typedef struct AdWords
{
	int			n[2];			/* words of each kind */
	AdWord		words[2][AD_MAX_WORDS];
	int			nmemo[2];
	AdWordMemo	memo[2][AD_WORD_MEMO];
} AdWords;

extern void ad_words_init(AdWords *w);
extern void ad_words_clear(AdWords *w, int kind, int code);
extern void ad_words_add(AdWords *w, int kind, int code,
						 const char *word, int len);
extern int	ad_words_lookup_slow(AdWords *w, int kind, const char *s, int len);
extern char *ad_words_list(const AdWords *w, int kind);

/* The code of a word as a row wrote it, or -1. */
static inline int
ad_words_lookup(AdWords *w, int kind, const char *s, int len)
{
	for (int i = 0; i < w->nmemo[kind]; i++)
	{
		const AdWordMemo *m = &w->memo[kind][i];

		if (m->len == len && memcmp(m->raw, s, len) == 0)
			return m->code;
	}
	return ad_words_lookup_slow(w, kind, s, len);
}

extern const char *ad_event_word(int kind);
extern const char *ad_side_word(int side);

/* match.c: cancels find the placements they end, first in, first out */
typedef struct AdMatchEntry AdMatchEntry;

typedef struct AdMatcher
{
	MemoryContext cxt;
	AdMatchEntry *entries;		/* stable indices; freed ones are chained */
	uint32		nentries;		/* in use or freed */
	uint32		capacity;
	uint32		free;			/* first freed, or AD_NO_POSITION */
	uint32		live;			/* in use */
	uint32	   *buckets;		/* first entry of each chain */
	uint32		nbuckets;		/* a power of two */
	uint32		max_entries;	/* refuse more */
	int64		forget;			/* forget keys idle for longer; 0: never */
	uint32		sweep_at;		/* sweep idle keys at this many entries */
	uint64		seed;
	bool		owns_ids;		/* long ids are copied */
} AdMatcher;

extern void ad_match_init(AdMatcher *m, MemoryContext cxt, uint64 seed,
						  bool owns_ids, int64 forget, uint32 max_entries);
extern void ad_match_order(AdMatcher *m, AdTape *tape, uint32 pos);
extern uint32 ad_match_cancel(AdMatcher *m, AdTape *tape, uint32 pos);
extern void ad_match_expire(AdMatcher *m, AdTape *tape, uint32 pos);
extern void ad_match_prefetch(const AdMatcher *m, const AdTape *tape,
							  AdEvent *e, int step);

/* Prefetches for the events of an array that are about to be matched. */
#define AD_MATCH_PREFETCH(m, tape, events, i, n) \
	do { \
		if ((i) + 12 < (n)) \
		{ \
			ad_match_prefetch(m, tape, &(events)[(i) + 12], 0); \
			ad_match_prefetch(m, tape, &(events)[(i) + 8], 1); \
			ad_match_prefetch(m, tape, &(events)[(i) + 4], 2); \
		} \
	} while (0)
extern void ad_match_all(AdTape *tape, uint64 seed, uint32 max_entries);

/* metrics.c */
typedef struct AdMetrics		/* NaN: does not exist */
{
	bool		measured;		/* false: the credit was spent */
	double		duration_s;
	int64		placed_orders;
	AdQuantity	placed_qty;
	int64		cancelled_orders;
	AdQuantity	cancelled_qty;
	int64		matched_cancels;
	double		cancel_ratio;
	double		cancel_qty_ratio;
	int64		price_levels;
	double		price_span_bps;
	double		median_time_to_cancel_s;
	double		max_time_to_cancel_s;
	int64		opp_trades;
	AdQuantity	opp_trade_qty;
	double		opp_trade_vwap;
	double		spoof_to_trade_qty_ratio;
	AdQuantity	spoof_side_fill_qty;
	double		spoof_side_fill_ratio;
	double		own_order_imbalance;
	double		order_to_trade_ratio;
	double		cancel_to_trade_gap_s;
	double		cancelled_after_trade_qty_ratio;
	double		mean_distance_bps;
	double		mean_placement_gap_s;
	double		size_cv;
	double		severity;
} AdMetrics;

/*
 * How many events the metrics may still read.  Sequences overlap a little,
 * so measuring reads an event a few times; a flow made so that thousands of
 * sequences overlap would make that quadratic.  Every event read by the rule
 * adds AD_CREDIT_PER_EVENT; a sequence that the credit does not cover keeps
 * its rule's figures and has no metrics.
 */
typedef int64 AdCredit;

#define AD_CREDIT_START		INT64CONST(8000000)
#define AD_CREDIT_PER_EVENT 8

typedef struct AdScratch		/* reused between sequences */
{
	MemoryContext cxt;
	int64	   *times;			/* times to cancel */
	Size		ntimes;
	Size		max_times;
	double	   *prices;			/* open-addressed set; 0: empty slot */
	Size		nprices;
	Size		max_prices;		/* a power of two */
} AdScratch;

/* layering.c */
typedef enum AdRule
{
	AD_RULE_WINDOW,
	AD_RULE_STRICT,
	AD_RULE_ANCHORED
} AdRule;

typedef enum AdTradeRule
{
	AD_TRADE_AFTER,
	AD_TRADE_BEFORE,
	AD_TRADE_EITHER
} AdTradeRule;

typedef enum AdFound			/* which condition a sequence met */
{
	AD_FOUND_AFTER,
	AD_FOUND_BEFORE,
	AD_FOUND_STRICT,
	AD_FOUND_ANCHORED
} AdFound;

typedef struct AdLayeringConfig
{
	AdRule		rule;
	AdTradeRule trade_rule;
	int64		orders_window;	/* microseconds, like the next ones */
	int64		cancel_window;
	int64		trade_window;
	int			min_orders;
	int			min_cancels;
	bool		causal;			/* anchored: no peers in the metrics */
	int64		forget;			/* anchored: forget open orders; 0: never */
	uint32		max_events;		/* held at a time; refuse more */
	uint64		seed;			/* of hash tables; never shows in results */
} AdLayeringConfig;

typedef struct AdSequence
{
	int64		start;			/* first order */
	int64		end;			/* detection */
	int64		trade_time;
	uint32		first;			/* position of the first order */
	uint32		first_row;		/* and its row */
	uint32		trade;			/* position of the trade */
	uint32		trade_row;
	uint8		side;			/* of the orders */
	AdFound		found;
	uint32		norders;
	int64	   *order_times;	/* norders of them */
	uint32		ncancels;		/* counted by the rule */
	AdQuantity	cancel_qty;		/* of those */
	AdQuantity	opp_qty;		/* opposite trades in [start, end] */
	AdMetrics	m;
} AdSequence;

typedef struct AdMember			/* an event and a sequence it belongs to */
{
	uint32		pos;
	uint32		seq;
} AdMember;

typedef struct AdSequences
{
	MemoryContext cxt;			/* where all of it lives */
	AdSequence *items;
	uint32		n;
	uint32		capacity;
	bool		want_members;
	AdMember   *members;		/* by position, then sequence */
	Size		nmembers;
	Size		max_members;
} AdSequences;

extern void ad_layering_find(AdEvent *events, uint32 n,
							 const AdLayeringConfig *c, AdSequences *out);
extern AdSequence *ad_sequences_add(AdSequences *out);
extern void ad_sequences_member(AdSequences *out, uint32 pos, uint32 seq);
extern const char *ad_found_word(AdFound found);
extern uint32 ad_tape_first_at(const AdTape *tape, int64 ts, uint32 near);
extern uint32 ad_tape_first_after(const AdTape *tape, int64 ts, uint32 near);
extern void ad_tape_unordered(uint32 pos) pg_attribute_noreturn();

extern void ad_measure(const AdTape *tape, const AdLayeringConfig *c,
					   AdSequence *s, AdScratch *scratch, AdCredit *credit);

/* kept.c: the placements that were cancelled in time and are not used yet */
#define AD_KEPT_LEVELS	4

typedef struct AdKept
{
	uint64	   *bits;			/* by ring slot */
	int			nlevels;		/* of blocks in use */
	uint32	   *count[AD_KEPT_LEVELS];	/* kept in a block of 64^(level+1) */
	int64	   *newest[AD_KEPT_LEVELS]; /* latest cancel in the block */
	uint32		mask;			/* ring slots - 1 */
	uint32		total;
	uint32		top;			/* highest position, if total > 0 */
} AdKept;

extern void ad_kept_reset(AdKept *k, MemoryContext cxt, uint32 capacity);
extern uint32 ad_kept_block(uint32 capacity);
extern void ad_kept_insert(AdKept *k, uint32 pos, int64 cancel_ts);
extern void ad_kept_remove_front(AdKept *k, uint32 pos);
extern bool ad_kept_has(const AdKept *k, uint32 pos);
extern uint32 ad_kept_count(const AdKept *k, const AdTape *tape, uint32 lo,
							int64 *newest);
extern uint32 ad_kept_next(const AdKept *k, uint32 pos);
extern void ad_kept_remove(AdKept *k, uint32 pos);
extern void ad_kept_settle(AdKept *k, const AdTape *tape, uint32 lo);

/* anchored.c: the causal rule, one event at a time */
typedef struct AdAnchored AdAnchored;

extern AdAnchored *ad_anchored_create(MemoryContext cxt,
									  const AdLayeringConfig *c);
extern bool ad_anchored_feed(AdAnchored *a, const AdEvent *event,
							 AdSequence *out, AdSequences *members,
							 uint32 seq);
extern void ad_anchored_prefetch(const AdAnchored *a, AdEvent *events,
								 uint32 i, uint32 n);
extern void ad_anchored_measure(AdAnchored *a, AdSequence *s);

/* wash.c */
typedef struct AdWashConfig
{
	int			min_buy_trades;
	int			min_sell_trades;
	double		min_alternation;	/* percent */
	AdQuantity	min_volume;		/* units */
	int64		window;			/* microseconds */
	double		price_change;	/* percent, for reporting only */
	bool		merge;			/* maximal windows instead of every start */
	uint32		max_events;
} AdWashConfig;

typedef struct AdWash
{
	uint32		first_row;		/* row of the first trade */
	uint32		last_row;		/* row of the last trade */
	int64		start;
	int64		end;
	uint32		starts;			/* windows merged into this one */
	uint32		buys;
	uint32		sells;
	uint32		switches;		/* side changes */
	AdQuantity	buy_qty;
	AdQuantity	sell_qty;
	double		alternation;	/* percent */
	double		price_change;	/* percent; NaN: below the threshold */
	double		first_price;
	double		last_price;
} AdWash;

typedef struct AdWashes
{
	MemoryContext cxt;
	AdWash	   *items;
	uint32		n;
	uint32		capacity;
} AdWashes;

extern void ad_wash_find(const AdEvent *events, uint32 n,
						 const AdWashConfig *c, AdWashes *out);

/* timeline.c */
typedef struct AdTimelineConfig
{
	int			width;			/* pixels */
	int			height;
	int			sequence;		/* only this one; 0: all that are found */
	const char *title;			/* UTF-8 or server encoding; may be NULL */
} AdTimelineConfig;

#define AD_MAX_TIMELINE		20000	/* events in a picture */

extern void ad_timeline_draw(StringInfo out, AdTape *tape,
							 const AdSequences *sequences,
							 const AdTimelineConfig *c, int64 epoch);

#endif							/* AD_MARKET_H */
