/*-------------------------------------------------------------------------
 *
 * ad_query_reader.h
 *		The rows of a query as partitions of events.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_QUERY_READER_H
#define AD_QUERY_READER_H

#include "market/ad_market_sql.h"

#include "tcop/dest.h"
#include "utils/tuplestore.h"

#define AD_MAX_KEYS		16		/* columns of partition_by, of order_by */
#define AD_READ_COLUMNS AD_ALL_COLUMNS	/* that events are read from */

/* The columns of ad_layering_sequences() before those of a sequence. */
enum
{
	AD_FRONT_ACCOUNT,
	AD_FRONT_PRODUCT,
	AD_FRONT_PARTITION_KEY,
	AD_FRONT_FIRST_ID,
	AD_FRONT_TRADE_ID,
	AD_FRONT_COLUMNS
};

/* A column that partitions are told apart by. */
typedef struct AdKeyColumn
{
	char	   *name;			/* as it is shown */
	char	   *sql;			/* of a query with alias q */
	Oid			type;
	int16		len;
	bool		byval;
	FmgrInfo   *eq;				/* the type's equality */
	Oid			collation;
	FmgrInfo	out;
	bool		number;			/* prints as a JSON number */
	Datum		value;			/* of the current partition */
	bool		isnull;
} AdKeyColumn;

/* What is read of a query's rows, and the partition at hand. */
typedef struct AdQueryReader
{
	DestReceiver pub;			/* must be first */
	AdMarketOptions options;
	AdRowReader row;
	int			nkeys;
	AdKeyColumn keys[AD_MAX_KEYS];
	int			ncolumns;		/* of events that the query has ... */
	AdRowColumn columns[AD_READ_COLUMNS];	/* ... which they are ... */
	char	   *sql[AD_READ_COLUMNS];	/* ... and how they are read */
	int			nsort;			/* rows of one time are sorted by ... */
	char	   *sort[AD_MAX_KEYS];	/* ... these; the first is the row's id */
	char	   *order_by;		/* its name, or NULL */
	bool		has_id;
	int16		id_len;
	bool		id_byval;
	FmgrInfo	id_out;

	MemoryContext mcxt;			/* as long as the call */
	MemoryContext partition_mcxt;	/* reset for each partition */
	MemoryContext row_mcxt;		/* reset every so many rows */
	bool		open;			/* a partition is at hand */
	AdEvent    *events;
	Datum	   *ids;			/* of all rows of the partition */
	bool	   *id_nulls;
	uint32		n;				/* events */
	uint32		rows;			/* rows, with those skipped */
	uint32		capacity;
	AdArena		arena;
	int64		skipped;		/* of the partition */
	int64		all_skipped;
	int64		all_rows;

	Tuplestorestate *result;
	TupleDesc	result_desc;
} AdQueryReader;

/* sql_query_columns.c */
extern void ad_columns_check(Jsonb *columns);
extern char *ad_columns_name(Jsonb *columns, const char *name);
extern void ad_query_columns(AdQueryReader *r, Jsonb *columns,
							 char *const *partition_by, char *const *order_by,
							 TupleDesc desc);
extern const char *ad_query_column(const AdQueryReader *r, AdRowColumn column);
extern void ad_query_list(const AdQueryReader *r, StringInfo buf);
extern void ad_query_order(const AdQueryReader *r, bool partitions,
						   StringInfo buf);
extern void ad_query_describe(AdQueryReader *r, TupleDesc desc);

/* sql_partition.c */
extern AdQueryReader *ad_query_reader_create(void);
extern Datum ad_partition_key(const AdKeyColumn *keys, int nkeys,
							  char *const *texts);
extern void ad_partition_finish(AdQueryReader *r);

#endif							/* AD_QUERY_READER_H */
