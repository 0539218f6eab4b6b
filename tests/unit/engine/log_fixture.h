/* SPDX-License-Identifier: Apache-2.0 */
/* Logs for tests: written by a log_writer, looked at as bytes. */
#ifndef SAMPAN_TESTS_ENGINE_LOG_FIXTURE_H
#define SAMPAN_TESTS_ENGINE_LOG_FIXTURE_H

#include "engine/log_writer.h"
#include "tests/unit/common/scratch.h"

#define LOG_TEST_ID   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LOG_TEST_FILE LOG_TEST_ID "-json.log"
#define LOG_TEST_MAX  (64u << 20)

static const struct log_config LOG_TEST_CONFIG = { .driver = LOG_JSON_FILE,
						   .max_size = LOG_MAX_SIZE_DEFAULT,
						   .max_files = LOG_MAX_FILES,
						   .container_id = LOG_TEST_ID,
						   .container_name = "web",
						   .image_name = "alpine" };

static inline void log_test_open(int dir_fd, const struct log_config *c, struct log_writer *w)
{
	struct err e = { 0 };

	if (log_writer_open(dir_fd, c, w, &e) < 0)
		fail_msg("%s", e.text);
}

static inline void log_test_put(struct log_writer *w, enum log_stream s, const char *text)
{
	log_writer_put(w, s, text, strlen(text));
}

/* "log/<id>-json.log", or with ".N" */
static inline const char *log_test_name(unsigned int n)
{
	static char name[128];

	if (n == 0)
		return LOG_DIR "/" LOG_TEST_FILE;
	(void)snprintf(name, sizeof(name), LOG_DIR "/" LOG_TEST_FILE ".%u", n);
	return name;
}

/* The size of a file of the log; -1: there is none. */
static inline int64_t log_test_size(int dir_fd, unsigned int n)
{
	struct stat st;

	return fstatat(dir_fd, log_test_name(n), &st, 0) < 0 ? -1 : (int64_t)st.st_size;
}

static inline void log_test_read(int dir_fd, unsigned int n, struct buf *ret)
{
	struct err e;

	assert_int_equal(file_read(dir_fd, log_test_name(n), ret, &e), 0);
}

/* All of the log, from the oldest file on. */
static inline void log_test_read_all(int dir_fd, unsigned int max_files, struct buf *ret)
{
	for (unsigned int n = max_files; n-- > 0;)
		if (log_test_size(dir_fd, n) >= 0)
			log_test_read(dir_fd, n, ret);
}

#endif
