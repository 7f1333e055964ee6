/*-------------------------------------------------------------------------
 *
 * settings.c
 *		The settings of the room: what is counted, and when ad_health() warns.
 *
 * Those of jobs are defined here so that they exist whenever the library is
 * loaded; only _ad_health_runs(), in SQL, reads them.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_shared.h"
#include "operate/ad_stats.h"

#include <limits.h>

#include "utils/guc.h"

bool		ad_stats_enabled = true;
int			ad_stats_max = 1000;
int			ad_stats_intervals = 30;
int			ad_stats_interval = 60;
double		ad_health_error_rate_warning = 0.01;
double		ad_health_error_rate_critical = 0.1;
int			ad_health_latency_warning = 1000;
int			ad_health_latency_critical = 10000;
double		ad_health_latency_ratio_warning = 3;
double		ad_health_latency_ratio_critical = 10;
double		ad_health_score_shift_warning = 0.5;
double		ad_health_score_shift_critical = 1;
int			ad_health_model_age_warning = 30 * 24 * 60;
int			ad_health_model_age_critical = 90 * 24 * 60;

static int	health_job_lag_warning = 15;
static int	health_job_lag_critical = 60;
static int	health_job_failures_warning = 1;
static int	health_job_failures_critical = 3;
static int	health_alerts_warning = 100;
static int	health_alerts_critical = 1000;

/* Define the settings of counting. */
static void
define_counting(bool preloading)
{
	DefineCustomBoolVariable("anomaly.stat_models",
							 "Sets whether scoring is counted for ad_stat_models.",
							 "Takes effect only if the library is preloaded.",
							 &ad_stats_enabled, true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.stat_models_max",
							"Sets the number of models that ad_stat_models keeps counts of.",
							"When it is reached, models without a name are evicted first, then those of the role with the most models.",
							&ad_stats_max, 1000, 16, 100000,
							preloading ? PGC_POSTMASTER : PGC_SIGHUP, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.stat_intervals",
							"Sets the number of intervals that ad_stat_intervals keeps of each model.",
							"Intervals in which a model scored nothing are not kept.",
							&ad_stats_intervals, 30, 2, 1440,
							preloading ? PGC_POSTMASTER : PGC_SIGHUP, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.stat_interval",
							"Sets the length of the intervals of ad_stat_intervals.",
							NULL, &ad_stats_interval, 60, 1, 24 * 60 * 60,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
}

/* Define the limits of ad_health() on what is counted of models. */
static void
define_model_health(void)
{
	DefineCustomRealVariable("anomaly.health_error_rate_warning",
							 "Sets the share of failed scoring calls from which ad_health warns.",
							 NULL, &ad_health_error_rate_warning,
							 0.01, 0, 1, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("anomaly.health_error_rate_critical",
							 "Sets the share of failed scoring calls from which ad_health is critical.",
							 NULL, &ad_health_error_rate_critical,
							 0.1, 0, 1, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_latency_warning",
							"Sets the time of a row, as its 95th percentile, from which ad_health warns.",
							NULL, &ad_health_latency_warning,
							1000, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_latency_critical",
							"Sets the time of a row, as its 95th percentile, from which ad_health is critical.",
							NULL, &ad_health_latency_critical,
							10000, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomRealVariable("anomaly.health_latency_ratio_warning",
							 "Sets how many times as long as before a row may take before ad_health warns.",
							 "The 95th percentile of the last intervals over that of all before them.",
							 &ad_health_latency_ratio_warning,
							 3, 1, 1000000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("anomaly.health_latency_ratio_critical",
							 "Sets how many times as long as before a row may take before ad_health is critical.",
							 "The 95th percentile of the last intervals over that of all before them.",
							 &ad_health_latency_ratio_critical,
							 10, 1, 1000000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("anomaly.health_score_shift_warning",
							 "Sets how far the mean score may move from that of the fit before ad_health warns.",
							 "In standard deviations of the scores of the fit.",
							 &ad_health_score_shift_warning,
							 0.5, 0, 1000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("anomaly.health_score_shift_critical",
							 "Sets how far the mean score may move from that of the fit before ad_health is critical.",
							 "In standard deviations of the scores of the fit.",
							 &ad_health_score_shift_critical,
							 1, 0, 1000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_model_age_warning",
							"Sets the age of an active model from which ad_health warns.",
							NULL, &ad_health_model_age_warning,
							30 * 24 * 60, 0, INT_MAX, PGC_USERSET,
							GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_model_age_critical",
							"Sets the age of an active model from which ad_health is critical.",
							NULL, &ad_health_model_age_critical,
							90 * 24 * 60, 0, INT_MAX, PGC_USERSET,
							GUC_UNIT_MIN, NULL, NULL, NULL);
}

/* Define the limits of ad_health() on jobs. */
static void
define_job_health(void)
{
	DefineCustomIntVariable("anomaly.health_job_lag_warning",
							"Sets the time since a job's last successful run from which ad_health warns.",
							NULL, &health_job_lag_warning,
							15, 0, INT_MAX, PGC_USERSET,
							GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_job_lag_critical",
							"Sets the time since a job's last successful run from which ad_health is critical.",
							NULL, &health_job_lag_critical,
							60, 0, INT_MAX, PGC_USERSET,
							GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_job_failures_warning",
							"Sets the number of consecutive failed runs of a job from which ad_health warns.",
							NULL, &health_job_failures_warning,
							1, 1, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_job_failures_critical",
							"Sets the number of consecutive failed runs of a job from which ad_health is critical.",
							NULL, &health_job_failures_critical,
							3, 1, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_alerts_warning",
							"Sets the number of alerts of a job in an hour from which ad_health warns.",
							NULL, &health_alerts_warning,
							100, 1, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_alerts_critical",
							"Sets the number of alerts of a job in an hour from which ad_health is critical.",
							NULL, &health_alerts_critical,
							1000, 1, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
}

/* Define the settings of the room. */
void
ad_stats_settings(bool preloading)
{
	define_counting(preloading);
	define_model_health();
	define_job_health();
}
