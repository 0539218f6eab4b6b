/* SPDX-License-Identifier: Apache-2.0 */
/* log_config.h: tags and attributes. They are made when a container is, not in its monitor. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_escape.h"
#include "engine/log_config.h"

#define SHORT_ID_LEN    12
#define DAEMON_NAME     "sampan"
#define EXPRESSION_TEXT 128 /* bytes of regerror's words */

/* The value of the last option of that name; NULL: there is none. */
static const char *find_option(const struct strvec *options, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = options->len; i-- > 0;)
		if (strncmp(options->items[i], name, len) == 0 && options->items[i][len] == '=')
			return options->items[i] + len + 1;
	return NULL;
}

/* --- tags ------------------------------------------------------------------------------------------------ */

struct tag_value {
	const char *text;
	size_t max_len;
};

static bool find_value(const char *name, size_t len, const struct log_names *n, struct tag_value *ret)
{
	const char *image_id = n->image_id ? n->image_id : "", *colon = strchr(image_id, ':');
	const char *image_hex = colon ? colon + 1 : image_id;
	const struct {
		const char *name;
		struct tag_value value;
	} values[] = {
		{ "ID", { n->container_id, SHORT_ID_LEN } },
		{ "FullID", { n->container_id, SIZE_MAX } },
		{ "Name", { n->container_name, SIZE_MAX } },
		{ "ImageID", { image_hex, SHORT_ID_LEN } },
		{ "ImageFullID", { image_id, SIZE_MAX } },
		{ "ImageName", { n->image_name ? n->image_name : "", SIZE_MAX } },
		{ "DaemonName", { DAEMON_NAME, SIZE_MAX } },
	};

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		if (strlen(values[i].name) == len && memcmp(values[i].name, name, len) == 0) {
			*ret = values[i].value;
			return true;
		}
	}
	return false;
}

/* "{{ .Name }}" at *at, which moves behind it. */
static bool take_template(const char **at, const struct log_names *names, struct tag_value *ret)
{
	const char *p = *at + 2 + strspn(*at + 2, " \t"), *name = p + 1;
	size_t len;

	if (*p != '.')
		return false;
	len = strcspn(name, " \t}");
	p = name + len + strspn(name + len, " \t");
	if (p[0] != '}' || p[1] != '}' || !find_value(name, len, names, ret))
		return false;
	*at = p + 2;
	return true;
}

int log_tag(const struct strvec *options, const struct log_names *names, char ret[LOG_TAG_MAX], struct err *e)
{
	const char *text = find_option(options, "tag");
	cleanup_buf struct buf tag = BUF_INIT(LOG_TAG_MAX - 1);
	int r = 0;

	for (const char *p = text ? text : ""; r == 0 && *p;) {
		const char *next = strstr(p, "{{");
		struct tag_value value = { p, next ? (size_t)(next - p) : strlen(p) };

		p += value.max_len;
		if (value.max_len == 0 && !take_template(&p, names, &value))
			return err_set(e, -EINVAL,
				       "log opt tag: '%s' is no template that is known (such as {{.Name}}, "
				       "{{.ID}}, {{.ImageName}})",
				       text);
		r = buf_add(&tag, value.text, strnlen(value.text, value.max_len));
	}
	if (r < 0)
		return err_code(e, r, "log opt tag");
	memcpy(ret, tag.data ? tag.data : "", tag.len + 1);
	return 0;
}

/* --- attributes ------------------------------------------------------------------------------------------ */

static size_t key_len(const char *pair)
{
	return strcspn(pair, "=");
}

/* Whether a comma-separated list has the key. */
static bool is_listed(const char *list, const char *key, size_t len)
{
	while (list && *list) {
		size_t word = strcspn(list, ",");

		if (word == len && memcmp(list, key, len) == 0)
			return true;
		list += word + (list[word] == ',');
	}
	return false;
}

/* Puts a pair in the place of one of the same key. */
static int set_pair(struct strvec *v, const char *pair)
{
	size_t len = key_len(pair);

	for (size_t i = 0; i < v->len; i++) {
		if (key_len(v->items[i]) == len && memcmp(v->items[i], pair, len) == 0) {
			strvec_remove(v, i);
			break;
		}
	}
	return pair[len] == '=' ? strvec_add(v, pair) : strvec_addf(v, "%s=", pair);
}

static int choose(const struct strvec *from, const char *list, const regex_t *expression, struct strvec *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->len; i++) {
		const char *pair = from->items[i];
		size_t len = key_len(pair);
		cleanup_free char *key = strndup(pair, len);

		if (!key)
			return -ENOMEM;
		if (is_listed(list, pair, len) || (expression && regexec(expression, key, 0, NULL, 0) == 0))
			r = set_pair(ret, pair);
	}
	return r;
}

/* Those of `from` that the options `name` and `name`-regex choose. */
static int choose_by(const struct strvec *options, const char *name, const char *regex_name,
		     const struct strvec *from, struct strvec *ret, struct err *e)
{
	const char *list = find_option(options, name), *text = find_option(options, regex_name);
	regex_t expression;
	int r;

	if (!text || !*text) {
		r = choose(from, list, NULL, ret);
	} else {
		char why[EXPRESSION_TEXT];

		r = regcomp(&expression, text, REG_EXTENDED | REG_NOSUB);
		if (r != 0) {
			(void)regerror(r, &expression, why, sizeof(why));
			return err_set(e, -EINVAL, "log opt %s: '%s': %s", regex_name, text, why);
		}
		r = choose(from, list, &expression, ret);
		regfree(&expression);
	}
	return r < 0 ? err_code(e, r, "log opt %s", name) : 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* As they are written: {"key":"value",...} */
static bool fit(const struct strvec *attributes)
{
	char escaped[LOG_ATTRIBUTES_MAX];
	size_t total = sizeof("{}"), taken;

	for (size_t i = 0; i < attributes->len && total <= LOG_ATTRIBUTES_MAX; i++)
		total +=
			sizeof("\"\":\"\",") + json_escape(attributes->items[i], strlen(attributes->items[i]),
							   escaped, sizeof(escaped), &taken);
	return total <= LOG_ATTRIBUTES_MAX;
}

int log_attributes(const struct strvec *options, const struct strvec *labels, const struct strvec *env,
		   struct strvec *ret, struct err *e)
{
	int r = choose_by(options, "labels", "labels-regex", labels, ret, e);

	if (r == 0)
		r = choose_by(options, "env", "env-regex", env, ret, e);
	if (r < 0)
		return r;
	if (ret->len > 1)
		qsort(ret->items, ret->len, sizeof(ret->items[0]), compare);
	if (!fit(ret))
		return err_set(e, -EFBIG, "the attributes that the log opts choose are over %u bytes",
			       LOG_ATTRIBUTES_MAX);
	return 0;
}
