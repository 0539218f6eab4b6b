/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/health_probe.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "common/timestamp.h"
#include "engine/container_spec.h"
#include "engine/life.h"
#include "engine/monitor.h"
#include "runtime/exec.h"
#include "store/container.h"

#define LOG_MAX      (1u << 20) /* bytes of the log as JSON */
#define NS_PER_MS    1000000
#define EXIT_TIMEOUT (-1) /* docker's */

/* One line of the log. */
struct entry {
	char *start, *end, *output;
	int64_t exit_code;
};

static void entry_done(struct entry *entry)
{
	free(entry->start);
	free(entry->end);
	free(entry->output);
}

struct log {
	struct json_items entries;
};

static void log_done(struct log *l)
{
	struct entry *items = l->entries.items;

	for (size_t i = 0; i < l->entries.len; i++)
		entry_done(&items[i]);
	free(items);
}
#define cleanup_log __attribute__((cleanup(log_done)))

static const struct json_field ENTRY[] = {
	{ "Start", offsetof(struct entry, start), json_read_string, .required = true },
	{ "End", offsetof(struct entry, end), json_read_string, .required = true },
	{ "ExitCode", offsetof(struct entry, exit_code), json_read_i64, .required = true },
	{ "Output", offsetof(struct entry, output), json_read_string, .required = true },
	{ 0 },
};
static const struct json_array ENTRIES = { ENTRY, sizeof(struct entry), 64 };

/* What cannot be read is begun anew. */
static void read_log(int dir_fd, struct log *ret)
{
	cleanup_buf struct buf text = BUF_INIT(LOG_MAX);
	cleanup_json_doc struct json_doc *doc = NULL;
	struct err ignored;
	struct json_in top;

	if (file_read(dir_fd, HEALTH_LOG_FILE, &text, &ignored) < 0 || !text.data ||
	    json_parse(text.data, text.len, 8, &doc, &ignored) < 0)
		return;
	top = json_top(doc);
	if (json_read_array(&top, &ENTRIES, &ret->entries, &ignored) < 0) {
		log_done(ret);
		*ret = (struct log){ 0 };
	}
}

static void write_entry(struct json_out *o, const struct entry *entry)
{
	json_out_object(o, NULL);
	json_out_string(o, "Start", entry->start);
	json_out_string(o, "End", entry->end);
	json_out_i64(o, "ExitCode", entry->exit_code);
	json_out_string(o, "Output", entry->output);
	json_out_end(o);
}

static int append(int dir_fd, const struct entry *entry, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, LOG_MAX);
	cleanup_log struct log old = { 0 };
	const struct entry *items;
	const char *text;
	size_t len;
	int r;

	read_log(dir_fd, &old);
	items = old.entries.items;
	json_out_array(o, NULL);
	for (size_t i = old.entries.len >= HEALTH_LOG_LEN ? old.entries.len - HEALTH_LOG_LEN + 1 : 0;
	     i < old.entries.len; i++)
		write_entry(o, &items[i]);
	write_entry(o, entry);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	return r < 0 ? r : file_write_atomic(dir_fd, HEALTH_LOG_FILE, text, len, 0600, e);
}

/* --- the check --- */

struct probe {
	struct life life;
	struct filtered_spec config;
};

static void probe_done(struct probe *p)
{
	life_done(&p->life);
	filtered_spec_done(&p->config);
}
#define cleanup_probe __attribute__((cleanup(probe_done)))

static int load(const struct store *s, const char *state_dir, const char *id, struct probe *ret,
		struct err *e)
{
	struct spec_process *process;
	cleanup_fd int dir_fd = -1;
	int r = container_open_dir(s, id, &dir_fd, e);

	if (r == 0)
		r = life_read(dir_fd, &ret->life, e);
	if (r == 0)
		r = container_spec_read_filtered(dir_fd, state_dir, &ret->config, e);
	if (r < 0)
		return r;
	process = ret->config.spec.process;
	if (ret->life.health.test.len == 0 || !process)
		return err_set(e, -ENOENT, "the container has no health check");
	process->terminal = false;
	strvec_done(&process->args);
	r = strvec_add_all(&process->args, &ret->life.health.test);
	return r < 0 ? err_code(e, r, "cannot run the health check") : 0;
}

