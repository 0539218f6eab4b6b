/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stats_sample.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/files.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/process.h"
#include "runtime/control.h"

#define TEXT_MAX_BYTES (1u << 20)
#define PROC_MAX       64

/* --- texts of the kernel --- */

/* The number at the start of `text`, which other text may follow; 0: there is none. */
static uint64_t leading_number(const char *text)
{
	char number[24];
	size_t len = strspn(text, "0123456789");
	uint64_t value = 0;

	if (len == 0 || len >= sizeof(number))
		return 0;
	memcpy(number, text, len);
	number[len] = '\0';
	return parse_u64(number, 0, UINT64_MAX, &value) < 0 ? 0 : value;
}

#define RECEIVED 0 /* which number of a line, from 0 */
#define SENT     8

void stats_sum_network(const char *text, uint64_t *ret_received, uint64_t *ret_sent)
{
	*ret_received = *ret_sent = 0;
	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *name = text + strspn(text, " ");
		const char *p = memchr(text, ':', len);

		if (p && strncmp(name, "lo:", 3) != 0) {
			p++;
			for (int i = 0; i <= SENT; i++) {
				p += strspn(p, " ");
				if (i == RECEIVED)
					*ret_received += leading_number(p);
				else if (i == SENT)
					*ret_sent += leading_number(p);
				p += strcspn(p, " \n");
			}
		}
		text += len + (text[len] == '\n');
	}
}

void stats_sum_block(const char *text, uint64_t *ret_read, uint64_t *ret_written)
{
	static const char READ[] = "rbytes=", WRITTEN[] = "wbytes=";

	*ret_read = *ret_written = 0;
	for (; *text; text += strcspn(text, " \n")) {
		text += strspn(text, " \n");
		if (strncmp(text, READ, strlen(READ)) == 0)
			*ret_read += leading_number(text + strlen(READ));
		else if (strncmp(text, WRITTEN, strlen(WRITTEN)) == 0)
			*ret_written += leading_number(text + strlen(WRITTEN));
	}
}

/* --- taking one --- */

static uint64_t machine_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : STATS_UNKNOWN;
}

/* Neither its network nor ours: what the host sends is not the container's alone. */
static bool has_own_network(pid_t pid)
{
	struct stat ours, theirs;
	char path[PROC_MAX];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	return stat(path, &theirs) == 0 && stat("/proc/self/ns/net", &ours) == 0 &&
	       (ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev);
}

static void take_network(pid_t pid, struct stats_sample *s)
{
	cleanup_buf struct buf text = BUF_INIT(TEXT_MAX_BYTES);
	char path[PROC_MAX];
	struct err ignored; /* then it has just ended */

	(void)snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)pid);
	if (has_own_network(pid) && file_read(AT_FDCWD, path, &text, &ignored) == 0 && text.data)
		stats_sum_network(text.data, &s->received_bytes, &s->sent_bytes);
}

/* "RssAnon:      123 kB" */
static uint64_t status_number(const char *text, const char *key)
{
	const char *line = strstr(text, key);

	if (!line)
		return 0;
	line += strlen(key);
	return leading_number(line + strspn(line, " \t"));
}

/* What a process has to itself, as nobody counts what they share. */
static void add_process(pid_t pid, uint64_t *memory_bytes, uint64_t *tasks)
{
	cleanup_buf struct buf text = BUF_INIT(TEXT_MAX_BYTES);
	char path[PROC_MAX];
	struct err ignored; /* it has ended */

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read(AT_FDCWD, path, &text, &ignored) < 0 || !text.data)
		return;
	*memory_bytes +=
		1024 * (status_number(text.data, "\nRssAnon:") + status_number(text.data, "\nRssShmem:"));
	*tasks += status_number(text.data, "\nThreads:");
}

static void count_processes(const char *state_dir, const char *id, struct stats_sample *s)
{
	cleanup_free pid_t *pids = NULL;
	uint64_t memory = 0, tasks = 0;
	struct err ignored; /* then it stays unknown */
	size_t len;

	if (control_processes(state_dir, id, &pids, &len, &ignored) < 0)
		return;
	for (size_t i = 0; i < len; i++)
		add_process(pids[i], &memory, &tasks);
	if (s->memory_bytes == STATS_UNKNOWN)
		s->memory_bytes = memory;
	if (s->tasks == STATS_UNKNOWN)
		s->tasks = tasks;
}

