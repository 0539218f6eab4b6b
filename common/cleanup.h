/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound ownership: cleanup_* variables release what they hold when they go out of scope. */
#ifndef SAMPAN_COMMON_CLEANUP_H
#define SAMPAN_COMMON_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline void cleanup_free_fn(void *p)
{
	free(*(void **)p);
}

/* Keeps errno, so that error paths may report it after the scope has ended. */
static inline void cleanup_fd_fn(const int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		(void)close(*fd); /* nothing to be done about it; writers check fsync instead */
		errno = saved;
	}
}

static inline void cleanup_stream_fn(FILE **f)
{
	if (*f)
		(void)fclose(*f); /* for readers; writers close by hand and check */
}

static inline void cleanup_dir_fn(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

#define cleanup_free   __attribute__((cleanup(cleanup_free_fn)))   /* any malloc'ed pointer */
#define cleanup_fd     __attribute__((cleanup(cleanup_fd_fn)))     /* int; -1 when empty */
#define cleanup_stream __attribute__((cleanup(cleanup_stream_fn))) /* FILE * */
#define cleanup_dir    __attribute__((cleanup(cleanup_dir_fn)))    /* DIR * */

/* The descriptor moves to the caller; *fd is -1 after it. */
static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void *ptr_take_fn(void *p)
{
	void *taken = *(void **)p;

	*(void **)p = NULL;
	return taken;
}

/* The pointer moves to the caller; `p` is NULL after it. */
#define ptr_take(p) ((__typeof__(p))ptr_take_fn(&(p)))

#endif
