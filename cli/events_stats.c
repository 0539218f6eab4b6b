/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/events_stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/files.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"

#define STAT_MAX_BYTES (1u << 20)

/* A whole file as text; NULL where there is none. Owned by the buffer. */
static char *read_text(int dir_fd, const char *name, struct buf *out)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	struct err ignored;

	return fd >= 0 && read_fd(fd, out, &ignored) == 0 ? out->data : NULL;
}

static uint64_t number_in(const char *text, const char *key)
{
	uint64_t value;

	return text && cgroup_text_key(text, key, &value) == 0 ? value : 0;
}

static uint64_t number_of(int dir_fd, const char *file)
{
	uint64_t value;

	return cgroup_file_u64(dir_fd, file, &value) == 0 ? value : 0;
}

/* Go leaves zeros out where the field says "omitempty". */
static void put_some(struct json_out *o, const char *key, uint64_t value)
{
	if (value)
		json_out_u64(o, key, value);
}

/* --- cpu, cpuset --- */

static uint64_t ns_of_us(uint64_t us)
{
	return us > UINT64_MAX / 1000 ? UINT64_MAX : us * 1000;
}

static void put_cpu(struct json_out *o, int dir_fd)
{
	cleanup_buf struct buf buf = BUF_INIT(STAT_MAX_BYTES);
	const char *text = read_text(dir_fd, "cpu.stat", &buf);

	json_out_object(o, "cpu");
	json_out_object(o, "usage");
	put_some(o, "total", ns_of_us(number_in(text, "usage_usec")));
	json_out_u64(o, "kernel", ns_of_us(number_in(text, "system_usec")));
	json_out_u64(o, "user", ns_of_us(number_in(text, "user_usec")));
	json_out_end(o);
	json_out_object(o, "throttling");
	put_some(o, "periods", number_in(text, "nr_periods"));
	put_some(o, "throttledPeriods", number_in(text, "nr_throttled"));
	put_some(o, "throttledTime", ns_of_us(number_in(text, "throttled_usec")));
	json_out_end(o);
	json_out_end(o);
}

/* What cgroup v1 alone has: zeros, which runc prints with v2, too. */
static void put_cpuset(struct json_out *o)
{
	static const char *const KEYS[] = { "cpu_exclusive",           "mem_hardwall",
					    "mem_exclusive",           "memory_migrate",
					    "memory_spread_page",      "memory_spread_slab",
					    "memory_pressure",         "sched_load_balance",
					    "sched_relax_domain_level" };

	json_out_object(o, "cpuset");
	for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
		json_out_u64(o, KEYS[i], 0);
	json_out_end(o);
}

/* --- memory --- */

struct memory_entry {
	uint64_t limit, usage, max_usage;
};

static void put_entry(struct json_out *o, const char *key, const struct memory_entry *m)
{
	json_out_object(o, key);
	json_out_u64(o, "limit", m->limit);
	put_some(o, "usage", m->usage);
	put_some(o, "max", m->max_usage);
	json_out_u64(o, "failcnt", 0);
	json_out_end(o);
}

/* As v1 counts it, and runc therefore with v2: with memory. */
static struct memory_entry with_swap(const struct memory_entry *memory, int dir_fd)
{
	struct memory_entry both = {
		.limit = number_of(dir_fd, "memory.swap.max"),
		.usage = number_of(dir_fd, "memory.swap.current"),
	};

	both.usage += memory->usage;
	if (__builtin_add_overflow(both.limit, memory->limit, &both.limit))
		both.limit = UINT64_MAX;
	return both;
}

/* "key number" lines become members. */
static void put_raw(struct json_out *o, char *text)
{
	char *line;

	if (!text || !*text)
		return;
	json_out_object(o, "raw");
	while ((line = strsep(&text, "\n")) != NULL) {
		char *value = strchr(line, ' ');
		uint64_t n;

		if (!value)
			continue;
		*value++ = '\0';
		if (parse_u64(value, 0, UINT64_MAX, &n) == 0)
			json_out_u64(o, line, n);
	}
	json_out_end(o);
}

static void put_memory(struct json_out *o, int dir_fd)
{
	static const struct memory_entry NONE = { 0 };
	cleanup_buf struct buf buf = BUF_INIT(STAT_MAX_BYTES);
	char *text = read_text(dir_fd, "memory.stat", &buf);
	struct memory_entry memory = {
		.limit = number_of(dir_fd, "memory.max"),
		.usage = number_of(dir_fd, "memory.current"),
		.max_usage = number_of(dir_fd, "memory.peak"),
	};
	struct memory_entry swap = with_swap(&memory, dir_fd);

	json_out_object(o, "memory");
	put_some(o, "cache", number_in(text, "file"));
	put_entry(o, "usage", &memory);
	put_entry(o, "swap", &swap);
	put_entry(o, "kernel", &NONE);
	put_entry(o, "kernelTCP", &NONE);
	put_raw(o, text);
	json_out_end(o);
}

static void put_pids(struct json_out *o, int dir_fd)
{
	uint64_t limit = number_of(dir_fd, "pids.max");

	json_out_object(o, "pids");
	put_some(o, "current", number_of(dir_fd, "pids.current"));
	put_some(o, "limit", limit == UINT64_MAX ? 0 : limit);
	json_out_end(o);
}

