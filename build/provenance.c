/* SPDX-License-Identifier: Apache-2.0 */
#include "build/provenance.h"

#include <stdlib.h>
#include <string.h>

#include "build/purl.h"
#include "common/cleanup.h"
#include "common/json_write.h"

/* What the members mean is what BuildKit means by them. */
#define BUILD_TYPE    "https://mobyproject.org/buildkit@v1"
#define METADATA      BUILD_TYPE "#metadata"
#define HERMETIC      BUILD_TYPE "#hermetic"
#define FRONTEND      "dockerfile.v0"

#define BUILD_TYPE_V1 "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot write a provenance");
}

/* --- materials ------------------------------------------------------------------------------------------ */

static void write_digest(struct json_out *o, const char *algorithm, const char *hex)
{
	json_out_object(o, "digest");
	json_out_string(o, algorithm, hex);
	json_out_end(o);
}

/* What was written before is not written again. */
static int is_new(struct strvec *written, const char *uri, const char *hex)
{
	cleanup_free char *key = NULL;

	if (asprintf(&key, "%s %s", uri, hex) < 0) {
		key = NULL;
		return -ENOMEM;
	}
	return strvec_has(written, key) ? 0 : strvec_add(written, key) < 0 ? -ENOMEM : 1;
}

static int write_material(struct json_out *o, struct strvec *written, const char *uri, const char *algorithm,
			  const char *hex)
{
	int r = is_new(written, uri, hex);

	if (r <= 0)
		return r;
	json_out_object(o, NULL);
	json_out_string(o, "uri", uri);
	write_digest(o, algorithm, hex);
	json_out_end(o);
	return 0;
}

static int write_materials(const struct provenance *p, const char *key, struct json_out *o, struct err *e)
{
	cleanup_strvec struct strvec written = { 0 };
	int r = 0;

	json_out_array(o, key);
	for (size_t i = 0; r == 0 && i < p->images_len; i++) {
		const struct provenance_image *image = &p->images[i];
		cleanup_free char *uri = NULL;

		r = purl_of_image(image->reference, image->platform, &uri, e);
		if (r < 0)
			return r;
		r = write_material(o, &written, uri, digest_algorithm(&image->digest),
				   digest_hex(&image->digest));
	}
	for (size_t i = 0; r == 0 && i < p->sources_len; i++)
		r = write_material(o, &written, p->sources[i].uri, p->sources[i].algorithm,
				   p->sources[i].hex);
	json_out_end(o);
	return r < 0 ? err_code(e, r, "cannot list what was read") : 0;
}

/* --- invocation ----------------------------------------------------------------------------------------- */

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_shown(const struct provenance *p, const char *arg)
{
	return p->is_max || (!starts_with(arg, "build-arg:") && !starts_with(arg, "label:"));
}

/* Values of arguments may be what nobody should see. *ret_all: none had to be left out. */
static int shown_args(const struct provenance *p, struct strvec *ret, bool *ret_all)
{
	int r = 0;

	*ret_all = true;
	for (size_t i = 0; p->args && r == 0 && i < p->args->len; i++) {
		if (is_shown(p, p->args->items[i]))
			r = strvec_add(ret, p->args->items[i]);
		else
			*ret_all = false;
	}
	if (ret->len > 1)
		qsort(ret->items, ret->len, sizeof(*ret->items), by_text);
	return r;
}

static void write_named(struct json_out *o, const char *key, const char *member, const struct strvec *names)
{
	if (!names || names->len == 0)
		return;
	json_out_array(o, key);
	for (size_t i = 0; i < names->len; i++) {
		json_out_object(o, NULL);
		json_out_string(o, member, names->items[i]);
		json_out_end(o);
	}
	json_out_end(o);
}

static void write_config_source(const struct provenance *p, const char *path_key, struct json_out *o)
{
	json_out_object(o, "configSource");
	if (p->context) {
		json_out_string(o, "uri", p->context->uri);
		write_digest(o, p->context->algorithm, p->context->hex);
	}
	json_out_opt_string(o, path_key, p->entry_point);
	json_out_end(o);
}

static void write_parameters(const struct provenance *p, const char *key, const struct strvec *args,
			     struct json_out *o)
{
	json_out_object(o, key);
	json_out_string(o, "frontend", FRONTEND);
	json_out_opt_map(o, "args", args);
	if (p->is_max) {
		write_named(o, "secrets", "id", p->secrets);
		write_named(o, "ssh", "id", p->ssh);
	}
	write_named(o, "locals", "name", p->locals);
	json_out_end(o);
}

static void write_invocation(const struct provenance *p, const struct strvec *args, struct json_out *o)
{
	char platform[3 * PLATFORM_FIELD_MAX];

	platform_format(&p->builder, platform);
	json_out_object(o, "invocation");
	write_config_source(p, "entryPoint", o);
	write_parameters(p, "parameters", args, o);
	json_out_object(o, "environment");
	json_out_string(o, "platform", platform);
	json_out_end(o);
	json_out_end(o);
}

/* --- metadata ------------------------------------------------------------------------------------------- */

/* RFC 4648, section 4. */
static int add_base64(struct buf *out, const char *data, size_t len)
{
	static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	enum { PADDING = 64 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned int bits = (unsigned int)(unsigned char)data[i] << 16;
		char four[4];

		if (n > 1)
			bits |= (unsigned int)(unsigned char)data[i + 1] << 8;
		if (n > 2)
			bits |= (unsigned char)data[i + 2];
		for (size_t d = 0; d < 4; d++)
			four[d] = DIGITS[d <= n ? bits >> (18 - 6 * d) & 63 : PADDING];
		r = buf_add(out, four, sizeof(four));
	}
	return r;
}

