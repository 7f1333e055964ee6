/*-------------------------------------------------------------------------
 *
 * ad_sketch.h
 *		Rows in, a bounded and mergeable summary out.
 *
 * A sketch holds exact counts, a uniform bottom-k sample, exact tails of
 * every numeric feature and a bounded dictionary of every categorical one.
 * There are no floating-point sums in it, so merging is exact, associative
 * and commutative: what a sketch says depends on the rows alone, never on
 * the order or the number of parts in which they came.  (The one exception
 * is which rows an unkeyed sample keeps once there are more than k.)
 *
 * "Small" below means that every row is still in the sample (rows <= k).
 * A small sketch keeps no tails and no sets of distinct values: they follow
 * from the sample, and a sketch of a small group stays small.
 *
 * A sketch can be shrunk to a smaller k: it is then what it would be if it
 * had had that k from the start.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SKETCH_H
#define AD_SKETCH_H

#include "core/ad_bytes.h"
#include "core/ad_options.h"
#include "core/ad_random.h"

#define AD_SKETCH_VERSION	2	/* 1: without k */
#define AD_MAX_TAIL			512 /* exact values at either end */
#define AD_DEFAULT_SAMPLE	65536	/* rows; of a fit, as many as it uses */
#define AD_MAX_DISTINCT		256 /* distinct numbers tracked exactly */
#define AD_NUMBER_SLOTS		1024	/* power of 2, > 2 * AD_MAX_DISTINCT */
#define AD_MAX_EXACT_VALUES 4096	/* categories counted exactly */
#define AD_MAX_CATEGORY		64	/* bytes of a category; longer: hashed */
#define AD_MAX_NAME			63	/* bytes of a feature's name */
#define AD_MAX_TYPE_NAME	255 /* bytes of its type's name */
#define AD_MIN_SAMPLE		256 /* rows a sample must have room for */
#define AD_MAX_SAMPLE		10000000	/* rows a sample may be asked for */

/* What a feature is; stored in models, so never renumber. */
typedef enum AdClass
{
	AD_CLASS_NUMBER = 1,		/* also boolean, money */
	AD_CLASS_TIMESTAMP = 2,		/* epoch seconds; also date */
	AD_CLASS_TIME = 3,			/* seconds of the day */
	AD_CLASS_INTERVAL = 4,		/* seconds */
	AD_CLASS_CATEGORY = 5		/* text-like */
} AdClass;

#define AD_MAX_CLASS	AD_CLASS_CATEGORY

/* A category's value: bytes in the server's encoding, not terminated. */
typedef struct AdCategory
{
	const char *s;
	int			len;
} AdCategory;

typedef struct AdFeature
{
	char	   *name;			/* "" if it has none */
	char	   *type;			/* SQL type it came as, for people */
	AdClass		class;
} AdFeature;

/* The options of ad_sampling(). */
typedef struct AdSampling
{
	int			rows;			/* k */
	int			memory_mb;		/* bound on the sample's memory */
	uint64		seed;
	bool		keyed;			/* first argument is a row key */
} AdSampling;

extern const AdOption ad_sampling_options[];
extern const int ad_n_sampling_options;

/* dict.c: distinct strings with counts */
typedef struct AdDictEntry
{
	uint64		hash;
	uint64		count;			/* exact, unless the dictionary overflowed */
	Size		at;				/* offset in the arena */
	int			len;
} AdDictEntry;

typedef struct AdDict
{
	uint32		n;				/* entries */
	uint32		capacity;		/* entries allocated */
	uint32		nslots;			/* power of 2, > n */
	uint32	   *slots;			/* entry + 1, or 0 */
	AdDictEntry *entries;
	char	   *arena;
	Size		arena_len;
	Size		arena_capacity;
	bool		overflow;		/* more values than are counted exactly */
} AdDict;

extern void ad_dict_init(AdDict *d);
extern int64 ad_dict_find(const AdDict *d, const char *s, int len);
extern uint32 ad_dict_code(AdDict *d, const char *s, int len);
extern void ad_dict_keep(AdDict *d, const bool *keep, uint32 *recode);

