/*-------------------------------------------------------------------------
 *
 * privilege.c
 *		Words for what a role may do with a named model.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_operate.h"

static const char *const privilege_names[] = {"none", "score", "label", "read",
"own"};

/* The word for a privilege. */
const char *
ad_privilege_name(AdPrivilege privilege)
{
	return privilege_names[privilege];
}

/* The privilege of a word; an error if there is none. */
AdPrivilege
ad_privilege_by_name(const char *name)
{
	for (int i = AD_PRIVILEGE_SCORE; i <= AD_PRIVILEGE_OWN; i++)
		if (strcmp(name, privilege_names[i]) == 0)
			return (AdPrivilege) i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown privilege \"%s\"", ad_quote_clip(name)),
			 errhint("Privileges of a model are \"score\", \"label\", \"read\" and \"own\".")));
}
