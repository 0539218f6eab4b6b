/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a json-file log: appended to, and rotated by renaming. The monitor's side; log_files.h is the reader's.
 *
 * With `compress` a rotated file "<name>.N" becomes "<name>.N.gz". The gzip is made by another process, which gets both files as descriptors and may end
 * at any moment: it stands beside the log under a name of its own until it is complete and on the disk, then takes its name, and only then its
 * original goes. Where both are there, by a crash between the two, the gzip is complete. */
#ifndef SAMPAN_ENGINE_LOG_FILE_H
#define SAMPAN_ENGINE_LOG_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/err.h"
#include "engine/log_config.h"

#define LOG_DIR               "log" /* below the container's directory */
#define LOG_PACKED_SUFFIX     ".gz"

/* What a gzip begins with tells which file it was made of: a header of RFC 1952 with one extra field, whose data are the inode number, lowest byte first. */
#define LOG_PACKED_HEADER     "\x1f\x8b\x08\x04\0\0\0\0\0\x03\x0c\0SP\x08\0"
#define LOG_PACKED_HEADER_LEN (sizeof(LOG_PACKED_HEADER) - 1)
#define LOG_PACKED_INODE_LEN  8

#define LOG_FILE_NAME_MAX \
	(NAME_MAX + 1 -   \
	 sizeof(".4294967295" LOG_PACKED_SUFFIX)) /* with its NUL; room for what rotation adds */

struct log_file {
	int dir_fd, fd;    /* of LOG_DIR; of the current file, -1 while there is none */
	uint64_t size;     /* of the current file */
	uint64_t total;    /* bytes of all that was there at the opening, and that was written since */
	uint64_t max_size; /* no file grows over it */
	unsigned int max_files;
	bool compress; /* what is rotated becomes gzip, by log_file_pack_begin and its like */
	bool pack_due; /* log_file_pack_begin may find something */
	unsigned int
		packing; /* the number that the file has now whose gzip is being made; 0: none; max_files: it is gone */
	char name[LOG_FILE_NAME_MAX];
};

/* "<id>-json.log" */
int log_file_name(const char *container_id, char *ret, size_t size) MUST_CHECK;

/* Makes LOG_DIR (0700) below dir_fd where it is missing, opens the file (0640), and cuts off what no newline ends. `scratch` is memory for that.
 * Of `c` the limits, `compress` and the ID are looked at. On failure there is nothing to close. open(2)'s errors. */
int log_file_open(int dir_fd, const struct log_config *c, char *scratch, size_t scratch_size,
		  struct log_file *ret, struct err *e) MUST_CHECK;
void log_file_close(struct log_file *f);

/* Begins a new file; the current one becomes .1 and so on, the oldest goes. 0 or -errno: then the log stands still, and the next append tries to
 * go on. */
int log_file_rotate(struct log_file *f) MUST_CHECK;

/* Appends whole records, each ended by a newline, by one writev(2) if that takes all. Up to two parts. 0; else -errno, with the number of bytes
 * that stay written in *ret_kept: whole records of the first parts, and nothing of a record that did not fit (-ENOSPC and the like). `all`: all or nothing.
 * The caller sees to max_size. */
int log_file_append(struct log_file *f, const struct iovec *parts, int n_parts, bool all,
		    size_t *ret_kept) MUST_CHECK;

/* Chooses the newest rotated file that is no gzip yet. 1: *ret_from is that file, *ret_to an empty one for its gzip; both are the caller's to close. 0: there is none, and
 * `pack_due` is off until the next rotation. -errno: the same. One at a time. */
int log_file_pack_begin(struct log_file *f, int *ret_from, int *ret_to) MUST_CHECK;

/* The gzip is complete and on the disk, or given up: it takes the original's place, or goes. */
void log_file_pack_end(struct log_file *f, bool complete);

#endif
