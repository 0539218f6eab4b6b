/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a json-file log: appended to, and rotated by renaming. The monitor's side; log_files.h is the reader's. */
#ifndef SAMPAN_ENGINE_LOG_FILE_H
#define SAMPAN_ENGINE_LOG_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/err.h"

#define LOG_DIR "log" /* below the container's directory */
#define LOG_FILE_NAME_MAX \
	(NAME_MAX + 1 - sizeof(".4294967295")) /* with its NUL; room for what rotation adds */

struct log_file {
	int dir_fd, fd;    /* of LOG_DIR; of the current file, -1 while there is none */
	uint64_t size;     /* of the current file */
	uint64_t total;    /* bytes of all that was there at the opening, and that was written since */
	uint64_t max_size; /* no file grows over it */
	unsigned int max_files;
	char name[LOG_FILE_NAME_MAX];
};

/* "<id>-json.log" */
int log_file_name(const char *container_id, char *ret, size_t size) MUST_CHECK;

/* Makes LOG_DIR (0700) below dir_fd where it is missing, opens the file (0640), and cuts off what no newline ends. `scratch` is memory for that.
 * On failure there is nothing to close. open(2)'s errors. */
int log_file_open(int dir_fd, const char *container_id, uint64_t max_size, unsigned int max_files,
		  char *scratch, size_t scratch_size, struct log_file *ret, struct err *e) MUST_CHECK;
void log_file_close(struct log_file *f);

/* Begins a new file; the current one becomes .1 and so on, the oldest goes. 0 or -errno: then the log stands still, and the next append tries to
 * go on. */
int log_file_rotate(struct log_file *f) MUST_CHECK;

/* Appends whole records, each ended by a newline, by one writev(2) if that takes all. Up to two parts. 0; else -errno, with the number of bytes
 * that stay written in *ret_kept: whole records of the first parts, and nothing of a record that did not fit (-ENOSPC and the like). `all`: all or nothing.
 * The caller sees to max_size. */
int log_file_append(struct log_file *f, const struct iovec *parts, int n_parts, bool all,
		    size_t *ret_kept) MUST_CHECK;

#endif
