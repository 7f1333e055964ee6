/*-------------------------------------------------------------------------
 *
 * ad_series_settings.h
 *		The settings of the series room.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SERIES_SETTINGS_H
#define AD_SERIES_SETTINGS_H

extern void ad_series_settings(void);

#endif							/* AD_SERIES_SETTINGS_H */
