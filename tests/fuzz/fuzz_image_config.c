/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "oci/image_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is written can be read, and is then written alike. Only its size may be too much. */
static void write_and_read(const struct image_config *c)
{
	cleanup_buf struct buf first = BUF_INIT(CONFIG_MAX_BYTES), second = BUF_INIT(CONFIG_MAX_BYTES);
	cleanup_image_config struct image_config again = { 0 };
	struct err e;
	int r = image_config_write(c, &first, &e);

	if (r == -EFBIG)
		return;
	if (r < 0 || image_config_decode(first.data, first.len, &again, &e) < 0 ||
	    image_config_write(&again, &second, &e) < 0)
		abort();
	if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_image_config struct image_config c = { 0 };
	struct err e;

	if (image_config_decode((const char *)data, size, &c, &e) == 0)
		write_and_read(&c);
	return 0;
}
