/*-------------------------------------------------------------------------
 *
 * sql_series_plot.c
 *		ad_alert_plot(): the series of an alert around it, as SVG text.
 *
 * The state that a point was scored from is gone on with since.  So the points
 * are read again, and scored as the job does, from as many of those before the
 * alert as a stream learns from; what the picture shows as expected of the
 * alert itself is what the job said of it.
 *
 * It reads the source, which is the owner's: who may only see the alerts of a
 * job has not seen it, and would run what another wrote.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "jobs/ad_series_job.h"
#include "operate/ad_own.h"
#include "series/ad_series_plot.h"
#include "series/ad_series_sql.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(ad_alert_plot);

#define LEARNT_POINTS	10000	/* before the alert */
#define MAX_KEY_LENGTH	((Size) 65536)
#define AFTER_PART		4		/* of the picture is after the alert */

/* What is drawn. */
typedef struct Picture
{
	AdJob	   *job;
	AdJobSource source;
	Oid			value_type;
	char	   *key;
	int64		at;				/* place of the alert */
	Jsonb	   *explanation;	/* of it */
	int			points;			/* that are shown */
	int			n;
	int64	   *time;
	double	   *value;
	double	   *low;			/* what is expected of each */
	double	   *high;
	int8	   *side;
} Picture;

/* Find the alert: the latest of the key, or that of a watermark. */
static void
find_alert(Picture *p, FunctionCallInfo fcinfo)
{
	Oid			types[] = {INT4OID, TEXTOID, TEXTOID};
	Datum		values[] = {Int32GetDatum(p->job->id), CStringGetTextDatum(p->key), (Datum) 0};
	char		nulls[] = "  n";
	bool		isnull;
	Datum		d;

	if (!PG_ARGISNULL(2))
	{
		ad_check_length(PG_GETARG_DATUM(2), "watermark", MAX_KEY_LENGTH);
		values[2] = PG_GETARG_DATUM(2);
		nulls[2] = ' ';
	}
	if (ad_own_run("SELECT a.place, a.explanation FROM %s._ad_alert a WHERE a.job_id = $1 AND a.key IN ($2, %s._ad_short($2)) "
				   "AND ($3 IS NULL OR a.watermark = $3) ORDER BY a.generation DESC, a.place DESC LIMIT 1",
				   lengthof(types), types, values, nulls) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("job \"%s\" has no such alert with key \"%s\"", p->job->name,
						ad_quote_clip(p->key)),
				 errhint("Key and watermark are those of ad_alerts.")));
	p->at = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
	p->explanation = isnull ? NULL : DatumGetJsonbPCopy(d);
}

/* The SQL of a column as the key of its series has it, less what is its own. */
static char *
key_column(const Picture *p, const char *name)
{
	Oid			type = InvalidOid;

	for (int i = 0; i < p->source.columns->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(p->source.columns, i)->attname), name) == 0)
			type = TupleDescAttr(p->source.columns, i)->atttypid;
	/* equal numbers may end in other zeros */
	return psprintf(type == NUMERICOID ? "pg_catalog.trim_scale(q.%s)" : "q.%s",
					quote_identifier(name));
}

/* The SQL of the name of a series. */
static char *
key_text(const Picture *p)
{
	const AdJob *j = p->job;
	StringInfoData buf;

	if (j->nseries_columns == 0)
		return pstrdup("'series'::pg_catalog.text");
	if (j->nseries_columns == 1)
		return psprintf("coalesce(%s::pg_catalog.text, '(null)')", key_column(p, j->series_columns[0]));
	initStringInfo(&buf);
	for (int i = 0; i < j->nseries_columns; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "ROW(", key_column(p, j->series_columns[i]));
	appendStringInfoString(&buf, ")::pg_catalog.text");
	return buf.data;
}

