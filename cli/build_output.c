/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_output.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "build/build_image.h"
#include "build/csv.h"
#include "build/stoppable.h"
#include "cli/image_name.h"
#include "cli/image_output.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "pull/layout.h"
#include "pull/manifest_list.h"

void build_outputs_done(struct build_outputs *o)
{
	for (size_t i = 0; i < o->len; i++) {
		build_place_done(&o->items[i].place);
		free(o->items[i].dest);
	}
	strvec_done(&o->names);
	strvec_done(&o->annotations);
	strvec_done(&o->index_annotations);
	o->len = 0;
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot keep an output");
}

/* --- texts ---------------------------------------------------------------------------------------------- */

/* One "-o", as far as it is read. */
struct reading {
	struct build_outputs *all;
	const char *type, *dest;
	bool push, tar, has_tar;
};

static int add_name(struct build_outputs *o, const char *text, struct err *e)
{
	cleanup_free char *name = NULL;
	int r = image_name_parse(text, &name, e);

	if (r < 0)
		return err_wrap(e, "invalid tag \"%s\"", text);
	if (strvec_has(&o->names, name))
		return 0;
	return strvec_add(&o->names, name) < 0 ? no_memory(e) : 0;
}

static int add_names(struct build_outputs *o, const char *texts, struct err *e)
{
	cleanup_strvec struct strvec names = { 0 };
	int r = csv_fields(texts, &names, e);

	for (size_t i = 0; r == 0 && i < names.len; i++)
		r = add_name(o, names.items[i], e);
	return r;
}

/* "index:KEY=VALUE", "manifest:KEY=VALUE", "KEY=VALUE". */
static int add_annotation(struct build_outputs *o, const char *text, struct err *e)
{
	struct strvec *to = &o->annotations;
	const char *equals = strchr(text, '=');
	const char *colon = strchr(text, ':');

	if (!equals || equals == text)
		return err_set(e, -EINVAL, "invalid annotation \"%s\", expected key=value", text);
	if (colon && colon < equals && strncmp(text, "index", 5) == 0)
		to = &o->index_annotations;
	else if (!colon || colon > equals || strncmp(text, "manifest", 8) != 0)
		colon = NULL;
	return strvec_set_env(to, colon && colon < equals ? colon + 1 : text) < 0 ? no_memory(e) : 0;
}

static int set_compression(struct build_outputs *o, const char *text, struct err *e)
{
	o->has_compression = true;
	return compression_parse(strcmp(text, "uncompressed") == 0 ? "none" : text, &o->compression, e);
}

static int set_level(struct build_outputs *o, const char *text, struct err *e)
{
	uint64_t level;

	if (parse_u64(text, 0, UINT32_MAX, &level) < 0)
		return err_set(e, -EINVAL, "non-integer value \"%s\" specified for compression-level", text);
	return compression_set_level(&o->compression, level, e);
}

/* What BuildKit knows and what makes no difference here. */
static bool is_harmless(const char *key)
{
	static const char *const KEYS[] = { "oci-mediatypes",
					    "oci-artifact",
					    "force-compression",
					    "unpack",
					    "store",
					    "name-canonical",
					    "dangling-name-prefix",
					    "buildinfo",
					    "rewrite-timestamp",
					    "platform-split",
					    "registry.insecure" };

	for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
		if (strcmp(KEYS[i], key) == 0)
			return true;
	return false;
}

static int take_bool(const char *key, const char *value, bool *ret, struct err *e)
{
	return parse_bool(value, ret) < 0
		       ? err_set(e, -EINVAL, "non-bool value \"%s\" specified for %s", value, key)
		       : 0;
}

