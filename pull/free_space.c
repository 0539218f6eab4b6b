/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/free_space.h"

#include <stdio.h>
#include <sys/statvfs.h>

#include "common/cleanup.h"

#define COMPRESSION_FACTOR 2
#define INODES_MIN         16 /* fewer are none: no image is so small */
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

/* File systems without a fixed number of inodes say that they have none at all. */
static bool is_out_of_inodes(const struct statvfs *st)
{
	return st->f_files > 0 && st->f_favail < INODES_MIN;
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
	if (is_out_of_inodes(&st))
		return err_set(e, -ENOSPC,
			       "no inodes left on the file system of '%s' (remove files, for example with "
			       "sampan rmi)",
			       store_root_path(s));
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
	struct statvfs st;

	if (e->code == -EROFS)
		return err_set(e, e->code, "cannot %s: the file system of '%s' is read-only", what,
			       store_root_path(s));
	if (e->code != -ENOSPC && e->code != -EDQUOT)
		return e->code;
	if (fstatvfs(store_root_fd(s), &st) == 0 && is_out_of_inodes(&st))
		return err_set(
			e, e->code,
			"cannot %s: no inodes left on the file system of '%s' (remove files, for example "
			"with sampan rmi)",
			what, store_root_path(s));
	return err_set(e, e->code,
		       "cannot %s: no space left on the file system of '%s' (free some, for example with "
		       "sampan rmi)",
		       what, store_root_path(s));
}
