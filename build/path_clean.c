/* SPDX-License-Identifier: Apache-2.0 */
#include "build/path_clean.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Takes the last part off; false where there is none to take: nothing is there, or "..". */
static bool go_up(const char *out, size_t root_len, size_t *len)
{
	size_t at = *len;

	while (at > root_len && out[at - 1] != '/')
		at--;
	if (*len == root_len || (*len - at == 2 && memcmp(out + at, "..", 2) == 0))
		return false;
	*len = at > root_len ? at - 1 : at;
	return true;
}

char *path_clean(const char *path)
{
	size_t root_len = path[0] == '/', len = root_len;
	char *out = malloc(strlen(path) + 2);

	if (!out)
		return NULL;
	out[0] = '/';
	while (*path) {
		size_t n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (n == 0 || (n == 1 && path[0] == '.') ||
		    (n == 2 && memcmp(path, "..", 2) == 0 && (go_up(out, root_len, &len) || root_len))) {
			path += n;
			continue;
		}
		if (len > root_len)
			out[len++] = '/';
		memmove(out + len, path, n);
		len += n;
		path += n;
	}
	if (len == 0)
		out[len++] = '.';
	out[len] = '\0';
	return out;
}
