/* SPDX-License-Identifier: Apache-2.0 */
#include "store/container.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <signal.h>
#include <sys/wait.h>

#include "common/process.h"
#include "tests/unit/store/fixture.h"

/* A container of that name (NULL: any) over layers given as digits. */
static void make(const struct store *s, const char *name, const char *layers, struct container_record *ret)
{
	struct err e = { 0 };
	char key[65];

	*ret = (struct container_record){ .name = name ? strdup(name) : NULL };
	for (; *layers; layers++)
		assert_int_equal(strvec_add(&ret->layers, key_of(*layers, key)), 0);
	if (container_create(s, ret, &e) != 0)
		fail_msg("%s", e.text);
}

static void write_record(const struct store *s, const char *id, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "containers/%s/container.json", id);
	write_file(store_root_fd(s), path, text);
}

static void a_new_container_has_an_id_a_name_and_its_directories(void **state)
{
	static const char *const PARTS[] = { "container.json", "upper", "work", "rootfs" };
	struct fixture *f = *state;
	cleanup_container_record struct container_record c = { 0 };
	char path[256];
	struct stat st;
	const char *underscore;

	add_layer(f->store, '1');
	assert_int_equal(chmod((snprintf(path, sizeof(path), "%s/layers/%s/tree", f->root,
					 "1111111111111111111111111111111111111111111111111111111111111111"),
				path),
			       01751),
			 0);
	make(f->store, NULL, "1", &c);
	assert_int_equal(strlen(c.id), CONTAINER_ID_LEN);
	assert_int_equal(strspn(c.id, "0123456789abcdef"), CONTAINER_ID_LEN);
	underscore = strchr(c.name, '_');
	assert_non_null(underscore);
	for (const char *p = c.name; *p; p++)
		assert_true(p == underscore || islower((unsigned char)*p));
	for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
		(void)snprintf(path, sizeof(path), "containers/%s/%s", c.id, PARTS[i]);
		assert_true(exists(f->store, path));
	}
	(void)snprintf(path, sizeof(path), "%s/containers/%s/upper", f->root, c.id);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777,
			 01751); /* the image's root directory is what the container sees */
	assert_int_equal(unlinkat(store_root_fd(f->store), "staging", AT_REMOVEDIR), 0); /* empty */
}

static void everything_in_a_record_comes_back(void **state)
{
	struct fixture *f = *state;
	struct container_record c = { 0 }, read = { 0 };
	struct err e = { 0 };

	add_layer(f->store, '1');
	add_layer(f->store, '2');
	make(f->store, "web", "12", &c);
	c.image_name = strdup("busybox:latest");
	c.image_id = digest_of('a');
	assert_int_equal(strvec_add(&c.args, "sh"), 0);
	assert_int_equal(strvec_add(&c.args, ""), 0);
	c.started = strdup("2024-01-01T00:00:00.000000000Z");
	c.finished = strdup("2024-01-01T00:00:01.000000000Z");
	c.status = CONTAINER_EXITED;
	c.exit_code = 3;
	c.oom_killed = true;
	c.auto_remove = true;
	c.error = strdup("it \"broke\"\n");
	for (int durable = 0; durable < 2; durable++) {
		c.exit_code += durable;
		assert_int_equal(container_save(f->store, &c, durable, &e), 0);
		assert_int_equal(container_find(f->store, "web", &read, &e), 0);
		assert_string_equal(read.id, c.id);
		assert_string_equal(read.name, "web");
		assert_string_equal(read.image_name, "busybox:latest");
		assert_string_equal(read.image_id.text, c.image_id.text);
		assert_int_equal(read.layers.len, 2);
		assert_int_equal(read.args.len, 2);
		assert_string_equal(read.args.items[1], "");
		assert_string_equal(read.created, c.created);
		assert_string_equal(read.started, c.started);
		assert_string_equal(read.finished, c.finished);
		assert_int_equal(read.status, CONTAINER_EXITED);
		assert_int_equal(read.exit_code, 3 + durable);
		assert_true(read.oom_killed);
		assert_true(read.auto_remove);
		assert_string_equal(read.error, c.error);
		container_record_done(&read);
	}
	assert_string_equal(container_status_name(read.status), "created");
	assert_string_equal(container_status_name(CONTAINER_RUNNING), "running");
	assert_string_equal(container_status_name(CONTAINER_EXITED), "exited");
	container_record_done(&c);
}

