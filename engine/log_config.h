/* SPDX-License-Identifier: Apache-2.0 */
/* Where a container's output goes, and how it is chosen: docker's --log-driver and --log-opt. */
#ifndef SAMPAN_ENGINE_LOG_CONFIG_H
#define SAMPAN_ENGINE_LOG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/strvec.h"

#define LOG_MAX_SIZE_DEFAULT (UINT64_C(10) << 20) /* bytes of one file */
#define LOG_MAX_SIZE_MIN     UINT64_C(1000)       /* "1k": room for a record that says something */
#define LOG_MAX_FILES        3                    /* default */
#define LOG_LOCAL_MAX_SIZE   (UINT64_C(20) << 20) /* of local, as docker has them */
#define LOG_LOCAL_MAX_FILES  5
#define LOG_MAX_FILES_MAX    500
#define LOG_TAG_MAX          1024 /* bytes of a tag, with its NUL */
#define LOG_ATTRIBUTES_MAX   3072 /* bytes of all attributes as they are written: escaped, in quotes */

enum log_driver {
	LOG_JSON_FILE, /* the default */
	LOG_LOCAL, /* the same files, larger, and compressed where nothing else is asked for: docker's has a form of its own, and so may we */
	LOG_JOURNALD,
	LOG_NONE,
	LOG_PASSTHROUGH, /* the container has our own descriptors: nothing comes by here */
	LOG_DRIVERS      /* how many */
};

static inline bool log_driver_has_files(enum log_driver d)
{
	return d == LOG_JSON_FILE || d == LOG_LOCAL;
}

enum log_stream { LOG_STDOUT, LOG_STDERR, LOG_STREAMS };

/* Plain values; all strings are borrowed. */
struct log_config {
	enum log_driver driver;
	uint64_t max_size; /* bytes of a file of json-file and local */
	unsigned int max_files;
	bool compress;     /* files that are rotated become gzip */
	bool non_blocking; /* mode=non-blocking: what the journal does not take at once is lost */
	const char *container_id, *container_name, *image_name;
	const char *tag; /* NULL for none; journald: NULL for the short ID */
	const char *const
		*attributes; /* "key=value", a NULL behind the last; NULL: none. log_attributes makes them */
	const char *journal_socket; /* NULL: systemd's; for tests */
};

/* "json-file" ... "stdout", "stderr" */
const char *log_driver_name(enum log_driver d);
const char *log_stream_name(enum log_stream s);

/* Sets driver, limits and mode from what the user gave, and checks every option ("key=value"). `driver` NULL or "": json-file. What else is
 * in *ret stays. -EINVAL in docker's words; -EOPNOTSUPP for what docker has and we do not: other drivers. */
int log_config_parse(const char *driver, const struct strvec *options, struct log_config *ret,
		     struct err *e) MUST_CHECK;

/* One option, "key=value", of c->driver: for who gets them one by one. Errors as above. */
int log_config_set(struct log_config *c, const char *option, struct err *e) MUST_CHECK;

/* What the templates of a tag may name. */
struct log_names {
	const char *container_id, *container_name; /* without a leading '/' */
	const char *image_id;                      /* with "sha256:" */
	const char *image_name;
};

/* The tag that options ask for ("tag=..."): "" if they ask for none. {{.ID}}, {{.FullID}}, {{.Name}}, {{.ImageID}}, {{.ImageFullID}},
 * {{.ImageName}} and {{.DaemonName}} are replaced. -EINVAL another template, -EFBIG. */
int log_tag(const struct strvec *options, const struct log_names *names, char ret[LOG_TAG_MAX],
	    struct err *e) MUST_CHECK;

/* The labels and variables ("key=value") that the options labels, labels-regex, env and env-regex choose, sorted by key; a variable wins over a
 * label of its name. Appended to *ret. -EINVAL a bad expression, -EFBIG more than LOG_ATTRIBUTES_MAX bytes. */
int log_attributes(const struct strvec *options, const struct strvec *labels, const struct strvec *env,
		   struct strvec *ret, struct err *e) MUST_CHECK;

#endif
