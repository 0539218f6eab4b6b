/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/find_container.h"
#include "cli/inspect.h"
#include "cli/network_show.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_read.h"
#include "engine/container_spec.h"
#include "engine/health_probe.h"
#include "engine/life.h"
#include "engine/monitor.h"
#include "engine/network_config.h"
#include "oci/overlay.h"
#include "oci/runtime_spec.h"
#include "store/usage.h"
#include "store/volume.h"

#define NO_TIME           "0001-01-01T00:00:00Z" /* docker's for "never" */
#define HEALTH_LOG_MAX    (1u << 20)
#define STOP_SIGNAL_LABEL "org.opencontainers.image.stopSignal"

/* One container, with all that is on disk about it. */
struct inspected {
	struct container_record record;
	struct life life;
	char *health_log;         /* JSON; NULL: there is none */
	struct runtime_spec spec; /* empty where config.json was never written */
	struct overlay_plan overlay;
	struct network_config network;
	struct network_record networks; /* while it runs */
	char *dir;
	const struct store *store;
	bool with_size;
};

static void inspected_done(struct inspected *i)
{
	container_record_done(&i->record);
	life_done(&i->life);
	free(i->health_log);
	runtime_spec_done(&i->spec);
	overlay_plan_done(&i->overlay);
	network_config_done(&i->network);
	network_record_done(&i->networks);
	free(i->dir);
}
#define cleanup_inspected __attribute__((cleanup(inspected_done)))

static int load_files(const struct store *s, struct inspected *i, struct err *e)
{
	cleanup_fd int fd = -1;
	int r = container_open_dir(s, i->record.id, &fd, e);

	if (r == 0)
		r = life_read(fd, &i->life, e);
	if (r == 0)
		r = network_config_load(fd, &i->network, e);
	if (r == 0)
		r = container_spec_read(fd, &i->spec, e);
	return r == -ENOENT ? 0 : r;
}

/* What is down already, or never was up, shows nothing. */
static int load_networks(const char *state_dir, struct inspected *i, struct err *e)
{
	int r = 0;

	if (container_is_up(&i->record) && i->network.mode == NETWORK_BRIDGE)
		r = network_record_load(state_dir, i->record.id, &i->networks, e);
	return r == -ENOENT ? 0 : r;
}

/* Of one that has none, or has not been checked yet, nothing is shown. */
static void load_health_log(const char *state_dir, struct inspected *i)
{
	cleanup_buf struct buf text = BUF_INIT(HEALTH_LOG_MAX);
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_fd int fd = -1;
	struct err ignored;

	if (monitor_open_dir(state_dir, i->record.id, false, &fd, &ignored) < 0 ||
	    file_read(fd, HEALTH_LOG_FILE, &text, &ignored) < 0 || !text.data ||
	    json_parse(text.data, text.len, 8, &doc, &ignored) < 0)
		return;
	i->health_log = buf_take(&text);
}

static int load(const struct store *s, const struct cli_globals *g, const char *what, struct inspected *i,
		struct err *e)
{
	int r = find_container(s, g, what, &i->record, e);

	if (r == 0)
		r = load_files(s, i, e);
	if (r == 0)
		r = container_overlay(s, &i->record, &i->overlay, e);
	if (r == 0)
		r = load_networks(g->state_dir, i, e);
	if (r < 0)
		return r;
	i->store = s;
	load_health_log(g->state_dir, i);
	if (asprintf(&i->dir, "%s/containers/%s", store_root_path(s), i->record.id) < 0) {
		i->dir = NULL;
		return err_set(e, -ENOMEM, "out of memory");
	}
	return 0;
}

static const char *text_of(const char *text)
{
	return text ? text : "";
}

static void write_health(struct json_out *o, const struct inspected *i)
{
	if (i->life.health.test.len == 0)
		return;
	json_out_object(o, "Health");
	json_out_string(o, "Status", i->record.health ? status_health_name(i->record.health) : "none");
	json_out_u64(o, "FailingStreak", i->record.health_failures);
	json_out_raw(o, "Log", i->health_log ? i->health_log : "[]");
	json_out_end(o);
}