/* tails.c: exact extremes and small sets of distinct numbers */
typedef struct AdTail
{
	double	   *v;				/* room for twice as many as are kept */
	int			n;
} AdTail;

typedef struct AdNumbers
{
	double	   *v;				/* open addressing; NaN is empty */
	int			n;
	bool		overflow;
} AdNumbers;

extern void ad_tail_init(AdTail *t, int keep);
extern double ad_tail_add(AdTail *t, int keep, double v, bool high,
						  double threshold);
extern void ad_tail_cut(AdTail *t, int keep, bool high);
extern void ad_numbers_init(AdNumbers *s);
extern void ad_numbers_add(AdNumbers *s, double v);

/* Where the search for a number in a set begins. */
static inline uint32
ad_number_slot(double v)
{
	uint64		bits;

	memcpy(&bits, &v, sizeof(bits));
	return (uint32) ad_mix64(bits) & (AD_NUMBER_SLOTS - 1);
}

/* sketch.c */
typedef struct AdSketch
{
	MemoryContext mcxt;			/* owns everything below */
	AdSampling	sampling;
	int			nfeatures;
	AdFeature  *features;
	int			ncategories;	/* features of class category */
	int		   *categories;		/* their positions */

	uint64		rows;			/* rows seen */
	uint64	   *missing;		/* per feature: NULL or NaN */
	uint64	   *infinite;		/* per feature */

	/* sample: n <= capacity rows, cut back to k when full */
	Size		k;
	Size		n;
	Size		capacity;
	uint64	   *priority;
	double	   *x;				/* n x nfeatures; NaN missing; codes; a number
								 * may be infinite */
	uint64		threshold;		/* a row above it is not kept */
	AdRandom	random;			/* unkeyed priorities */

	int			tail;			/* values that a tail keeps; follows from k */

	bool		large;			/* rows > k: what follows is in use */
	bool		counting;		/* some set of numbers is not full */
	double	   *low_threshold;	/* per feature */
	double	   *high_threshold;
	AdTail	   *low;
	AdTail	   *high;
	AdNumbers  *numbers;
	AdDict	   *dicts;			/* per feature; used by categories only */

	uint32		encoding;		/* of the bytes that it was read from */
	bool		is_foreign;		/* they are not as they would be written */
} AdSketch;

extern AdSketch *ad_sketch_create(const AdSampling *sampling,
								  const AdFeature *features, int nfeatures,
								  MemoryContext mcxt);
extern void ad_sketch_add(AdSketch *s, double *x, const AdCategory *category,
						  uint64 key);
extern bool ad_sketch_pass(AdSketch *s, const double *x);
extern void ad_sketch_merge(AdSketch *a, const AdSketch *b);
extern Size ad_sketch_full(const AdSketch *s);
extern void ad_sketch_shrink(AdSketch *s, Size k);

/* assert_sketch.c: sizes, on entry of adding a row; all of it, elsewhere */
#ifdef USE_ASSERT_CHECKING
extern void ad_sketch_check(const AdSketch *s, bool rows);

#define AssertSketch(s)			ad_sketch_check((s), false)
#define AssertSketchRows(s)		ad_sketch_check((s), true)
#else
#define AssertSketch(s)			((void) true)
#define AssertSketchRows(s)		((void) true)
#endif

/* sample.c */
extern void ad_sample_append(AdSketch *s, uint64 priority, const double *row);
extern void ad_sample_cut(AdSketch *s);
extern void ad_sample_merge(AdSketch *a, const AdSketch *b, uint32 **recode);
extern uint64 ad_sample_gaps(const double *x, Size n, int cols, uint64 seed);

/* order.c */
extern void ad_sample_sort(const AdSketch *s, Size *rows, Size n);
extern Size *ad_sample_order(const AdSketch *s);

