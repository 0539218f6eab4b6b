/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/statvfs.h>

#include "store/internal.h"

#define INODES_MIN 16 /* fewer are none: no image is so small */

/* File systems without a fixed number of inodes say that they have none at all. */
bool store_is_out_of_inodes(const struct store *s)
{
	struct statvfs st;

	return fstatvfs(s->root_fd, &st) == 0 && st.f_files > 0 && st.f_favail < INODES_MIN;
}

int store_explain_full(const struct store *s, struct err *e)
{
	switch (e->code) {
	case -EROFS:
		return err_set(e, e->code, "the file system of '%s' is read-only", s->root);
	case -ENOSPC:
	case -EDQUOT:
		break;
	default:
		return e->code;
	}
	if (store_is_out_of_inodes(s))
		return err_set(e, e->code,
			       "no inodes left on the file system of '%s' (remove files, for example with "
			       "sampan rmi)",
			       s->root);
	return err_set(e, e->code,
		       "no space left on the file system of '%s' (free some, for example with sampan rmi)",
		       s->root);
}
