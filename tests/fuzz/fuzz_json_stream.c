/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a document passes does not depend on the pieces that it arrives in. */
#include <stdint.h>
#include <stdlib.h>

#include "common/json_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits LIMITS = { .max_bytes = 4096, .max_depth = 16, .max_values = 256 };

/* The first byte says how long the pieces are. */
static int feed_in_pieces(const uint8_t *data, size_t size, size_t piece, struct err *e)
{
	cleanup_json_guard struct json_guard *g = json_guard_new(&LIMITS);

	if (!g)
		return -ENOMEM;
	for (size_t i = 0; i < size; i += piece) {
		int r = json_guard_feed(g, data + i, size - i < piece ? size - i : piece, e);

		if (r < 0)
			return r;
	}
	return json_guard_finish(g, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	int whole, pieces;

	if (size < 2)
		return 0;
	whole = json_guard_check((const char *)data + 1, size - 1, &LIMITS, &e);
	pieces = feed_in_pieces(data + 1, size - 1, (size_t)data[0] % 16 + 1, &e);
	if ((whole == 0) != (pieces == 0))
		abort();
	return 0;
}
