/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/state.h"

#include "tests/unit/common/scratch.h"

#include <poll.h>
#include <sys/socket.h>

#include "common/json_write.h"
#include "common/process.h"
#include "runtime/state_dir.h"

/* Text that is borrowed: the struct is written, never freed. */
static struct container_state example(const char *id)
{
	return (struct container_state){
		.oci_version = (char *)(uintptr_t) "1.3.0",
		.id = (char *)(uintptr_t)id,
		.bundle = (char *)(uintptr_t) "/b \"quoted\"",
		.rootfs = (char *)(uintptr_t) "/b/rootfs",
		.owner = (char *)(uintptr_t) "root",
		.created = (char *)(uintptr_t) "2026-01-02T03:04:05.000000006Z",
		.pid = 12345,
		.pid_start_ticks = UINT64_MAX,
		.cgroup_path = (char *)(uintptr_t) "/sampan/x",
	};
}

static void make_dir(const struct scratch *s, const char *id)
{
	struct err e = { 0 };
	int fd = -1;

	if (state_dir_make(s->path, id, &fd, &e) < 0)
		fail_msg("%s", e.text);
	(void)close(fd);
}

static void write_state(const struct scratch *s, const struct container_state *c)
{
	struct err e = { 0 };

	if (container_state_write(s->path, c, &e) < 0)
		fail_msg("%s", e.text);
}

/* --- the directory --- */

