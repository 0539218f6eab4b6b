/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/free_space.h"

#include <stdio.h>
#include <sys/statvfs.h>

#include "common/cleanup.h"

#define COMPRESSION_FACTOR 2
#define SIZE_TEXT_MAX      32

uint64_t free_space_needed(const struct descriptor *layers, size_t len)
{
	uint64_t sum = 0, largest = 0;

	for (size_t i = 0; i < len; i++) {
		bool is_plain = media_kind_of(layers[i].media_type) == MEDIA_LAYER;

		/* Neither overflows: DESCRIPTOR_MAX_BYTES times MANIFEST_MAX_LAYERS. */
		sum += layers[i].size_bytes * (is_plain ? 1 : COMPRESSION_FACTOR);
		if (layers[i].size_bytes > largest)
			largest = layers[i].size_bytes;
	}
	return sum + largest;
}

static void size_text(uint64_t bytes, char ret[SIZE_TEXT_MAX])
{
	double mb = (double)bytes / 1e6;

	(void)snprintf(ret, SIZE_TEXT_MAX, mb < 10 ? "%.1f MB" : "%.0f MB", mb);
}

int free_space_check(const struct store *s, uint64_t needed_bytes, struct err *e)
{
	char need[SIZE_TEXT_MAX], have[SIZE_TEXT_MAX];
	struct statvfs st;
	uint64_t free_bytes;

	if (fstatvfs(store_root_fd(s), &st) < 0)
		return err_errno(e, "cannot look at the file system of '%s'", store_root_path(s));
	if (store_is_out_of_inodes(s)) {
		e->code = -ENOSPC;
		return store_explain_full(s, e);
	}
	free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
	if (needed_bytes <= free_bytes)
		return 0;
	size_text(needed_bytes, need);
	size_text(free_bytes, have);
	return err_set(
		e, -ENOSPC,
		"it needs about %s, and the file system of '%s' has %s free (free some, for example with "
		"sampan image prune -a, or try all the same with --check-space=false)",
		need, store_root_path(s), have);
}

int free_space_explain(const struct store *s, const char *what, struct err *e)
{
	if (e->code != -ENOSPC && e->code != -EDQUOT && e->code != -EROFS)
		return e->code;
	(void)store_explain_full(s, e); /* its code is the one above */
	return err_wrap(e, "cannot %s", what);
}
