/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/go_template.h"

#include <ctype.h>
#include <string.h>

#include "cli/go_functions.h"
#include "common/cleanup.h"
#include "common/parse.h"

#define BLANKS    " \t\r\n"
#define VARS_MAX  32
#define DEPTH_MAX 32
#define SHOWN_MAX 40 /* characters of a template in an error */

struct variable {
	const char *name; /* in the template */
	size_t len;
	struct go_value value;
};

/* One run, from the template's beginning to its end. What is skipped is read all the same, so that its mistakes are told. */
struct run {
	const char *p;
	struct buf *out;
	struct go_arena arena;
	struct go_value root, dot;
	struct variable vars[VARS_MAX];
	size_t vars_len;
	unsigned int depth;
	bool trims; /* blanks before the next text go */
	struct err *e;
};

enum stop { STOP_TEXT_END, STOP_END, STOP_ELSE };

static int wrong(const struct run *r, const char *what)
{
	size_t len = strcspn(r->p, "\n");

	return err_set(r->e, -EINVAL, "template parsing error: %s at '%.*s'", what,
		       (int)(len < SHOWN_MAX ? len : SHOWN_MAX), r->p);
}

static int no_memory(const struct run *r)
{
	return err_code(r->e, -EFBIG, "template");
}

static int enter(struct run *r)
{
	return ++r->depth > DEPTH_MAX ? wrong(r, "nested too deep") : 0;
}

/* --- words --- */

static void skip_blanks(struct run *r)
{
	r->p += strspn(r->p, BLANKS);
}

static bool at_close(const struct run *r)
{
	return strncmp(r->p, "}}", 2) == 0 || strncmp(r->p, "-}}", 3) == 0;
}

static int close_action(struct run *r)
{
	skip_blanks(r);
	if (!at_close(r))
		return wrong(r, "unexpected text in an action");
	r->trims = *r->p == '-';
	r->p += r->trims ? 3 : 2;
	return 0;
}

static size_t word_len(const char *p)
{
	size_t len = 0;

	if (!isalpha((unsigned char)*p) && *p != '_')
		return 0;
	while (isalnum((unsigned char)p[len]) || p[len] == '_')
		len++;
	return len;
}

static bool take_word(struct run *r, const char *word)
{
	size_t len = strlen(word);

	skip_blanks(r);
	if (word_len(r->p) != len || strncmp(r->p, word, len) != 0)
		return false;
	r->p += len;
	return true;
}

static bool take_sign(struct run *r, const char *sign)
{
	skip_blanks(r);
	if (strncmp(r->p, sign, strlen(sign)) != 0)
		return false;
	r->p += strlen(sign);
	return true;
}

/* --- operands --- */

static int pipeline(struct run *r, bool active, struct go_value *ret);

/* "text" with Go's escapes, or `text` without any. */
static int quoted(struct run *r, struct go_value *ret)
{
	cleanup_buf struct buf text = BUF_INIT(GO_TEMPLATE_OUT_MAX);
	char quote = *r->p++;

	while (*r->p && *r->p != quote) {
		static const char LETTERS[] = "ntr\\\"'", VALUES[] = "\n\t\r\\\"'";
		const char *letter =
			*r->p == '\\' && quote == '"' && r->p[1] ? strchr(LETTERS, r->p[1]) : NULL;

		if (buf_add(&text, letter ? &VALUES[letter - LETTERS] : r->p, 1) < 0)
			return no_memory(r);
		r->p += letter ? 2 : 1;
	}
	if (!*r->p)
		return wrong(r, "unterminated quoted string");
	r->p++;
	return go_text(&r->arena, buf_take(&text), ret, r->e);
}

static int number(struct run *r, struct go_value *ret)
{
	char text[24];
	size_t len = strspn(r->p + 1, "0123456789") + 1;

	if (len >= sizeof(text))
		return wrong(r, "bad number");
	memcpy(text, r->p, len);
	text[len] = '\0';
	*ret = go_int(0);
	if (parse_i64(text, INT64_MIN, INT64_MAX, &ret->number) < 0)
		return wrong(r, "bad number");
	r->p += len;
	return 0;
}

/* The last one of a name counts. "$" alone is the whole document. */
static struct variable *find_variable(struct run *r, const char *name, size_t len)
{
	for (size_t i = r->vars_len; i-- > 0;)
		if (r->vars[i].len == len && strncmp(r->vars[i].name, name, len) == 0)
			return &r->vars[i];
	return NULL;
}

