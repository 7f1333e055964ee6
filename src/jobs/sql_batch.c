/*-------------------------------------------------------------------------
 *
 * sql_batch.c
 *		One batch of a job with a model: which versions, and what has settled.
 *
 * A batch reads, with one snapshot, the first versions by place and key that
 * were not seen, from the place on that has settled.  What is read is
 * remembered, and moves M, the greatest place.  M alone settles nothing, since
 * a transaction in progress may add below it.  So M is marked, together with
 * the transactions that hold a writer's lock after the snapshot; when all of
 * these have ended before the snapshot of a later read that comes to the mark,
 * all below is there, and the mark is W, the settled watermark.
 *
 * In a backlog a batch goes on where the one before ended, a pass, and only
 * its first reads from the settled place on.  A pass ends when it is half as
 * long as what is remembered, so that reading that again costs little; what was
 * added below meanwhile is found by the next.  Were it as long, each pass would
 * be longer than the one before, by a lag and a batch.  A run ends with a pass
 * of one batch that is not full.
 *
 * Of a source whose writers are on another server nothing is known: what was
 * read has settled, and the lag is all there is.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_fdr_online.h"
#include "jobs/ad_job_define.h"
#include "jobs/ad_reading.h"
#include "operate/ad_own.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define PASS_BATCHES	8		/* of a pass at least, if there are as many */

/* Set how values are written and read, until the batch ends. */
void
ad_batch_formats(const char *timezone)
{
	const char *settings[][2] = {
		{"timezone", timezone},
		{"datestyle", "ISO"},
		{"intervalstyle", "postgres"},
		{"extra_float_digits", "1"},
		{"bytea_output", "hex"},
		/* a batch is too short for it */
		{"jit", "off"}
	};

	for (int i = 0; i < (int) lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* A state from another type of watermark is no state. */
static void
check_type(const AdModelBatch *m)
{
	AdJobState *s = m->b->state;
	AdPlaceType was;

	if (s->type != NULL && s->has_m && ad_place_type_named(s->type, &was) &&
		was != m->source.type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("watermark of job \"%s\" has become another type",
						m->b->job->name),
				 errdetail("The job has come to %s; the column \"%s\" is of type %s.",
						   ad_place_text(s->m, was), m->b->job->watermark,
						   format_type_be(m->source.watermark_type))));
	s->type = pstrdup(ad_place_type_name(m->source.type));
}

/* Begin a new generation: all up to M is left alone, and nothing is seen. */
static void
begin_generation(AdModelBatch *m)
{
	AdJobState *s = m->b->state;
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(m->b->job->id)};

	ereport(WARNING,
			(errmsg("source of job \"%s\" was truncated", m->b->job->name),
			 errdetail("Rows up to the watermark %s cannot be distinguished from those it scored, and are ignored.",
					   ad_place_text(s->m, m->source.type)),
			 errhint("To score them, run ad_rescan(job, since).")));
	s->generation++;
	s->has_gate = true;
	s->gate = s->m;
	s->low = ad_place_add(s->m, 1);
	s->has_w = s->has_mark = s->has_jump = false;
	s->holders = NIL;
	s->jumps = 0;
	s->forgotten = 0;
	(void) ad_own_run("DELETE FROM %s._ad_job_seen WHERE job_id = $1", 1, types,
					  values, NULL);
}

/* The snapshot that is active: xmin:xmax:xid,xid,... */
static char *
snapshot_text(void)
{
	Snapshot	snapshot = GetActiveSnapshot();
	StringInfoData buf;
	const char *comma = "";

	initStringInfo(&buf);
	appendStringInfo(&buf, "%u:%u:", snapshot->xmin, snapshot->xmax);
	for (uint32 i = 0; i < snapshot->xcnt; i++)
	{
		appendStringInfo(&buf, "%s%u", comma, snapshot->xip[i]);
		comma = ",";
	}
	for (int32 i = 0; !snapshot->suboverflowed && i < snapshot->subxcnt; i++)
	{
		appendStringInfo(&buf, "%s%u", comma, snapshot->subxip[i]);
		comma = ",";
	}
	return buf.data;
}