static int take_field(struct reading *o, char *text, struct err *e)
{
	char *value = strchr(text, '=');

	if (!value)
		return err_set(e, -EINVAL, "invalid value %s", text);
	*value++ = '\0';
	if (strcmp(text, "type") == 0) {
		o->type = value;
	} else if (strcmp(text, "dest") == 0) {
		o->dest = value;
	} else if (strcmp(text, "push") == 0) {
		return take_bool(text, value, &o->push, e);
	} else if (strcmp(text, "tar") == 0) {
		o->has_tar = true;
		return take_bool(text, value, &o->tar, e);
	} else if (strcmp(text, "name") == 0) {
		return add_names(o->all, value, e);
	} else if (strcmp(text, "compression") == 0) {
		return set_compression(o->all, value, e);
	} else if (strcmp(text, "compression-level") == 0) {
		return set_level(o->all, value, e);
	} else if (strncmp(text, "annotation", strlen("annotation")) == 0 && strchr(text, '.')) {
		cleanup_free char *pair = NULL;

		if (asprintf(&pair, "%s=%s", strchr(text, '.') + 1, value) < 0) {
			pair = NULL;
			return no_memory(e);
		}
		return add_annotation(o->all, pair, e);
	} else if (!is_harmless(text)) {
		return err_set(e, -EINVAL, "unknown key '%s'", text);
	}
	return 0;
}

/* --- what they mean ------------------------------------------------------------------------------------- */

static int add(const struct reading *o, enum build_output_kind kind, struct err *e)
{
	struct build_output *to = &o->all->items[o->all->len];

	if (o->all->len == BUILD_OUTPUTS_MAX)
		return err_set(e, -EFBIG, "more than %d outputs", BUILD_OUTPUTS_MAX);
	*to = (struct build_output){ .kind = kind,
				     .no_tar = o->has_tar && !o->tar,
				     .place = BUILD_PLACE_EMPTY };
	if (o->dest && !(to->dest = strdup(o->dest)))
		return no_memory(e);
	o->all->len++;
	o->all->makes = o->all->makes || kind <= BUILD_OUTPUT_OCI;
	o->all->keeps = o->all->keeps || kind == BUILD_OUTPUT_IMAGE;
	o->all->push = o->all->push || (o->push && kind == BUILD_OUTPUT_IMAGE);
	return 0;
}

static int settle(struct reading *o, struct err *e)
{
	static const struct {
		const char *type;
		enum build_output_kind kind;
	} TYPES[] = { { "image", BUILD_OUTPUT_IMAGE },   { "registry", BUILD_OUTPUT_IMAGE },
		      { "docker", BUILD_OUTPUT_DOCKER }, { "oci", BUILD_OUTPUT_OCI },
		      { "local", BUILD_OUTPUT_LOCAL },   { "tar", BUILD_OUTPUT_TAR } };

	if (!o->type)
		return err_set(e, -EINVAL, "type is required for output");
	if (strcmp(o->type, "registry") == 0)
		o->push = true;
	for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
		if (strcmp(TYPES[i].type, o->type) != 0)
			continue;
		if (TYPES[i].kind == BUILD_OUTPUT_DOCKER && !o->dest)
			return add(o, BUILD_OUTPUT_IMAGE, e); /* into the store */
		if (TYPES[i].kind != BUILD_OUTPUT_IMAGE && (!o->dest || !*o->dest))
			return err_set(e, -EINVAL, "dest is required for %s exporter", o->type);
		return add(o, TYPES[i].kind, e);
	}
	return err_set(e, -EINVAL, "unknown exporter: %s", o->type);
}

/* "DIR" and "-" are short for type=local and type=tar. */
static int read_output(const char *text, struct build_outputs *all, struct err *e)
{
	cleanup_strvec struct strvec fields = { 0 };
	struct reading o = { .all = all };
	int r = csv_fields(text, &fields, e);

	if (r == 0 && fields.len == 1 && !strchr(text, '=')) {
		o.type = strcmp(text, "-") == 0 ? "tar" : "local";
		o.dest = text;
	} else {
		for (size_t i = 0; r == 0 && i < fields.len; i++)
			r = take_field(&o, fields.items[i], e);
	}
	if (r == 0)
		r = settle(&o, e);
	return r < 0 ? err_wrap(e, "invalid argument \"%s\" for \"-o, --output\" flag", text) : 0;
}

int build_outputs_read(const struct build_flags *f, struct build_outputs *ret, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->tags.len; i++)
		r = add_name(ret, f->tags.items[i], e);
	for (size_t i = 0; r == 0 && i < f->annotations.len; i++)
		r = add_annotation(ret, f->annotations.items[i], e);
	for (size_t i = 0; r == 0 && i < f->outputs.len; i++)
		r = read_output(f->outputs.items[i], ret, e);
	if (f->outputs.len == 0 || f->load || f->push)
		ret->keeps = ret->makes = true;
	ret->push = ret->push || f->push;
	if (r == 0 && ret->push && ret->names.len == 0)
		return err_set(e, -EINVAL, "tag is needed when pushing to registry");
	return r;
}

