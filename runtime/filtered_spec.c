/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/filtered_spec.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_span.h"
#include "common/program_path.h"
#include "runtime/seccomp_cache.h"

void filtered_spec_done(struct filtered_spec *f)
{
	runtime_spec_done(&f->spec);
	seccomp_program_done(&f->filter);
	*f = (struct filtered_spec){ 0 };
}

/* Compiles a profile once more than this start needs, for all starts that follow. What is wrong with it the start itself will say. */
static void keep_filter(const char *state_root, const struct runtime_spec *spec, const char *profile,
			size_t len)
{
	cleanup_seccomp_program struct seccomp_program filter = { 0 };
	struct err ignored;

	if (spec->linux_.seccomp && seccomp_compile(spec->linux_.seccomp, &filter, &ignored) == 0)
		seccomp_cache_keep(state_root, profile, len, &filter);
}

/* True: *ret is whole. Else the text is to be decoded with the profile, for its error too. */
static bool decode_rest(const char *state_root, const struct buf *text, size_t at, size_t len,
			struct filtered_spec *ret)
{
	cleanup_filtered_spec struct filtered_spec f = { 0 };
	cleanup_buf struct buf rest = BUF_INIT(SPEC_MAX_BYTES);
	struct err ignored;

	if (!seccomp_cache_find(state_root, text->data + at, len, &f.filter) ||
	    buf_add(&rest, text->data, at) < 0 || buf_add_str(&rest, "null") < 0 ||
	    buf_add(&rest, text->data + at + len, text->len - at - len) < 0 ||
	    runtime_spec_decode(rest.data, rest.len, &f.spec, &ignored) < 0)
		return false;
	ret->spec = f.spec;
	ret->filter = f.filter;
	f.spec = (struct runtime_spec){ 0 };
	f.filter = (struct seccomp_program){ 0 };
	return true;
}

#ifdef SAMPAN_STATIC

/* To be executed with the text for its standard input. */
static int text_in_memory(const struct buf *text)
{
	cleanup_fd int fd = memfd_create("config.json", MFD_CLOEXEC);

	if (fd < 0 || write_all(fd, text->data, text->len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return fd_take(&fd);
}

/* The numbers of system calls are libseccomp's, which takes a program that can open it. What goes wrong there will be said by who compiles. */
static void keep_filter_elsewhere(const char *state_root, const struct buf *text)
{
	cleanup_free char *path = NULL;
	cleanup_fd int fd = text_in_memory(text);
	struct err ignored;
	pid_t pid;

	if (fd < 0 || program_path("sampan-oci", &path, &ignored) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		if (dup2(fd, STDIN_FILENO) == STDIN_FILENO)
			(void)execl(path, "sampan-oci", "--root", state_root, "keep-filter", NULL);
		_exit(1);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static bool find_elsewhere(const char *state_root, const struct buf *text, size_t at, size_t len,
			   struct filtered_spec *ret)
{
	keep_filter_elsewhere(state_root, text);
	return decode_rest(state_root, text, at, len, ret);
}

#else

static bool find_elsewhere(const char *state_root, const struct buf *text, size_t at, size_t len,
			   struct filtered_spec *ret)
{
	(void)state_root; /* this program compiles */
	(void)text;
	(void)at;
	(void)len;
	(void)ret;
	return false;
}

#endif

int filtered_spec_decode(const char *state_root, const struct buf *text, struct filtered_spec *ret,
			 struct err *e)
{
	static const char *const PROFILE[] = { "linux", "seccomp", NULL };
	static const char NAME[] = "\"seccomp\"";
	struct runtime_spec spec = { 0 };
	const char *all = text->data ? text->data : "";
	size_t at = 0, len = 0;
	bool has_profile = memmem(all, text->len, NAME, sizeof(NAME) - 1) &&
			   json_find_span(all, text->len, PROFILE, &at, &len);
	int r;

	if (has_profile && decode_rest(state_root, text, at, len, ret))
		return 0;
	r = runtime_spec_decode(all, text->len, &spec, e);
	if (r < 0)
		return r;
	if (has_profile)
		keep_filter(state_root, &spec, all + at, len);
	if (has_profile && find_elsewhere(state_root, text, at, len, ret)) {
		runtime_spec_done(&spec);
		return 0;
	}
	*ret = (struct filtered_spec){ .spec = spec };
	return 0;
}
