/*-------------------------------------------------------------------------
 *
 * ad_market_sql.h
 *		What the files of the market's SQL interface share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_MARKET_SQL_H
#define AD_MARKET_SQL_H

#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "market/ad_closing.h"
#include "market/ad_dialect.h"
#include "market/ad_layering.h"
#include "market/ad_stuffing.h"
#include "market/ad_wash.h"
#include "sql/ad_text.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "windowapi.h"

/* An ad_order_event value: aligned to 8 bytes, never toasted. */
typedef struct AdOrderEventDatum
{
	int32		vl_len_;		/* varlena header, 4 bytes */
	uint8		kind;			/* AD_EVENT_... */
	uint8		side;			/* AD_BUY, AD_SELL */
	uint8		scale;			/* decimals of qty */
	uint8		idlen;			/* bytes of id; 0: unknown */
	TimestampTz ts;				/* finite */
	double		price;			/* finite, or NaN: none */
	int64		qty;			/* mantissa, > 0, or 0: none */

	/*
	 * The id.  If the event has a new order id or an id of its own, they
	 * follow, and then a byte with the length of each.
	 */
	char		id[FLEXIBLE_ARRAY_MEMBER];
} AdOrderEventDatum;

/* Why a row cannot be used. */
typedef enum AdBadRow
{
	AD_ROW_GOOD,
	AD_ROW_EVENT_NULL,			/* a packed event */
	AD_ROW_TYPE_NULL,
	AD_ROW_TYPE_UNKNOWN,
	AD_ROW_SIDE_NULL,
	AD_ROW_SIDE_UNKNOWN,
	AD_ROW_PRICE_RANGE,
	AD_ROW_QUANTITY_NULL,
	AD_ROW_QUANTITY_RANGE,
	AD_ROW_TS_NULL,
	AD_ROW_TS_INFINITE,
	AD_ROW_ID_LONG,
	AD_ROW_NEW_ID_LONG,
	AD_ROW_EVENT_ID_LONG,
	AD_ROW_IGNORED				/* a word says so: passed over in silence */
} AdBadRow;

/* The columns that events are read from; those before order_id must exist. */
typedef enum AdRowColumn
{
	AD_COLUMN_EVENT_TYPE,
	AD_COLUMN_SIDE,
	AD_COLUMN_PRICE,
	AD_COLUMN_QUANTITY,
	AD_COLUMN_TS,
	AD_COLUMN_ORDER_ID,
	AD_COLUMNS,					/* how many arguments name by place */
	AD_COLUMN_NEW_ORDER_ID = AD_COLUMNS,
	AD_COLUMN_EVENT_ID,
	AD_ALL_COLUMNS
} AdRowColumn;

typedef struct AdArena			/* ids of a partition's rows */
{
	MemoryContext mcxt;
	char	   *next;
	Size		left;
} AdArena;

/* How to read events from SQL values. */
typedef struct AdRowReader
{
	Oid			price_type;		/* base types */
	Oid			quantity_type;
	AdDialect  *words;
	const char *new_id;			/* of the row at hand */
	const char *event_id;
} AdRowReader;

/* Options of every market function. */
typedef struct AdMarketOptions
{
	AdLayeringConfig layering;
	AdWashConfig wash;
	AdStuffingConfig stuffing;
	AdClosingConfig closing;
	bool		skip_bad;
	AdDialect	words;
	char	   *words_json;		/* as given, or NULL */
	const char *dialect;		/* name of the preset, or NULL */
} AdMarketOptions;

typedef enum AdMarketOwner
{
	AD_OWNER_LAYERING,
	AD_OWNER_WASH,
	AD_OWNER_STUFFING,
	AD_OWNER_CLOSING,
	AD_OWNER_EVENT
} AdMarketOwner;

/* sql_row.c */
extern const char *const ad_row_names[AD_ALL_COLUMNS];

extern AdBadRow ad_row_column(AdRowReader *r, AdRowColumn column, Datum value,
							  bool isnull, AdEvent *e);
extern void ad_row_types(AdRowReader *r, Oid price_type, Oid quantity_type);
extern Oid	ad_row_type(const AdRowReader *r, AdRowColumn column);
extern void ad_row_refuse(AdBadRow bad, const AdDialect *words,
						  const char *content) pg_attribute_noreturn();
extern char *ad_row_content(const Datum *values, const bool *nulls,
							const Oid *types, const AdRowColumn *columns,
							int n);

extern char *ad_arena_alloc(AdArena *arena, Size len);
extern const char *ad_arena_copy(AdArena *arena, const char *s, Size len);
extern void ad_row_ids(AdArena *arena, const AdRowReader *r, AdEvent *e);
extern void ad_row_join_ids(char *room, const AdRowReader *r, AdEvent *e);

/* sql_event.c */
extern AdBadRow ad_row_packed(Datum value, bool isnull, AdEvent *e);

/* sql_options.c */
extern void ad_market_options(Jsonb *options, AdMarketOwner owner,
							  AdMarketOptions *out);
extern Jsonb *ad_market_options_full(Jsonb *options, AdMarketOwner owner);
extern uint64 ad_market_seed(void);

/* sql_layering.c */
#define AD_SEQUENCE_COLUMNS 43

extern void ad_sequence_values(const AdSequence *s, int64 number,
							   int64 skipped, Datum *values, bool *nulls);
extern Datum ad_quantity_datum(AdQuantity units);
extern Datum ad_span_datum(int64 microseconds);

/* sql_partition.c */
extern void ad_set_text(Datum *values, bool *nulls, int i, const char *s);

/* sql_wash.c */
#define AD_WASH_FIGURES	13

extern void ad_wash_figures(const AdWash *w, Datum *values, bool *nulls);

/* sql_window.c: a partition of a window, read into events */
typedef struct AdWindowSite		/* a window function call in a query */
{
	bool		packed;			/* one ad_order_event argument */
	int			nargs;
	int			ncolumns;		/* plain columns, with or without order_id */
	int			options_arg;	/* or -1 */
	AdMarketOwner owner;
	AdRowReader reader;
	AdMarketOptions options;
	bool		parsed;			/* options are those of ... */
	char	   *options_raw;	/* ... this value; NULL: none */
	Size		options_len;
	TupleDesc	result;			/* blessed */
	int			warnings;		/* given about skipped rows */
} AdWindowSite;

typedef struct AdPartition
{
	MemoryContext mcxt;			/* lives as long as the partition */
	AdEvent    *events;
	uint32		n;
	int64		skipped;		/* rows that are no events */
} AdPartition;

extern AdWindowSite *ad_window_site(FunctionCallInfo fcinfo,
									AdMarketOwner owner);
extern void ad_site_options(AdWindowSite *site, Jsonb *options);
extern void ad_window_options(WindowObject winobj, AdWindowSite *site);
extern void ad_window_load(WindowObject winobj, AdWindowSite *site,
						   AdPartition *p);
extern AdBadRow ad_window_row(WindowObject winobj, AdWindowSite *site,
							  int64 row, bool current, AdEvent *e,
							  bool *isout);
extern void ad_window_refuse(WindowObject winobj, AdWindowSite *site,
							 int64 row, AdBadRow bad) pg_attribute_noreturn();
extern void ad_window_warn(AdWindowSite *site, int64 skipped, int64 rows);

/* sql_layering_array.c */
extern void ad_events_of_array(ArrayType *array, AdWindowSite *site,
							   AdPartition *p);

/* sql_timeline.c */
extern int64 ad_timeline_load(ArrayType *array, AdWindowSite *site,
							  AdTape *tape, AdSequences *sequences);

#endif							/* AD_MARKET_SQL_H */
