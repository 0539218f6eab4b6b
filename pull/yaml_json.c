/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/yaml_json.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <yaml.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "common/parse.h"

struct conversion {
	yaml_document_t *document;
	struct json_out *out;
	size_t nodes, depth;
};

static int bad(const yaml_node_t *n, struct err *e, const char *what)
{
	return err_set(e, -EINVAL, "line %zu: %s", n->start_mark.line + 1, what);
}

/* --- scalars --- */

static bool is_any(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static int hex_value(const char *digits, uint64_t *ret)
{
	static const char DIGITS[] = "0123456789abcdefABCDEF";
	uint64_t n = 0;

	if (!*digits || strlen(digits) > 15 || digits[strspn(digits, DIGITS)])
		return -EINVAL;
	for (; *digits; digits++) {
		size_t value = (size_t)(strchr(DIGITS, *digits) - DIGITS);

		n = n * 16 + (value > 15 ? value - 6 : value);
	}
	*ret = n;
	return 0;
}

/* 420, 0644, 0o644, 0x1a4 */
static bool read_unsigned(const char *text, uint64_t *ret)
{
	if (strncmp(text, "0x", 2) == 0)
		return hex_value(text + 2, ret) == 0;
	if (strncmp(text, "0o", 2) == 0)
		return parse_octal(text + 2, UINT32_MAX, ret) == 0;
	if (text[0] == '0' && text[1])
		return parse_octal(text + 1, UINT32_MAX, ret) == 0;
	return parse_u64(text, 0, UINT64_MAX, ret) == 0;
}

static void write_plain(struct json_out *o, const char *key, const char *text)
{
	static const char *const NULLS[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const TRUES[] = { "true", "True", "TRUE", "yes", "Yes",
					     "YES",  "on",   "On",   "ON",  NULL };
	static const char *const FALSES[] = { "false", "False", "FALSE", "no",  "No",
					      "NO",    "off",   "Off",   "OFF", NULL };
	uint64_t number;
	int64_t negative;

	if (is_any(text, NULLS))
		json_out_null(o, key);
	else if (is_any(text, TRUES) || is_any(text, FALSES))
		json_out_bool(o, key, is_any(text, TRUES));
	else if (read_unsigned(text, &number))
		json_out_u64(o, key, number);
	else if (text[0] == '-' && parse_i64(text, INT64_MIN, 0, &negative) == 0)
		json_out_i64(o, key, negative);
	else
		json_out_string(o, key, text);
}

static int scalar_text(const yaml_node_t *n, const char **ret, struct err *e)
{
	const char *text = (const char *)n->data.scalar.value;

	if (!text || strlen(text) != n->data.scalar.length)
		return bad(n, e, "a NUL byte in a text");
	*ret = text;
	return 0;
}

/* --- the tree --- */

static int write_node(struct conversion *c, const char *key, int index, struct err *e);

/* Their number is bounded by the file's size: what is quadratic here is for a few keys in one mapping. */
static int check_once(const struct conversion *c, const yaml_node_t *mapping, const yaml_node_pair_t *pair,
		      const char *key, struct err *e)
{
	for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < pair; p++) {
		const yaml_node_t *other = yaml_document_get_node(c->document, p->key);

		if (other->type == YAML_SCALAR_NODE &&
		    strcmp((const char *)other->data.scalar.value, key) == 0)
			return err_set(e, -EINVAL, "line %zu: '%.64s' is there twice",
				       yaml_document_get_node(c->document, pair->key)->start_mark.line + 1,
				       key);
	}
	return 0;
}

static int write_mapping(struct conversion *c, const yaml_node_t *n, struct err *e)
{
	int r = 0;

	for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; r == 0 && p < n->data.mapping.pairs.top;
	     p++) {
		const yaml_node_t *name = yaml_document_get_node(c->document, p->key);
		const char *key = NULL;

		if (name->type != YAML_SCALAR_NODE)
			return bad(name, e, "a key that is no text");
		r = scalar_text(name, &key, e);
		if (r == 0)
			r = check_once(c, n, p, key, e);
		if (r == 0)
			r = write_node(c, key, p->value, e);
	}
	return r;
}

static int write_sequence(struct conversion *c, const yaml_node_t *n, struct err *e)
{
	int r = 0;

	for (const yaml_node_item_t *i = n->data.sequence.items.start;
	     r == 0 && i < n->data.sequence.items.top; i++)
		r = write_node(c, NULL, *i, e);
	return r;
}

static int write_scalar(struct conversion *c, const char *key, const yaml_node_t *n, struct err *e)
{
	const char *text = "";
	int r = scalar_text(n, &text, e);

	if (r < 0)
		return r;
	if (n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		write_plain(c->out, key, text);
	else
		json_out_string(c->out, key, text);
	return 0;
}

/* An alias is the node that it stands for: a few lines may be a large tree, or one without an end. */
static int write_node(struct conversion *c, const char *key, int index, struct err *e)
{
	const yaml_node_t *n = yaml_document_get_node(c->document, index);
	int r;

	if (++c->nodes > YAML_JSON_NODES_MAX || c->depth == YAML_JSON_DEPTH_MAX)
		return err_set(e, -EFBIG, "line %zu: there is too much in it, or it is too deep",
			       n->start_mark.line + 1);
	if (n->type == YAML_SCALAR_NODE)
		return write_scalar(c, key, n, e);
	if (n->type == YAML_SEQUENCE_NODE)
		json_out_array(c->out, key);
	else
		json_out_object(c->out, key);
	c->depth++;
	r = n->type == YAML_SEQUENCE_NODE ? write_sequence(c, n, e) : write_mapping(c, n, e);
	c->depth--;
	json_out_end(c->out);
	return r;
}

static int convert(yaml_document_t *d, struct buf *out, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, out->max - out->len);
	struct conversion c = { .document = d, .out = o };
	const char *text;
	size_t len;
	int r = yaml_document_get_root_node(d) ? write_node(&c, NULL, 1, e)
					       : err_set(e, -EINVAL, "there is nothing in it");

	if (r == 0)
		r = json_out_finish(o, &text, &len, e);
	if (r == 0 && buf_add(out, text, len) < 0)
		r = err_code(e, -ENOMEM, "cannot read YAML");
	return r;
}

int yaml_to_json(const char *text, size_t len, struct buf *out, struct err *e)
{
	yaml_parser_t parser;
	yaml_document_t document;
	int r;

	if (!yaml_parser_initialize(&parser))
		return err_code(e, -ENOMEM, "cannot read YAML");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &document)) {
		r = convert(&document, out, e);
		yaml_document_delete(&document);
	} else if (parser.error == YAML_MEMORY_ERROR) {
		r = err_code(e, -ENOMEM, "cannot read YAML");
	} else {
		r = err_set(e, -EINVAL, "line %zu: %s", parser.problem_mark.line + 1,
			    parser.problem ? parser.problem : "this is no YAML");
	}
	yaml_parser_delete(&parser);
	return r;
}