/* sketch_bytes.c */
extern bytea *ad_sketch_write(AdSketch *s, const void *extra, Size extra_len);
extern bytea *ad_sketch_write_state(AdSketch *s, const void *extra,
									Size extra_len);
extern AdSketch *ad_sketch_read(const uint8 *bytes, Size len,
								MemoryContext mcxt, AdReader *extra);
extern AdSketch *ad_sketch_read_state(const uint8 *bytes, Size len,
									  MemoryContext mcxt, AdReader *extra);

/* view.c: what a fit sees */
typedef struct AdViewFeature
{
	uint64		missing;
	uint64		infinite;
	int64		distinct;		/* -1: more than are counted */
	double		min;			/* NaN when there is no value */
	double		max;
	double		mean;			/* of the sample */
	double		sd;				/* of the sample, population */
	double		q05;			/* quantiles of the sample */
	double		q25;
	double		median;
	double		q75;
	double		q95;
	int			nvalues;		/* category: values, most frequent first */
	AdCategory *values;
	uint64	   *counts;			/* rows with that value (estimated after an
								 * overflow) */
} AdViewFeature;

typedef struct AdView
{
	const AdSketch *sketch;
	uint64		rows;			/* rows seen */
	Size		n;				/* rows in the sample */
	int			nfeatures;
	double	   *x;				/* n x nfeatures, canonical order and codes;
								 * NaN missing or infinite */
	Size	   *order;			/* of a row, its position in the sketch's
								 * sample */
	bool		infinite;		/* some row of the sketch's sample may have an
								 * infinite number */
	AdViewFeature *features;
} AdView;

extern AdView *ad_view_create(AdSketch *s);
extern bool ad_view_infinite(const AdView *v, Size row, double *x);

/* datum.c: the one window onto SQL types */
typedef enum AdSourceKind
{
	AD_SRC_INT2, AD_SRC_INT4, AD_SRC_INT8, AD_SRC_FLOAT4, AD_SRC_FLOAT8,
	AD_SRC_NUMERIC, AD_SRC_MONEY, AD_SRC_BOOL, AD_SRC_DATE, AD_SRC_TIME,
	AD_SRC_TIMESTAMP, AD_SRC_INTERVAL, AD_SRC_TEXT, AD_SRC_BPCHAR,
	AD_SRC_ENUM, AD_SRC_UUID, AD_SRC_INET, AD_SRC_CIDR, AD_SRC_NAME,
	AD_SRC_CHAR, AD_SRC_OID, AD_SRC_UNKNOWN
} AdSourceKind;

#define AD_CATEGORY_SCRATCH 80

typedef struct AdSource
{
	AdSourceKind kind;
	AdClass		class;
	Oid			type;			/* base type */
	char	   *name;			/* of the declared type, for people */
	char	   *scratch;		/* AD_CATEGORY_SCRATCH bytes, categories only */
	Oid			enum_value;		/* last enum value seen, */
	int			enum_len;		/* with its label in scratch */
} AdSource;

extern bool ad_source_init(AdSource *s, Oid type, MemoryContext mcxt);
extern double ad_source_slow_number(AdSource *s, Datum value);
extern AdCategory ad_source_category(AdSource *s, Datum value);
extern uint64 ad_source_hash(AdSource *s, Datum value);
extern uint64 ad_whole_hash(int64 whole);
extern uint64 ad_number_hash(double number);
extern uint64 ad_category_hash(AdCategory c);
extern AdCategory ad_category_shorten(AdCategory c, char *scratch);
extern bool ad_category_is_short(AdCategory c);

/* The value of a numeric or temporal source as a double. */
static inline double
ad_source_number(AdSource *s, Datum value)
{
	switch (s->kind)
	{
		case AD_SRC_FLOAT8:
			return DatumGetFloat8(value);
		case AD_SRC_INT4:
			return DatumGetInt32(value);
		case AD_SRC_INT8:
			return (double) DatumGetInt64(value);
		default:
			return ad_source_slow_number(s, value);
	}
}

#endif							/* AD_SKETCH_H */