/* Add the points before and at the alert, or after it; from the last one on. */
static void
read_points(Picture *p, bool after, int most)
{
	char	   *time = pstrdup(quote_identifier(p->job->watermark));
	Oid			types[] = {TEXTOID, ad_place_param_type(p->source.type)};
	Datum		values[] = {CStringGetTextDatum(p->key), ad_place_value(p->source.type, p->at)};
	char	   *key = key_text(p);
	int			n;

	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute_with_args(psprintf("SELECT q.%s, q.%s FROM (\n%s\n) q WHERE (%s OPERATOR(pg_catalog.=) $1 OR "
									   "(pg_catalog.octet_length(%s) OPERATOR(pg_catalog.>) 1000 AND %s._ad_short(%s) OPERATOR(pg_catalog.=) $1)) "
									   "AND q.%s OPERATOR(pg_catalog.%s) $2 ORDER BY q.%s %s LIMIT %d",
									   time, quote_identifier(p->job->value_column), p->source.sql,
									   key, key, ad_internal_schema(), key, time, after ? ">" : "<=",
									   time, after ? "" : "DESC", most),
							  lengthof(types), types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	PopActiveSnapshot();
	n = (int) SPI_processed;
	for (int i = 0; i < n; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[after ? i : n - 1 - i];
		bool		no_time;
		bool		isnull;
		Datum		t = SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &no_time);
		Datum		v = SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull);
		int64		place = ad_place_of(p->source.watermark_type, t);

		/* the first of one time counts, and infinite ones do not */
		if (place == AD_PLACE_LEAST || place == AD_PLACE_GREATEST ||
			(p->n > 0 && place <= p->time[p->n - 1]))
			continue;
		p->time[p->n] = place;
		p->value[p->n++] = isnull ? NAN : ad_series_value(p->value_type, v);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Score the points as a stream. */
static void
score_stream(Picture *p, const AdStreamOptions *o)
{
	AdStream   *s = palloc(sizeof(AdStream));

	ad_stream_init(s, o);
	s->number = p->source.type == AD_PLACE_INTEGER;
	for (int i = 0; i < p->n; i++)
	{
		AdStreamPoint point;

		AD_CHECK_EVERY_1024(i);
		ad_stream_point(s, CurrentMemoryContext, p->time[i], !isnan(p->value[i]),
						p->value[i], &point);
		/* before the first verdict nothing is expected */
		p->low[i] = point.judged ? point.low : NAN;
		p->high[i] = point.judged ? point.high : NAN;
		p->side[i] = point.judged ? (int8) point.anomaly : 0;
	}
}

/* Score the points as a window. */
static void
score_window(Picture *p, const AdScoreOptions *o)
{
	AdTimeKind	kind = p->source.type == AD_PLACE_INTEGER ? AD_TIME_NUMBER :
		p->source.type == AD_PLACE_TIMESTAMPTZ ? AD_TIME_TZ : AD_TIME_LOCAL;
	int64	   *time = ad_palloc_array(int64, Max(p->n, 1));
	AdSeriesProblem problem = {0};
	AdSeriesRun run;

	memcpy(time, p->time, (Size) p->n * sizeof(int64));
	if (!ad_series_run(&o->stl, kind, o->stl.timezone ? ad_series_zone(o->stl.timezone) : NULL,
					   p->value, time, (Size) p->n, ad_stl_scratch_enter(), &run, &problem))
		ad_series_raise(&problem);
	for (int i = 0; i < p->n; i++)
	{
		Size		at = run.grid.slot[i];
		double		expected = ad_stl_expected(&run.result, at);

		p->low[i] = expected + run.result.low;
		p->high[i] = expected + run.result.high;
		p->side[i] = isnan(p->value[i]) ? 0 :
			(int8) ad_stl_side(&run.result, at,
							   ad_stl_deviation(&run.result, at, p->value[i],
												p->value[i] - run.result.season[at] - run.result.trend[at]));
	}
}

/* A number of the alert's explanation; another if it is not there. */
static double
explained(const Picture *p, const char *name, double other)
{
	JsonbValue	v;

	if (p->explanation == NULL || !JB_ROOT_IS_OBJECT(p->explanation) ||
		getKeyJsonValueFromContainer(&p->explanation->root, name, (int) strlen(name), &v) == NULL ||
		v.type != jbvNumeric)
		return other;
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(v.val.numeric)));
}

/* Draw the points from "from" on, on a grid if they have one. */
static text *
draw(const Picture *p, int from, AdSeriesPlot *plot)
{
	Size		n = (Size) (p->n - from);
	AdSpan		step = {0};
	AdGrid		grid;
	AdSeriesProblem problem = {0};
	double	   *low;
	double	   *high;
	double	   *y;
	double	   *off;
	int8	   *side;
	StringInfoData out;

	plot->calendar = p->source.type != AD_PLACE_INTEGER;
	if (!ad_grid_build(&p->time[from], &p->time[from], &p->value[from], n, AD_DUPLICATES_LAST,
					   plot->calendar, &step, 64, &grid, &problem) || grid.n > 8 * n + 1000)
		grid.n = 0;
	plot->n = grid.n > 0 ? grid.n : n;
	low = ad_palloc_array(double, plot->n);
	high = ad_palloc_array(double, plot->n);
	y = ad_palloc_array(double, plot->n);
	off = ad_palloc_array(double, plot->n);
	side = ad_palloc0_array(int8, plot->n);
	for (Size i = 0; i < plot->n; i++)
		low[i] = high[i] = y[i] = off[i] = NAN;
	for (int i = from; i < p->n; i++)
	{
		Size		k = grid.n > 0 ? grid.slot[i - from] : (Size) (i - from);

		y[k] = p->value[i];
		low[k] = p->low[i];
		high[k] = p->high[i];
		side[k] = p->side[i];
		if (p->time[i] == p->at)
		{
			plot->mark = k;
			low[k] = explained(p, "expected_low", low[k]);
			high[k] = explained(p, "expected_high", high[k]);
			side[k] = (int8) ((y[k] > high[k]) - (y[k] < low[k]));
		}
		off[k] = y[k] - (low[k] + high[k]) / 2;
	}
	plot->y = y;
	plot->low = low;
	plot->high = high;
	plot->side = side;
	plot->remainder = off;
	plot->grid = grid.n > 0 ? &grid : NULL;
	if (plot->grid == NULL)
	{
		plot->first = ad_place_text(p->time[from], p->source.type);
		plot->last = ad_place_text(p->time[p->n - 1], p->source.type);
	}
	else if (p->source.type == AD_PLACE_TIMESTAMPTZ)
	{
		plot->zone = session_timezone;
		plot->caption = pg_get_timezone_name(session_timezone);
	}
	initStringInfo(&out);
	ad_series_plot(&out, plot);
	return cstring_to_text_with_len(out.data, out.len);
}

