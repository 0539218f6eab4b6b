/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "store/container_diff.h"

static void what_the_runtime_makes_to_mount_on_is_known(void **state)
{
	const struct stat dir = { .st_mode = S_IFDIR | 0755 }, empty = { .st_mode = S_IFREG | 0644 },
			  written = { .st_mode = S_IFREG | 0644, .st_size = 1 },
			  link = { .st_mode = S_IFLNK | 0777 };

	(void)state;
	assert_true(container_is_mount_point("proc", &dir));
	assert_true(container_is_mount_point("dev/shm", &dir));
	assert_true(container_is_mount_point("etc/hosts", &empty));
	assert_false(container_is_mount_point("etc/hosts", &written));
	assert_false(container_is_mount_point("etc/hosts", &dir));
	assert_false(container_is_mount_point("etc/hosts", &link));
	assert_false(container_is_mount_point("proc", &empty));
	assert_false(container_is_mount_point("etc", &dir));
	assert_false(container_is_mount_point("proc/x", &dir));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_the_runtime_makes_to_mount_on_is_known) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