/* Our stdout and stderr become a pipe, which the check inherits; *ret_fd is its other end. */
static int catch_output(int *ret_fd, struct err *e)
{
	cleanup_fd int theirs = -1;
	int pair[2];

	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_errno(e, "cannot run the health check");
	*ret_fd = pair[0];
	theirs = pair[1];
	if (fcntl(theirs, F_SETFL, 0) < 0 || dup2(theirs, STDOUT_FILENO) < 0 ||
	    dup2(theirs, STDERR_FILENO) < 0)
		return err_errno(e, "cannot run the health check");
	return 0;
}

/* Keeps the beginning, and drops the rest so that the check is not held up. */
static void read_output(int fd, struct buf *out)
{
	char data[HEALTH_OUTPUT_MAX];
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0) {
		size_t room = HEALTH_OUTPUT_MAX - out->len;

		IGNORE_RESULT(
			buf_add(out, data, (size_t)n < room ? (size_t)n : room)); /* less output is shown */
	}
}

static int left_ms(int64_t end_ms)
{
	int64_t left = end_ms - monotonic_ms();

	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

/* *ret_exit_code: EXIT_TIMEOUT where it had to be killed. */
static int wait_for(int pidfd, int output_fd, int64_t timeout_ms, struct buf *output, int *ret_exit_code,
		    struct err *e)
{
	int64_t end = monotonic_ms() + timeout_ms;
	bool late = false, ended = false;
	int status = 0, r;

	while (!ended) {
		struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN },
					{ .fd = output_fd, .events = POLLIN } };

		if (!late && monotonic_ms() >= end) {
			late = true;
			IGNORE_RESULT(process_signal(pidfd, SIGKILL)); /* it may just have ended */
		}
		if (poll(fds, 2, late ? -1 : left_ms(end)) < 0 && errno != EINTR)
			return err_errno(e, "cannot wait for the health check");
		read_output(output_fd, output);
		ended = (fds[0].revents & POLLIN) != 0;
	}
	r = process_wait(pidfd, &status);
	*ret_exit_code = late ? EXIT_TIMEOUT : process_exit_code(status);
	return r < 0 ? err_code(e, r, "cannot wait for the health check") : 0;
}

static int run(const char *state_dir, const char *id, const struct probe *p, struct buf *output,
	       int *ret_exit_code, struct err *e)
{
	cleanup_runtime_container struct runtime_container c = RUNTIME_CONTAINER_EMPTY;
	const struct filtered_spec *config = &p->config;
	const struct runtime_exec_args args = { .state_root = state_dir,
						.id = id,
						.process = config->spec.process,
						.linux_ = &config->spec.linux_,
						.filter = config->filter.insns ? &config->filter : NULL };
	cleanup_fd int output_fd = -1;
	int r = catch_output(&output_fd, e);

	if (r == 0)
		r = runtime_exec(&args, &c, e);
	if (r < 0)
		return r;
	return wait_for(c.pidfd, output_fd, p->life.health.rules.timeout_ns / NS_PER_MS, output,
			ret_exit_code, e);
}

static char *output_text(const struct buf *output, const struct err *why)
{
	char *text = NULL;

	if (why->code < 0)
		return strdup(why->text);
	return asprintf(&text, "%.*s", (int)output->len, output->data ? output->data : "") < 0 ? NULL : text;
}

int health_probe(const struct store *s, const char *state_dir, const char *id, bool *ret_passed,
		 struct err *e)
{
	cleanup_probe struct probe p = { 0 };
	cleanup_buf struct buf output = BUF_INIT(HEALTH_OUTPUT_MAX + 1);
	cleanup_fd int dir_fd = -1;
	char start[TIMESTAMP_MAX], end[TIMESTAMP_MAX];
	struct entry entry = { .start = start, .end = end };
	int exit_code = 1;
	int r = load(s, state_dir, id, &p, e);

	*ret_passed = false;
	if (r == 0)
		r = monitor_open_dir(state_dir, id, false, &dir_fd, e);
	if (r < 0)
		return r;
	timestamp_now(start);
	r = run(state_dir, id, &p, &output, &exit_code, e);
	timestamp_now(end);
	entry.exit_code = r < 0 ? 1 : exit_code;
	entry.output = output_text(&output, e);
	if (entry.exit_code == EXIT_TIMEOUT) {
		free(entry.output);
		if (asprintf(&entry.output, "Health check exceeded timeout (%lld ms)",
			     (long long)(p.life.health.rules.timeout_ns / NS_PER_MS)) < 0)
			entry.output = NULL;
	}
	*ret_passed = r == 0 && exit_code == 0;
	r = append(dir_fd, &entry, e);
	free(entry.output);
	return r;
}