static int variable(struct run *r, struct go_value *ret)
{
	size_t len = word_len(++r->p);
	const struct variable *found = find_variable(r, r->p, len);

	if (len == 0) {
		*ret = r->root;
		return 0;
	}
	if (!found)
		return wrong(r, "undefined variable");
	*ret = found->value;
	r->p += len;
	return 0;
}

/* Maps of docker's whose keys are the user's. */
static bool is_open(const struct go_value *v)
{
	static const char *const NAMES[] = { "Annotations",  "Attributes", "Data",     "DriverOpts",
					     "ExposedPorts", "Labels",     "Networks", "Options",
					     "PortBindings", "Ports",      "Storage",  "Sysctls",
					     "Tmpfs",        "Volumes" };

	for (size_t i = 0; v->name && i < ARRAY_LEN(NAMES); i++)
		if (strcmp(v->name, NAMES[i]) == 0)
			return true;
	return false;
}

static int field(struct run *r, bool active, struct go_value *v)
{
	size_t len = word_len(r->p);
	struct go_value name, found = { .kind = GO_NOTHING };
	int rc = go_text(&r->arena, strndup(r->p, len), &name, r->e); /* the value found keeps it */

	r->p += len;
	if (rc == 0 && active)
		rc = go_member(&r->arena, v, name.text, &found, r->e);
	if (rc == 0 && active && v->kind == GO_OBJECT && found.kind == GO_NOTHING && !is_open(v))
		return err_set(r->e, -EINVAL, "template: map has no entry for key \"%s\"", name.text);
	*v = found;
	return rc;
}

/* ".A.B" behind an operand. */
static int fields(struct run *r, bool active, struct go_value *v)
{
	int rc = 0;

	while (rc == 0 && *r->p == '.') {
		r->p++;
		rc = word_len(r->p) > 0 ? field(r, active, v) : wrong(r, "unexpected '.'");
	}
	return rc;
}

static int parenthesis(struct run *r, bool active, struct go_value *ret)
{
	int rc = enter(r);

	r->p++;
	if (rc == 0)
		rc = pipeline(r, active, ret);
	r->depth--;
	if (rc == 0 && !take_sign(r, ")"))
		rc = wrong(r, "unclosed left paren");
	return rc;
}

static int term(struct run *r, bool active, struct go_value *ret)
{
	if (*r->p == '"' || *r->p == '`')
		return quoted(r, ret);
	if (isdigit((unsigned char)*r->p) || (*r->p == '-' && isdigit((unsigned char)r->p[1])))
		return number(r, ret);
	if (*r->p == '(')
		return parenthesis(r, active, ret);
	if (*r->p == '$')
		return variable(r, ret);
	if (*r->p == '.') {
		*ret = r->dot;
		if (word_len(r->p + 1) == 0) /* else `fields` begins with it */
			r->p++;
		return 0;
	}
	if (take_word(r, "true") || take_word(r, "false")) {
		*ret = go_bool(r->p[-2] == 'u');
		return 0;
	}
	*ret = (struct go_value){ .kind = GO_NULL };
	return take_word(r, "nil") ? 0 : wrong(r, "unexpected text in an action");
}

static int operand(struct run *r, bool active, struct go_value *ret)
{
	int rc;

	skip_blanks(r);
	rc = term(r, active, ret);
	return rc == 0 ? fields(r, active, ret) : rc;
}

/* --- pipelines --- */

static bool ends_command(struct run *r)
{
	skip_blanks(r);
	return !*r->p || at_close(r) || *r->p == ')' || *r->p == '|';
}

static const struct go_function *take_function(struct run *r)
{
	size_t len = (skip_blanks(r), word_len(r->p));
	const struct go_function *f = go_function_find(r->p, len);

	r->p += f ? len : 0;
	return f;
}

/* {{.Label "KEY"}}: in Go a method, here a map. */
static int look_up(struct run *r, bool active, struct go_value *v)
{
	struct go_value map = *v, key;
	int rc = operand(r, active, &key);

	if (rc == 0 && active)
		rc = go_member(&r->arena, &map, key.text, v, r->e);
	if (rc == 0 && active && v->kind == GO_NOTHING)
		rc = go_text(&r->arena, strdup(""), v, r->e);
	return rc;
}

