/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is a configuration or an error; nothing in between. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pull/registries_d.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_registries_d struct registries_d r = { 0 };
	cleanup_strvec struct strvec scopes = { 0 };
	struct err e = { 0 };
	int code;

	if (size > 65536 || strvec_add(&scopes, "a.io/b") < 0 || strvec_add(&scopes, "") < 0)
		return 0;
	code = registries_d_add(&r, "fuzz.yaml", (const char *)data, size, &e);
	if (code < 0 && (code != e.code || !e.text[0]))
		abort();
	for (size_t i = 0; i < r.len; i++)
		if (!r.scopes[i].name)
			abort();
	(void)registries_d_attachments(&r, &scopes);
	return 0;
}
