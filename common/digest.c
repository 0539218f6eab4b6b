/* SPDX-License-Identifier: Apache-2.0 */
#include "common/digest.h"

#include <string.h>

#include "common/cleanup.h"

static const struct {
	const char *name;
	size_t hex_len;
} ALGORITHMS[] = { { "sha256", 64 }, { "sha512", 128 } };

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* algorithm ::= component (separator component)*. Tells an unknown algorithm from garbage. */
static bool is_algorithm(const char *text, const char *end)
{
	for (;;) {
		size_t len = strspn(text, LOWER DIGITS);

		text += len;
		if (len == 0 || text >= end)
			return len > 0;
		if (!strchr("+._-", *text++))
			return false;
	}
}

/* encoded ::= [a-zA-Z0-9=_-]+ */
static bool is_encoded(const char *text)
{
	size_t len = strspn(text, LOWER UPPER DIGITS "=_-");

	return len > 0 && text[len] == '\0';
}

int digest_parse(const char *text, struct digest *ret, struct err *e)
{
	const char *colon = strchr(text, ':');

	if (!colon || !is_algorithm(text, colon) || !is_encoded(colon + 1))
		return err_set(e, -EINVAL, "bad digest '%.140s'", text);
	for (size_t i = 0; i < ARRAY_LEN(ALGORITHMS); i++) {
		if (strncmp(text, ALGORITHMS[i].name, (size_t)(colon - text)) != 0 ||
		    ALGORITHMS[i].name[colon - text] != '\0')
			continue;
		if (strlen(colon + 1) != ALGORITHMS[i].hex_len ||
		    strspn(colon + 1, "0123456789abcdef") != ALGORITHMS[i].hex_len)
			return err_set(e, -EINVAL, "bad digest '%.140s'", text);
		memcpy(ret->text, text, strlen(text) + 1);
		return 0;
	}
	return err_set(e, -EOPNOTSUPP, "digest '%.140s' is of an unknown algorithm", text);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return strcmp(a->text, b->text) == 0;
}

bool digest_is_set(const struct digest *d)
{
	return d->text[0] != '\0';
}

const char *digest_hex(const struct digest *d)
{
	const char *colon = strchr(d->text, ':');

	return colon ? colon + 1 : "";
}

const char *digest_algorithm(const struct digest *d)
{
	for (size_t i = 0; i < ARRAY_LEN(ALGORITHMS); i++)
		if (strncmp(d->text, ALGORITHMS[i].name, strlen(ALGORITHMS[i].name)) == 0)
			return ALGORITHMS[i].name;
	return "";
}