static int lone_operand(struct run *r, bool active, struct go_value *ret)
{
	int rc = operand(r, active, ret);
	bool is_map = ret->kind == GO_OBJECT || !active;

	if (rc == 0 && is_map && *r->p == ' ' && r->p[strspn(r->p, BLANKS)] == '"')
		rc = look_up(r, active, ret);
	return rc == 0 && !ends_command(r) ? wrong(r, "can't give argument to non-function") : rc;
}

static int arguments(struct run *r, bool active, struct go_value args[GO_ARGS_MAX + 1], size_t *ret_len)
{
	int rc = 0;

	while (rc == 0 && !ends_command(r)) {
		if (*ret_len == GO_ARGS_MAX)
			return wrong(r, "too many arguments");
		rc = go_function_find(r->p, word_len(r->p)) ? wrong(r, "put a function's call in parentheses")
							    : operand(r, active, &args[(*ret_len)++]);
	}
	return rc;
}

/* `piped`: what the command before it gave, as its last argument; NULL: it is the first. */
static int command(struct run *r, bool active, const struct go_value *piped, struct go_value *ret)
{
	const struct go_function *f = take_function(r);
	struct go_value args[GO_ARGS_MAX + 1];
	struct go_call call = { .arena = &r->arena, .args = args };
	int rc;

	if (!f && piped)
		return wrong(r, "can't give argument to non-function");
	if (!f)
		return lone_operand(r, active, ret);
	rc = arguments(r, active, args, &call.len);
	if (rc == 0 && piped)
		args[call.len++] = *piped;
	return rc < 0 || !active ? rc : go_function_call(f, &call, ret, r->e);
}

static int pipeline(struct run *r, bool active, struct go_value *ret)
{
	struct go_value last;
	int rc;

	*ret = (struct go_value){ .kind = GO_NOTHING };
	rc = command(r, active, NULL, ret);
	while (rc == 0 && take_sign(r, "|")) {
		last = *ret;
		rc = command(r, active, &last, ret);
	}
	return rc;
}

static int declare(struct run *r, const char *name, size_t len, const struct go_value *v)
{
	if (r->vars_len == VARS_MAX)
		return wrong(r, "too many variables");
	r->vars[r->vars_len++] = (struct variable){ name, len, *v };
	return 0;
}

/* "$a := PIPELINE", "$a = PIPELINE". False: it is none, and nothing was taken. */
static bool take_assignment(struct run *r, const char **ret_name, size_t *ret_len, bool *ret_new)
{
	const char *begin = (skip_blanks(r), r->p);

	*ret_len = *begin == '$' ? word_len(begin + 1) : 0;
	if (*ret_len == 0)
		return false;
	*ret_name = begin + 1;
	r->p += 1 + *ret_len;
	*ret_new = take_sign(r, ":=");
	if (*ret_new || take_sign(r, "="))
		return true;
	r->p = begin;
	return false;
}

/* *ret_shown: it has a value to be printed, and is no assignment. */
static int statement(struct run *r, bool active, struct go_value *ret, bool *ret_shown)
{
	struct variable *found;
	const char *name = NULL;
	size_t len = 0;
	bool is_new = false, assigns = take_assignment(r, &name, &len, &is_new);
	int rc = pipeline(r, active, ret);

	*ret_shown = !assigns;
	if (rc < 0 || !assigns)
		return rc;
	if (is_new)
		return declare(r, name, len, ret);
	found = find_variable(r, name, len);
	if (!found)
		return wrong(r, "undefined variable");
	if (active)
		found->value = *ret;
	return 0;
}

/* --- if, with, range --- */

static int list(struct run *r, bool active, enum stop *ret);

static int expect_end(struct run *r, enum stop why)
{
	return why == STOP_END
		       ? 0
		       : wrong(r, why == STOP_ELSE ? "expected end; found {{else}}" : "unexpected EOF");
}

/* What follows "{{else": *ret_last: nothing, and all is taken. */
static int else_condition(struct run *r, bool active, const char *word, struct go_value *ret, bool *ret_last)
{
	bool shown;
	int rc = 0;

	*ret_last = !take_word(r, word);
	if (!*ret_last)
		rc = statement(r, active, ret, &shown);
	return rc == 0 ? close_action(r) : rc;
}

static int branch_body(struct run *r, bool active, const struct go_value *dot, enum stop *why)
{
	struct go_value saved = r->dot;
	size_t vars = r->vars_len;
	int rc;

	if (dot)
		r->dot = *dot;
	rc = list(r, active, why);
	r->dot = saved;
	r->vars_len = vars;
	return rc;
}

