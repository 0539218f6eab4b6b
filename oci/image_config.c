/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image_config.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_stream.h"

#define HISTORY_MAX 4096

static const struct json_limits LIMITS = { .max_bytes = CONFIG_MAX_BYTES,
					   .max_depth = 32,
					   .max_values = 400000 };

void image_config_done(struct image_config *c)
{
	free(c->created);
	free(c->author);
	free(c->os_version);
	strvec_done(&c->os_features);
	free(c->user);
	free(c->working_dir);
	free(c->stop_signal);
	strvec_done(&c->env);
	strvec_done(&c->entrypoint);
	strvec_done(&c->cmd);
	strvec_done(&c->shell);
	strvec_done(&c->on_build);
	strvec_done(&c->exposed_ports);
	strvec_done(&c->volumes);
	strvec_done(&c->labels);
	if (c->healthcheck)
		strvec_done(&c->healthcheck->test);
	free(c->healthcheck);
	free(c->diff_ids);
	for (size_t i = 0; i < c->history_len; i++) {
		free(c->history[i].created);
		free(c->history[i].created_by);
		free(c->history[i].author);
		free(c->history[i].comment);
	}
	free(c->history);
	*c = (struct image_config){ 0 };
}

/* Docker's strslice: a command may be one string, as its first releases wrote it. */
static int read_command(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	cleanup_free char *text = NULL;
	int r;

	if (!json_in_is_string(in))
		return json_read_strvec(in, arg, member, e);
	r = json_read_string(in, NULL, &text, e);
	if (r < 0)
		return r;
	r = strvec_take(member, ptr_take(text));
	return r < 0 ? json_error(in, r, e, "out of memory") : 0;
}

/* arg: NULL. member: a fixed field of struct platform. */
static int read_platform_field(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	cleanup_free char *text = NULL;
	int r = json_read_string(in, NULL, &text, e);

	(void)arg; /* none */
	if (r == 0 && strlen(text) >= PLATFORM_FIELD_MAX)
		r = json_error(in, -EINVAL, e, "'%.40s...' is no platform", text);
	if (r == 0)
		(void)snprintf(member, PLATFORM_FIELD_MAX, "%s", text);
	return r;
}

static const struct json_field HEALTHCHECK[] = {
	{ "Test", offsetof(struct image_healthcheck, test), read_command },
	{ "Interval", offsetof(struct image_healthcheck, interval_ns), json_read_i64 },
	{ "Timeout", offsetof(struct image_healthcheck, timeout_ns), json_read_i64 },
	{ "StartPeriod", offsetof(struct image_healthcheck, start_period_ns), json_read_i64 },
	{ "StartInterval", offsetof(struct image_healthcheck, start_interval_ns), json_read_i64 },
	{ "Retries", offsetof(struct image_healthcheck, retries), json_read_i64 },
	{ 0 }
};
static const struct json_pointer HEALTHCHECK_POINTER = { HEALTHCHECK, sizeof(struct image_healthcheck) };

/* The object "config": image-spec config.md#properties, and Docker's own (Healthcheck, OnBuild, Shell). */
static const struct json_field EXECUTION[] = {
	{ "User", offsetof(struct image_config, user), json_read_string },
	{ "WorkingDir", offsetof(struct image_config, working_dir), json_read_string },
	{ "StopSignal", offsetof(struct image_config, stop_signal), json_read_string },
	{ "Env", offsetof(struct image_config, env), json_read_strvec },
	{ "Entrypoint", offsetof(struct image_config, entrypoint), read_command },
	{ "Cmd", offsetof(struct image_config, cmd), read_command },
	{ "Shell", offsetof(struct image_config, shell), read_command },
	{ "OnBuild", offsetof(struct image_config, on_build), json_read_strvec },
	{ "ArgsEscaped", offsetof(struct image_config, args_escaped), json_read_bool },
	{ "ExposedPorts", offsetof(struct image_config, exposed_ports), json_read_keys },
	{ "Volumes", offsetof(struct image_config, volumes), json_read_keys },
	{ "Labels", offsetof(struct image_config, labels), json_read_map },
	{ "Healthcheck", offsetof(struct image_config, healthcheck), json_read_pointer,
	  &HEALTHCHECK_POINTER },
	{ 0 }
};