/* --- blkio --- */

struct io_table {
	const char *name;    /* runc's */
	const char *keys[2]; /* of io.stat */
};

static const char *const IO_OPS[] = { "Read", "Write" };

static const struct io_table IO_TABLES[] = {
	{ "ioServiceBytesRecursive", { "rbytes=", "wbytes=" } },
	{ "ioServicedRecursive", { "rios=", "wios=" } },
};

static int take_number(const char *text, size_t len, uint64_t *ret)
{
	char number[24];

	if (len >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, len);
	number[len] = '\0';
	return parse_u64(number, 0, UINT64_MAX, ret);
}

/* The value behind `key` in a line of io.stat. -ENOENT, -EINVAL. */
static int io_value(const char *line, size_t line_len, const char *key, uint64_t *ret)
{
	const char *end = line + line_len, *word = line;
	size_t key_len = strlen(key);

	while (word < end) {
		size_t len = strcspn(word, " \n");

		if (len > key_len && memcmp(word, key, key_len) == 0)
			return take_number(word + key_len, len - key_len, ret);
		word += len + 1;
	}
	return -ENOENT;
}

static void put_io_line(struct json_out *o, const struct io_table *table, const char *line, size_t len)
{
	size_t major_len = strcspn(line, ": \n"), minor_len;
	uint64_t major, minor, value;

	if (line[major_len] != ':' || take_number(line, major_len, &major) < 0)
		return;
	minor_len = strcspn(line + major_len + 1, " \n");
	if (take_number(line + major_len + 1, minor_len, &minor) < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(IO_OPS); i++) {
		if (io_value(line, len, table->keys[i], &value) < 0)
			continue;
		json_out_object(o, NULL);
		put_some(o, "major", major);
		put_some(o, "minor", minor);
		json_out_string(o, "op", IO_OPS[i]);
		put_some(o, "value", value);
		json_out_end(o);
	}
}

static void put_blkio(struct json_out *o, int dir_fd)
{
	cleanup_buf struct buf buf = BUF_INIT(STAT_MAX_BYTES);
	const char *text = read_text(dir_fd, "io.stat", &buf);

	json_out_object(o, "blkio");
	for (size_t i = 0; text && *text && i < ARRAY_LEN(IO_TABLES); i++) {
		json_out_array(o, IO_TABLES[i].name);
		for (const char *line = text; *line; line += *line == '\n') {
			size_t len = strcspn(line, "\n");

			put_io_line(o, &IO_TABLES[i], line, len);
			line += len;
		}
		json_out_end(o);
	}
	json_out_end(o);
}

/* --- hugetlb --- */

static void put_page_size(struct json_out *o, int dir_fd, const char *size)
{
	cleanup_buf struct buf buf = BUF_INIT(STAT_MAX_BYTES);
	char file[64];

	json_out_object(o, size);
	(void)snprintf(file, sizeof(file), "hugetlb.%s.current", size);
	put_some(o, "usage", number_of(dir_fd, file));
	(void)snprintf(file, sizeof(file), "hugetlb.%s.events", size);
	json_out_u64(o, "failcnt", number_in(read_text(dir_fd, file, &buf), "max"));
	json_out_end(o);
}

/* hugetlb.2MB.current, hugetlb.1GB.current, not hugetlb.2MB.rsvd.current. */
static void put_hugetlb(struct json_out *o, int dir_fd)
{
	static const char BEFORE[] = "hugetlb.", BEHIND[] = ".current";
	cleanup_dir DIR *dir = NULL;
	const struct dirent *entry;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	json_out_object(o, "hugetlb");
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir && fd >= 0)
		(void)close(fd);
	while (dir && (entry = readdir(dir)) != NULL) {
		const char *size = entry->d_name + strlen(BEFORE);
		char text[32];
		size_t len;

		if (strncmp(entry->d_name, BEFORE, strlen(BEFORE)) != 0)
			continue;
		len = strcspn(size, ".");
		if (strcmp(size + len, BEHIND) != 0 || len >= sizeof(text))
			continue;
		memcpy(text, size, len);
		text[len] = '\0';
		put_page_size(o, dir_fd, text);
	}
	json_out_end(o);
}

int events_stats_write(struct json_out *o, const char *key, int cgroup_fd, struct err *e)
{
	char text[8];
	/* It answers with ENODEV once the cgroup is gone, while other files are merely absent. */
	ssize_t n = cgroup_file_read(cgroup_fd, "cgroup.events", text, sizeof(text));

	if (n < 0)
		return err_code(e, n == -ENODEV ? -ENOENT : (int)n, "cannot read the container's cgroup");
	json_out_object(o, key);
	put_cpu(o, cgroup_fd);
	put_cpuset(o);
	put_memory(o, cgroup_fd);
	put_pids(o, cgroup_fd);
	put_blkio(o, cgroup_fd);
	put_hugetlb(o, cgroup_fd);
	json_out_object(o, "intel_rdt");
	json_out_end(o);
	json_out_null(o, "network_interfaces");
	json_out_end(o);
	return 0;
}
