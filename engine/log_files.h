/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a json-file log as its readers see them: opened in their order, whatever is rotated meanwhile. The writer's side is log_file.h. */
#ifndef SAMPAN_ENGINE_LOG_FILES_H
#define SAMPAN_ENGINE_LOG_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"

struct log_open_file {
	int fd; /* -1: log_files_close */
	dev_t dev;
	ino_t ino;      /* tells it from all others, as long as it is open */
	bool packed;    /* a gzip (engine/log_file.h), to be read by log_unpack */
	ino_t original; /* then, if not 0, what `ino` was before that */
};

struct log_files {
	struct log_open_file *items; /* the oldest first */
	size_t len;
};

void log_files_done(struct log_files *f);
#define cleanup_log_files __attribute__((cleanup(log_files_done)))

/* Lets one go that has been read; its place in the order stays. Not the last, from which log_files_add_newer goes on. */
void log_files_close(struct log_files *f, size_t index);

/* Opens `name` and what it was rotated to, "name.1" or "name.1.gz" and so on. None at all is no error. -EAGAIN: they are rotated faster than they can be opened;
 * open(2)'s errors. */
int log_files_open(int dir_fd, const char *name, struct log_files *ret, struct err *e) MUST_CHECK;

/* Whether `file` is no longer what has the name: it gets no more records, and others may have come behind it. */
bool log_file_is_rotated(int dir_fd, const char *name, const struct log_open_file *file);

/* Appends those that have come behind the last of *f, in their order. Where that has been dropped meanwhile, these are all there are. */
int log_files_add_newer(int dir_fd, const char *name, struct log_files *f, struct err *e) MUST_CHECK;

#endif
