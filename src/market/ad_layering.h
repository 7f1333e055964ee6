/*-------------------------------------------------------------------------
 *
 * ad_layering.h
 *		Layering: the rule, the sequences it finds, what is measured of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_LAYERING_H
#define AD_LAYERING_H

#include "market/ad_event.h"

/* measure.c */
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
	MemoryContext mcxt;
	int64	   *times;			/* times to cancel */
	Size		ntimes;
	Size		max_times;
	double	   *sizes;			/* of the orders */
	Size		nsizes;
	Size		max_sizes;
	uint64	   *prices;			/* open-addressed set; 0: empty slot */
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
	int64		forget;			/* close orders older than this; 0: never */
	bool		amend;			/* an amended order goes on; else an amendment
								 * is a cancel and a placement */
	bool		dedup;			/* drop exact duplicates */
	double		min_imbalance;	/* report only these; 0: all */
	int			min_price_levels;
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
	AdQuantity	cancel_qty;		/* of those; of rules strict and anchored what
								 * was cancelled of the orders */
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
	MemoryContext mcxt;			/* where all of it lives */
	AdEvent    *events;			/* what positions are of: ad_layering_find() */
	uint32		nevents;
	AdSequence *items;
	uint32		n;
	uint32		capacity;
	bool		want_members;
	AdMember   *members;		/* by position, then sequence */
	Size		nmembers;
	Size		max_members;
} AdSequences;

/* What of a partition rules window and strict look at, and have used up. */
typedef struct AdStretch
{
	int64		limit;			/* first orders are at this time or before */
	uint32		cursor[2];		/* orders before these positions are used up,
								 * by side; of rule window before the first */
	int64		before;			/* events of the partition before the tape's */
	AdCredit	spent;			/* by what was measured so far */
	bool		unmatched;		/* no order book has seen the events yet */
	bool		only_look;		/* measure nothing */
} AdStretch;

typedef struct AdAnchored AdAnchored;	/* anchored.c */

extern void ad_layering_feed(AdAnchored *a, uint32 to,
							 const AdLayeringConfig *c, AdSequences *out);
extern void ad_layering_find_stretch(AdTape *tape, const AdLayeringConfig *c,
									 AdStretch *stretch, AdSequences *out);
extern void ad_layering_find(AdEvent *events, uint32 n,
							 const AdLayeringConfig *c, AdSequences *out);

/* sequences.c */
extern AdSequence *ad_sequences_add(AdSequences *out);
extern void ad_sequences_member(AdSequences *out, uint32 pos, uint32 seq);
extern void ad_sequences_sort(AdSequences *out);
extern bool ad_sequence_reported(const AdSequence *s,
								 const AdLayeringConfig *c);
extern void ad_sequences_filter(AdSequences *out, const AdLayeringConfig *c);
extern const char *ad_found_word(AdFound found);

/* The longest that a sequence takes. */
static inline int64
ad_layering_horizon(const AdLayeringConfig *c)
{
	return ad_time_add(ad_time_add(c->orders_window, c->cancel_window),
					   c->trade_window);
}

extern void ad_measure(const AdTape *tape, const AdLayeringConfig *c,
					   AdSequence *s, AdScratch *scratch, AdCredit *credit);

/* anchored.c: the causal rule, one event at a time */
struct AdBook;

extern AdAnchored *ad_anchored_create(MemoryContext mcxt,
									  const AdLayeringConfig *c);
extern AdAnchored *ad_anchored_attach(MemoryContext mcxt,
									  const AdLayeringConfig *c,
									  AdEvent *events, uint32 n, uint32 held);
extern bool ad_anchored_feed(AdAnchored *a, const AdEvent *event,
							 AdSequence *out);
extern bool ad_anchored_next(AdAnchored *a, AdSequence *out,
							 AdSequences *members, uint32 seq);
extern const AdTape *ad_anchored_tape(const AdAnchored *a);
extern struct AdBook *ad_anchored_book(AdAnchored *a);
extern AdCredit *ad_anchored_credit(AdAnchored *a);
extern bool ad_anchored_used(const AdAnchored *a, uint32 pos);
extern void ad_anchored_measure(AdAnchored *a, AdSequence *s);

#endif							/* AD_LAYERING_H */