static void write_state(struct json_out *o, const struct inspected *i)
{
	const struct container_record *c = &i->record;
	bool running = container_is_up(c);

	json_out_object(o, "State");
	json_out_string(o, "Status", container_status_name(c->status));
	json_out_bool(o, "Running", running);
	json_out_bool(o, "Paused", c->status == CONTAINER_PAUSED);
	json_out_bool(o, "Restarting", c->status == CONTAINER_RESTARTING);
	json_out_bool(o, "OOMKilled", c->oom_killed);
	json_out_bool(o, "Dead", false);
	json_out_i64(o, "Pid", running ? c->pid : 0);
	json_out_i64(o, "ExitCode", c->exit_code);
	json_out_string(o, "Error", text_of(c->error));
	json_out_string(o, "StartedAt", c->started ? c->started : NO_TIME);
	json_out_string(o, "FinishedAt", c->finished ? c->finished : NO_TIME);
	write_health(o, i);
	json_out_end(o);
}

static void write_limits(struct json_out *o, const struct spec_resources *r)
{
	static const struct spec_resources NONE = { 0 };
	uint64_t nano_cpus = 0;

	r = r ? r : &NONE;
	if (r->cpu_quota_us.set && r->cpu_quota_us.value > 0 && r->cpu_period_us.value > 0)
		nano_cpus = (uint64_t)r->cpu_quota_us.value * (1000000000u / r->cpu_period_us.value);
	json_out_i64(o, "Memory", r->memory_limit.value);
	json_out_i64(o, "MemoryReservation", r->memory_reservation.value);
	json_out_i64(o, "MemorySwap", r->memory_swap.value);
	json_out_u64(o, "NanoCpus", nano_cpus);
	json_out_u64(o, "CpuShares", r->cpu_shares.value);
	json_out_string(o, "CpusetCpus", text_of(r->cpu_cpus));
	json_out_string(o, "CpusetMems", text_of(r->cpu_mems));
	if (r->pids_limit.set)
		json_out_i64(o, "PidsLimit", r->pids_limit.value);
	else
		json_out_null(o, "PidsLimit");
}

static void write_rlimits(struct json_out *o, const struct spec_process *p)
{
	json_out_array(o, "Ulimits");
	for (size_t i = 0; p && i < p->rlimits_len; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "Name", p->rlimits[i].type);
		json_out_u64(o, "Soft", p->rlimits[i].soft);
		json_out_u64(o, "Hard", p->rlimits[i].hard);
		json_out_end(o);
	}
	json_out_end(o);
}

/* Shown as made by the user: bind mounts from outside the container's directory, and tmpfs. */
static bool is_users_mount(const struct inspected *i, const struct spec_mount *m)
{
	return m->source && m->source[0] == '/' && m->type && strcmp(m->type, "bind") == 0 &&
	       strncmp(m->source, i->dir, strlen(i->dir)) != 0;
}

static void write_binds(struct json_out *o, const struct inspected *i)
{
	json_out_array(o, "Binds");
	for (size_t n = 0; n < i->spec.mounts_len; n++) {
		const struct spec_mount *m = &i->spec.mounts[n];
		cleanup_free char *text = NULL, *volume = NULL;
		const char *rest = "";

		if (!is_users_mount(i, m))
			continue;
		volume = volume_of_path(i->store, m->source, &rest);
		if (volume && (*rest || strvec_has(&i->record.anonymous_volumes, volume)))
			continue; /* --mount's, and who has no name for it: docker has them in Mounts only */
		if (asprintf(&text, "%s:%s%s", volume ? volume : m->source, m->destination,
			     strvec_has(&m->options, "ro") ? ":ro" : "") < 0)
			text = NULL;
		json_out_string(o, NULL, text);
	}
	json_out_end(o);
}

static void write_life(struct json_out *o, const struct life *l)
{
	json_out_object(o, "LogConfig");
	json_out_string(o, "Type", l->log_driver ? l->log_driver : "json-file");
	json_out_map(o, "Config", &l->log_options);
	json_out_end(o);
	json_out_object(o, "RestartPolicy");
	json_out_string(o, "Name", restart_kind_name(l->restart.kind));
	json_out_u64(o, "MaximumRetryCount", l->restart.max);
	json_out_end(o);
	json_out_bool(o, "Init", l->init);
}