/* See whether the source is what it was, and on the same server. */
static void
look_at_source(AdModelBatch *m)
{
	AdJobState *s = m->b->state;
	char	   *origin = ad_origin();
	char	   *files = ad_filenodes(&m->source);

	if (s->origin != NULL && strcmp(s->origin, origin) != 0)
	{
		/* the transactions of another server are not those of this one */
		s->has_mark = false;
		s->holders = NIL;
	}
	else if (s->has_m && s->filenodes != NULL &&
			 (files == NULL || strcmp(s->filenodes, files) != 0) &&
			 ad_source_truncated(&m->source, s->snapshot))
		begin_generation(m);
	s->origin = origin;
	s->filenodes = files;
	s->snapshot = snapshot_text();
}

/* Where to read from, and to. */
static void
find_bounds(AdModelBatch *m)
{
	const AdJob *j = m->b->job;
	AdJobState *s = m->b->state;
	AdPlaceType type = m->source.type;

	ad_lag_read(j->lag, type, &m->lag);
	if (s->has_w)
		s->low = Max(s->low, ad_place_from(s->w, type, &m->lag, session_timezone));
	/* only until it has come so far: ad_rescan() may go back */
	if (j->since != NULL && s->low == AD_PLACE_LEAST)
		s->low = ad_place_since(j->since, type);
	m->from = s->low;
	m->has_until = m->b->has_until;
	if (m->has_until && type == AD_PLACE_INTEGER)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("until needs a watermark that is a time")));
	if (m->has_until)
		m->until = ad_place_clock(type, session_timezone, m->b->until);
}

/*
 * Say of each version whether it is a discovery, by a rate of false ones that
 * holds over all batches: each was tested in the order of versions, with what
 * those before have left to spend.
 */
static bool *
find_discoveries(AdModelBatch *m)
{
	AdJobState *state = m->b->state;
	double		rate = m->b->job->rule_value;
	double		least_p = ad_scorer_least_p(m->scorer);
	bool	   *found = ad_palloc0_array(bool, m->reading.n);
	AdFdrOnline fdr;

	if (state->fdr != NULL)
		ad_fdr_online_read(&fdr, (const uint8 *) VARDATA_ANY(state->fdr),
						   VARSIZE_ANY_EXHDR(state->fdr));
	/* another rule begins anew */
	if (state->fdr == NULL || fdr.q != rate)
		ad_fdr_online_init(&fdr, AD_FDR_LORD, rate, AD_FDR_JOB_HALF_LIFE);
	for (int i = 0; i < m->reading.n; i++)
		found[i] = ad_fdr_online_step(&fdr, m->reading.p_values[i],
									  isnan(least_p) ? 0 : least_p, NULL);
	state->fdr = ad_fdr_online_write(&fdr);
	return found;
}

/* Fill in an alert of a candidate. */
static void
make_hit(AdModelBatch *m, AdCandidate *c, AdHit *h)
{
	const AdJobSource *s = &m->source;
	const AdVersion *v = &m->reading.versions[c->version];
	Oid			output;
	bool		varlena;
	bool		isnull;
	Datum		d;

	h->key = pnstrdup(v->key, v->length);
	h->place = v->place;
	d = ad_scorer_column(m->scorer, c->row, s->watermark, &isnull);
	getTypeOutputInfo(s->watermark_type, &output, &varlena);
	h->watermark = OidOutputFunctionCall(output, d);
	d = ad_scorer_column(m->scorer, c->row, s->columns->natts + 1, &isnull);
	h->entity = isnull ? NULL : TextDatumGetCString(d);
	h->has_event_at = s->type != AD_PLACE_INTEGER;
	if (h->has_event_at)
		h->event_at = ad_place_time(v->place, s->type, session_timezone);
	h->score = isnan(c->score) ? ad_scorer_score(m->scorer, c->row) : c->score;
	h->p_value = isnan(c->p_value) && ad_scorer_calibrated(m->scorer) ?
		ad_scorer_p_value(m->scorer, c->row) : c->p_value;
	h->model_version = ad_scorer_version(m->scorer);
	ad_scorer_describe(m->scorer, c->row, &h->row, &h->explanation);
}

/* Write the alerts that the rule asks for. */
static void
raise_alerts(AdModelBatch *m)
{
	const AdJob *j = m->b->job;
	AdReading  *r = &m->reading;
	AdHit	   *hits = ad_palloc0_array(AdHit, r->ncandidates);
	bool	   *found = j->rule == AD_RULE_FDR ? find_discoveries(m) : NULL;
	int			n = 0;

	for (int i = 0; i < r->ncandidates; i++)
		if (found == NULL || found[r->candidates[i].version])
			make_hit(m, &r->candidates[i], &hits[n++]);
	ad_job_alert(m->b, hits, n);
}