/* Up to its {{end}}, or to an {{else}} that has no further condition: then *ret_last. *ret_done: one of them was true. */
static int branches(struct run *r, bool active, bool is_with, enum stop *why, bool *ret_done, bool *ret_last)
{
	struct go_value v = { .kind = GO_NOTHING };
	bool shown, taken;
	int rc = statement(r, active, &v, &shown);

	if (rc == 0)
		rc = close_action(r);
	while (rc == 0 && !*ret_last && *why == STOP_ELSE) {
		taken = active && !*ret_done && go_is_true(&v);
		*ret_done = *ret_done || taken;
		rc = branch_body(r, taken, is_with ? &v : NULL, why);
		if (rc == 0 && *why == STOP_ELSE)
			rc = else_condition(r, active && !*ret_done, is_with ? "with" : "if", &v, ret_last);
	}
	return rc;
}

static int branch(struct run *r, bool active, bool is_with)
{
	bool done = false, last = false;
	enum stop why = STOP_ELSE;
	size_t vars = r->vars_len;
	int rc = branches(r, active, is_with, &why, &done, &last);

	if (rc == 0 && last)
		rc = branch_body(r, active && !done, NULL, &why);
	r->vars_len = vars;
	return rc == 0 ? expect_end(r, why) : rc;
}

struct loop {
	const char *names[2]; /* "$i, $e :="; of one alone the element */
	size_t lens[2], count;
	struct go_value over;
	struct strvec keys;
	int64_t len;
	const char *body;
};

/* "$i, $e := PIPELINE", "$e := PIPELINE", "PIPELINE". */
static int loop_head(struct run *r, bool active, struct loop *l)
{
	const char *begin = (skip_blanks(r), r->p);

	while (l->count < 2 && take_sign(r, "$")) {
		l->names[l->count] = r->p;
		l->lens[l->count] = word_len(r->p);
		r->p += l->lens[l->count++];
		if (!take_sign(r, ","))
			break;
	}
	if (l->count == 0 || !take_sign(r, ":=")) {
		r->p = begin;
		l->count = 0;
	}
	return pipeline(r, active, &l->over);
}

static int loop_vars(struct run *r, struct loop *l, int64_t i, const struct go_value *element)
{
	struct go_value key = go_int(i);
	int rc = 0;

	if (l->over.kind == GO_OBJECT)
		rc = go_text(&r->arena, strdup(l->keys.items[i]), &key, r->e);
	if (rc == 0 && l->count == 2)
		rc = declare(r, l->names[0], l->lens[0], &key);
	return rc == 0 && l->count > 0 ? declare(r, l->names[l->count - 1], l->lens[l->count - 1], element)
				       : rc;
}

static int loop_once(struct run *r, struct loop *l, int64_t i, enum stop *why)
{
	struct go_value element;
	size_t vars = r->vars_len;
	int rc = l->over.kind == GO_OBJECT ? go_member(&r->arena, &l->over, l->keys.items[i], &element, r->e)
					   : go_element(&r->arena, &l->over, i, &element, r->e);

	if (rc == 0)
		rc = loop_vars(r, l, i, &element);
	r->p = l->body;
	if (rc == 0)
		rc = branch_body(r, true, &element, why);
	r->vars_len = vars;
	return rc;
}

/* What cannot be gone through is refused; a map that is nil has nothing in it. */
static int loop_measure(struct run *r, struct loop *l)
{
	if (l->over.kind == GO_OBJECT) {
		int rc = go_keys(&l->over, &l->keys, r->e);

		l->len = (int64_t)l->keys.len;
		return rc;
	}
	l->len = go_len(&l->over);
	if (l->over.kind == GO_NOTHING)
		l->len = 0;
	return l->len < 0 || l->over.kind == GO_TEXT
		       ? err_set(r->e, -EINVAL, "template: range can't iterate over it")
		       : 0;
}