static void containers_are_found_by_id_prefix_and_name(void **state)
{
	struct fixture *f = *state;
	cleanup_container_record struct container_record a = { 0 }, b = { 0 };
	struct container_record read = { 0 };
	struct err e;
	char text[65];

	make(f->store, "web", "", &a);
	make(f->store, "db.1", "", &b);
	for (size_t len = 64; len >= 16; len -= 16) {
		(void)snprintf(text, sizeof(text), "%.*s", (int)len, a.id);
		assert_int_equal(container_find(f->store, text, &read, &e), 0);
		assert_string_equal(read.name, "web");
		container_record_done(&read);
	}
	assert_int_equal(container_find(f->store, "db.1", &read, &e), 0);
	assert_string_equal(read.id, b.id);
	container_record_done(&read);
	assert_int_equal(container_find(f->store, "nobody", &read, &e), -ENOENT);
	assert_string_equal(e.text, "no such container: nobody");
	assert_int_equal(container_find(f->store, "", &read, &e), -ENOENT);
	assert_int_equal(container_find(f->store, "../containers", &read, &e), -ENOENT);
	assert_int_equal(container_find(f->store,
					"0000000000000000000000000000000000000000000000000000000000000000",
					&read, &e),
			 -ENOENT);
	/* where the link is lost, the record still knows */
	assert_int_equal(unlinkat(store_root_fd(f->store), "container-names/web", 0), 0);
	assert_int_equal(container_find(f->store, "web", &read, &e), 0);
	assert_string_equal(read.id, a.id);
	container_record_done(&read);
}

static void a_prefix_of_two_ids_is_ambiguous(void **state)
{
	struct fixture *f = *state;
	struct container_record c, read;
	struct err e;
	char from[128], to[128];

	for (int i = 0; i < 2; i++) { /* IDs are random: rename them */
		make(f->store, NULL, "", &c);
		(void)snprintf(from, sizeof(from), "containers/%s", c.id);
		(void)snprintf(to, sizeof(to), "containers/%063d%d", 0, i);
		assert_int_equal(renameat(store_root_fd(f->store), from, store_root_fd(f->store), to), 0);
		container_record_done(&c);
	}
	assert_int_equal(container_find(f->store, "0", &read, &e), -EINVAL);
	assert_non_null(strstr(e.text, "more than one container ID starts with '0'"));
}

static void a_name_is_used_once(void **state)
{
	struct fixture *f = *state;
	struct container_record a, b = { 0 };
	char expected[128];
	struct err e;

	make(f->store, "web", "", &a);
	b.name = strdup("web");
	assert_int_equal(container_create(f->store, &b, &e), -EEXIST);
	(void)snprintf(expected, sizeof(expected),
		       "the container name 'web' is already in use by container %.12s", a.id);
	assert_string_equal(e.text, expected);
	assert_string_equal(b.id, ""); /* untouched */
	assert_int_equal(container_remove(f->store, a.id, &e), 0);
	assert_int_equal(container_create(f->store, &b, &e), 0);
	container_record_done(&a);
	container_record_done(&b);
}

static void a_name_that_a_crash_left_behind_is_free(void **state)
{
	struct fixture *f = *state;
	struct container_record c, read;
	struct err e;

	assert_int_equal(symlinkat("1111111111111111111111111111111111111111111111111111111111111111",
				   store_root_fd(f->store), "container-names/web"),
			 0);
	assert_int_equal(container_find(f->store, "web", &read, &e), -ENOENT);
	make(f->store, "web", "", &c);
	assert_int_equal(container_find(f->store, "web", &read, &e), 0);
	container_record_done(&read);
	container_record_done(&c);
}

static void bad_names_are_refused(void **state)
{
	static const char *const BAD[] = { "",    "a",   "-ab", ".ab", "_ab",
					   "a/b", "a b", "..",  "a\n", "\xc3\xa4\xc3\xa4" };
	struct fixture *f = *state;
	char long_name[130];
	struct container_record c = { 0 };
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		c.name = strdup(BAD[i]);
		assert_int_equal(container_create(f->store, &c, &e), -EINVAL);
		assert_non_null(strstr(e.text, "bad container name '"));
		container_record_done(&c);
	}
	memset(long_name, 'a', 129);
	long_name[129] = '\0';
	c.name = long_name;
	assert_int_equal(container_create(f->store, &c, &e), -EINVAL);
	c.name = long_name + 1;
	c.name = strdup(c.name);
	assert_int_equal(container_create(f->store, &c, &e), 0);
	container_record_done(&c);
}