/* Read the arguments behind the alert. */
static void
read_page(FunctionCallInfo fcinfo, Picture *p, AdSeriesPlot *plot)
{
	p->points = PG_ARGISNULL(3) ? 200 : PG_GETARG_INT32(3);
	plot->title = PG_ARGISNULL(4) ? NULL : ad_text_argument(PG_GETARG_DATUM(4), "title", AD_MAX_TITLE_LENGTH);
	plot->width = PG_ARGISNULL(5) ? 900 : PG_GETARG_INT32(5);
	plot->height = PG_ARGISNULL(6) ? 320 : PG_GETARG_INT32(6);
	if (p->points < 10 || p->points > LEARNT_POINTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("points is %d, must be 10 to %d", p->points, LEARNT_POINTS)));
	if (plot->width < 200 || plot->width > 10000 || plot->height < 100 || plot->height > 10000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("size of the plot is out of range: %d by %d", plot->width, plot->height),
				 errdetail("Allowed values are a width of 200 to 10000 and a height of 100 to 10000.")));
}

/* The job of a call, which is the current user's. */
static AdJob *
own_job(FunctionCallInfo fcinfo)
{
	AdJobRow	row;
	AdJob	   *job;

	ad_job_own(PG_GETARG_DATUM(0), PG_ARGISNULL(0), NULL, &row);
	job = ad_job_read_options(row.id);
	if (job == NULL)
		ad_job_no_job(ad_quote_clip(row.name));
	if (strcmp(job->kind->name, "series") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("job \"%s\" is of kind %s, must be of kind series", job->name, job->kind->name)));
	if (job->owner != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("source of job \"%s\" is read by its owner only", job->name),
				 errhint("SET ROLE first.")));
	ad_job_options_finish(job);
	return job;
}

/* Score the points, as the method does. */
static void
score_points(Picture *p)
{
	AdStreamOptions stream;
	AdScoreOptions score;

	p->low = ad_palloc_array(double, Max(p->n, 1));
	p->high = ad_palloc_array(double, Max(p->n, 1));
	p->side = ad_palloc0_array(int8, Max(p->n, 1));
	ad_series_read_options(p->job, p->source.type, &stream, &score);
	if (p->job->method == AD_SERIES_STREAM)
		score_stream(p, &stream);
	else
		score_window(p, &score);
}

static Datum
alert_plot(FunctionCallInfo fcinfo)
{
	MemoryContext mcxt = CurrentMemoryContext;
	Picture    *p;
	AdSeriesPlot plot = {0};
	int			nestlevel = NewGUCNestLevel();
	int			before;
	int			value = -1;
	text	   *svg;
	text	   *result;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("key cannot be NULL")));
	SPI_connect();
	p = palloc0(sizeof(Picture));
	read_page(fcinfo, p, &plot);
	p->job = own_job(fcinfo);
	p->key = ad_text_argument(PG_GETARG_DATUM(1), "key", MAX_KEY_LENGTH);
	find_alert(p, fcinfo);
	plot.title = plot.title ? plot.title : ad_quote_clip(p->key);
	ad_job_source(p->job, &p->source);
	for (int i = 0; i < p->source.columns->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(p->source.columns, i)->attname), p->job->value_column) == 0)
			value = i;
	if (value < 0 || !ad_series_value_type(TupleDescAttr(p->source.columns, value)->atttypid, &p->value_type))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("source has no column \"%s\" of numbers", p->job->value_column)));
	before = Max(LEARNT_POINTS, p->job->method == AD_SERIES_WINDOW ? p->job->window_points : 0);
	p->time = ad_palloc_array(int64, (Size) before + p->points);
	p->value = ad_palloc_array(double, (Size) before + p->points);
	ad_job_path(p->job->search_path);
	read_points(p, false, p->job->method == AD_SERIES_WINDOW ? p->job->window_points : LEARNT_POINTS);
	before = p->n;
	read_points(p, true, p->points / AFTER_PART);
	if (before == 0 || p->time[before - 1] != p->at)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("source of job \"%s\" has the point of the alert no more", p->job->name)));
	score_points(p);
	svg = draw(p, Max(0, before - (p->points - p->points / AFTER_PART)), &plot);
	result = MemoryContextAlloc(mcxt, VARSIZE(svg));
	memcpy(result, svg, VARSIZE(svg));
	SPI_finish();
	AtEOXact_GUC(true, nestlevel);
	return PointerGetDatum(result);
}

/* ad_alert_plot(job, key, watermark, points, title, width, height) -> SVG. */
Datum
ad_alert_plot(PG_FUNCTION_ARGS)
{
	return ad_call_door(alert_plot, fcinfo);
}