static void take_cgroup(const struct cgroup *c, const struct cgroup_stats *stats, struct stats_sample *s)
{
	cleanup_buf struct buf memory = BUF_INIT(TEXT_MAX_BYTES);
	cleanup_buf struct buf io = BUF_INIT(TEXT_MAX_BYTES);
	struct err ignored; /* the controller is off */
	uint64_t inactive;

	s->cpu_us = stats->cpu_usage_us;
	s->memory_bytes = stats->memory_current;
	s->tasks = stats->pids_current;
	if (stats->memory_max < s->limit_bytes)
		s->limit_bytes = stats->memory_max;
	if (s->memory_bytes != STATS_UNKNOWN && file_read(c->dir_fd, "memory.stat", &memory, &ignored) == 0 &&
	    memory.data && cgroup_text_key(memory.data, "inactive_file", &inactive) == 0 &&
	    inactive < s->memory_bytes)
		s->memory_bytes -= inactive;
	if (file_read(c->dir_fd, "io.stat", &io, &ignored) == 0)
		stats_sum_block(io.data ? io.data : "", &s->read_bytes, &s->written_bytes);
}

static uint64_t now_us(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail with this clock */
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int stats_sample_take(const char *state_dir, const struct container_record *c, struct stats_sample *ret,
		      struct err *e)
{
	cleanup_control struct control control = { .pidfd = -1, .cgroup = { .dir_fd = -1 } };
	struct cgroup_stats stats;
	struct stats_sample s = { .runs = true,
				  .cpu_us = STATS_UNKNOWN,
				  .memory_bytes = STATS_UNKNOWN,
				  .limit_bytes = machine_memory(),
				  .read_bytes = STATS_UNKNOWN,
				  .written_bytes = STATS_UNKNOWN,
				  .tasks = STATS_UNKNOWN };
	int r;

	*ret = (struct stats_sample){ 0 };
	if (c->pid <= 0)
		return 0;
	r = control_open(state_dir, c->id, &control, e);
	if (r == -ENOENT || (r == 0 && control.status == RUNTIME_STOPPED))
		return 0;
	if (r < 0)
		return r;
	s.time_us = now_us();
	if (control.cgroup.path) {
		r = cgroup_read_stats(&control.cgroup, &stats, e);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		take_cgroup(&control.cgroup, &stats, &s);
	}
	if (s.memory_bytes == STATS_UNKNOWN || s.tasks == STATS_UNKNOWN)
		count_processes(state_dir, c->id, &s);
	take_network((pid_t)c->pid, &s);
	*ret = s;
	return 0;
}

/* --- as text --- */

static void pair(uint64_t a, uint64_t b, void (*format)(uint64_t bytes, char out[FORMAT_MAX]),
		 char out[STATS_PAIR_MAX])
{
	char x[FORMAT_MAX] = "--", y[FORMAT_MAX] = "--";

	if (a != STATS_UNKNOWN)
		format(a, x);
	if (b != STATS_UNKNOWN)
		format(b, y);
	(void)snprintf(out, STATS_PAIR_MAX, "%s / %s", x, y);
}

/* Docker's: the share of one CPU, so that four busy ones are 400%. */
static void cpu_text(const struct stats_sample *before, const struct stats_sample *now, char out[FORMAT_MAX])
{
	double share = 0;

	if (now->cpu_us == STATS_UNKNOWN) {
		(void)snprintf(out, FORMAT_MAX, "--");
		return;
	}
	if (before->runs && before->cpu_us <= now->cpu_us && before->time_us < now->time_us)
		share = 100.0 * (double)(now->cpu_us - before->cpu_us) /
			(double)(now->time_us - before->time_us);
	(void)snprintf(out, FORMAT_MAX, "%.2f%%", share);
}

void stats_text_make(const struct stats_sample *before, const struct stats_sample *now,
		     struct stats_text *ret)
{
	double share = 0;

	cpu_text(before, now, ret->cpu);
	pair(now->memory_bytes, now->limit_bytes, format_size_binary, ret->memory);
	pair(now->received_bytes, now->sent_bytes, format_size, ret->network);
	pair(now->read_bytes, now->written_bytes, format_size, ret->block);
	if (now->memory_bytes != STATS_UNKNOWN && now->limit_bytes != STATS_UNKNOWN && now->limit_bytes > 0)
		share = 100.0 * (double)now->memory_bytes / (double)now->limit_bytes;
	(void)snprintf(ret->memory_share, FORMAT_MAX, "%.2f%%", share);
	if (now->tasks == STATS_UNKNOWN)
		(void)snprintf(ret->tasks, FORMAT_MAX, "--");
	else
		(void)snprintf(ret->tasks, FORMAT_MAX, "%llu", (unsigned long long)now->tasks);
}
