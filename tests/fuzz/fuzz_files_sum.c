/* SPDX-License-Identifier: Apache-2.0 */
/* Any lines as a files.sum, with the total that belongs to them, so that they get past it; and any bytes without. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "store/layer_sums.h"
#include "store/layer_sums_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count_damage(void *arg, const char *path, const char *problem)
{
	size_t *n = arg;

	if (*path == '\0' || *problem == '\0')
		abort();
	return ++*n > 1000 ? -EFBIG : 0;
}

static void check(int dir_fd)
{
	struct layer_sums_count count;
	struct err e;
	size_t damages = 0;
	int r = layer_sums_check(dir_fd, count_damage, &damages, &count, &e);

	if (r < 0 && r != -EBADMSG && r != -EFBIG)
		abort();
}

static void write_sums(int dir_fd, const uint8_t *data, size_t size, bool with_total)
{
	cleanup_fd int fd = openat(dir_fd, LAYER_SUMS_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cleanup_sums_total struct sums_total total = { 0 };
	char line[SUMS_TOTAL_LEN + 1];
	struct err e;

	if (fd < 0 || sums_total_begin(&total, &e) < 0 || write_all(fd, data, size) < 0)
		abort();
	sums_total_add(&total, data, size);
	sums_total_line(&total, line);
	if (with_total && write_all(fd, line, SUMS_TOTAL_LEN) < 0)
		abort();
}

/* A tree with something of most kinds. */
static int make_layer(char *dir)
{
	int fd;

	if (!mkdtemp(dir))
		abort();
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || mkdirat(fd, "tree", 0755) < 0 || mkdirat(fd, "tree/d", 0755) < 0 ||
	    symlinkat("d", fd, "tree/l") < 0 || mknodat(fd, "tree/f", S_IFREG | 0644, 0) < 0 ||
	    mkfifoat(fd, "tree/d/p", 0644) < 0)
		abort();
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char scratch[] = "/dev/shm/sampan-fuzz.XXXXXX";
	cleanup_fd int dir_fd = make_layer(scratch);
	struct err e;

	write_sums(dir_fd, data, size, true);
	check(dir_fd);
	write_sums(dir_fd, data, size, false);
	check(dir_fd);
	if (tree_remove(AT_FDCWD, scratch, &e) < 0)
		abort();
	return 0;
}
