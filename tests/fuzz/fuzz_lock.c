/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a lock file says is refused with words, or is what is written again and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/lock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct lock *l, struct buf *out)
{
	struct err e = { 0 };
	int r = lock_write(l, out, &e);

	if (r < 0 && r != -EFBIG)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf first = BUF_INIT(LOCK_FILE_MAX), second = BUF_INIT(LOCK_FILE_MAX);
	struct lock l = { 0 };
	struct err e = { 0 };
	int r = lock_read((const char *)data, size, &l, &e);

	if (r < 0) {
		if (r != e.code || !e.text[0] || l.items)
			abort();
		return 0;
	}
	write_again(&l, &first);
	lock_done(&l);
	if (first.len > 0) {
		if (lock_read(first.data, first.len, &l, &e) < 0)
			abort();
		write_again(&l, &second);
		if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
			abort();
		lock_done(&l);
	}
	buf_done(&first);
	buf_done(&second);
	return 0;
}
