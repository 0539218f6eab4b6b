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

/* What stands between "{{" and "}}", without the blanks around it. */
struct action {
	const char *text;
	size_t len;
	bool is_json;
	const struct template_field *field; /* NULL: all of them, in JSON */
};

static void trim(struct action *a)
{
	while (a->len > 0 && isspace((unsigned char)*a->text)) {
		a->text++;
		a->len--;
	}
	while (a->len > 0 && isspace((unsigned char)a->text[a->len - 1]))
		a->len--;
}

static int parse_action(struct action *a, const struct template_field *fields, struct err *e)
{
	int shown;

	trim(a);
	shown = (int)(a->len < 64 ? a->len : 64);
	a->is_json = a->len > 5 && strncmp(a->text, "json ", 5) == 0;
	if (a->is_json) {
		a->text += 5;
		a->len -= 5;
		trim(a);
	}
	if (a->len == 0 || *a->text != '.')
		return err_set(e, -EINVAL,
			       "template: '{{%.*s}}' is not supported (there are {{.FIELD}} and {{json .}})",
			       shown, a->text);
	if (a->len == 1)
		return a->is_json ? 0
				  : err_set(e, -EINVAL,
					    "template: '{{.}}' is not supported (there is {{json .}})");
	a->field = find(fields, a->text + 1, a->len - 1);
	return a->field ? 0 : err_set(e, -EINVAL, "template: there is no field '%.*s'", shown, a->text);
}

static int add_action(struct action *a, const struct template_field *fields, bool headings, struct buf *out,
		      struct err *e)
{
	const char *text;
	int r = parse_action(a, fields, e);

	if (r < 0)
		return r;
	if (a->is_json && !headings)
		return add_json(fields, a->field, out, e);
	text = !a->field ? "" : headings ? a->field->heading : a->field->text;
	return add_value(text, out) < 0 ? err_code(e, -ENOMEM, "cannot print") : 0;
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
		struct action action = { 0 };
		const char *end;

		if (strncmp(format, "{{", 2) != 0) {
			if (add_literal(&format, out) < 0)
				return err_code(e, -ENOMEM, "cannot print");
			continue;
		}
		end = strstr(format, "}}");
		if (!end)
			return err_set(e, -EINVAL, "template: '{{' without '}}'");
		action.text = format + 2;
		action.len = (size_t)(end - action.text);
		r = add_action(&action, fields, headings, out, e);
		format = end + 2;
	}
	return r;
}
