/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a build cache says is refused with words, or names no step that is no sha256 and no layer that the image does not have. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/cache_records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct image_config *config, const struct cache_records *records)
{
	if (records->len > CACHE_STEPS_MAX)
		abort();
	for (size_t i = 0; i < records->len; i++) {
		const struct cache_step *s = &records->items[i];

		if (strncmp(s->key.text, "sha256:", 7) != 0 || strlen(s->key.text) != 7 + 64 ||
		    !digest_equal(&s->diff_id, &config->diff_ids[0]))
			abort();
		if (s->text && strlen(s->text) > CACHE_TEXT_MAX)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct digest layer = { "sha256:1111111111111111111111111111111111111111111111111111111111111111" };
	struct image_config config = { .diff_ids = &layer, .diff_ids_len = 1 };
	struct cache_records records = { 0 };
	struct err e = { 0 };
	int r;

	if (size > 65536 ||
	    strvec_addf(&config.labels, CACHE_LABEL "=%.*s", (int)size, (const char *)data) < 0)
		return 0;
	r = cache_records_read(&config, &records, &e);
	if (r < 0 && (r != e.code || !e.text[0] || records.items))
		abort();
	check(&config, &records);
	cache_records_done(&records);
	strvec_done(&config.labels);
	return 0;
}
