/* SPDX-License-Identifier: Apache-2.0 */
#include "build/archive_add.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/copy_dest.h"
#include "common/cleanup.h"
#include "pull/tree_unpack.h"

int archive_add_is(int fd, bool *ret, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot look into a file");
	*ret = false;
	return S_ISREG(st.st_mode) ? tree_is_archive(fd, ret, e) : 0;
}

int archive_add_unpack(int fd, int root_fd, const struct archive_add_options *o, struct err *e)
{
	char path[] = ".", name[] = "";
	const struct context_match all = { .path = path, .name = name, .is_dir = true };
	const struct copy_options where = {
		.dest = o->dest, .chown = o->chown, .uid = o->uid, .gid = o->gid, .time = o->time
	};
	struct tree_unpack how = { .keep_owner = !o->chown,
				   .uid = o->uid,
				   .gid = o->gid,
				   .time = o->time,
				   .max_bytes = o->max_bytes,
				   .max_entries = o->max_entries };
	cleanup_copy_dest struct copy_dest dest = { .dir_fd = -1 };
	char start[8] = { 0 };
	ssize_t n = pread(fd, start, sizeof(start), 0);
	int r;

	if (n < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(e, "cannot read the archive");
	how.compression = tree_compression_of(start, (size_t)n);
	r = copy_dest_find(root_fd, &all, &where, &dest, e);
	return r < 0 ? r : tree_unpack(fd, dest.dir_fd, &how, o->cancel_fd, e);
}
