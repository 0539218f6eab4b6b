/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "tests/unit/store/fixture.h"

static void opening_makes_the_layout(void **state)
{
	static const char *const PATHS[] = { "version",    "blobs/sha256",    "layers", "names",
					     "containers", "container-names", "staging" };
	struct fixture *f = *state;
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(PATHS); i++)
		assert_true(exists(f->store, PATHS[i]));
	assert_string_equal(store_root_path(f->store), f->root);
	assert_int_equal(stat(f->root, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700); /* setuid programs of images are nobody else's to run */
}

static void opening_again_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct store *again;
	struct err e;

	write_file(store_root_fd(f->store), "names/x", "y");
	assert_int_equal(store_open(f->root, &again, &e), 0);
	assert_true(exists(again, "names/x"));
	store_close(again);
}

static void a_relative_root_becomes_absolute(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	struct err e;

	assert_int_equal(chdir(f->dir), 0);
	assert_int_equal(store_open("deep/er/store", &s, &e), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(store_root_path(s)[0], '/');
	assert_non_null(strstr(store_root_path(s), "/deep/er/store"));
	store_close(s);
}

static void a_newer_store_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	struct err e;

	write_file(store_root_fd(f->store), "version", "2\n");
	assert_int_equal(store_open(f->root, &s, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.text, "it is of version 2, and this program knows version 1 only"));
	write_file(store_root_fd(f->store), "version", "");
	assert_int_equal(store_open(f->root, &s, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "its file 'version' is damaged"));
	assert_null(s);
}

static void a_directory_with_other_things_is_no_store(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	struct err e;

	assert_int_equal(store_open(f->dir, &s, &e), -EINVAL);
	assert_non_null(strstr(e.text, "the directory is not empty and is no store (it has 'store')"));
	assert_int_equal(faccessat(AT_FDCWD, f->dir, F_OK, 0), 0);
}

static void a_fresh_file_system_becomes_a_store(void **state)
{
	struct fixture *f = *state;
	char root[160], found[200];
	struct store *s;
	struct err e;

	(void)snprintf(root, sizeof(root), "%s/disk", f->dir);
	(void)snprintf(found, sizeof(found), "%s/lost+found", root);
	assert_int_equal(mkdir(root, 0755), 0);
	assert_int_equal(mkdir(found, 0700), 0);
	assert_int_equal(store_open(root, &s, &e), 0);
	store_close(s);
}

static void a_half_made_store_is_completed(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	struct err e;

	assert_int_equal(unlinkat(store_root_fd(f->store), "staging", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(store_root_fd(f->store), "containers", AT_REMOVEDIR), 0);
	assert_int_equal(store_open(f->root, &s, &e), 0);
	assert_true(exists(s, "staging"));
	assert_true(exists(s, "containers"));
	store_close(s);
}

/* Runs `child` in a process and returns its exit code. */
static int run(int (*child)(struct fixture *f), struct fixture *f)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(child(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int open_as_nobody(struct fixture *f)
{
	struct store *s = NULL;
	struct err e;

	if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
		return 77;
	if (store_open(f->root, &s, &e) != -EACCES)
		return 1;
	return strstr(e.text, "permission denied (run as root, or name a store of your own with --root)") ? 0
													  : 2;
}

static void without_permission_the_message_names_the_cure(void **state)
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(run(open_as_nobody, *state), 0);
}

/* 77: this machine does not let us mount. */
static int mount_small(struct fixture *f, const char *options)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("small", f->root, "tmpfs", 0, options) < 0)
		return 77;
	return 0;
}