static const struct json_field HISTORY[] = {
	{ "created", offsetof(struct image_history, created), json_read_string },
	{ "created_by", offsetof(struct image_history, created_by), json_read_string },
	{ "author", offsetof(struct image_history, author), json_read_string },
	{ "comment", offsetof(struct image_history, comment), json_read_string },
	{ "empty_layer", offsetof(struct image_history, empty_layer), json_read_bool },
	{ 0 }
};
static const struct json_array HISTORY_ARRAY = { HISTORY, sizeof(struct image_history), HISTORY_MAX };

/* member: the struct image_config. */
static int read_history(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	struct image_config *c = member;
	struct json_items items = { 0 };
	int r = json_read_array(in, &HISTORY_ARRAY, &items, e);

	(void)arg;                /* none */
	c->history = items.items; /* half-read ones too: image_config_done frees them */
	c->history_len = items.len;
	return r;
}

/* member: the struct image_config. */
static int read_diff_ids(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	struct image_config *c = member;
	size_t len = json_len(in);

	(void)arg; /* none */
	if (!json_in_is_array(in))
		return json_error(in, -EINVAL, e, "expected an array of digests");
	if (len > MANIFEST_MAX_LAYERS)
		return json_error(in, -EFBIG, e, "has more than %d entries", MANIFEST_MAX_LAYERS);
	if (len == 0)
		return 0;
	c->diff_ids = calloc(len, sizeof(*c->diff_ids));
	if (!c->diff_ids)
		return json_error(in, -ENOMEM, e, "out of memory");
	for (size_t i = 0; i < len; i++) {
		struct json_in item = json_at(in, i);
		int r = json_read_digest(&item, NULL, &c->diff_ids[i], e);

		if (r < 0)
			return r;
		c->diff_ids_len = i + 1;
	}
	return 0;
}

static const struct json_enum ROOTFS_TYPES[] = { { "layers", 1 }, { 0 } };

static int check_rootfs_type(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	int type;

	(void)arg;    /* none */
	(void)member; /* there is but one type: nothing to keep */
	return json_read_enum(in, ROOTFS_TYPES, &type, e);
}

static const struct json_field ROOTFS[] = { { "type", 0, check_rootfs_type, .required = true },
					    { "diff_ids", 0, read_diff_ids, .required = true },
					    { 0 } };

static const struct json_field IMAGE_CONFIG[] = {
	{ "created", offsetof(struct image_config, created), json_read_string },
	{ "author", offsetof(struct image_config, author), json_read_string },
	{ "os", offsetof(struct image_config, platform.os), read_platform_field },
	{ "architecture", offsetof(struct image_config, platform.architecture), read_platform_field },
	{ "variant", offsetof(struct image_config, platform.variant), read_platform_field },
	{ "os.version", offsetof(struct image_config, os_version), json_read_string },
	{ "os.features", offsetof(struct image_config, os_features), json_read_strvec },
	{ "config", 0, json_read_object, EXECUTION },
	{ "rootfs", 0, json_read_object, ROOTFS, .required = true },
	{ "history", 0, read_history },
	{ 0 }
};

int image_config_decode(const char *text, size_t len, struct image_config *ret, struct err *e)
{
	cleanup_image_config struct image_config c = { 0 };
	int r = json_guard_check(text, len, &LIMITS, e);

	if (r == 0)
		r = json_decode(text, len, IMAGE_CONFIG, &c, e);
	if (r < 0)
		return err_wrap(e, "bad image config");
	platform_normalize(&c.platform);
	*ret = c;
	c = (struct image_config){ 0 };
	return 0;
}

int image_config_describe(const struct image_config *c, struct descriptor *d, struct err *e)
{
	d->platform = c->platform;
	d->has_platform = c->platform.architecture[0] != 0;
	d->os_version = c->os_version ? strdup(c->os_version) : NULL;
	if ((c->os_version && !d->os_version) || strvec_add_all(&d->os_features, &c->os_features) < 0)
		return err_code(e, -ENOMEM, "cannot keep a platform");
	return 0;
}
