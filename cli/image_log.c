/* SPDX-License-Identifier: Apache-2.0 */
/* sampan-image log-pack and log-unpack: not for people; files of logs to gzip for a container's monitor, and back for `sampan logs`. */
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/image_main.h"
#include "engine/log_file.h"
#include "pull/gzip_file.h"

#define HEADROOM_BYTES (UINT64_C(1) << 20) /* that are left to the log while its gzip is made */

static const struct option_def OPTIONS[] = { { 0 } };

static const struct command_def PACK = {
	.name = "sampan-image log-pack",
	.usage = "",
	.summary = "Compress the file on stdin into that on stdout",
	.options = OPTIONS,
};
static const struct command_def UNPACK = {
	.name = "sampan-image log-unpack",
	.usage = "",
	.summary = "Expand the gzip on stdin into the file on stdout",
	.options = OPTIONS,
};

/* The log goes on growing meanwhile: what we write must not take the room that its records need. A gzip is no larger than the file. */
static int check_room(const struct stat *st, struct err *e)
{
	struct statvfs fs;

	if (fstatvfs(STDOUT_FILENO, &fs) < 0)
		return err_errno(e, "cannot tell how much room there is");
	if ((uint64_t)fs.f_bavail * fs.f_frsize < (uint64_t)st->st_size + HEADROOM_BYTES)
		return err_set(e, -ENOSPC, "there is not enough room to compress the log");
	return 0;
}

static int pack(struct err *e)
{
	unsigned char header[LOG_PACKED_HEADER_LEN + LOG_PACKED_INODE_LEN];
	struct stat st;
	int r;

	if (fstat(STDIN_FILENO, &st) < 0)
		return err_errno(e, "cannot look at the log");
	memcpy(header, LOG_PACKED_HEADER, LOG_PACKED_HEADER_LEN);
	for (int i = 0; i < LOG_PACKED_INODE_LEN; i++)
		header[LOG_PACKED_HEADER_LEN + i] = (unsigned char)((uint64_t)st.st_ino >> (8 * i));
	r = check_room(&st, e);
	if (r == 0)
		r = gzip_file_pack(STDIN_FILENO, STDOUT_FILENO, header, sizeof(header), e);
	if (r == 0 && fsync(STDOUT_FILENO) < 0) /* its original goes after this */
		r = err_errno(e, "cannot write the log to the disk");
	return r;
}

int image_log_pack(int argc, char **argv, const struct image_globals *g)
{
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&PACK, argc, argv, NULL, &n, &code))
		return code;
	return pack(&e) < 0 ? image_fail(g, &e) : 0;
}

int image_log_unpack(int argc, char **argv, const struct image_globals *g)
{
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&UNPACK, argc, argv, NULL, &n, &code))
		return code;
	return gzip_file_unpack(STDIN_FILENO, STDOUT_FILENO, &e) < 0 ? image_fail(g, &e) : 0;
}
