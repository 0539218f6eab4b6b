/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_name.h"

#include "oci/reference.h"

int image_name_parse(const char *text, char **ret, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	char *name;

	if (!text) {
		*ret = NULL;
		return 0;
	}
	if (reference_parse(text, &ref, e) < 0)
		return err_wrap(e, "invalid reference '%s'", text);
	if (digest_is_set(&ref.digest))
		return err_set(e, -EINVAL, "cannot name an image '%s': a digest is not anybody's to give",
			       text);
	name = reference_canonical(&ref);
	if (!name)
		return err_code(e, -ENOMEM, "cannot name an image");
	*ret = name;
	return 0;
}
