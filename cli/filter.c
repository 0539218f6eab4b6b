/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/filter.h"

#include <string.h>

#include "common/buf.h"

#define NAMES_MAX 512 /* bytes of them, in a message */

const char *filter_value(const char *text, const char *name)
{
	size_t len = strlen(name);

	return strncmp(text, name, len) == 0 && text[len] == '=' ? text + len + 1 : NULL;
}

/* "a, b and c" */
static int list_names(const char *const *names, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && names[i]; i++)
		r = buf_printf(out, "%s%s", i == 0 ? "" : names[i + 1] ? ", " : " and ", names[i]);
	return r;
}

int filter_check(const struct strvec *filters, const char *const *names, struct err *e)
{
	cleanup_buf struct buf list = BUF_INIT(NAMES_MAX);

	for (size_t i = 0; i < filters->len; i++) {
		size_t n = 0;

		while (names[n] && !filter_value(filters->items[i], names[n]))
			n++;
		if (names[n])
			continue;
		if (list_names(names, &list) < 0)
			return err_code(e, -ENOMEM, "cannot read filters");
		return err_set(e, -EINVAL, "invalid filter '%s' (there are %s, each with =VALUE)",
			       filters->items[i], list.data);
	}
	return 0;
}

bool filter_has(const struct strvec *filters, const char *name)
{
	for (size_t i = 0; i < filters->len; i++)
		if (filter_value(filters->items[i], name))
			return true;
	return false;
}

bool filter_any(const struct strvec *filters, const char *name,
		bool (*match)(const char *value, const void *arg), const void *arg)
{
	for (size_t i = 0; i < filters->len; i++) {
		const char *value = filter_value(filters->items[i], name);

		if (value && match(value, arg))
			return true;
	}
	return !filter_has(filters, name);
}

bool filter_labels(const struct strvec *filters, const struct strvec *labels)
{
	for (size_t i = 0; i < filters->len; i++) {
		const char *wanted = filter_value(filters->items[i], "label");
		const char *unwanted = filter_value(filters->items[i], "label!");

		if ((wanted && !strvec_has_label(labels, wanted)) ||
		    (unwanted && strvec_has_label(labels, unwanted)))
			return false;
	}
	return true;
}
