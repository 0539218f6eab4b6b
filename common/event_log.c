/* SPDX-License-Identifier: Apache-2.0 */
#include "common/event_log.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_write.h"

void event_batch_done(struct event_batch *b)
{
	buf_done(&b->text);
}

/* --- records --- */

static void write_attributes(struct json_out *o, const struct event *event, bool with_labels)
{
	const struct strvec *labels = with_labels ? event->labels : NULL;

	json_out_object(o, "attributes");
	for (size_t i = 0; labels && i < labels->len; i++) {
		const char *text = labels->items[i];
		size_t len = strcspn(text, "=");
		cleanup_free char *key = strndup(text, len);

		if (key)
			json_out_string(o, key, text[len] ? text + len + 1 : "");
	}
	for (const char *const *p = event->attributes; p && p[0]; p += 2)
		json_out_string(o, p[0], p[1] ? p[1] : "");
	json_out_end(o);
}

static int add_record(struct event_batch *b, const struct event *event, bool with_labels)
{
	cleanup_json_out struct json_out *o = json_out_new(false, EVENT_RECORD_BYTES);
	struct timespec now = { 0 };
	char time_ns[32];
	const char *text;
	struct err ignored;
	size_t len;
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
	(void)snprintf(time_ns, sizeof(time_ns), "%lld",
		       (long long)now.tv_sec * 1000000000 + (long long)now.tv_nsec);
	json_out_object(o, NULL);
	json_out_string(o, "time", time_ns);
	json_out_string(o, "type", event->type);
	json_out_string(o, "action", event->action);
	json_out_string(o, "id", event->id);
	write_attributes(o, event, with_labels);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, &ignored);
	/* A newline on either side: after a record that a full disk has cut off the next one is whole again. */
	return r == 0 ? buf_printf(&b->text, "\n%.*s\n", (int)len, text) : r;
}

void event_batch_add(struct event_batch *b, const struct event *event)
{
	if (add_record(b, event, true) == -EFBIG)
		IGNORE_RESULT(add_record(b, event, false)); /* lost where that is too large as well */
}

/* --- the file --- */

static int path_of(const char *state_dir, const char *name, char ret[PATH_MAX])
{
	int n = snprintf(ret, PATH_MAX, "%s/" EVENT_LOG_DIR "%s%s", state_dir, *name ? "/" : "", name);

	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int open_file(const char *state_dir, const char *path)
{
	int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = openat(AT_FDCWD, path, flags, 0600);
	cleanup_fd int dir_fd = -1;
	char dir[PATH_MAX];
	struct err ignored;

	if (fd >= 0 || errno != ENOENT)
		return fd;
	if (path_of(state_dir, "", dir) < 0 || dir_make_open(AT_FDCWD, dir, 0700, &dir_fd, &ignored) < 0)
		return -1;
	return openat(AT_FDCWD, path, flags, 0600);
}

/* Who has the file's lock is the only one to rename it, and only while it is the current one. Whoever has it open still writes to it: readers
 * read the old one too. */
static void rotate(const char *state_dir, const char *path, int fd)
{
	struct stat ours, current;
	char old[PATH_MAX];

	if (path_of(state_dir, EVENT_LOG_OLD, old) < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return; /* somebody else is about it */
	if (fstat(fd, &ours) == 0 && lstat(path, &current) == 0 && ours.st_ino == current.st_ino &&
	    ours.st_dev == current.st_dev)
		(void)rename(path, old); /* if not, the next one tries again */
}

void event_batch_write(const struct event_batch *b, const char *state_dir, bool trim)
{
	int saved = errno;
	cleanup_fd int fd = -1;
	char path[PATH_MAX];

	if (b->text.len == 0 || path_of(state_dir, EVENT_LOG_FILE, path) < 0)
		return;
	fd = open_file(state_dir, path);
	if (fd >= 0) {
		(void)!write(fd, b->text.data, b->text.len); /* lost where the disk is full */
		/* With O_APPEND the position is the end of what was written. */
		if (trim && lseek(fd, 0, SEEK_CUR) > (off_t)EVENT_LOG_FILE_BYTES)
			rotate(state_dir, path, fd);
	}
	errno = saved;
}

void event_write(const char *state_dir, const struct event *event)
{
	cleanup_event_batch struct event_batch b = EVENT_BATCH_EMPTY;

	event_batch_add(&b, event);
	event_batch_write(&b, state_dir, true);
}
