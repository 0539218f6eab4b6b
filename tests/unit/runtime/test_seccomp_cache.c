/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "runtime/seccomp_cache.h"

#define PROFILE "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}"

static struct sock_filter filter[] = { { 0x20, 0, 0, 4 }, { 0x06, 0, 0, 0x7fff0000 } };
static const struct seccomp_program PROGRAM = { .insns = filter, .len = 2, .flags = 4 };

struct fixture {
	char root[64];
	char file[128]; /* the one that the cache made */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	(void)snprintf(f->root, sizeof(f->root), "/tmp/sampan-cache-XXXXXX");
	*state = f;
	return mkdtemp(f->root) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct err e;
	int r = tree_remove(AT_FDCWD, f->root, &e);

	free(f);
	return r;
}

static bool find(const struct fixture *f, const char *profile)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };

	if (!seccomp_cache_find(f->root, profile, strlen(profile), &p))
		return false;
	assert_int_equal(p.len, 2);
	assert_int_equal(p.flags, 4);
	assert_false(p.notify);
	assert_memory_equal(p.insns, filter, sizeof(filter));
	return true;
}

static void keep(struct fixture *f, const char *profile)
{
	seccomp_cache_keep(f->root, profile, strlen(profile), &PROGRAM);
}

static size_t count_files(const struct fixture *f, char *ret_path, size_t size)
{
	char path[128];
	cleanup_dir DIR *dir = NULL;
	const struct dirent *entry;
	size_t count = 0;

	(void)snprintf(path, sizeof(path), "%s/:seccomp", f->root);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		(void)snprintf(ret_path, size, "%.80s/%.30s", path, entry->d_name);
	}
	return count;
}

static void a_filter_is_found_by_the_whole_text_of_its_profile(void **state)
{
	struct fixture *f = *state;

	assert_false(find(f, PROFILE));
	keep(f, PROFILE);
	assert_true(find(f, PROFILE));
	assert_false(find(f, PROFILE " "));
	assert_false(find(f, "{}"));
	assert_int_equal(count_files(f, f->file, sizeof(f->file)), 1);
}

static void every_byte_of_the_file_is_verified(void **state)
{
	struct fixture *f = *state;
	cleanup_buf struct buf text = BUF_INIT(4096);
	cleanup_fd int fd = -1;
	struct err e;

	keep(f, PROFILE);
	assert_int_equal(count_files(f, f->file, sizeof(f->file)), 1);
	assert_int_equal(file_read(AT_FDCWD, f->file, &text, &e), 0);
	fd = open(f->file, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t i = 0; i < text.len; i++) {
		char changed = (char)(text.data[i] ^ 0x10);

		assert_int_equal(pwrite(fd, &changed, 1, (off_t)i), 1);
		assert_false(find(f, PROFILE));
		assert_int_equal(pwrite(fd, &text.data[i], 1, (off_t)i), 1);
	}
	assert_true(find(f, PROFILE));
	for (size_t len = 0; len < text.len; len++) {
		assert_int_equal(truncate(f->file, (off_t)len), 0);
		assert_false(find(f, PROFILE));
	}
}

static void a_file_of_others_is_not_believed(void **state)
{
	struct fixture *f = *state;

	keep(f, PROFILE);
	assert_int_equal(count_files(f, f->file, sizeof(f->file)), 1);
	assert_int_equal(chmod(f->file, 0620), 0);
	assert_false(find(f, PROFILE));
	assert_int_equal(chmod(f->file, 0600), 0);
	assert_true(find(f, PROFILE));
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(f->file, 1000, 1000), 0);
	assert_false(find(f, PROFILE));
}

static void a_filter_with_a_listener_is_not_kept(void **state)
{
	struct fixture *f = *state;
	struct seccomp_program notify = PROGRAM;

	notify.notify = true;
	seccomp_cache_keep(f->root, PROFILE, strlen(PROFILE), &notify);
	assert_false(find(f, PROFILE));
}

static void the_number_of_filters_is_bounded(void **state)
{
	struct fixture *f = *state;
	char profile[64];

	for (int i = 0; i < 200; i++) {
		(void)snprintf(profile, sizeof(profile), "{\"n\": %d}", i);
		keep(f, profile);
		assert_true(find(f, profile));
		assert_in_range(count_files(f, f->file, sizeof(f->file)), 1, 64);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_filter_is_found_by_the_whole_text_of_its_profile, setup,
						teardown),
		cmocka_unit_test_setup_teardown(every_byte_of_the_file_is_verified, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_of_others_is_not_believed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_filter_with_a_listener_is_not_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(the_number_of_filters_is_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
