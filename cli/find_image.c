/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/find_image.h"

#include "common/cleanup.h"
#include "oci/reference.h"
#include "pull/registries_conf.h"

/* A configuration that is broken is a pull's to complain of. */
bool find_image_by_short_name(const struct store *s, const char *what, struct image_record *ret)
{
	cleanup_registries_conf struct registries_conf conf = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	struct err ignored;

	if (!registries_conf_is_short(what) || registries_conf_load(&conf, &ignored) < 0 ||
	    registries_conf_candidates(&conf, what, &names, &ignored) < 0)
		return false;
	for (size_t i = 0; i < names.len; i++) {
		cleanup_reference struct reference ref = { 0 };

		if (reference_parse(names.items[i], &ref, &ignored) == 0 &&
		    image_lookup(s, &ref, ret, &ignored) == 0)
			return true;
	}
	return false;
}

int find_image(const struct store *s, const char *what, struct image_record *ret, struct err *e)
{
	return find_image_by_short_name(s, what, ret) ? 0 : image_find(s, what, ret, e);
}
