/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/template.h"

#include <ctype.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_write.h"

bool template_is_table(const char *format, const char **ret_rest)
{
	if (strncmp(format, "table", 5) != 0 || (format[5] && format[5] != ' '))
		return false;
	*ret_rest = format + 5 + strspn(format + 5, " ");
	return true;
}

static int add_value(const char *text, struct buf *out)
{
	int r = 0;

	for (; r == 0 && text && *text; text++)
		r = buf_add_char(out, (char)(iscntrl((unsigned char)*text) ? '?' : *text));
	return r;
}

static void write_json(const struct template_field *f, const char *key, struct json_out *o)
{
	if (f->json)
		json_out_raw(o, key, f->json);
	else
		json_out_string(o, key, f->text ? f->text : "");
}

/* One field, or all of them as an object. */
static int add_json(const struct template_field *fields, const struct template_field *one, struct buf *out,
		    struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, TEMPLATE_OUT_MAX);
	const char *text;
	size_t len;
	int r;

	if (one) {
		write_json(one, NULL, o);
	} else {
		json_out_object(o, NULL);
		for (; fields->name; fields++)
			write_json(fields, fields->name, o);
		json_out_end(o);
	}
	r = json_out_finish(o, &text, &len, e);
	if (r == 0 && buf_add(out, text, len) < 0)
		r = err_code(e, -ENOMEM, "cannot print");
	return r;
}

static const struct template_field *find(const struct template_field *fields, const char *name, size_t len)
{
	for (; fields->name; fields++)
		if (strlen(fields->name) == len && strncmp(fields->name, name, len) == 0)
			return fields;
	return NULL;
}

/* What stands between "{{" and "}}". */
static int add_action(const char *text, size_t len, const struct template_field *fields, bool headings,
		      struct buf *out, struct err *e)
{
	const struct template_field *f = NULL;
	bool is_json = false;

	while (len > 0 && isspace((unsigned char)*text)) {
		text++;
		len--;
	}
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	if (len > 5 && strncmp(text, "json ", 5) == 0) {
		size_t skip = 4 + strspn(text + 4, " ");

		is_json = true;
		text += skip;
		len -= skip;
	}
	if (len == 0 || *text != '.')
		return err_set(e, -EINVAL,
			       "template: '{{%.*s}}' is not supported (there are {{.FIELD}} and {{json .}})",
			       (int)(len < 64 ? len : 64), text);
	if (len > 1) {
		f = find(fields, text + 1, len - 1);
		if (!f)
			return err_set(e, -EINVAL, "template: there is no field '%.*s'",
				       (int)(len < 64 ? len : 64), text);
	} else if (!is_json) {
		return err_set(e, -EINVAL, "template: '{{.}}' is not supported (there is {{json .}})");
	}
	if (headings)
		return add_value(f ? f->heading : "", out) < 0 ? err_code(e, -ENOMEM, "cannot print") : 0;
	if (is_json)
		return add_json(fields, f, out, e);
	return add_value(f->text, out) < 0 ? err_code(e, -ENOMEM, "cannot print") : 0;
}

/* A plain character, or a backslash with its letter. */
static int add_literal(const char **text, struct buf *out)
{
	char c = *(*text)++;

	if (c != '\\' || !**text || !strchr("tn\\", **text))
		return buf_add_char(out, c);
	c = *(*text)++;
	return buf_add_char(out, (char)(c == 't' ? '\t' : c == 'n' ? '\n' : '\\'));
}

int template_expand(const char *format, const struct template_field *fields, bool headings, struct buf *out,
		    struct err *e)
{
	int r = 0;

	if (strcmp(format, "json") == 0)
		format = "{{json .}}";
	while (r == 0 && *format) {
		const char *end;

		if (strncmp(format, "{{", 2) != 0) {
			if (add_literal(&format, out) < 0)
				return err_code(e, -ENOMEM, "cannot print");
			continue;
		}
		end = strstr(format, "}}");
		if (!end)
			return err_set(e, -EINVAL, "template: '{{' without '}}'");
		r = add_action(format + 2, (size_t)(end - format) - 2, fields, headings, out, e);
		format = end + 2;
	}
	return r;
}
