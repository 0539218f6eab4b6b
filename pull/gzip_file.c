/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/gzip_file.h"

#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/deflate.h"
#include "pull/inflate.h"

#define LEVEL       6 /* gzip's default */
#define BLOCK_BYTES 65536

static int begin(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	return 0;
}

static int write_some(void *arg, const void *data, size_t len, struct err *e)
{
	const int *fd = arg;
	int r = write_all(*fd, data, len);

	return r < 0 ? err_code(e, r, "cannot write what was compressed") : 0;
}

int gzip_file_pack(int from_fd, int to_fd, const void *header, size_t len, struct err *e)
{
	const struct sink to = { .begin = begin, .write = write_some, .arg = &to_fd };
	cleanup_deflater struct deflater *d = NULL;
	char block[BLOCK_BYTES];
	struct sink in;
	ssize_t n = 1;
	int r = deflater_new(header, len, LEVEL, &to, &d, e);

	if (r < 0)
		return r;
	in = deflater_sink(d);
	r = in.begin(in.arg, e);
	while (r == 0 && n > 0) {
		n = read(from_fd, block, sizeof(block));
		if (n > 0)
			r = in.write(in.arg, block, (size_t)n, e);
		else if (n < 0 && errno != EINTR)
			r = err_errno(e, "cannot read what is to be compressed");
		else if (n < 0)
			n = 1;
	}
	return r < 0 ? r : deflater_finish(d, e);
}

int gzip_file_unpack(int from_fd, int to_fd, struct err *e)
{
	cleanup_decoder struct decoder *d = NULL;
	char block[BLOCK_BYTES];
	ssize_t n = 1;
	int r = decoder_new(from_fd, MEDIA_LAYER_GZIP, &d, e);

	while (r == 0 && n > 0) {
		n = decoder_read(d, block, sizeof(block), e);
		if (n < 0)
			return (int)n;
		r = write_all(to_fd, block, (size_t)n);
		if (r < 0)
			err_code(e, r, "cannot write what was expanded");
	}
	return r;
}
