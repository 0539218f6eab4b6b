/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/template.h"

#include <ctype.h>
#include <string.h>

#include "cli/go_template.h"
#include "common/cleanup.h"
#include "common/json_write.h"

bool template_is_table(const char *format, const char **ret_rest)
{
	if (strncmp(format, "table", 5) != 0 || (format[5] && format[5] != ' '))
		return false;
	*ret_rest = format + 5 + strspn(format + 5, " ");
	return true;
}

static void write_json(const struct template_field *f, const char *key, struct json_out *o)
{
	if (f->json)
		json_out_raw(o, key, f->json);
	else
		json_out_string(o, key, f->text ? f->text : "");
}

static const struct template_field *find(const struct template_field *fields, const char *name, size_t len)
{
	for (; fields->name; fields++)
		if (strlen(fields->name) == len && strncmp(fields->name, name, len) == 0)
			return fields;
	return NULL;
}

static void write_all(const struct template_field *fields, struct json_out *o)
{
	const struct template_field *whole = find(fields, TEMPLATE_WHOLE, strlen(TEMPLATE_WHOLE));

	if (whole) {
		write_json(whole, NULL, o);
		return;
	}
	json_out_object(o, NULL);
	for (; fields->name; fields++)
		if (!fields->map || fields->text || fields->json) /* else it is a function in Go */
			write_json(fields, fields->name, o);
	json_out_end(o);
}

/* One field, or all of them as an object. */
static int add_json(const struct template_field *fields, const struct template_field *one, struct buf *out,
		    struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, TEMPLATE_OUT_MAX);
	const char *text;
	size_t len;
	int r;

	if (one)
		write_json(one, NULL, o);
	else
		write_all(fields, o);
	r = json_out_finish(o, &text, &len, e);
	if (r == 0 && buf_add(out, text, len) < 0)
		r = err_code(e, -ENOMEM, "cannot print");
	return r;
}

enum function { PLAIN, JSON, INDEX, UPPER, LOWER };

/* What stands between "{{" and "}}", without the blanks around it. */
struct action {
	const char *text;
	size_t len;
	enum function function;
	const struct template_field *field; /* NULL: all of them, in JSON */
	const char *key;                    /* in its map; NULL: the field itself */
	size_t key_len;
	bool dotted; /* .Map.key */
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

static void take_function(struct action *a)
{
	static const struct {
		const char *name;
		enum function function;
	} FUNCTIONS[] = { { "json ", JSON }, { "index ", INDEX }, { "upper ", UPPER }, { "lower ", LOWER } };

	for (size_t i = 0; i < ARRAY_LEN(FUNCTIONS); i++) {
		size_t len = strlen(FUNCTIONS[i].name);

		if (a->len <= len || strncmp(a->text, FUNCTIONS[i].name, len) != 0)
			continue;
		a->function = FUNCTIONS[i].function;
		a->text += len;
		a->len -= len;
		trim(a);
		return;
	}
}

/* A last word in quotes is a key. */
static void take_key(struct action *a)
{
	const char *quote = memchr(a->text, '"', a->len);
	size_t before = quote ? (size_t)(quote - a->text) : 0;

	if (!quote || a->len < before + 2 || a->text[a->len - 1] != '"' || before == 0 ||
	    !isspace((unsigned char)quote[-1]))
		return;
	a->key = quote + 1;
	a->key_len = a->len - before - 2;
	a->len = before;
	trim(a);
}

/* ".Field", or ".Map.key". */
static void take_field(struct action *a, const struct template_field *fields)
{
	a->field = find(fields, a->text + 1, a->len - 1);
	for (; !a->field && !a->key && fields->name; fields++) {
		size_t len = strlen(fields->name);

		if (!fields->map || a->len <= len + 2 || strncmp(a->text + 1, fields->name, len) != 0 ||
		    a->text[len + 1] != '.')
			continue;
		a->field = fields;
		a->key = a->text + len + 2;
		a->key_len = a->len - len - 2;
		a->dotted = true;
	}
}

/* It is for cli/go_template.h. */
static int is_more(struct err *e)
{
	return err_set(e, -EOPNOTSUPP, "template: more than fields");
}

/* ".Name", ".Map.com.example/key": a mistake, and nothing more that it could be. */
static bool is_name(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("._-/", text[i]))
			return false;
	return true;
}

static int parse_action(struct action *a, const struct template_field *fields, struct err *e)
{
	trim(a);
	take_function(a);
	take_key(a);
	if (a->len == 0 || *a->text != '.' || (a->function == INDEX && !a->key))
		return is_more(e);
	if (a->len == 1)
		return a->function == JSON && !a->key ? 0 : is_more(e);
	take_field(a, fields);
	if (!a->field && !is_name(a->text, a->len))
		return is_more(e);
	if (!a->field)
		return err_set(e, -EINVAL, "template: there is no field '%.*s'",
			       (int)(a->len < 64 ? a->len : 64), a->text);
	return !a->key || (a->field->map && a->function != JSON) ? 0 : is_more(e);
}

