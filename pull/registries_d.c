/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/registries_d.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <yaml.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "pull/config_dirs.h"

#define ATTACHMENTS "use-sigstore-attachments"

void registries_d_done(struct registries_d *r)
{
	for (size_t i = 0; i < r->len; i++)
		free(r->scopes[i].name);
	free(r->scopes);
	strvec_done(&r->files);
	*r = (struct registries_d){ 0 };
}

/* --- YAML ------------------------------------------------------------------------------------------------------ */

static int bad(const yaml_node_t *n, struct err *e, const char *what)
{
	return err_set(e, -EINVAL, "line %zu: %s", n->start_mark.line + 1, what);
}

static bool is_key(const yaml_node_t *n, const char *text)
{
	return n && n->type == YAML_SCALAR_NODE && n->data.scalar.length == strlen(text) &&
	       memcmp(n->data.scalar.value, text, n->data.scalar.length) == 0;
}

static bool is_null(const yaml_node_t *n)
{
	return is_key(n, "") || is_key(n, "~") || is_key(n, "null");
}

/* The value of a key; NULL: it is not there, or null. Twice is once too often. */
static int find(yaml_document_t *d, const yaml_node_t *mapping, const char *key, yaml_node_t **ret,
		struct err *e)
{
	yaml_node_t *found = NULL;

	for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start;
	     p < mapping->data.mapping.pairs.top; p++) {
		if (!is_key(yaml_document_get_node(d, p->key), key))
			continue;
		if (found)
			return err_set(e, -EINVAL, "line %zu: '%s' is there twice",
				       yaml_document_get_node(d, p->key)->start_mark.line + 1, key);
		found = yaml_document_get_node(d, p->value);
	}
	*ret = is_null(found) ? NULL : found;
	return 0;
}

/* YAML 1.1's words, as tools that read these files take them. */
static int read_bool(const yaml_node_t *n, struct opt_bool *ret, struct err *e)
{
	static const char *const WORDS[][2] = { { "true", "false" }, { "True", "False" }, { "TRUE", "FALSE" },
						{ "yes", "no" },     { "Yes", "No" },     { "YES", "NO" },
						{ "on", "off" },     { "On", "Off" },     { "ON", "OFF" },
						{ "y", "n" },        { "Y", "N" } };

	for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
		for (size_t no = 0; no < 2; no++)
			if (is_key(n, WORDS[i][no]) && n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
				*ret = (struct opt_bool){ .set = true, .value = no == 0 };
				return 0;
			}
	return bad(n, e, ATTACHMENTS ": expected true or false");
}

/* --- scopes ---------------------------------------------------------------------------------------------------- */

static const struct registries_d_scope *scope_of(const struct registries_d *r, const char *name)
{
	for (size_t i = 0; i < r->len; i++)
		if (strcmp(r->scopes[i].name, name) == 0)
			return &r->scopes[i];
	return NULL;
}

/* There is one place for each scope, so that nobody need know in which order files are read. */
static int add_scope(struct registries_d *r, const char *name, struct opt_bool attachments, struct err *e)
{
	const struct registries_d_scope *known = scope_of(r, name);
	struct registries_d_scope *more;

	if (known)
		return err_set(e, -EINVAL, "'%.128s' is described in '%.128s' already",
			       *name ? name : "default-docker", r->files.items[known->file]);
	if (r->len == REGISTRIES_D_SCOPES)
		return err_set(e, -EFBIG, "there are more than %d scopes", REGISTRIES_D_SCOPES);
	more = reallocarray(r->scopes, r->len + 1, sizeof(*more));
	if (!more)
		return err_code(e, -ENOMEM, "cannot keep what registries.d says");
	r->scopes = more;
	more[r->len] = (struct registries_d_scope){ .name = strdup(name),
						    .attachments = attachments,
						    .file = r->files.len - 1 };
	return more[r->len++].name ? 0 : err_code(e, -ENOMEM, "cannot keep what registries.d says");
}

static int read_scope(struct registries_d *r, yaml_document_t *d, const char *name, const yaml_node_t *n,
		      struct err *e)
{
	struct opt_bool attachments = { 0 };
	yaml_node_t *value = NULL;
	int code = 0;

