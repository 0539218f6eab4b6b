/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/json_read.h"
#include "common/json_stream.h"
#include "pull/registry.h"

struct registry_error {
	char *code, *message;
};

struct registry_errors {
	struct json_items errors;
	char *details; /* what docker.io's token server sends instead */
};

static const struct json_field ERROR[] = {
	{ "code", offsetof(struct registry_error, code), json_read_string },
	{ "message", offsetof(struct registry_error, message), json_read_string },
	{ 0 },
};
static const struct json_array ERROR_ARRAY = { ERROR, sizeof(struct registry_error), 64 };
static const struct json_field ERRORS[] = {
	{ "errors", offsetof(struct registry_errors, errors), json_read_array, &ERROR_ARRAY },
	{ "details", offsetof(struct registry_errors, details), json_read_string },
	{ 0 },
};

static void errors_done(struct registry_errors *all)
{
	struct registry_error *items = all->errors.items;

	for (size_t i = 0; i < all->errors.len; i++) {
		free(items[i].code);
		free(items[i].message);
	}
	free(items);
	free(all->details);
}

/* ASCII only: escape sequences may hide in any other byte, depending on the terminal. */
static void copy_clean(const char *text, char *out, size_t max)
{
	size_t len = 0;

	for (; text[len] && len + 1 < max; len++)
		out[len] = (char)(text[len] >= ' ' && text[len] < 0x7f ? text[len] : '?');
	out[len] = 0;
}

void registry_error_text(const char *body, size_t len, char *out, size_t max)
{
	const struct json_limits limits = { .max_bytes = HTTP_ERROR_BODY_MAX,
					    .max_depth = 16,
					    .max_values = 4096 };
	struct registry_errors all = { 0 };
	struct err ignored = { 0 }; /* a body that is no error document has no words for us */
	const struct registry_error *first;
	const char *text = NULL;

	out[0] = 0;
	if (!body || json_guard_check(body, len, &limits, &ignored) < 0)
		return;
	if (json_decode(body, len, ERRORS, &all, &ignored) == 0) {
		first = all.errors.items;
		if (all.errors.len > 0)
			text = first->message && first->message[0] ? first->message : first->code;
		else
			text = all.details;
	}
	if (text)
		copy_clean(text, out, max);
	errors_done(&all);
}
