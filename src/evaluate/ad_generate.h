/*-------------------------------------------------------------------------
 *
 * ad_generate.h
 *		Generated data: values at positions, blobs, series.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_GENERATE_H
#define AD_GENERATE_H

#include "core/ad_core.h"

/* Limits; each is named in the error that enforces it. */
#define AD_MAX_GENERATED	INT64CONST(1000000000000)	/* rows */
#define AD_MAX_CLUSTERS		1000

/* generate.c: values at positions */
typedef enum AdDistribution
{
	AD_DIST_NORMAL,
	AD_DIST_UNIFORM,
	AD_DIST_EXPONENTIAL
} AdDistribution;

/* One rare event a stratum of 1 / share rows; see generate.c. */
typedef struct AdStrata
{
	double		share;			/* of rows with an event; 0: never */
	uint64		key;			/* of its random numbers */
	int64		j;				/* stratum; -1: before the first */
	int64		end;			/* first row of the next stratum */
	int64		at;				/* row of the event */
	uint64		bits;			/* random, for what happens there */
} AdStrata;

typedef struct AdBlobs
{
	int64		rows;
	int			features;
	double		contamination;	/* share of anomalies */
	int64		seed;
	int			clusters;
	double		spread;			/* standard deviation of a cluster */

	/* made by ad_blobs_init(), moved by ad_blobs_next() */
	int64		next;			/* row, from 0 */
	uint64		row_key;
	double	   *centers;		/* clusters × features */
	AdStrata	anomaly;
} AdBlobs;

typedef struct AdGeneratedSeries
{
	int64		rows;
	int64		seed;
	AdDistribution noise;
	double		noise_scale;
	double		level;
	double		trend;			/* a step */
	double		period;			/* in steps; 0: no season */
	double		amplitude;
	double		spikes;			/* share of rows */
	double		spike_size;
	double		shifts;			/* share of rows */
	double		shift_size;

	/* made by ad_generated_series_init(), moved by ad_generated_series_next() */
	int64		next;			/* row, from 0 */
	uint64		noise_key;
	AdStrata	spike;
	AdStrata	shift;
	double		shifted;		/* by the level shifts so far */
} AdGeneratedSeries;

typedef enum AdPointKind
{
	AD_POINT_NORMAL,
	AD_POINT_SPIKE,
	AD_POINT_SHIFT
} AdPointKind;

extern bool ad_distribution_parse(const char *name, Size len,
								  AdDistribution *distribution);
extern double ad_random_at(int64 seed, int64 i, AdDistribution distribution,
						   double location, double scale);
extern void ad_random_fill(int64 seed, int64 first, Size n,
						   AdDistribution distribution, double location,
						   double scale, double *out);
extern void ad_blobs_init(AdBlobs *b);
extern bool ad_blobs_next(AdBlobs *b, double *x);
extern void ad_generated_series_init(AdGeneratedSeries *s);
extern double ad_generated_series_next(AdGeneratedSeries *s, AdPointKind *kind);
extern void ad_generated_series_fill(AdGeneratedSeries *s, Size n,
									 double *out);

#endif							/* AD_GENERATE_H */
