/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a layer: decoded, and written without the sandbox. Nothing may be touched beside the layer's directory. */
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/inflate.h"
#include "pull/layer_writer.h"

#define BLOCK_BYTES 65536
#define MAX_BYTES   (1u << 20)
#define MAX_DECODED (4u << 20)
#define MAX_ENTRIES 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
	struct decoder *decoder;
	size_t total;
	char block[BLOCK_BYTES];
};

static ssize_t next_block(void *arg, const void **ret_block, struct err *e)
{
	struct source *s = arg;
	ssize_t n = decoder_read(s->decoder, s->block, sizeof(s->block), e);

	if (n > 0)
		s->total += (size_t)n;
	if (s->total > MAX_DECODED)
		return err_set(e, -EFBIG, "more than %u bytes", MAX_DECODED);
	*ret_block = s->block;
	return n;
}

static size_t entries_in(int dir_fd)
{
	DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	if (!dir)
		abort();
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* The scratch directory holds a witness and the layer's directory, and that is all it may ever hold. */
static void check_scratch(int dir_fd, const struct stat *before)
{
	struct stat now;

	if (entries_in(dir_fd) != 4 || fstatat(dir_fd, "witness", &now, AT_SYMLINK_NOFOLLOW) < 0)
		abort();
	if (now.st_ino != before->st_ino || now.st_mode != before->st_mode ||
	    now.st_nlink != before->st_nlink || now.st_size != before->st_size ||
	    now.st_mtim.tv_sec != before->st_mtim.tv_sec || now.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
		abort();
}

static void write_layer(int blob_fd, int tree_fd)
{
	cleanup_fd int implied_fd = memfd_create("implied", MFD_CLOEXEC);
	struct source *s = malloc(sizeof(*s));
	const struct layer_source from = { next_block, s };
	const struct layer_target to = { .root_fd = tree_fd,
					 .implied_fd = implied_fd,
					 .contents_fd = -1,
					 .max_bytes = MAX_BYTES,
					 .max_entries = MAX_ENTRIES };
	struct layer_stats stats;
	struct err e;

	if (!s || implied_fd < 0)
		abort();
	s->decoder = NULL;
	s->total = 0;
	if (decoder_new(blob_fd, MEDIA_LAYER_GZIP, &s->decoder, &e) == 0 &&
	    layer_write(&from, &to, &stats, &e) == 0 &&
	    (stats.bytes > MAX_BYTES || stats.entries > MAX_ENTRIES))
		abort();
	decoder_free(s->decoder);
	free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char scratch[] = "/dev/shm/sampan-fuzz.XXXXXX";
	cleanup_fd int blob_fd = memfd_create("blob", MFD_CLOEXEC);
	cleanup_fd int dir_fd = -1;
	cleanup_fd int tree_fd = -1;
	struct stat before;
	struct err e;

	if (blob_fd < 0 || write_all(blob_fd, data, size) < 0 || lseek(blob_fd, 0, SEEK_SET) < 0 ||
	    !mkdtemp(scratch))
		abort();
	dir_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0 || file_write_atomic(dir_fd, "witness", "w", 1, 0600, &e) < 0 ||
	    mkdirat(dir_fd, "tree", 0755) < 0 || fstatat(dir_fd, "witness", &before, 0) < 0)
		abort();
	tree_fd = openat(dir_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree_fd < 0)
		abort();
	write_layer(blob_fd, tree_fd);
	check_scratch(dir_fd, &before);
	if (tree_remove(AT_FDCWD, scratch, &e) < 0)
		abort();
	return 0;
}
