/* SPDX-License-Identifier: Apache-2.0 */
/* For make torture, by LD_PRELOAD: the allocation number FAIL_MALLOC_AT returns NULL, once. Counted are those of the program and
 * of its libraries, not those of cmocka and libc. FAIL_MALLOC_COUNT names a file that gets their number at exit.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static unsigned long number, fail_at;
static bool ready, busy;

static void tell_frames(int number_of_signal)
{
	void *frames[64];
	int n = backtrace(frames, 64);
	struct link_map *map;
	Dl_info where;

	for (int i = 0; i < n; i++)
		if (dladdr1(frames[i], &where, (void **)&map, RTLD_DL_LINKMAP) && map->l_name[0] == '\0')
			(void)dprintf(2, "frame %#lx\n", (unsigned long)frames[i] - map->l_addr - 1);
	_exit(128 + number_of_signal);
}

/* cmocka would go on with the next test after a crash. */
void (*signal(int number_of_signal, void (*handler)(int)))(int)
{
	struct sigaction action = { .sa_handler = handler }, old = { 0 };

	if (number_of_signal == SIGSEGV || number_of_signal == SIGBUS || number_of_signal == SIGFPE)
		return SIG_DFL;
	return sigaction(number_of_signal, &action, &old) < 0 ? SIG_ERR : old.sa_handler;
}

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("FAIL_MALLOC_AT");
	struct sigaction action = { .sa_handler = tell_frames, .sa_flags = (int)SA_RESETHAND };
	void *frame;

	(void)backtrace(&frame, 1); /* loads libgcc now, not in the handler */
	(void)sigaction(SIGSEGV, &action, NULL);
	(void)sigaction(SIGBUS, &action, NULL);
	(void)sigaction(SIGABRT, &action, NULL);
	fail_at = text ? strtoul(text, NULL, 10) : 0;
	ready = true;
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("FAIL_MALLOC_COUNT");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;

	if (fd >= 0) {
		(void)dprintf(fd, "%lu\n", number);
		(void)close(fd);
	}
}

static bool fails(const void *caller)
{
	bool counted;
	Dl_info where;

	if (!ready || busy)
		return false;
	busy = true; /* dladdr may allocate */
	counted = dladdr(caller, &where) == 0 || !where.dli_fname ||
		  (!strstr(where.dli_fname, "/libc.so") && !strstr(where.dli_fname, "cmocka"));
	busy = false;
	if (!counted || ++number != fail_at)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, size);
}

char *strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

char *strndup(const char *text, size_t max)
{
	size_t len = strnlen(text, max);
	char *copy = fails(__builtin_return_address(0)) ? NULL : __libc_malloc(len + 1);

	if (!copy)
		return NULL;
	copy[len] = '\0';
	return memcpy(copy, text, len);
}
