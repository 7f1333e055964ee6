/*-------------------------------------------------------------------------
 *
 * network_members.c
 *		The networks of one model: trained one after the other, written and
 *		read.
 *
 * Payload: hidden layers u32, size of each u32; what the detector adds; then
 * members u32, steps u32, mean loss f64, inputs, the networks as the detector
 * writes them.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_random.h"
#include "detectors/network.h"

/* Train a member in a context of its own, and append it. */
static double
fit_member(AdTraining *t, StringInfo networks)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext own = AllocSetContextCreate(outer, "anomaly network",
											  ALLOCSET_DEFAULT_SIZES);

	MemoryContextSwitchTo(own);
	t->seed = t->member == 0 ? t->m->seed :
		ad_dense_hash(t->m->seed, AD_STREAM_NETWORKS, t->member);
	t->net = t->create(t);
	ad_network_train(t);
	MemoryContextSwitchTo(outer);
	t->write(networks, t->net);
	MemoryContextDelete(own);
	return t->loss;
}

/* Train all members, and append from their number on. */
void
ad_network_fit(AdTraining *t, StringInfo payload)
{
	StringInfoData networks;
	double		loss = 0;

	initStringInfo(&networks);
	for (t->member = 0; t->member < t->members; t->member++)
		loss += fit_member(t, &networks) / t->members;
	ad_wr_u32(payload, t->members);
	ad_wr_u32(payload, t->steps);
	ad_wr_f64(payload, loss);
	ad_network_inputs_write(payload, t->inputs);
	ad_wr_bytes(payload, networks.data, networks.len);
	pfree(networks.data);
}

/* Append the sizes of the hidden layers. */
void
ad_network_sizes_write(StringInfo payload, const AdIntList *hidden)
{
	ad_wr_u32(payload, hidden->n);
	for (int i = 0; i < hidden->n; i++)
		ad_wr_u32(payload, hidden->v[i]);
}

/* Read a number from 1 to most; "wrong" is what is corrupt otherwise. */
int
ad_network_size_read(AdReader *r, uint32 most, const char *wrong)
{
	uint32		n = ad_rd_u32(r);

	if (n < 1 || n > most)
		ad_rd_corrupt(r, wrong);
	return (int) n;
}

/* Read the sizes of the hidden layers. */
void
ad_network_sizes_read(AdReader *r, AdIntList *hidden)
{
	hidden->n = ad_network_size_read(r, AD_MAX_INTS,
									 "a number of layers is out of range");
	for (int i = 0; i < hidden->n; i++)
		hidden->v[i] = ad_network_size_read(r, AD_NETWORK_MAX_WIDTH,
											"the size of a layer is out of range");
}

/* Read what is told of the training. */
void
ad_network_trained_read(AdReader *r, int *members, uint32 *steps, double *loss)
{
	*members = ad_network_size_read(r, AD_NETWORK_MAX_MEMBERS,
									"a number of members is out of range");
	*steps = ad_rd_u32(r);
	*loss = ad_rd_finite(r);
}

/* Weights start alike for all columns. */
AdScale
ad_network_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_STANDARD;
}
