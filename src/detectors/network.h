/*-------------------------------------------------------------------------
 *
 * network.h
 *		What detectors that train a network have in common: inputs, batches,
 *		trimming, the schedule of steps.
 *
 * A network is a struct of its own that trains itself on batches through
 * three functions; the loop says which rows, which of them count, and how
 * fast.  The rows of an epoch come in an order by a hash of seed, epoch and
 * row; a step's rate falls from learning_rate along a cosine to 0.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NETWORK_H
#define NETWORK_H

#include "math/ad_dense.h"
#include "model/ad_detector.h"

#define AD_NETWORK_STEPS	2560	/* at most */
#define AD_NETWORK_CLIP		5.0 /* of a standardised value, in training */
#define AD_NETWORK_CLIP_SCORE	20.0	/* and in scoring */
#define AD_NETWORK_MAX_WIDTH	1024	/* of a hidden layer */
#define AD_NETWORK_MAX_MEMBERS	100

/* How a column becomes an input. */
typedef struct AdNetworkInputs
{
	int			cols;
	Size		width;			/* AD_PAD_DENSE(cols) */
	double	   *mean;			/* cols */
	double	   *unit;			/* cols; > 0 */
} AdNetworkInputs;

/* A batch of rows. */
typedef struct AdTrainingBatch
{
	int			rows;			/* 1 to the batch size */
	Size		width;			/* of a row, padded with zeros */
	const float *x;				/* rows x width: inputs, clipped */
	const Size *row;			/* rows: which of the sample they are */
	int			epoch;			/* from 0 */
	int			step;			/* from 0 */
	uint64		seed;			/* of the network */
	/* for backward(): */
	bool	   *kept;			/* rows: false: its gradient is 0 */
	int			nkept;			/* > 0 */
} AdTrainingBatch;

typedef struct AdTraining
{
	/* filled in by the caller */
	const AdMatrix *m;
	const AdNetworkInputs *inputs;
	uint64		seed;			/* of the member */
	int			epochs;
	int			batch;
	double		trim;			/* share of each batch that is not learnt */
	double		learning_rate;
	int			member;			/* and members: of how many, for progress */
	int			members;
	const void *shape;			/* what create() makes */
	void	   *net;
	/* make a network with its first weights, in the current context */
	void	   *(*create) (const struct AdTraining *t);
	/* run a batch through the network and fill in each row's loss */
	void		(*forward) (void *net, const AdTrainingBatch *batch, double *loss);
	/* set all gradients, of the mean loss of the kept rows */
	void		(*backward) (void *net, const AdTrainingBatch *batch);
	/* let each of the parameters take a step */
	void		(*step) (void *net, const AdAdam *adam);
	/* check a trained network and append it */
	void		(*write) (StringInfo buf, const void *net);
	/* filled in by ad_network_train() */
	int			steps;
	double		loss;			/* mean of the last epoch's kept rows */
} AdTraining;

extern AdNetworkInputs *ad_network_inputs(const AdMatrix *m);
extern void ad_network_inputs_write(StringInfo payload, const AdNetworkInputs *in);
extern AdNetworkInputs *ad_network_inputs_read(AdReader *r, int cols);

extern bool ad_network_input(const AdNetworkInputs *in, const double *x, double *out);
extern void ad_network_train(AdTraining *t);
extern void ad_network_fit(AdTraining *t, StringInfo payload);
extern void ad_network_sizes_write(StringInfo payload, const AdIntList *hidden);
extern int	ad_network_size_read(AdReader *r, uint32 most, const char *wrong);
extern void ad_network_sizes_read(AdReader *r, AdIntList *hidden);
extern void ad_network_trained_read(AdReader *r, int *members, uint32 *steps,
									double *loss);
extern void ad_network_check_memory(const AdTraining *t, const char *detector,
									Size weights, Size outputs);
extern void ad_network_check(const AdDense *l, const char *detector);

/* Rows that a fit can use, and what its columns are: of AdDetector. */
extern Size ad_network_rows(int epochs, int batch);
extern AdScale ad_network_scale(const void *options);

#endif							/* NETWORK_H */
