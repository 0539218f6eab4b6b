/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/attach_keys.h"

#include <errno.h>
#include <string.h>

/* "a", "ctrl-a", "ctrl-@", "ctrl-[" ... */
static int parse_key(const char *text, size_t len, unsigned char *ret)
{
	static const char CONTROL[] = "ctrl-";
	size_t prefix = sizeof(CONTROL) - 1;
	char c;

	if (len == 1) {
		*ret = (unsigned char)text[0];
		return 0;
	}
	if (len != prefix + 1 || strncmp(text, CONTROL, prefix) != 0)
		return -EINVAL;
	c = text[prefix];
	if (c >= 'a' && c <= 'z')
		*ret = (unsigned char)(c - 'a' + 1);
	else if (c == '@' || (c >= '[' && c <= '_'))
		*ret = (unsigned char)(c - '@');
	else
		return -EINVAL;
	return 0;
}

int attach_keys_parse(const char *text, struct attach_keys *ret, struct err *e)
{
	const char *p = text;

	*ret = (struct attach_keys){ 0 };
	while (*p) {
		size_t len = strcspn(p, ",");

		if (ret->len == ATTACH_KEYS_MAX || parse_key(p, len, &ret->bytes[ret->len]) < 0)
			return err_set(e, -EINVAL, "invalid escape keys (%s) provided", text);
		ret->len++;
		p += len + (p[len] == ',');
	}
	return 0;
}

bool attach_keys_find(struct attach_keys *k, const char *typed, size_t len, char *out, size_t *ret_len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)typed[i];

		if (k->matched > 0 && c != k->bytes[k->matched]) {
			memcpy(out + n, k->bytes, k->matched); /* it was meant as it was typed */
			n += k->matched;
			k->matched = 0;
		}
		if (k->len > 0 && c == k->bytes[k->matched]) {
			if (++k->matched == k->len)
				return true;
			continue;
		}
		out[n++] = typed[i];
	}
	*ret_len = n;
	return false;
}
