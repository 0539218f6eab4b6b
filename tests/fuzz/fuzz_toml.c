/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is a document or an error with its line; nothing in between. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/toml.h"
#include "pull/registries_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count(const struct toml_value *v)
{
	size_t n = 1;

	if (v->line == 0 || ((v->kind == TOML_STRING || v->kind == TOML_OTHER) && !v->text))
		abort();
	for (size_t i = 0; i < v->len; i++) {
		if (v->kind == TOML_TABLE && toml_get(v, v->items[i].key) != &v->items[i])
			abort(); /* a key stands there twice */
		n += count(&v->items[i]);
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_toml struct toml_value top = { 0 };
	cleanup_registries_conf struct registries_conf conf = { 0 };
	struct err e = { 0 };
	int r;

	if (size > 65536)
		return 0;
	r = toml_parse((const char *)data, size, &top, &e);
	if (r < 0 && (r != e.code || !e.text[0]))
		abort();
	if (r == 0 && count(&top) > TOML_VALUES_MAX + 1)
		abort();
	(void)!registries_conf_add(&conf, (const char *)data, size, &e);
	return 0;
}