static int loop(struct run *r, bool active, struct loop *l)
{
	enum stop why = STOP_TEXT_END;
	int rc = loop_head(r, active, l);

	if (rc == 0)
		rc = close_action(r);
	if (rc == 0 && active)
		rc = loop_measure(r, l);
	l->body = r->p;
	for (int64_t i = 0; rc == 0 && i < l->len; i++)
		rc = loop_once(r, l, i, &why);
	if (rc == 0 && l->len == 0) {
		size_t vars = r->vars_len;

		rc = loop_vars(r,
			       &(struct loop){ .names = { l->names[0], l->names[1] },
					       .lens = { l->lens[0], l->lens[1] },
					       .count = l->count },
			       0, &l->over); /* so that they are known in what is skipped */
		if (rc == 0)
			rc = branch_body(r, false, NULL, &why);
		r->vars_len = vars;
	}
	if (rc == 0 && why == STOP_ELSE) {
		rc = close_action(r);
		if (rc == 0)
			rc = branch_body(r, active && l->len == 0, NULL, &why);
	}
	return rc == 0 ? expect_end(r, why) : rc;
}

static int range(struct run *r, bool active)
{
	struct loop l = { .count = 0 };
	int rc = loop(r, active, &l);

	strvec_done(&l.keys);
	return rc;
}

/* --- the text --- */

static int comment(struct run *r)
{
	const char *end = strstr(r->p, "*/");

	if (!end)
		return wrong(r, "unclosed comment");
	r->p = end + 2;
	return close_action(r);
}

static int value(struct run *r, bool active)
{
	struct go_value v;
	bool shown;
	int rc = statement(r, active, &v, &shown);

	if (rc == 0)
		rc = close_action(r);
	return rc == 0 && active && shown && go_print(&v, r->out) < 0 ? no_memory(r) : rc;
}

/* What is between "{{" and "}}", and all that belongs to it. */
static int action(struct run *r, bool active, enum stop *why, bool *ret_stops)
{
	int rc;

	skip_blanks(r);
	if (strncmp(r->p, "/*", 2) == 0)
		return comment(r);
	*ret_stops = true;
	if (take_word(r, "end")) {
		*why = STOP_END;
		return close_action(r);
	}
	if (take_word(r, "else")) {
		*why = STOP_ELSE;
		return 0;
	}
	*ret_stops = false;
	rc = enter(r);
	if (rc < 0)
		return rc;
	if (take_word(r, "if"))
		rc = branch(r, active, false);
	else if (take_word(r, "with"))
		rc = branch(r, active, true);
	else if (take_word(r, "range"))
		rc = range(r, active);
	else
		rc = value(r, active);
	r->depth--;
	return rc;
}

/* Up to the next "{{", which is taken, or to the end. */
static int plain(struct run *r, bool active, bool *ret_ends)
{
	const char *begin = r->p + (r->trims ? strspn(r->p, BLANKS) : 0), *end = strstr(begin, "{{");
	size_t len = end ? (size_t)(end - begin) : strlen(begin);

	*ret_ends = !end;
	r->trims = false;
	r->p = end ? end + 2 : begin + len;
	if (end && r->p[0] == '-' && r->p[1] && strchr(BLANKS, r->p[1])) {
		r->p++;
		while (len > 0 && strchr(BLANKS, begin[len - 1]))
			len--;
	}
	return active && buf_add(r->out, begin, len) < 0 ? no_memory(r) : 0;
}

static int list(struct run *r, bool active, enum stop *ret)
{
	bool stops = false;
	int rc = 0;

	*ret = STOP_TEXT_END;
	while (rc == 0 && !stops) {
		rc = plain(r, active, &stops);
		if (rc == 0 && !stops)
			rc = action(r, active, ret, &stops);
	}
	return rc;
}

static int start(const char *text, bool active, const struct go_value *root, struct buf *out, struct err *e)
{
	struct run r = { .p = text, .out = out, .root = *root, .dot = *root, .e = e };
	enum stop why;
	int rc = list(&r, active, &why);

	if (rc == 0 && why != STOP_TEXT_END)
		rc = wrong(&r, why == STOP_ELSE ? "unexpected {{else}}" : "unexpected {{end}}");
	go_arena_done(&r.arena);
	return rc;
}

int go_template_check(const char *text, struct err *e)
{
	const struct go_value nothing = { .kind = GO_NOTHING };
	cleanup_buf struct buf out = BUF_INIT(0);

	return start(text, false, &nothing, &out, e);
}

int go_template_run(const char *text, const struct json_doc *doc, struct buf *out, struct err *e)
{
	const struct json_in top = json_top(doc);
	struct go_arena arena = { { 0 } };
	struct go_value root;
	int r = go_of_json(&arena, &top, &root, e);

	if (r == 0)
		r = start(text, true, &root, out, e);
	go_arena_done(&arena);
	return r;
}
