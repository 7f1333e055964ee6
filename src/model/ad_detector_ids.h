/*-------------------------------------------------------------------------
 *
 * ad_detector_ids.h
 *		The list of the detectors there are, with the ids that models store.
 *
 * A line a detector: its name in AD_DET_..., its id, the name that its
 * AdDetector and its constructor end in.  The enum below, the declarations
 * (detectors/ad_detectors.h) and the catalogue (detectors/catalogue.c) are
 * made of it, so nothing else has to know of a new one.  Models are read by
 * these ids for ever: append, never renumber, never reuse.  An id taken twice
 * does not compile.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_DETECTOR_IDS_H
#define AD_DETECTOR_IDS_H

#define AD_DETECTOR_LIST(DETECTOR) \
	DETECTOR(IFOREST, 1, iforest) \
	DETECTOR(ZSCORE, 2, zscore) \
	DETECTOR(HBOS, 3, hbos) \
	DETECTOR(ECOD, 4, ecod) \
	DETECTOR(COPOD, 5, copod) \
	DETECTOR(PCA, 6, pca) \
	DETECTOR(MAHALANOBIS, 7, mahalanobis) \
	DETECTOR(KNN, 8, knn) \
	DETECTOR(LOF, 9, lof) \
	DETECTOR(KMEANS, 10, kmeans) \
	DETECTOR(DBSCAN, 11, dbscan) \
	DETECTOR(OCSVM, 12, ocsvm) \
	DETECTOR(GMM, 13, gmm) \
	DETECTOR(LODA, 14, loda) \
	DETECTOR(INNE, 15, inne) \
	DETECTOR(FAIR_FOREST, 16, fair_forest) \
	DETECTOR(ENSEMBLE, 17, ensemble) \
	DETECTOR(SUBKNN, 18, subknn) \
	DETECTOR(AUTOENCODER, 19, autoencoder) \
	DETECTOR(VAE, 20, vae)

#define AD_DETECTOR_ID(NAME, id, name) AD_DET_##NAME = id,

typedef enum AdDetectorId
{
	AD_DETECTOR_LIST(AD_DETECTOR_ID)
} AdDetectorId;

#undef AD_DETECTOR_ID

/* Positions in the catalogue, which has the order of the list. */
#define AD_DETECTOR_POSITION(NAME, id, name) AD_AT_##NAME,

typedef enum AdDetectorPosition
{
	AD_DETECTOR_LIST(AD_DETECTOR_POSITION)
} AdDetectorPosition;

#undef AD_DETECTOR_POSITION

#endif							/* AD_DETECTOR_IDS_H */