static void write_host_config(struct json_out *o, const struct inspected *i)
{
	static const struct strvec NONE = { 0 };
	const struct spec_process *p = i->spec.process;
	char mode[160];

	json_out_object(o, "HostConfig");
	write_binds(o, i);
	json_out_string(o, "NetworkMode", network_config_mode_name(&i->network, mode));
	json_out_string(o, "UsernsMode", spec_find_namespace(&i->spec, SPEC_NS_USER) ? "private" : "");
	write_life(o, &i->life);
	json_out_bool(o, "AutoRemove", i->record.auto_remove);
	json_out_bool(o, "ReadonlyRootfs", i->spec.root_readonly);
	json_out_strvec(o, "BoundingCaps", p && p->capabilities ? &p->capabilities->bounding : &NONE);
	json_out_bool(o, "NoNewPrivileges", p && p->no_new_privileges);
	json_out_bool(o, "Seccomp", i->spec.linux_.seccomp != NULL);
	json_out_strvec(o, "MaskedPaths", &i->spec.linux_.masked_paths);
	json_out_strvec(o, "ReadonlyPaths", &i->spec.linux_.readonly_paths);
	json_out_i64(o, "OomScoreAdj", p ? p->oom_score_adj.value : 0);
	json_out_string(o, "CgroupPath", text_of(i->spec.linux_.cgroups_path));
	write_limits(o, i->spec.linux_.resources);
	write_rlimits(o, p);
	json_out_map(o, "Sysctls", &i->spec.linux_.sysctl);
	json_out_map(o, "Annotations", &i->life.annotations);
	json_out_end(o);
}

static void write_mounts(struct json_out *o, const struct inspected *i)
{
	json_out_array(o, "Mounts");
	for (size_t n = 0; n < i->spec.mounts_len; n++) {
		const struct spec_mount *m = &i->spec.mounts[n];
		cleanup_free char *volume = NULL;
		const char *rest = "";

		if (!is_users_mount(i, m))
			continue;
		json_out_object(o, NULL);
		volume = volume_of_path(i->store, m->source, &rest);
		json_out_string(o, "Type", volume ? "volume" : "bind");
		json_out_opt_string(o, "Name", volume);
		json_out_string(o, "Source", m->source);
		json_out_string(o, "Destination", m->destination);
		if (volume)
			json_out_string(o, "Driver", "local");
		json_out_bool(o, "RW", !strvec_has(&m->options, "ro"));
		json_out_end(o);
	}
	json_out_end(o);
}

/* The spec has both in one list; of the same key the annotation is there. */
static void write_labels(struct json_out *o, const struct inspected *in)
{
	const struct strvec *all = &in->spec.annotations;

	json_out_object(o, "Labels");
	for (size_t i = 0; i < all->len; i++) {
		const char *text = all->items[i];
		size_t len = strcspn(text, "=");
		cleanup_free char *key = strndup(text, len);

		if (key && strcmp(key, STOP_SIGNAL_LABEL) != 0 && !strvec_get_env(&in->life.annotations, key))
			json_out_string(o, key, text[len] ? text + len + 1 : "");
	}
	json_out_end(o);
}

/* What is run, arguments and all: a CMD-SHELL of the image has become one. */
static void write_health_check(struct json_out *o, const struct health *h)
{
	if (h->test.len == 0)
		return;
	json_out_object(o, "Healthcheck");
	json_out_array(o, "Test");
	json_out_string(o, NULL, "CMD");
	for (size_t i = 0; i < h->test.len; i++)
		json_out_string(o, NULL, h->test.items[i]);
	json_out_end(o);
	json_out_i64(o, "Interval", h->rules.interval_ns);
	json_out_i64(o, "Timeout", h->rules.timeout_ns);
	json_out_i64(o, "StartPeriod", h->rules.start_period_ns);
	json_out_i64(o, "StartInterval", h->rules.start_interval_ns);
	json_out_u64(o, "Retries", h->rules.retries);
	json_out_string(o, "OnFailure", health_action_name(h->rules.action));
	json_out_end(o);
}

