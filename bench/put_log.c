/* SPDX-License-Identifier: Apache-2.0 */
/* put_log DRIVER CONTAINER_DIR ID [--stderr FD] [--status DIR] [--socket PATH] [KEY=VALUE...]
 *
 * What a monitor does with a container's output and nothing else: standard input is the container's stdout, FD its stderr. With --status it
 * publishes a status page there, running until both have ended and exited then, and writes a line once it is there. Linked statically,
 * as the monitor is. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/parse.h"
#include "common/process.h"
#include "engine/log_writer.h"
#include "engine/status_page.h"

#define READ_BYTES      65536
#define WIDE_BYTES      (2 * READ_BYTES)
#define ATTRIBUTES_MAX  32
#define CHUNKS_PER_TURN 16
#define FEW_BYTES       4096

static struct log_writer writer;
static char block[READ_BYTES];

struct job {
	const char *dir, *status_dir;
	struct log_config config;
	const char *attributes[ATTRIBUTES_MAX + 1];
	int stderr_fd; /* -1: none */
	struct shared_page page;
	struct status status;
};

static int fail(const struct err *e)
{
	(void)fprintf(stderr, "put_log: %s\n", e->text);
	return 1;
}

static void publish(struct job *j)
{
	j->status.log_offset = log_writer_offset(&writer);
	if (j->status_dir)
		status_page_publish(&j->page, &j->status);
}

/* "attr:key=value", "tag=..." or an option of the driver. */
static int take_option(struct job *j, const char *text, size_t *n_attributes, struct err *e)
{
	if (strncmp(text, "attr:", 5) == 0 && *n_attributes < ATTRIBUTES_MAX) {
		j->attributes[(*n_attributes)++] = text + 5;
		j->config.attributes = j->attributes;
		return 0;
	}
	if (strncmp(text, "tag=", 4) == 0)
		j->config.tag = text + 4;
	return log_config_set(&j->config, text, e);
}

static int parse_fd(const char *text, int *ret, struct err *e)
{
	uint64_t n;
	int r = parse_u64(text, 0, INT32_MAX, &n);

	if (r < 0)
		return err_code(e, r, "bad descriptor '%s'", text);
	*ret = (int)n;
	return 0;
}

static int parse(int argc, char **argv, struct job *j, struct err *e)
{
	const struct strvec none = { 0 };
	size_t n = 0;
	int r;

	if (argc < 4)
		return err_set(e, -EINVAL, "usage: put_log DRIVER CONTAINER_DIR ID [OPTION...]");
	r = log_config_parse(argv[1], &none, &j->config, e);
	j->dir = argv[2];
	j->config.container_id = argv[3];
	j->config.container_name = "name";
	j->config.image_name = "image";
	for (int i = 4; r == 0 && i < argc; i++) {
		if (strcmp(argv[i], "--status") == 0 && i + 1 < argc)
			j->status_dir = argv[++i];
		else if (strcmp(argv[i], "--socket") == 0 && i + 1 < argc)
			j->config.journal_socket = argv[++i];
		else if (strcmp(argv[i], "--stderr") == 0 && i + 1 < argc)
			r = parse_fd(argv[++i], &j->stderr_fd, e);
		else
			r = take_option(j, argv[i], &n, e);
	}
	return r;
}

static int begin(struct job *j, struct err *e)
{
	cleanup_fd int dir_fd = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int status_fd =
		j->status_dir ? open(j->status_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct timespec now;
	int r;

	if (dir_fd < 0 || (j->status_dir && status_fd < 0))
		return err_errno(e, "cannot open a directory");
	r = log_writer_open(dir_fd, &j->config, &writer, e);
	if (r == 0 && j->status_dir)
		r = status_page_create(status_fd, &j->page, e);
	if (r < 0)
		return r;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	j->status = (struct status){ .state = STATUS_RUNNING,
				     .pid = getpid(),
				     .started_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec };
	publish(j);
	return !j->status_dir || write(1, "\n", 1) == 1 ? 0 : err_errno(e, "cannot say that it is there");
}

/* As engine/monitor_output.c and monitor_streams.c have it. False at the end. */
static bool take(int fd, enum log_stream s)
{
	static bool wide[LOG_STREAMS];

	for (int i = 0; i < CHUNKS_PER_TURN; i++) {
		ssize_t n = read(fd, block, sizeof(block));

		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		if (n == READ_BYTES && !wide[s])
			(void)fcntl(fd, F_SETPIPE_SZ, WIDE_BYTES); /* fails only for what is no pipe */
		wide[s] |= n == READ_BYTES;
		log_writer_add(&writer, s, block, (size_t)n);
		if (n < FEW_BYTES)
			return true;
	}
	return true;
}

static bool pump(int fd, enum log_stream s)
{
	bool more = take(fd, s);

	log_writer_flush(&writer);
	return more;
}

static void copy(struct job *j)
{
	struct pollfd from[LOG_STREAMS] = { { .fd = 0, .events = POLLIN },
					    { .fd = j->stderr_fd, .events = POLLIN } };

	for (unsigned int s = 0; s < LOG_STREAMS; s++)
		(void)fcntl(from[s].fd, F_SETFL, O_NONBLOCK); /* fails only for what is not there */
	while (from[0].fd >= 0 || from[1].fd >= 0) {
		if (poll(from, LOG_STREAMS, -1) < 0)
			continue;
		for (unsigned int s = 0; s < LOG_STREAMS; s++) {
			if (!from[s].revents)
				continue;
			if (!pump(from[s].fd, (enum log_stream)s))
				from[s].fd = -1;
			publish(j);
		}
	}
}

int main(int argc, char **argv)
{
	struct job j = { .stderr_fd = -1 };
	struct err e = { 0 };

	if (parse(argc, argv, &j, &e) < 0 || begin(&j, &e) < 0)
		return fail(&e);
	copy(&j);
	log_writer_close(&writer);
	j.status.state = STATUS_EXITED;
	publish(&j);
	return 0;
}
