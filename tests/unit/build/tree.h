/* SPDX-License-Identifier: Apache-2.0 */
/* Trees for tests, made of lines, and written as lines. */
#ifndef SAMPAN_TESTS_BUILD_TREE_H
#define SAMPAN_TESTS_BUILD_TREE_H

#include "tests/unit/common/scratch.h"

#include "common/strvec.h"

#define TREE_TIME 1000000000 /* mtime of all that tree_make makes, in seconds */

/* "d NAME", "f NAME TEXT", "l NAME TARGET", "h NAME OTHER" (a hard link), "p NAME" (a pipe); names below dir_fd. An octal mode may follow the
 * letter: "f0600 NAME TEXT". What is made is made in their order. */
static inline void tree_make_one(int dir_fd, const char *line)
{
	const struct timespec times[2] = { { .tv_sec = TREE_TIME }, { .tv_sec = TREE_TIME } };
	cleanup_strvec struct strvec words = { 0 };
	const char *name, *text;
	mode_t mode = line[0] == 'd' ? 0755 : 0644;

	assert_int_equal(strvec_split(&words, line, ' '), 0);
	assert_true(words.len >= 2);
	name = words.items[1];
	text = words.len > 2 ? words.items[2] : "";
	if (words.items[0][1]) {
		mode = 0;
		for (const char *p = words.items[0] + 1; *p; p++)
			mode = mode * 8 + (mode_t)(*p - '0');
	}
	switch (line[0]) {
	case 'd':
		assert_int_equal(mkdirat(dir_fd, name, 0700), 0);
		break;
	case 'l':
		assert_int_equal(symlinkat(text, dir_fd, name), 0);
		break;
	case 'h':
		assert_int_equal(linkat(dir_fd, text, dir_fd, name, 0), 0);
		break;
	case 'p':
		assert_int_equal(mkfifoat(dir_fd, name, 0644), 0);
		break;
	default: {
		cleanup_fd int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		assert_true(fd >= 0);
		assert_int_equal(write_all(fd, text, strlen(text)), 0);
	}
	}
	if (line[0] != 'l' && line[0] != 'h')
		assert_int_equal(fchmodat(dir_fd, name, mode, 0), 0);
	assert_int_equal(utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static inline void tree_make(int dir_fd, const char *const *lines)
{
	const struct timespec times[2] = { { .tv_sec = TREE_TIME }, { .tv_sec = TREE_TIME } };

	for (size_t i = 0; lines[i]; i++)
		tree_make_one(dir_fd, lines[i]);
	/* What was made in them changed theirs. */
	for (size_t i = 0; lines[i]; i++)
		if (lines[i][0] == 'd')
			assert_int_equal(utimensat(dir_fd, strchr(lines[i], ' ') + 1, times, 0), 0);
}

static inline int tree_dir(const struct scratch *s, const char *name)
{
	int fd;

	assert_int_equal(mkdirat(s->fd, name, 0755), 0);
	fd = openat(s->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

#endif