static void write_config(struct json_out *o, const struct inspected *i)
{
	const struct spec_process *p = i->spec.process;
	char user[32] = "";

	json_out_object(o, "Config");
	json_out_string(o, "Hostname", text_of(i->spec.hostname));
	json_out_string(o, "Domainname", text_of(i->spec.domainname));
	if (p) {
		(void)snprintf(user, sizeof(user), "%u:%u", p->user.uid, p->user.gid);
		json_out_string(o, "User", user);
		json_out_bool(o, "Tty", p->terminal);
		json_out_strvec(o, "Env", &p->env);
		json_out_string(o, "WorkingDir", p->cwd);
	}
	json_out_strvec(o, "Cmd", &i->record.args);
	json_out_string(o, "Image", i->record.image_name);
	write_labels(o, i);
	json_out_bool(o, "OpenStdin", i->life.interactive);
	json_out_i64(o, "StopTimeout", i->life.stop_timeout);
	write_health_check(o, &i->life.health);
	json_out_opt_string(o, "StopSignal", strvec_get_env(&i->spec.annotations, STOP_SIGNAL_LABEL));
	json_out_end(o);
}

static void write_graph_driver(struct json_out *o, const struct overlay_plan *p)
{
	cleanup_buf struct buf lower = BUF_INIT(1u << 20);
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->lower.len; i++)
		r = buf_printf(&lower, "%s%s", i ? ":" : "", p->lower.items[i]);
	json_out_object(o, "GraphDriver");
	json_out_string(o, "Name", "overlay");
	json_out_object(o, "Data");
	json_out_string(o, "LowerDir", r == 0 ? text_of(lower.data) : NULL);
	json_out_string(o, "UpperDir", p->upper);
	json_out_string(o, "WorkDir", p->work);
	json_out_end(o);
	json_out_end(o);
}

static void write_args(struct json_out *o, const struct strvec *args)
{
	json_out_string(o, "Path", args->len ? args->items[0] : "");
	json_out_array(o, "Args");
	for (size_t i = 1; i < args->len; i++)
		json_out_string(o, NULL, args->items[i]);
	json_out_end(o);
}

/* A file of ours in the container's directory, where it is what the container sees. */
static void write_path(struct json_out *o, const char *key, const struct inspected *i,
		       const char *destination)
{
	const struct spec_mount *m = spec_find_mount(&i->spec, destination);

	json_out_string(o, key, m ? text_of(m->source) : "");
}

static void write_container(struct json_out *o, const struct inspected *i)
{
	const struct container_record *c = &i->record;
	cleanup_free char *name = NULL;

	if (asprintf(&name, "/%s", c->name) < 0) /* docker's leading slash, which scripts strip */
		name = NULL;
	json_out_object(o, NULL);
	json_out_string(o, "Id", c->id);
	json_out_string(o, "Created", text_of(c->created));
	write_args(o, &c->args);
	write_state(o, i);
	json_out_string(o, "Image", c->image_id.text);
	write_path(o, "ResolvConfPath", i, "/etc/resolv.conf");
	write_path(o, "HostnamePath", i, "/etc/hostname");
	write_path(o, "HostsPath", i, "/etc/hosts");
	json_out_string(o, "Name", name);
	json_out_u64(o, "RestartCount", c->restarts);
	json_out_string(o, "Driver", "overlay");
	json_out_string(o, "Platform", "linux");
	json_out_string(o, "AppArmorProfile",
			i->spec.process ? text_of(i->spec.process->apparmor_profile) : "");
	write_host_config(o, i);
	write_graph_driver(o, &i->overlay);
	if (i->with_size) {
		uint64_t written = usage_written_bytes(i->store, c->id);

		json_out_u64(o, "SizeRw", written);
		json_out_u64(o, "SizeRootFs", written + usage_image_bytes(i->store, &c->layers));
	}
	write_mounts(o, i);
	write_config(o, i);
	network_show_settings(o, &i->networks);
	json_out_end(o);
}

int inspect_container(const struct store *s, const struct cli_globals *g, const char *what, bool with_size,
		      struct json_out *o, struct err *e)
{
	cleanup_inspected struct inspected i = { 0 };
	int r = load(s, g, what, &i, e);

	i.with_size = with_size;
	if (r == 0)
		write_container(o, &i);
	return r;
}
