/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cleanup.h"
#include "common/json_write.h"
#include "oci/image_config.h"

static void write_health(struct json_out *o, const struct image_healthcheck *h)
{
	const struct {
		const char *key;
		int64_t value;
	} numbers[] = { { "Interval", h->interval_ns },
			{ "Timeout", h->timeout_ns },
			{ "StartPeriod", h->start_period_ns },
			{ "StartInterval", h->start_interval_ns },
			{ "Retries", h->retries } };

	json_out_object(o, "Healthcheck");
	json_out_opt_strvec(o, "Test", &h->test);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (numbers[i].value)
			json_out_i64(o, numbers[i].key, numbers[i].value);
	json_out_end(o);
}

static void write_execution(struct json_out *o, const struct image_config *c)
{
	json_out_object(o, "config");
	json_out_opt_string(o, "User", c->user);
	json_out_opt_keys(o, "ExposedPorts", &c->exposed_ports);
	json_out_opt_strvec(o, "Env", &c->env);
	json_out_opt_strvec(o, "Entrypoint", &c->entrypoint);
	json_out_opt_strvec(o, "Cmd", &c->cmd);
	if (c->healthcheck)
		write_health(o, c->healthcheck);
	if (c->args_escaped)
		json_out_bool(o, "ArgsEscaped", true);
	json_out_opt_keys(o, "Volumes", &c->volumes);
	json_out_opt_string(o, "WorkingDir", c->working_dir);
	json_out_opt_strvec(o, "OnBuild", &c->on_build);
	json_out_opt_map(o, "Labels", &c->labels);
	json_out_opt_string(o, "StopSignal", c->stop_signal);
	json_out_opt_strvec(o, "Shell", &c->shell);
	json_out_end(o);
}

static void write_rootfs(struct json_out *o, const struct image_config *c)
{
	json_out_object(o, "rootfs");
	json_out_string(o, "type", "layers");
	json_out_array(o, "diff_ids");
	for (size_t i = 0; i < c->diff_ids_len; i++)
		json_out_string(o, NULL, c->diff_ids[i].text);
	json_out_end(o);
	json_out_end(o);
}

void image_history_write(struct json_out *o, const struct image_history *h)
{
	json_out_object(o, NULL);
	json_out_opt_string(o, "created", h->created);
	json_out_opt_string(o, "created_by", h->created_by);
	json_out_opt_string(o, "author", h->author);
	json_out_opt_string(o, "comment", h->comment);
	if (h->empty_layer)
		json_out_bool(o, "empty_layer", true);
	json_out_end(o);
}

static void write_history(struct json_out *o, const struct image_config *c)
{
	json_out_array(o, "history");
	for (size_t i = 0; i < c->history_len; i++)
		image_history_write(o, &c->history[i]);
	json_out_end(o);
}

int image_config_write(const struct image_config *c, struct buf *out, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, CONFIG_MAX_BYTES);
	const char *text;
	size_t len;
	int r;

	json_out_object(o, NULL);
	json_out_opt_string(o, "created", c->created);
	json_out_opt_string(o, "author", c->author);
	json_out_string(o, "architecture", c->platform.architecture);
	if (c->platform.variant[0])
		json_out_string(o, "variant", c->platform.variant);
	json_out_string(o, "os", c->platform.os);
	json_out_opt_string(o, "os.version", c->os_version);
	json_out_opt_strvec(o, "os.features", &c->os_features);
	write_execution(o, c);
	write_rootfs(o, c);
	write_history(o, c);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	if (r == 0 && buf_add(out, text, len) < 0)
		r = err_code(e, -ENOMEM, "cannot keep it");
	return r < 0 ? err_wrap(e, "cannot write an image config") : 0;
}