/* --- files ---------------------------------------------------------------------------------------------- */

static int add_files(struct build_output *o, struct build *b, const struct build_result *r,
		     const int64_t *epoch, bool several, struct err *e)
{
	int n = o->place.is_open ? 0 : build_place_open(o->dest, o->kind == BUILD_OUTPUT_TAR, &o->place, e);

	return n < 0 ? n : build_place_add(&o->place, b, r, epoch, several, e);
}

int build_output_files(struct build_outputs *o, struct build *b, const struct build_result *r,
		       const int64_t *epoch, bool several, struct err *e)
{
	int n = 0;

	for (size_t i = 0; n == 0 && i < o->len; i++)
		if (o->items[i].kind >= BUILD_OUTPUT_LOCAL)
			n = add_files(&o->items[i], b, r, epoch, several, e);
	return n;
}

int build_output_files_end(struct build_outputs *o, const struct build *b, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->len; i++)
		if (o->items[i].place.is_open)
			r = build_place_commit(&o->items[i].place, b, e);
	return r;
}

/* --- archives ------------------------------------------------------------------------------------------- */

static int put(const struct build_outputs *o, const struct store *s, const char *bound,
	       const struct image_index *index, const struct push_options *options, struct layout *layout,
	       struct err *e)
{
	cleanup_image_index struct image_index copy = { 0 };
	struct push_result result;

	if (index)
		return build_index_copy(index, &copy, e) < 0
			       ? e->code
			       : manifest_list_put(s, &copy, NULL, &o->names, options, layout, &result, e);
	return push_to_layout(s, bound, &o->names, options, layout, &result, e);
}

static int fill(const struct build_outputs *o, const struct store *s, const char *bound,
		const struct image_index *index, const struct push_options *options, struct layout *layout,
		struct err *e)
{
	int r;

	layout_cancel_by(layout, options->cancel_fd);
	r = put(o, s, bound, index, options, layout, e);
	return r < 0 ? r : layout_finish(layout, e);
}

/* An OCI layout that is a directory may have other images already. */
static int write_folder(const char *path, const struct build_outputs *all, const struct store *s,
			const char *bound, const struct image_index *index,
			const struct push_options *options, struct err *e)
{
	cleanup_layout struct layout *layout = NULL;
	bool is_new = access(path, F_OK) < 0;
	struct err ignored;
	int r = layout_open_dir(path, &layout, e);

	if (r == 0)
		r = fill(all, s, bound, index, options, layout, e);
	if (r < 0 && is_new)
		IGNORE_RESULT(tree_remove(AT_FDCWD, path, &ignored));
	return r;
}

static int write_archive(const struct build_output *o, const struct build_outputs *all, const struct store *s,
			 const char *bound, const struct image_index *index,
			 const struct push_options *options, struct err *e)
{
	enum transport_kind kind =
		o->kind == BUILD_OUTPUT_OCI ? TRANSPORT_OCI_ARCHIVE : TRANSPORT_DOCKER_ARCHIVE;
	cleanup_image_output struct image_output out = { .fd = -1 };
	cleanup_layout struct layout *layout = NULL;
	int r;

	if (o->kind == BUILD_OUTPUT_OCI && o->no_tar)
		return write_folder(o->dest, all, s, bound, index, options, e);
	r = image_output_open(o->dest, &out, e);
	if (r == 0)
		r = layout_open_archive(out.fd, kind, &layout, e);
	if (r == 0)
		r = fill(all, s, bound, index, options, layout, e);
	if (r == 0)
		r = stoppable_sync(out.fd, options->cancel_fd, e);
	return r < 0 ? r : image_output_commit(&out, e);
}

int build_output_archives(const struct build_outputs *o, const struct store *s, const char *bound,
			  const struct image_index *index, const struct push_options *options, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->len; i++)
		if (o->items[i].kind == BUILD_OUTPUT_DOCKER || o->items[i].kind == BUILD_OUTPUT_OCI)
			r = write_archive(&o->items[i], o, s, bound, index, options, e);
	return r;
}