static void many_at_once_get_names_and_ids_of_their_own(void **state)
{
	enum { PROCESSES = 4, EACH = 8 };
	struct fixture *f = *state;
	struct container_record *items;
	struct err e = { 0 };
	size_t len;
	int wins = 0;

	for (int p = 0; p < PROCESSES; p++) {
		pid_t pid = fork();

		if (pid == 0) {
			struct container_record c = { .name = strdup("contended") };
			int won = container_create(f->store, &c, &e) == 0;

			for (int i = 0; i < EACH; i++) {
				struct container_record any = { 0 };

				if (container_create(f->store, &any, &e) != 0)
					_exit(99);
			}
			_exit(won);
		}
	}
	for (int p = 0; p < PROCESSES; p++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 99);
		wins += WEXITSTATUS(status);
	}
	assert_int_equal(wins, 1);
	assert_int_equal(container_list(f->store, &items, &len, &e), 0);
	assert_int_equal(len, PROCESSES * EACH + 1);
	for (size_t i = 0; i < len; i++)
		for (size_t k = i + 1; k < len; k++)
			assert_string_not_equal(items[i].name, items[k].name);
	container_list_free(items, len);
}

static void a_layer_that_is_gone_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct container_record c = { 0 };
	struct err e;
	char key[65];

	assert_int_equal(strvec_add(&c.layers, key_of('9', key)), 0);
	assert_int_equal(container_create(f->store, &c, &e), -ENOENT);
	assert_non_null(strstr(e.text, "is not in the store (pull the image again)"));
	container_record_done(&c);
}

