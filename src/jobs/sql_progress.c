/*-------------------------------------------------------------------------
 *
 * sql_progress.c
 *		The progress of the job that a session runs.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_jobs.h"
#include "operate/ad_progress.h"
#include "operate/ad_shared.h"
#include "sql/ad_text.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"

PG_FUNCTION_INFO_V1(ad_progress_set);
PG_FUNCTION_INFO_V1(ad_progress_finish);

/*
 * Only jobs show their progress through SQL: an error for what is of another
 * kind.
 */
static void
check_kind(Datum kind)
{
	char	   *s = ad_text_argument(kind, "kind", AD_MAX_WORD_LENGTH);

	if (strcmp(s, "job") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("kind of progress is \"%s\", must be \"job\"",
						ad_quote_clip(s))));
}

/*
 * _ad_progress_set(kind, name, phase, rows, expected): show the progress of
 * the job that this session runs, from the first call on until
 * _ad_progress_end() or an abort.  NULL: unchanged, or not known.
 */
Datum
ad_progress_set(PG_FUNCTION_ARGS)
{
	const char *running = ad_job_running();
	char	   *name;
	int			slot;

	if (ad_shared == NULL || PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_VOID();
	check_kind(PG_GETARG_DATUM(0));
	name = ad_text_argument(PG_GETARG_DATUM(1), "name", AD_MAX_WORD_LENGTH);
	if (running == NULL || strcmp(name, running) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for progress of job \"%s\"",
						ad_quote_clip(name)),
				 errdetail("A session shows the progress of the job that it runs.")));
	slot = ad_progress_find("job", name);
	if (slot < 0)
		slot = ad_progress_begin("job", name, NAN);
	if (!PG_ARGISNULL(2))
	{
		char	   *phase = ad_text_argument(PG_GETARG_DATUM(2), "phase",
											 AD_MAX_WORD_LENGTH);

		phase[pg_mbcliplen(phase, strlen(phase),
						   sizeof(((AdProgress *) 0)->phase) - 1)] = '\0';
		ad_progress_phase(slot, phase);
	}
	if (!PG_ARGISNULL(3))
		ad_progress_rows(slot, (uint64) Max(PG_GETARG_INT64(3), 0));
	if (!PG_ARGISNULL(4))
		ad_progress_expect(slot, (double) PG_GETARG_INT64(4));
	PG_RETURN_VOID();
}

/* _ad_progress_end(kind, name): no longer show it.  Strict. */
Datum
ad_progress_finish(PG_FUNCTION_ARGS)
{
	if (ad_shared == NULL)
		PG_RETURN_VOID();
	check_kind(PG_GETARG_DATUM(0));
	ad_progress_end(ad_progress_find("job",
									 ad_text_argument(PG_GETARG_DATUM(1), "name",
													  AD_MAX_WORD_LENGTH)));
	PG_RETURN_VOID();
}

/* Show how many rows the job that this session runs has scored. */
void
ad_job_show_progress(const char *name, int64 rows)
{
	int			slot;

	if (ad_shared == NULL)
		return;
	slot = ad_progress_find("job", name);
	if (slot < 0)
		slot = ad_progress_begin("job", name, NAN);
	ad_progress_phase(slot, "batch");
	ad_progress_rows(slot, (uint64) Max(rows, 0));
}
