/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/find_image.h"
#include "cli/inspect.h"
#include "common/cleanup.h"

/* The names of an image as people see them, and with the digests that they pointed at. */
struct names {
	struct strvec tags, digests;
};

static char *join_digest(const char *repository, const struct digest *digest)
{
	char *text = NULL;

	if (!repository || asprintf(&text, "%s@%s", repository, digest->text) < 0)
		return NULL;
	return text;
}

static int add_name(const struct image_record *record, struct names *ret, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	const struct digest *remote = digest_is_set(&record->index) ? &record->index : &record->manifest;
	cleanup_free char *familiar = NULL;
	cleanup_free char *repository = NULL;
	cleanup_free char *with_digest = NULL;
	int r = reference_parse(record->name, &ref, e);

	if (r < 0)
		return r;
	familiar = reference_familiar(&ref);
	repository = reference_familiar_name(&ref);
	with_digest = join_digest(repository, remote);
	if (!familiar || !with_digest)
		return err_set(e, -ENOMEM, "out of memory");
	if (ref.tag && strvec_add(&ret->tags, familiar) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	if (!strvec_has(&ret->digests, with_digest) && strvec_add(&ret->digests, with_digest) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	return 0;
}

static int find_names(const struct store *s, const struct digest *id, struct names *ret, struct err *e)
{
	struct image_record *items = NULL;
	size_t len = 0, damaged = 0;
	int r = image_list(s, &items, &len, &damaged, e);

	for (size_t i = 0; r == 0 && i < len; i++)
		if (digest_equal(&items[i].config, id))
			r = add_name(&items[i], ret, e);
	image_list_free(items, len);
	return r;
}

/* Go's map[string]struct{} */
/* Docker writes null for what the image does not say. */
static void write_vector(struct json_out *o, const char *key, const struct strvec *v)
{
	if (v->len > 0)
		json_out_strvec(o, key, v);
	else
		json_out_null(o, key);
}

static const char *text_of(const char *text)
{
	return text ? text : "";
}

static void write_healthcheck(struct json_out *o, const struct image_healthcheck *h)
{
	if (!h)
		return;
	json_out_object(o, "Healthcheck");
	json_out_strvec(o, "Test", &h->test);
	json_out_i64(o, "Interval", h->interval_ns);
	json_out_i64(o, "Timeout", h->timeout_ns);
	json_out_i64(o, "StartPeriod", h->start_period_ns);
	json_out_i64(o, "StartInterval", h->start_interval_ns);
	json_out_i64(o, "Retries", h->retries);
	json_out_end(o);
}

static void write_config(struct json_out *o, const struct image_config *c)
{
	json_out_object(o, "Config");
	json_out_string(o, "User", text_of(c->user));
	json_out_opt_keys(o, "ExposedPorts", &c->exposed_ports);
	json_out_strvec(o, "Env", &c->env);
	write_vector(o, "Cmd", &c->cmd);
	write_vector(o, "Entrypoint", &c->entrypoint);
	json_out_opt_keys(o, "Volumes", &c->volumes);
	json_out_string(o, "WorkingDir", text_of(c->working_dir));
	if (c->labels.len > 0)
		json_out_map(o, "Labels", &c->labels);
	else
		json_out_null(o, "Labels");
	json_out_opt_string(o, "StopSignal", c->stop_signal);
	json_out_opt_strvec(o, "Shell", &c->shell);
	json_out_opt_strvec(o, "OnBuild", &c->on_build);
	write_healthcheck(o, c->healthcheck);
	json_out_end(o);
}

static void write_rootfs(struct json_out *o, const struct image_config *c)
{
	json_out_object(o, "RootFS");
	json_out_string(o, "Type", "layers");
	json_out_array(o, "Layers");
	for (size_t i = 0; i < c->diff_ids_len; i++)
		json_out_string(o, NULL, c->diff_ids[i].text);
	json_out_end(o);
	json_out_end(o);
}

static void write_image(struct json_out *o, const struct image_record *r, const struct image_config *c,
			const struct names *names)
{
	json_out_object(o, NULL);
	json_out_string(o, "Id", r->config.text);
	json_out_strvec(o, "RepoTags", &names->tags);
	json_out_strvec(o, "RepoDigests", &names->digests);
	json_out_string(o, "Parent", "");
	json_out_string(o, "Comment", c->history_len ? text_of(c->history[c->history_len - 1].comment) : "");
	json_out_string(o, "Created", text_of(c->created));
	json_out_string(o, "Author", text_of(c->author));
	write_config(o, c);
	json_out_string(o, "Architecture", c->platform.architecture);
	json_out_opt_string(o, "Variant", c->platform.variant[0] ? c->platform.variant : NULL);
	json_out_string(o, "Os", c->platform.os);
	json_out_u64(o, "Size", r->size_bytes);
	write_rootfs(o, c);
	json_out_object(o, "Metadata");
	json_out_string(o, "LastTagTime", text_of(r->bound));
	json_out_end(o);
	json_out_object(o, "Descriptor");
	json_out_string(o, "digest", r->manifest.text);
	json_out_end(o);
	json_out_end(o);
}

int inspect_image(const struct store *s, const char *what, struct json_out *o, struct err *e)
{
	cleanup_image_config struct image_config config = { 0 };
	struct image_record record = { 0 };
	struct names names = { 0 };
	int r = find_image(s, what, &record, e);

	if (r == 0)
		r = image_load_config(s, &record, &config, NULL, e);
	if (r == 0)
		r = find_names(s, &record.config, &names, e);
	if (r == 0)
		write_image(o, &record, &config, &names);
	image_record_done(&record);
	strvec_done(&names.tags);
	strvec_done(&names.digests);
	return r;
}