static void ids_are_what_runc_takes(void **state)
{
	static const char *const GOOD[] = { "a", "A-Z_0.9+x", "...", "-", ".hidden", "..x" };
	static const char *const BAD[] = { "",    ".",        "..",  "a/b", "/",   "a b",
					   "a\n", "\xc3\xa4", "a:b", "a*",  "../x" };
	char longest[STATE_ID_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
		assert_true(state_id_valid(GOOD[i]));
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_false(state_id_valid(BAD[i]));
	memset(longest, 'x', sizeof(longest));
	longest[STATE_ID_MAX] = '\0';
	assert_true(state_id_valid(longest));
	longest[STATE_ID_MAX] = 'x';
	longest[STATE_ID_MAX + 1] = '\0';
	assert_false(state_id_valid(longest));
}

static void bad_ids_reach_no_path(void **state)
{
	struct scratch *s = *state;
	cleanup_container_state struct container_state c = { 0 };
	struct err e = { 0 };
	int fd = -7;

	assert_int_equal(state_dir_make(s->path, "../x", &fd, &e), -EINVAL);
	assert_string_equal(e.text, "invalid container ID format: '../x'");
	assert_int_equal(state_dir_open(s->path, "..", &fd, &e), -EINVAL);
	assert_int_equal(state_dir_remove(s->path, "", &e), -EINVAL);
	assert_int_equal(container_state_read(s->path, "a/b", &c, &e), -EINVAL);
	assert_int_equal(fd, -7);
}

static void a_directory_is_made_once(void **state)
{
	struct scratch *s = *state;
	char root[128];
	struct err e = { 0 };
	struct stat st;
	mode_t old = umask(022);
	int fd = -7;

	(void)snprintf(root, sizeof(root), "%s/run/sampan", s->path);
	assert_int_equal(state_dir_make(root, "c1", &fd, &e), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0711);
	(void)close(fd);
	assert_int_equal(fstatat(s->fd, "run/sampan", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0711);
	fd = -7;
	assert_int_equal(state_dir_make(root, "c1", &fd, &e), -EEXIST);
	assert_string_equal(e.text, "container with given ID already exists: 'c1'");
	assert_int_equal(fd, -7);
	(void)umask(old);
}

static void a_directory_is_opened_and_removed(void **state)
{
	struct scratch *s = *state;
	cleanup_fd int fd = -1;
	struct err e = { 0 };

	assert_int_equal(state_dir_open(s->path, "c1", &fd, &e), -ENOENT);
	assert_string_equal(e.text, "container \"c1\" does not exist");
	make_dir(s, "c1");
	scratch_write(s, "c1/file", "x");
	assert_int_equal(state_dir_open(s->path, "c1", &fd, &e), 0);
	assert_int_equal(state_dir_remove(s->path, "c1", &e), 0);
	assert_int_equal(faccessat(s->fd, "c1", F_OK, 0), -1);
	assert_int_equal(state_dir_remove(s->path, "c1", &e), 0);
	assert_int_equal(state_dir_remove("/no/such/root", "c1", &e), 0);
}

static void a_lock_is_held_by_one(void **state)
{
	struct scratch *s = *state;
	cleanup_fd int first = -1, second = -1;
	struct err e = { 0 };

	assert_int_equal(state_dir_lock(s->fd, &first, &e), 0);
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(state_dir_lock(s->fd, &second, &e), -EAGAIN);
	assert_memory_equal(e.text, "cannot lock the container's state", 33);
	(void)close(fd_take(&first));
	assert_int_equal(state_dir_lock(s->fd, &second, &e), 0);
}

static void a_socket_in_a_deep_directory_is_reached(void **state)
{
	struct scratch *s = *state;
	cleanup_fd int listener = -1, client = -1, server = -1, dir = -1;
	struct err e = { 0 };
	char path[400] = "", c;

	assert_int_equal(state_dir_connect(s->fd, &client, &e), -ENOENT);
	assert_string_equal(e.text, "cannot reach the container's init: no such file or directory");
	memset(path, 'd', 200); /* sun_path has 108 bytes */
	assert_int_equal(dir_make_open(s->fd, path, 0755, &dir, &e), 0);
	assert_int_equal(state_dir_listen(dir, &listener, &e), 0);
	assert_int_equal(state_dir_connect(dir, &client, &e), 0);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(server >= 0);
	assert_int_equal(send(client, "x", 1, 0), 1);
	assert_int_equal(recv(server, &c, 1, 0), 1);
	assert_int_equal(c, 'x');
}

/* --- the state --- */

static void what_is_written_is_read_again(void **state)
{
	struct scratch *s = *state;
	cleanup_container_state struct container_state back = { 0 };
	cleanup_strvec struct strvec annotations = { 0 }, args = { 0 }, stdio = { 0 };
	struct container_state c = example("c1");
	struct spec_hook hook = { .path = (char *)(uintptr_t) "/bin/hook", .timeout_s = { true, 5 } };
	struct err e = { 0 };
	struct stat st;

	assert_int_equal(strvec_add(&annotations, "key=value=x"), 0);
	assert_int_equal(strvec_add(&args, "hook"), 0);
	assert_int_equal(strvec_add(&stdio, "pipe:[1]"), 0);
	hook.args = args;
	c.annotations = annotations;
	c.stdio = stdio;
	c.poststop = (struct spec_hook_list){ &hook, 1 };
	make_dir(s, "c1");
	write_state(s, &c);
	assert_int_equal(fstatat(s->fd, "c1/state.json", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	if (container_state_read(s->path, "c1", &back, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(back.oci_version, "1.3.0");
	assert_string_equal(back.id, "c1");
	assert_string_equal(back.bundle, "/b \"quoted\"");
	assert_string_equal(back.rootfs, "/b/rootfs");
	assert_string_equal(back.owner, "root");
	assert_string_equal(back.created, "2026-01-02T03:04:05.000000006Z");
	assert_string_equal(back.cgroup_path, "/sampan/x");
	assert_int_equal(back.pid, 12345);
	assert_true(back.pid_start_ticks == UINT64_MAX);
	assert_string_equal(back.annotations.items[0], "key=value=x");
	assert_int_equal(back.stdio.len, 1);
	assert_string_equal(back.stdio.items[0], "pipe:[1]");
	assert_int_equal(back.poststart.len, 0);
	assert_int_equal(back.poststop.len, 1);
	assert_string_equal(back.poststop.items[0].path, "/bin/hook");
	assert_string_equal(back.poststop.items[0].args.items[0], "hook");
	assert_int_equal(back.poststop.items[0].env.len, 0);
	assert_true(back.poststop.items[0].timeout_s.set && back.poststop.items[0].timeout_s.value == 5);
}

static void what_may_be_absent_stays_absent(void **state)
{
	struct scratch *s = *state;
	cleanup_container_state struct container_state back = { 0 };
	struct container_state c = { .oci_version = (char *)(uintptr_t) "1.0.0",
				     .id = (char *)(uintptr_t) "c1" };
	struct err e = { 0 };

	make_dir(s, "c1");
	write_state(s, &c);
	assert_int_equal(container_state_read(s->path, "c1", &back, &e), 0);
	assert_true(!back.bundle && !back.rootfs && !back.owner && !back.created && !back.cgroup_path);
	assert_int_equal(back.pid, 0);
}

static void a_state_is_written_into_an_existing_directory_only(void **state)
{
	struct scratch *s = *state;
	struct container_state c = example("c1");
	struct err e = { 0 };

	assert_int_equal(container_state_write(s->path, &c, &e), -ENOENT);
	assert_string_equal(e.text, "container \"c1\" does not exist");
}

#define BEGIN "{\"ociVersion\":\"1\",\"id\":\"c1\","

static void absent_states_are_told_from_damaged_ones(void **state)
{
	static const char *const BAD[] = {
		"",
		"{",
		"[]",
		"{}",
		BEGIN "\"pid\":1}",
		BEGIN "\"pid\":\"1\",\"pidStart\":2}",
		BEGIN "\"pid\":1,\"pidStart\":-1}",
		BEGIN "\"pid\":4294967297,\"pidStart\":1}", /* which would be 1 */
		BEGIN "\"pid\":1,\"pidStart\":1,\"poststop\":[{\"args\":[\"x\"]}]}",
		"{\"ociVersion\":\"1\",\"id\":\"c2\",\"pid\":1,\"pidStart\":1}", /* of another container */
	};
	struct scratch *s = *state;
	struct err e = { 0 };

	make_dir(s, "c1");
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct container_state back = { .pid = 77 };

		scratch_write(s, "c1/state.json", BAD[i]);
		if (container_state_read(s->path, "c1", &back, &e) != -EBADMSG || e.code != -EBADMSG)
			fail_msg("%s: %s", BAD[i], e.text);
		assert_memory_equal(e.text, "state of container 'c1' is damaged: ", 36);
		assert_int_equal(back.pid, 77);
	}
	assert_int_equal(unlinkat(s->fd, "c1/state.json", 0), 0);
	{
		struct container_state back;

		assert_int_equal(container_state_read(s->path, "c1", &back, &e), -ENOENT);
		assert_memory_equal(e.text, "container 'c1' has no state: ", 29);
		assert_int_equal(container_state_read(s->path, "c2", &back, &e), -ENOENT);
		assert_string_equal(e.text, "container \"c2\" does not exist");
	}
}

/* --- the status --- */

static struct container_state of_process(pid_t pid)
{
	struct container_state c = { .id = (char *)(uintptr_t) "c1", .pid = pid };

	assert_int_equal(process_start_time(pid, &c.pid_start_ticks), 0);
	return c;
}

static void a_status_follows_lock_and_mark(void **state)
{
	struct scratch *s = *state;
	struct container_state c = of_process(getpid());
	cleanup_fd int lock = -1, dir = -1, fifo = -1;
	struct err e = { 0 };

	make_dir(s, "c1");
	assert_int_equal(state_dir_open(s->path, "c1", &dir, &e), 0);
	assert_int_equal(container_state_status(s->path, &c), RUNTIME_RUNNING); /* no lock: it has started */
	assert_int_equal(state_dir_lock(dir, &lock, &e), 0);
	assert_int_equal(container_state_status(s->path, &c), RUNTIME_CREATING);
	scratch_write(s, "c1/" STATE_CREATED_FILE, "");
	scratch_write(s, "c1/" STATE_SOCKET_FILE, "");
	assert_int_equal(container_state_status(s->path, &c), RUNTIME_CREATED);
	assert_int_equal(state_dir_make_fifo(dir, &fifo, &e), 0);
	assert_int_equal(unlinkat(dir, STATE_SOCKET_FILE, 0), 0);
	assert_int_equal(container_state_status(s->path, &c), RUNTIME_CREATED);
	/* The last way to start it is taken: so it is about to. */
	assert_int_equal(unlinkat(dir, STATE_FIFO_FILE, 0), 0);
	assert_int_equal(container_state_status(s->path, &c), RUNTIME_RUNNING);
	(void)close(fd_take(&lock));
	assert_int_equal(container_state_status(s->path, &c), RUNTIME_RUNNING);
}

static void the_fifo_tells_when_a_start_has_come_and_gone(void **state)
{
	struct scratch *s = *state;
	cleanup_fd int dir = -1, read_end = -1;
	struct pollfd p = { .events = POLLIN };
	struct err e = { 0 };
	int write_end = -1;

	make_dir(s, "c1");
	assert_int_equal(state_dir_open(s->path, "c1", &dir, &e), 0);
	assert_int_equal(state_dir_open_fifo(dir, &write_end, &e), -ENOENT);
	assert_int_equal(state_dir_make_fifo(dir, &read_end, &e), 0);
	p.fd = read_end;
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(state_dir_open_fifo(dir, &write_end, &e), 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(close(write_end), 0);
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_int_equal(p.revents, POLLHUP);
	(void)close(fd_take(&read_end));
	assert_int_equal(state_dir_open_fifo(dir, &write_end, &e), -ENXIO);
	assert_string_equal(e.text, "cannot reach the container's init: no such device or address");
}

static void a_later_process_of_the_same_number_is_another(void **state)
{
	struct scratch *s = *state;
	struct container_state c = of_process(getpid());

	make_dir(s, "c1");
	c.pid_start_ticks++;
	assert_int_equal(container_state_status(s->path, &c), RUNTIME_STOPPED);
	c.pid_start_ticks = 0;
	assert_int_equal(container_state_status(s->path, &c), RUNTIME_STOPPED);
}

static void without_a_process_it_has_stopped(void **state)
{
	static const pid_t NONE[] = { 0, -1, 0x3fffffff };
	struct scratch *s = *state;

	make_dir(s, "c1");
	for (size_t i = 0; i < ARRAY_LEN(NONE); i++) {
		const struct container_state c = { .id = (char *)(uintptr_t) "c1", .pid = NONE[i] };

		assert_int_equal(container_state_status(s->path, &c), RUNTIME_STOPPED);
	}
}

static void the_dead_who_are_not_reaped_have_stopped(void **state)
{
	struct scratch *s = *state;
	struct container_state c;
	siginfo_t info = { 0 };
	int status;
	pid_t pid = fork_or_skip();

	if (pid == 0)
		_exit(0);
	make_dir(s, "c1");
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	c = of_process(pid);
	assert_int_equal(container_state_status(s->path, &c), RUNTIME_STOPPED);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(container_state_status(s->path, &c), RUNTIME_STOPPED);
}

static void each_status_has_its_name(void **state)
{
	(void)state;
	assert_string_equal(runtime_status_name(RUNTIME_CREATING), "creating");
	assert_string_equal(runtime_status_name(RUNTIME_CREATED), "created");
	assert_string_equal(runtime_status_name(RUNTIME_RUNNING), "running");
	assert_string_equal(runtime_status_name(RUNTIME_PAUSED), "paused");
	assert_string_equal(runtime_status_name(RUNTIME_STOPPED), "stopped");
}

static void expect_printed(const struct container_state *c, enum runtime_status status, const char *expected)
{
	cleanup_json_out struct json_out *o = json_out_new(false, 4096);
	const char *text = NULL;
	struct err e = { 0 };
	size_t len;

	container_state_print(o, c, status);
	assert_int_equal(json_out_finish(o, &text, &len, &e), 0);
	assert_string_equal(text, expected);
}

static void states_are_printed_with_runcs_keys(void **state)
{
	struct container_state c = example("c1");
	cleanup_strvec struct strvec annotations = { 0 };

	(void)state;
	c.bundle = (char *)(uintptr_t) "/b";
	c.owner = NULL;
	expect_printed(
		&c, RUNTIME_RUNNING,
		"{\"ociVersion\":\"1.3.0\",\"id\":\"c1\",\"pid\":12345,\"status\":\"running\",\"bundle\":\"/"
		"b\","
		"\"rootfs\":\"/b/rootfs\",\"created\":\"2026-01-02T03:04:05.000000006Z\",\"owner\":\"\"}");
	assert_int_equal(strvec_add(&annotations, "a=b"), 0);
	c.annotations = annotations;
	expect_printed(
		&c, RUNTIME_STOPPED, /* which has no process any more */
		"{\"ociVersion\":\"1.3.0\",\"id\":\"c1\",\"pid\":0,\"status\":\"stopped\",\"bundle\":\"/b\","
		"\"rootfs\":\"/b/"
		"rootfs\",\"created\":\"2026-01-02T03:04:05.000000006Z\",\"annotations\":{\"a\":\"b\"},"
		"\"owner\":\"\"}");
}

static void containers_are_listed_sorted(void **state)
{
	static const char *const IDS[] = { "zebra", "a1", "B", "a10", "a.2" };
	static const char *const SORTED[] = { "B", "a.2", "a1", "a10", "zebra" };
	struct scratch *s = *state;
	cleanup_strvec struct strvec list = { 0 }, none = { 0 };
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(IDS); i++)
		make_dir(s, IDS[i]);
	assert_int_equal(mkdirat(s->fd, "not an id", 0755), 0);
	assert_int_equal(container_state_list(s->path, &list, &e), 0);
	assert_int_equal(list.len, ARRAY_LEN(SORTED));
	for (size_t i = 0; i < ARRAY_LEN(SORTED); i++)
		assert_string_equal(list.items[i], SORTED[i]);
	assert_int_equal(container_state_list("/no/such/root", &none, &e), 0);
	assert_int_equal(none.len, 0);
	scratch_write(s, "file", "");
	assert_int_equal(container_state_list(scratch_path(s, "file"), &none, &e), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_what_runc_takes),
		SCRATCH_TEST(bad_ids_reach_no_path),
		SCRATCH_TEST(a_directory_is_made_once),
		SCRATCH_TEST(a_directory_is_opened_and_removed),
		SCRATCH_TEST(a_lock_is_held_by_one),
		SCRATCH_TEST(a_socket_in_a_deep_directory_is_reached),
		SCRATCH_TEST(what_is_written_is_read_again),
		SCRATCH_TEST(what_may_be_absent_stays_absent),
		SCRATCH_TEST(a_state_is_written_into_an_existing_directory_only),
		SCRATCH_TEST(absent_states_are_told_from_damaged_ones),
		SCRATCH_TEST(a_status_follows_lock_and_mark),
		SCRATCH_TEST(the_fifo_tells_when_a_start_has_come_and_gone),
		SCRATCH_TEST(a_later_process_of_the_same_number_is_another),
		SCRATCH_TEST(without_a_process_it_has_stopped),
		SCRATCH_TEST(the_dead_who_are_not_reaped_have_stopped),
		cmocka_unit_test(each_status_has_its_name),
		cmocka_unit_test(states_are_printed_with_runcs_keys),
		SCRATCH_TEST(containers_are_listed_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