static void running_is_believed_only_while_the_process_lives(void **state)
{
	struct fixture *f = *state;
	cleanup_container_record struct container_record c = { 0 };
	struct container_record read = { 0 };
	struct err e;
	pid_t pid = fork();

	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	make(f->store, "live", "", &c);
	c.status = CONTAINER_RUNNING;
	c.pid = pid;
	assert_int_equal(process_start_time(pid, &c.pid_start_ticks), 0);
	assert_int_equal(container_save(f->store, &c, false, &e), 0);
	assert_int_equal(container_find(f->store, "live", &read, &e), 0);
	assert_int_equal(read.status, CONTAINER_RUNNING);
	assert_int_equal(read.pid, pid);
	container_record_done(&read);

	c.pid_start_ticks++; /* another process of that number */
	assert_int_equal(container_save(f->store, &c, false, &e), 0);
	assert_int_equal(container_find(f->store, "live", &read, &e), 0);
	assert_int_equal(read.status, CONTAINER_EXITED);
	assert_int_equal(read.exit_code, 137);
	assert_int_equal(read.pid, 0);
	container_record_done(&read);

	c.pid_start_ticks--;
	assert_int_equal(container_save(f->store, &c, false, &e), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	while (true) { /* a zombie is as dead as any */
		char path[64], letter;
		uint64_t ticks;

		(void)snprintf(path, sizeof(path), "/proc/%d", pid);
		assert_int_equal(process_stat(pid, &letter, &ticks), 0);
		if (letter == 'Z')
			break;
		(void)usleep(1000);
	}
	assert_int_equal(container_find(f->store, "live", &read, &e), 0);
	assert_int_equal(read.status, CONTAINER_EXITED);
	container_record_done(&read);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(container_find(f->store, "live", &read, &e), 0);
	assert_int_equal(read.status, CONTAINER_EXITED);
	container_record_done(&read);
}

static void a_process_of_another_boot_is_not_ours(void **state)
{
	struct fixture *f = *state;
	cleanup_container_record struct container_record c = { 0 };
	struct container_record read = { 0 };
	char text[1024];
	uint64_t ticks;
	struct err e;

	make(f->store, "old", "", &c);
	assert_int_equal(process_start_time(getpid(), &ticks), 0);
	(void)snprintf(text, sizeof(text),
		       "{\"id\":\"%s\",\"name\":\"old\",\"layers\":[],\"created\":\"x\",\"status\":"
		       "\"running\",\"pid\":%d,"
		       "\"pidStartTicks\":%llu,\"bootId\":\"00000000-0000-0000-0000-000000000000\"}",
		       c.id, getpid(), (unsigned long long)ticks);
	write_record(f->store, c.id, text);
	assert_int_equal(container_find(f->store, "old", &read, &e), 0);
	assert_int_equal(read.status, CONTAINER_EXITED);
	container_record_done(&read);
}

static void a_list_is_newest_first_and_shows_the_damaged(void **state)
{
	static const char *const BROKEN[] = { "", "{\"id\":", "[]",
					      "{\"id\":\"x\",\"name\":\"y\",\"layers\":[],"
					      "\"created\":\"z\",\"status\":\"created\"}" };
	struct fixture *f = *state;
	struct container_record c[3], *items, read = { 0 };
	struct err e;
	size_t len;

	for (int i = 0; i < 3; i++)
		make(f->store, NULL, "", &c[i]);
	for (size_t i = 0; i < ARRAY_LEN(BROKEN); i++) {
		write_record(f->store, c[1].id, BROKEN[i]);
		assert_int_equal(container_list(f->store, &items, &len, &e), 0);
		assert_int_equal(len, 3);
		assert_string_equal(items[0].id, c[2].id);
		assert_string_equal(items[1].id, c[0].id);
		assert_string_equal(items[2].id, c[1].id);
		assert_int_equal(items[2].status, CONTAINER_EXITED);
		assert_non_null(strstr(items[2].error, "is damaged (remove the container)"));
		assert_int_equal(strlen(items[2].name), 12);
		container_list_free(items, len);
	}
	/* It can be found, and removed; its name is free then. */
	assert_int_equal(container_find(f->store, c[1].id, &read, &e), 0);
	container_record_done(&read);
	assert_int_equal(container_remove(f->store, c[1].id, &e), 0);
	assert_int_equal(container_find(f->store, c[1].name, &read, &e), -ENOENT);
	for (int i = 0; i < 3; i++)
		container_record_done(&c[i]);
}

static void removal_takes_everything(void **state)
{
	struct fixture *f = *state;
	cleanup_container_record struct container_record c = { 0 };
	struct container_record read;
	struct err e;
	char path[128];

	make(f->store, "gone", "", &c);
	(void)snprintf(path, sizeof(path), "containers/%s/upper/data", c.id);
	write_file(store_root_fd(f->store), path, "x");
	/* what an interrupted removal left is no obstacle */
	(void)snprintf(path, sizeof(path), "containers/.gone.%s", c.id);
	assert_int_equal(mkdirat(store_root_fd(f->store), path, 0700), 0);
	(void)snprintf(path, sizeof(path), "containers/.gone.%s/rest", c.id);
	write_file(store_root_fd(f->store), path, "x");
	assert_int_equal(container_remove(f->store, c.id, &e), 0);
	assert_int_equal(container_find(f->store, "gone", &read, &e), -ENOENT);
	assert_int_equal(unlinkat(store_root_fd(f->store), "containers", AT_REMOVEDIR), 0);      /* empty */
	assert_int_equal(unlinkat(store_root_fd(f->store), "container-names", AT_REMOVEDIR), 0); /* empty */
	assert_int_equal(container_remove(f->store, c.id, &e), -ENOENT);
	assert_int_equal(container_remove(f->store, "../..", &e), -ENOENT);
	assert_int_equal(container_save(f->store, &c, false, &e), -ENOENT);
	assert_non_null(strstr(e.text, "no such container: "));
}

static void what_a_killed_removal_has_left_goes_unless_somebody_is_at_it(void **state)
{
	struct fixture *f = *state;
	cleanup_container_record struct container_record c = { 0 };
	struct container_removal removal;
	char trash[CONTAINER_TRASH_MAX], path[128];
	struct stat st;
	struct err e;

	make(f->store, "gone", "", &c);
	assert_int_equal(container_remove_begin(f->store, c.id, &removal, &e), 0);
	container_trash_name(c.id, trash);
	(void)snprintf(path, sizeof(path), "containers/%s", trash);
	assert_int_equal(symlinkat(c.id, store_root_fd(f->store), "container-names/gone"), 0);
	assert_int_equal(container_remove_rest(f->store, c.id, &e), 0);
	assert_int_equal(fstatat(store_root_fd(f->store), path, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(unlinkat(store_root_fd(f->store), "container-names", AT_REMOVEDIR), 0); /* empty */
	assert_int_equal(mkdirat(store_root_fd(f->store), "container-names", 0700), 0);
	container_removal_done(&removal);
	assert_int_equal(container_remove_rest(f->store, c.id, &e), 0);
	assert_int_equal(fstatat(store_root_fd(f->store), path, &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(container_remove_rest(f->store, c.id, &e), 0);
}

static void who_writes_a_record_does_not_take_a_new_name_back(void **state)
{
	struct fixture *f = *state;
	cleanup_container_record struct container_record was = { 0 }, now = { 0 };
	struct err e;

	make(f->store, "before", "", &was);
	assert_int_equal(container_rename(f->store, was.id, "after", &e), 0);
	was.exit_code = 7; /* of the monitor's helper, which has read it before */
	assert_int_equal(container_save(f->store, &was, true, &e), 0);
	assert_int_equal(container_find(f->store, "after", &now, &e), 0);
	assert_string_equal(now.name, "after");
	assert_int_equal(now.exit_code, 7);
}

static void an_upper_directory_that_was_in_memory_is_gone_with_the_container(void **state)
{
	struct fixture *f = *state;
	cleanup_container_record struct container_record c = { 0 };
	char path[128];
	struct err e;
	int fd = -1;

	make(f->store, "web", "", &c);
	assert_int_equal(container_open_upper(f->store, &c, &fd, &e), 0);
	(void)close(fd);
	(void)snprintf(path, sizeof(path), "containers/%s/" CONTAINER_VOLATILE, c.id);
	assert_int_equal(mkdirat(store_root_fd(f->store), path, 0700), 0);
	assert_int_equal(container_open_upper(f->store, &c, &fd, &e), -ENODATA);
	assert_string_equal(e.text, "container web does not run: what it had written was in memory only "
				    "(--ephemeral), and is gone");
}

static void the_overlay_is_planned_topmost_first(void **state)
{
	struct fixture *f = *state;
	cleanup_container_record struct container_record c = { 0 };
	cleanup_overlay_plan struct overlay_plan plan = { 0 };
	char expected[256];
	struct err e;
	int fd = -1;

	add_layer(f->store, '1');
	add_layer(f->store, '2');
	make(f->store, "web", "12", &c);
	assert_int_equal(container_overlay(f->store, &c, &plan, &e), 0);
	assert_int_equal(plan.lower.len, 2);
	(void)snprintf(expected, sizeof(expected), "%s/layers/%s/tree", f->root, c.layers.items[1]);
	assert_string_equal(plan.lower.items[0], expected);
	assert_int_equal(access(plan.lower.items[1], F_OK), 0);
	assert_int_equal(access(plan.upper, F_OK), 0);
	assert_int_equal(access(plan.work, F_OK), 0);
	assert_int_equal(access(plan.target, F_OK), 0);
	assert_int_equal(container_open_dir(f->store, c.id, &fd, &e), 0);
	assert_int_equal(faccessat(fd, "container.json", F_OK, 0), 0);
	(void)close(fd);
	assert_int_equal(container_open_dir(f->store, "..", &fd, &e), -ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_new_container_has_an_id_a_name_and_its_directories),
		TEST(everything_in_a_record_comes_back),
		TEST(containers_are_found_by_id_prefix_and_name),
		TEST(a_prefix_of_two_ids_is_ambiguous),
		TEST(a_name_is_used_once),
		TEST(a_name_that_a_crash_left_behind_is_free),
		TEST(bad_names_are_refused),
		TEST(many_at_once_get_names_and_ids_of_their_own),
		TEST(a_layer_that_is_gone_is_noticed),
		TEST(running_is_believed_only_while_the_process_lives),
		TEST(a_process_of_another_boot_is_not_ours),
		TEST(a_list_is_newest_first_and_shows_the_damaged),
		TEST(removal_takes_everything),
		TEST(what_a_killed_removal_has_left_goes_unless_somebody_is_at_it),
		TEST(who_writes_a_record_does_not_take_a_new_name_back),
		TEST(an_upper_directory_that_was_in_memory_is_gone_with_the_container),
		TEST(the_overlay_is_planned_topmost_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