/* Move M by what was read, and count what is set aside. */
static void
move(AdModelBatch *m)
{
	AdRun	   *run = m->run;
	AdJobState *s = m->b->state;
	AdPlaceType type = m->source.type;
	int64		clock = ad_place_clock(type, session_timezone, GetCurrentTimestamp());

	for (int i = 0; i < m->reading.n; i++)
	{
		int64		place = m->reading.versions[i].place;

		if (ad_state_move(s, type, &m->lag, clock, place))
			continue;
		if (run->aside++ == 0)
			run->first_aside = MemoryContextStrdup(run->mcxt, ad_place_text(place, type));
	}
}

/* Whether the first batch of a pass has read all up to the mark. */
static bool
has_come_to_mark(const AdModelBatch *m, bool full)
{
	const AdJobState *s = m->b->state;

	if (full)
		return m->reading.versions[m->reading.n - 1].place > s->mark;
	return !m->has_until || m->until >= s->mark;
}

/* Settle the mark, if it can be, and set the next at the end of a pass. */
static void
settle(AdModelBatch *m, bool first, bool full)
{
	AdRun	   *run = m->run;
	AdJobState *s = m->b->state;

	if (!m->source.local)
	{
		s->has_mark = false;
		s->holders = NIL;
		s->has_w = s->has_m;
		s->w = s->m;
	}
	else if (first && s->has_mark && run->ended && has_come_to_mark(m, full))
	{
		s->has_w = true;
		s->w = s->mark;
		s->has_mark = false;
	}
	if (s->has_w)
		s->low = Max(s->low, ad_place_from(s->w, m->source.type, &m->lag,
										   session_timezone));
	if (m->source.local && !s->has_mark && s->has_m && !run->in_pass)
	{
		s->has_mark = true;
		s->mark = s->m;
		s->marked_at = GetCurrentTimestamp();
		s->holders = ad_holders(m->source.tables);
	}
}

/* Read the batch, at first as if every row could be scored. */
static void
read_batch(AdModelBatch *m)
{
	ErrorData  *error;

	if (!m->run->nulls_looked)
	{
		ad_read_without_watermark(m);
		m->run->nulls_looked = true;
	}
	if (!ad_read_rows(m, m->from, m->has_until ? m->until : AD_PLACE_GREATEST, &error))
		ad_read_carefully(m, error);
}

/*
 * Do one batch; whether there may be more to do.
 */
bool
ad_model_batch(AdBatch *b)
{
	AdModelBatch *m = palloc0(sizeof(AdModelBatch));
	AdRun	   *run = b->sweep;
	bool		first;
	bool		full;

	m->b = b;
	m->run = run;
	ad_batch_formats(b->job->timezone);
	ad_job_source(b->job, &m->source);
	check_type(m);
	/* who has ended must have done so before the snapshot */
	if (!run->in_pass)
		run->ended = b->state->has_mark && m->source.local &&
			ad_holders_ended(&b->state->holders, ad_holders(m->source.tables));
	PushActiveSnapshot(GetTransactionSnapshot());
	look_at_source(m);
	find_bounds(m);
	ad_seen_load(run, b->job, b->state);
	m->scorer = ad_scorer_new(b->job, m->source.columns);
	ad_scorer_check(m->scorer);
	run->least_p = ad_scorer_least_p(m->scorer);
	if (run->rows == 0 && !run->in_pass)
		ad_job_rule_warn(b->job, ad_scorer_least_p(m->scorer));

	first = !run->in_pass;
	if (first)
	{
		run->pass_rows = 0;
		run->pass_seen = ad_seen_count(run->seen);
	}
	read_batch(m);
	full = m->reading.met >= b->job->batch_size && m->reading.n > 0;
	b->rows = m->reading.n - m->reading.bad;
	b->fallback = m->reading.fallback;
	b->unscored = m->reading.unscored;
	raise_alerts(m);
	move(m);
	run->pass_rows += m->reading.n;
	if (!full || run->pass_rows >= Max((int64) PASS_BATCHES * b->job->batch_size,
									   run->pass_seen / 2))
		run->in_pass = false;
	settle(m, first, full);
	ad_seen_store(run, b->job, b->state, m->reading.versions, m->reading.n);
	PopActiveSnapshot();
	return full || !first;
}