/* "com.example.my-key" stands over its column as "my key", which is docker's. */
static int add_key_heading(const struct action *a, struct buf *out)
{
	size_t begin = a->key_len;
	int r = 0;

	while (begin > 0 && a->key[begin - 1] != '.')
		begin--;
	for (size_t i = begin; r == 0 && i < a->key_len; i++)
		r = buf_add_char(out, (char)(strchr("-_", a->key[i]) ? ' ' : a->key[i]));
	return r;
}

static const char *look_up(const struct action *a)
{
	const struct strvec *map = a->field->map;

	for (size_t i = 0; i < map->len; i++)
		if (strncmp(map->items[i], a->key, a->key_len) == 0 && map->items[i][a->key_len] == '=')
			return map->items[i] + a->key_len + 1;
	/* Go's map has none, where its function has "". */
	return a->dotted ? "<no value>" : "";
}

/* Bytes that are no ASCII stay; control characters could drive a terminal. */
static char cased(char c, enum function function)
{
	if (iscntrl((unsigned char)c))
		return '?';
	if (function == UPPER && c >= 'a' && c <= 'z')
		return (char)(c - 'a' + 'A');
	if (function == LOWER && c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c;
}

static size_t printable_span(const char *text)
{
	size_t len = 0;

	while (text[len] && !iscntrl((unsigned char)text[len]))
		len++;
	return len;
}

static int add_cased(const char *text, enum function function, struct buf *out)
{
	int r = 0;

	while (r == 0 && text && *text) {
		size_t len = function == PLAIN ? printable_span(text) : 0;

		r = len > 0 ? buf_add(out, text, len) : buf_add_char(out, cased(*text, function));
		text += len > 0 ? len : 1;
	}
	return r;
}

static int add_heading(const struct action *a, struct buf *out)
{
	if (a->key)
		return add_key_heading(a, out);
	return add_cased(a->field ? a->field->heading : "", PLAIN, out);
}

static int add_action(struct action *a, const struct template_field *fields, bool headings, struct buf *out,
		      struct err *e)
{
	int r = parse_action(a, fields, e);

	if (r < 0)
		return r;
	if (a->function == JSON && !headings)
		return add_json(fields, a->field, out, e);
	r = headings ? add_heading(a, out)
		     : add_cased(a->key ? look_up(a) : a->field->text, a->function, out);
	return r < 0 ? err_code(e, -ENOMEM, "cannot print") : 0;
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

static int expand_plain(const char *format, const struct template_field *fields, bool headings,
			struct buf *out, struct err *e)
{
	int r = 0;

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

/* --- all of Go's --- */

/* \t and \n stand for themselves there. */
static int add_literals(const char *format, struct buf *out)
{
	int r = 0;

	while (r == 0 && *format) {
		const char *end = strncmp(format, "{{", 2) == 0 ? strstr(format, "}}") : NULL;

		if (!end) {
			r = add_literal(&format, out);
			continue;
		}
		r = buf_add(out, format, (size_t)(end + 2 - format));
		format = end + 2;
	}
	return r;
}

static void write_field(const struct template_field *f, bool headings, struct json_out *o)
{
	static const struct strvec NONE = { 0 };

	if (f->map) /* which has no headings that a template could not say itself */
		json_out_map(o, f->name, headings ? &NONE : f->map);
	else if (headings)
		json_out_string(o, f->name, f->heading ? f->heading : "");
	else
		write_json(f, f->name, o);
}

static int expand_all(const char *format, const struct template_field *fields, bool headings, struct buf *out,
		      struct err *e)
{
	const struct template_field *whole = find(fields, TEMPLATE_WHOLE, strlen(TEMPLATE_WHOLE));
	cleanup_json_out struct json_out *o = json_out_new(false, TEMPLATE_OUT_MAX);

	if (whole && !headings) {
		write_json(whole, NULL, o);
	} else {
		json_out_object(o, NULL);
		for (; fields->name; fields++)
			write_field(fields, headings, o);
		json_out_end(o);
	}
	return go_template_of(format, o, out, e);
}

static int go_text_of(const char *format, struct buf *ret, struct err *e)
{
	int r = add_literals(format, ret);

	if (r == 0)
		r = buf_add(ret, "", 0);
	return r < 0 ? err_code(e, r, "cannot print") : go_template_check(ret->data, e);
}

int template_expand(const char *format, const struct template_field *fields, bool headings, struct buf *out,
		    struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(TEMPLATE_OUT_MAX);
	size_t begin = out->len;
	int r;

	if (strcmp(format, "json") == 0)
		format = "{{json .}}";
	r = expand_plain(format, fields, headings, out, e);
	if (r != -EOPNOTSUPP)
		return r;
	out->len = begin; /* of what stood before it */
	r = go_text_of(format, &text, e);
	return r < 0 ? r : expand_all(text.data, fields, headings, out, e);
}

int template_check(const char *format, const struct template_field *fields, struct err *e)
{
	cleanup_buf struct buf ignored = BUF_INIT(TEMPLATE_OUT_MAX);
	cleanup_buf struct buf text = BUF_INIT(TEMPLATE_OUT_MAX);
	int r = strcmp(format, "json") == 0 ? 0 : expand_plain(format, fields, false, &ignored, e);

	return r == -EOPNOTSUPP ? go_text_of(format, &text, e) : r;
}
