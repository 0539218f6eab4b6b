/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/config_dirs.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

int config_dirs(const char *name, struct strvec *ret, struct err *e)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int r = strvec_addf(ret, "/etc/%s", name);

	if (r == 0 && xdg && *xdg)
		r = strvec_addf(ret, "%s/%s", xdg, name);
	else if (r == 0 && home && *home)
		r = strvec_addf(ret, "%s/.config/%s", home, name);
	return r < 0 ? err_code(e, r, "cannot look for configuration") : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_as(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);

	return len > n && strcmp(name + len - n, suffix) == 0;
}

int config_list_files(const char *dir, const char *suffix, size_t max, struct strvec *ret, struct err *e)
{
	cleanup_dir DIR *d = opendir(dir);
	const struct dirent *entry;

	if (!d)
		return errno == ENOENT || errno == ENOTDIR ? 0
							   : err_errno(e, "cannot open directory '%s'", dir);
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.' || !ends_as(entry->d_name, suffix))
			continue;
		if (ret->len == max)
			return err_set(e, -EFBIG, "'%s' holds more than %zu files", dir, max);
		if (strvec_addf(ret, "%s/%s", dir, entry->d_name) < 0)
			return err_code(e, -ENOMEM, "cannot list '%s'", dir);
	}
	if (ret->len > 1)
		qsort(ret->items, ret->len, sizeof(*ret->items), by_name);
	return 0;
}