	if (n && !is_null(n) && n->type != YAML_MAPPING_NODE)
		return bad(n, e, "expected a mapping");
	if (n && n->type == YAML_MAPPING_NODE)
		code = find(d, n, ATTACHMENTS, &value, e);
	if (code == 0 && value)
		code = read_bool(value, &attachments, e);
	return code < 0 ? code : add_scope(r, name, attachments, e);
}

static int read_scopes(struct registries_d *r, yaml_document_t *d, const yaml_node_t *docker, struct err *e)
{
	int code = 0;

	if (docker->type != YAML_MAPPING_NODE)
		return bad(docker, e, "docker: expected a mapping");
	for (const yaml_node_pair_t *p = docker->data.mapping.pairs.start;
	     code == 0 && p < docker->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_document_get_node(d, p->key);
		const char *name;

		if (key->type != YAML_SCALAR_NODE)
			return bad(key, e, "docker: expected a registry, a namespace or a repository");
		name = (const char *)key->data.scalar.value;
		if (strlen(name) != key->data.scalar.length || !*name)
			return bad(key, e, "docker: expected a registry, a namespace or a repository");
		code = read_scope(r, d, name, yaml_document_get_node(d, p->value), e);
	}
	return code;
}

static int read_document(struct registries_d *r, yaml_document_t *d, struct err *e)
{
	const yaml_node_t *root = yaml_document_get_root_node(d);
	yaml_node_t *defaults = NULL, *docker = NULL;
	int code;

	if (!root || is_null(root))
		return 0;
	if (root->type != YAML_MAPPING_NODE)
		return bad(root, e, "expected a mapping");
	code = find(d, root, "default-docker", &defaults, e);
	if (code == 0)
		code = find(d, root, "docker", &docker, e);
	if (code == 0 && defaults)
		code = read_scope(r, d, "", defaults, e);
	return code == 0 && docker ? read_scopes(r, d, docker, e) : code;
}

int registries_d_add(struct registries_d *r, const char *file, const char *text, size_t len, struct err *e)
{
	yaml_parser_t parser;
	yaml_document_t document;
	int code;

	if (strvec_add(&r->files, file) < 0 || !yaml_parser_initialize(&parser))
		return err_code(e, -ENOMEM, "cannot read YAML");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &document)) {
		code = read_document(r, &document, e);
		yaml_document_delete(&document);
	} else if (parser.error == YAML_MEMORY_ERROR) {
		code = err_code(e, -ENOMEM, "cannot read YAML");
	} else {
		code = err_set(e, -EINVAL, "line %zu: %s", parser.problem_mark.line + 1,
			       parser.problem ? parser.problem : "this is no YAML");
	}
	yaml_parser_delete(&parser);
	return code;
}

/* --- files ----------------------------------------------------------------------------------------------------- */

static int add_file(struct registries_d *r, const char *path, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(REGISTRIES_D_MAX_BYTES);
	int code = file_read(AT_FDCWD, path, &text, e);

	if (code < 0)
		return code;
	code = registries_d_add(r, path, text.data ? text.data : "", text.len, e);
	return code < 0 ? err_wrap(e, "'%s'", path) : 0;
}

int registries_d_load(struct registries_d *ret, struct err *e)
{
	cleanup_registries_d struct registries_d r = { 0 };
	cleanup_strvec struct strvec dirs = { 0 }, files = { 0 };
	int code = config_dirs("containers/registries.d", &dirs, e);

	for (size_t i = dirs.len; code == 0 && i > 0; i--) {
		if (access(dirs.items[i - 1], F_OK) < 0)
			continue;
		code = config_list_files(dirs.items[i - 1], ".yaml", REGISTRIES_D_FILES, &files, e);
		break;
	}
	for (size_t i = 0; code == 0 && i < files.len; i++)
		code = add_file(&r, files.items[i], e);
	if (code < 0)
		return code;
	*ret = r;
	r = (struct registries_d){ 0 };
	return 0;
}

bool registries_d_attachments(const struct registries_d *r, const struct strvec *scopes)
{
	const struct registries_d_scope *s;

	for (size_t i = 0; i < scopes->len; i++) {
		s = *scopes->items[i] ? scope_of(r, scopes->items[i]) : NULL;
		if (s && s->attachments.set)
			return s->attachments.value;
	}
	s = scope_of(r, "");
	return s && s->attachments.set && s->attachments.value;
}