static int use_read_only(struct fixture *f)
{
	struct store *s = NULL;
	struct err e = { 0 };

	if (mount_small(f, "size=1m") != 0)
		return 77;
	if (mount(NULL, f->root, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return 77;
	if (store_open(f->root, &s, &e) != -EROFS)
		return 1;
	if (!strstr(e.text, "the file system is read-only (name another place with --root)"))
		return 2;
	/* What was made before can be read. */
	if (mount(NULL, f->root, NULL, MS_REMOUNT, NULL) < 0 || store_open(f->root, &s, &e) < 0)
		return 3;
	add_image(s, "docker.io/library/a:latest", 'a', "1");
	store_close(s);
	if (mount(NULL, f->root, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return 4;
	if (store_open(f->root, &s, &e) < 0)
		return 5;
	{
		struct container_record c = { 0 };
		struct image_record r = { 0 };

		if (image_find(s, "a", &r, &e) < 0)
			return 6;
		image_record_done(&r);
		if (container_create(s, &c, &e) != -EROFS || !strstr(e.text, "' is read-only"))
			return 7;
	}
	store_close(s);
	return 0;
}

static void a_read_only_store_can_be_read_and_says_so_when_written(void **state)
{
	int r = run(use_read_only, *state);

	if (r == 77)
		skip();
	assert_int_equal(r, 0);
}

static bool only_entry_count(const struct store *s, const char *path, int expected)
{
	char full[256];
	struct dirent **list;
	int n;

	(void)snprintf(full, sizeof(full), "%s/%s", store_root_path(s), path);
	n = scandir(full, &list, NULL, NULL);
	for (int i = 0; i < n; i++)
		free(list[i]);
	if (n >= 0)
		free(list);
	return n == expected + 2;
}

static int fill_up(struct fixture *f)
{
	static char big[1 << 20];
	const struct digest digest = digest_of('b');
	struct container_record c = { 0 };
	struct image_record r = { .manifest = digest_of('a'), .config = digest_of('a') };
	struct store *s = NULL;
	struct err e = { 0 };
	char key[65];
	int fd;

	if (mount_small(f, "size=256k") != 0)
		return 77;
	if (store_open(f->root, &s, &e) < 0)
		return 1;
	add_image(s, "docker.io/library/a:latest", 'a', "1");
	memset(big, 'x', sizeof(big));
	if (blob_put(s, &digest, big, sizeof(big), &e) != -ENOSPC ||
	    !strstr(e.text, "no space left on device"))
		return 2;
	if (blob_exists(s, &digest) || !only_entry_count(s, "blobs/sha256", 1)) /* no temporary file either */
		return 3;
	fd = openat(store_root_fd(s), "ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, big, 4096) > 0)
		;
	(void)close(fd);
	/* A new name, and a new binding of the old one: the old state stays. */
	r.name = strdup("docker.io/library/a:latest");
	r.size_bytes = 4711;
	if (strvec_add(&r.layers, key_of('1', key)) < 0 || image_bind(s, &r, &e) != -ENOSPC ||
	    !strstr(e.text, "cannot keep the image 'docker.io/library/a:latest': no space left on the file "
			    "system of '"))
		return 4;
	image_record_done(&r);
	if (image_find(s, "a", &r, &e) < 0 || r.size_bytes != 42 || !only_entry_count(s, "names", 1))
		return 5;
	image_record_done(&r);
	if (container_create(s, &c, &e) != -ENOSPC ||
	    !strstr(e.text, "no space left on the file system of '"))
		return 6;
	if (!only_entry_count(s, "containers", 0) || !only_entry_count(s, "container-names", 0) ||
	    !only_entry_count(s, "staging", 0))
		return 7;
	if (unlinkat(store_root_fd(s), "ballast", 0) < 0 || container_create(s, &c, &e) < 0)
		return 8;
	container_record_done(&c);
	store_close(s);
	return 0;
}

static void a_full_disk_leaves_nothing_half_written(void **state)
{
	int r = run(fill_up, *state);

	if (r == 77)
		skip();
	assert_int_equal(r, 0);
}

static void locks_exclude_each_other_even_in_one_process(void **state)
{
	struct fixture *f = *state;
	int shared = -1, other = -1;
	uint64_t freed;
	struct err e;

	assert_int_equal(store_lock(f->store, false, &shared, &e), 0);
	assert_int_equal(store_lock(f->store, false, &other, &e), 0);
	add_layer(f->store, '1');
	assert_int_equal(store_gc(f->store, false, &freed, &e), 0); /* does not wait, and does nothing */
	assert_true(
		layer_exists(f->store, "1111111111111111111111111111111111111111111111111111111111111111"));
	(void)close(shared);
	(void)close(other);
	assert_int_equal(store_lock(f->store, true, &other, &e), 0);
	(void)close(other);
	assert_int_equal(store_gc(f->store, false, &freed, &e), 0);
	assert_false(
		layer_exists(f->store, "1111111111111111111111111111111111111111111111111111111111111111"));
	assert_int_equal(freed, 1000);
}

static void blobs_are_kept_by_digest(void **state)
{
	struct fixture *f = *state;
	const struct digest digest = digest_of('a');
	cleanup_buf struct buf text = BUF_INIT(16), small = BUF_INIT(2);
	struct digest sha512 = { .text = "sha512:" };
	struct err e;

	assert_false(blob_exists(f->store, &digest));
	assert_int_equal(blob_get(f->store, &digest, &text, &e), -ENOENT);
	add_blob(f->store, 'a', "hello");
	assert_true(blob_exists(f->store, &digest));
	assert_int_equal(blob_get(f->store, &digest, &text, &e), 0);
	assert_string_equal(text.data, "hello");
	assert_int_equal(blob_get(f->store, &digest, &small, &e), -EFBIG);
	add_blob(f->store, 'a', "hello"); /* again */
	assert_int_equal(blob_put(f->store, &digest, "", 0, &e), -EINVAL);

	memset(sha512.text + 7, 'c', 128);
	assert_int_equal(blob_put(f->store, &sha512, "x", 1, &e), 0);
	assert_true(blob_exists(f->store, &sha512));
}

static void a_blob_that_a_power_cut_emptied_counts_as_absent(void **state)
{
	struct fixture *f = *state;
	const struct digest digest = digest_of('a');
	cleanup_buf struct buf text = BUF_INIT(16);
	char path[128];
	struct err e;

	(void)snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(&digest));
	write_file(store_root_fd(f->store), path, "");
	assert_false(blob_exists(f->store, &digest));
	add_blob(f->store, 'a', "whole");
	assert_int_equal(blob_get(f->store, &digest, &text, &e), 0);
	assert_string_equal(text.data, "whole");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(opening_makes_the_layout),
		TEST(opening_again_changes_nothing),
		TEST(a_relative_root_becomes_absolute),
		TEST(a_newer_store_is_left_alone),
		TEST(a_directory_with_other_things_is_no_store),
		TEST(a_fresh_file_system_becomes_a_store),
		TEST(a_half_made_store_is_completed),
		TEST(without_permission_the_message_names_the_cure),
		TEST(a_read_only_store_can_be_read_and_says_so_when_written),
		TEST(a_full_disk_leaves_nothing_half_written),
		TEST(locks_exclude_each_other_even_in_one_process),
		TEST(blobs_are_kept_by_digest),
		TEST(a_blob_that_a_power_cut_emptied_counts_as_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
