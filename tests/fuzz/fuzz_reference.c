/* SPDX-License-Identifier: Apache-2.0 */
/* What parses must survive being written and parsed again, in both spellings. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_spelling(const char *spelling, const char *canonical)
{
	cleanup_reference struct reference again = { 0 };
	cleanup_free char *text = NULL;
	struct err e;

	if (reference_parse(spelling, &again, &e) < 0)
		abort();
	text = reference_canonical(&again);
	if (!text || strcmp(text, canonical) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = strndup((const char *)data, size);
	cleanup_free char *canonical = NULL, *familiar = NULL;
	cleanup_reference struct reference r = { 0 };
	struct err e;

	if (!text || reference_parse(text, &r, &e) < 0)
		return 0;
	canonical = reference_canonical(&r);
	familiar = reference_familiar(&r);
	if (!canonical || !familiar)
		abort();
	check_spelling(canonical, canonical);
	check_spelling(familiar, canonical);
	return 0;
}