static int write_dockerfile(const struct provenance *p, struct json_out *o, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(PROVENANCE_MAX_BYTES);
	int r = add_base64(&text, p->dockerfile, p->dockerfile_len);

	if (r < 0)
		return err_code(e, r, "cannot write the Dockerfile");
	json_out_object(o, "source");
	json_out_array(o, "infos");
	json_out_object(o, NULL);
	json_out_opt_string(o, "filename", p->entry_point);
	json_out_string(o, "language", "Dockerfile");
	json_out_string(o, "data", text.data ? text.data : "");
	json_out_end(o);
	json_out_end(o);
	json_out_end(o);
	return 0;
}

static int write_extension(const struct provenance *p, const char *key, struct json_out *o, struct err *e)
{
	bool has_vcs = p->vcs_source || p->vcs_revision, has_source = p->is_max && p->dockerfile;
	int r = 0;

	if (!has_vcs && !has_source)
		return 0;
	json_out_object(o, key);
	if (has_vcs) {
		json_out_object(o, "vcs");
		json_out_opt_string(o, "revision", p->vcs_revision);
		json_out_opt_string(o, "source", p->vcs_source);
		json_out_end(o);
	}
	if (has_source)
		r = write_dockerfile(p, o, e);
	json_out_end(o);
	return r;
}

/* What comes from this machine's folders has no digest that anybody could look up. */
static bool has_all(const struct provenance *p)
{
	return !p->locals || p->locals->len == 0;
}

static int write_metadata(const struct provenance *p, bool has_all_args, struct json_out *o, struct err *e)
{
	bool has_all_materials = has_all(p);
	int r;

	json_out_object(o, "metadata");
	json_out_opt_string(o, "buildInvocationID", p->invocation_id);
	json_out_opt_string(o, "buildStartedOn", p->started);
	json_out_opt_string(o, "buildFinishedOn", p->finished);
	json_out_object(o, "completeness");
	json_out_bool(o, "parameters", has_all_args);
	json_out_bool(o, "environment", true);
	json_out_bool(o, "materials", has_all_materials);
	json_out_end(o);
	json_out_bool(o, "reproducible", p->reproducible);
	if (has_all_materials && !p->has_network)
		json_out_bool(o, HERMETIC, true);
	r = write_extension(p, METADATA, o, e);
	json_out_end(o);
	return r;
}

static int write_v0(const struct provenance *p, const struct strvec *args, bool has_all_args,
		    struct json_out *o, struct err *e)
{
	int r;

	json_out_object(o, "builder");
	json_out_string(o, "id", p->builder_id ? p->builder_id : "");
	json_out_end(o);
	json_out_string(o, "buildType", BUILD_TYPE);
	r = write_materials(p, "materials", o, e);
	if (r < 0)
		return r;
	write_invocation(p, args, o);
	return write_metadata(p, has_all_args, o, e);
}

/* --- version 1 ------------------------------------------------------------------------------------------ */

static int write_definition(const struct provenance *p, const struct strvec *args, struct json_out *o,
			    struct err *e)
{
	char platform[3 * PLATFORM_FIELD_MAX];
	int r;

	platform_format(&p->builder, platform);
	json_out_object(o, "buildDefinition");
	json_out_string(o, "buildType", BUILD_TYPE_V1);
	json_out_object(o, "externalParameters");
	write_config_source(p, "path", o);
	write_parameters(p, "request", args, o);
	json_out_end(o);
	json_out_object(o, "internalParameters");
	json_out_string(o, "builderPlatform", platform);
	json_out_end(o);
	r = write_materials(p, "resolvedDependencies", o, e);
	json_out_end(o);
	return r;
}

static int write_details(const struct provenance *p, bool has_all_args, struct json_out *o, struct err *e)
{
	int r;

	json_out_object(o, "runDetails");
	json_out_object(o, "builder");
	json_out_string(o, "id", p->builder_id ? p->builder_id : "");
	json_out_end(o);
	json_out_object(o, "metadata");
	json_out_opt_string(o, "invocationID", p->invocation_id);
	json_out_opt_string(o, "startedOn", p->started);
	json_out_opt_string(o, "finishedOn", p->finished);
	r = write_extension(p, "buildkit_metadata", o, e);
	if (has_all(p) && !p->has_network)
		json_out_bool(o, "buildkit_hermetic", true);
	json_out_object(o, "buildkit_completeness");
	json_out_bool(o, "request", has_all_args);
	json_out_bool(o, "resolvedDependencies", has_all(p));
	json_out_end(o);
	json_out_bool(o, "buildkit_reproducible", p->reproducible);
	json_out_end(o);
	json_out_end(o);
	return r;
}

static int write_v1(const struct provenance *p, const struct strvec *args, bool has_all_args,
		    struct json_out *o, struct err *e)
{
	int r = write_definition(p, args, o, e);

	return r < 0 ? r : write_details(p, has_all_args, o, e);
}

/* --- the whole ------------------------------------------------------------------------------------------ */

int provenance_write(const struct provenance *p, struct buf *out, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, PROVENANCE_MAX_BYTES);
	cleanup_strvec struct strvec args = { 0 };
	const char *text;
	bool has_all_args;
	size_t len;
	int r;

	if (shown_args(p, &args, &has_all_args) < 0)
		return no_memory(e);
	json_out_object(o, NULL);
	r = p->is_v1 ? write_v1(p, &args, has_all_args, o, e) : write_v0(p, &args, has_all_args, o, e);
	json_out_end(o);
	if (r == 0)
		r = json_out_finish(o, &text, &len, e);
	if (r == 0 && buf_add(out, text, len) < 0)
		r = no_memory(e);
	return r;
}
