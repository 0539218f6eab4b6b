/* SPDX-License-Identifier: Apache-2.0 */
/* Making, killing, freezing and removing real cgroups. Most of it runs on hybrid hosts too. */
#include <sys/stat.h>

#include "cgroups/kill.h"
#include "tests/unit/cgroups/live.h"

static int open_child(const struct cgroup *c, const char *name)
{
	assert_int_equal(mkdirat(c->dir_fd, name, 0755), 0);
	return openat(c->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A tree of three levels with a process in each; `kill` ends them. */
static void assert_tree_is_killed(const char *name, int (*kill_tree)(const struct cgroup *, struct err *))
{
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct cgroup child = { .path = NULL, .dir_fd = -1 };
	struct cgroup_host host;
	struct err e = { 0 };
	int pidfds[4];

	detect_or_skip(&host, 0);
	make(&host, name, NULL, &c);
	(void)start_sleeper(&c, &pidfds[0]);
	child.dir_fd = open_child(&c, "a");
	(void)start_sleeper(&child, &pidfds[1]);
	(void)close(child.dir_fd);
	child.dir_fd = open_child(&c, "b");
	(void)start_sleeper(&child, &pidfds[2]);
	(void)close(child.dir_fd);
	child.dir_fd = open_child(&c, "b/c");
	(void)start_sleeper(&child, &pidfds[3]);
	(void)close(child.dir_fd);
	assert_true(cgroup_is_populated(&c));

	OK(kill_tree(&c, &e));
	for (size_t i = 0; i < ARRAY_LEN(pidfds); i++)
		assert_killed(pidfds[i]);
	OK(cgroup_remove(&c, &e));
	assert_false(cgroup_is_populated(&c));
	assert_int_equal(cgroup_open(&host, c.path, &child, &e), -ENOENT);
	/* Once more is no error. */
	OK(cgroup_kill(&c, &e));
	OK(cgroup_remove(&c, &e));
}

static void kill_ends_everything_below(void **state)
{
	(void)state;
	assert_tree_is_killed("kill", cgroup_kill);
}

static void kill_works_without_cgroup_kill(void **state)
{
	(void)state;
	assert_tree_is_killed("kill-each", cgroup_kill_each);
}

static void remove_waits_for_processes_that_are_ending(void **state)
{
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host;
	struct err e = { 0 };
	int pidfd;

	(void)state;
	detect_or_skip(&host, 0);
	make(&host, "remove", NULL, &c);
	(void)start_sleeper(&c, &pidfd);
	assert_int_equal(cgroup_remove(&c, &e), -EBUSY);
	assert_string_equal(e.text, "cannot remove cgroup '/sampan-test/remove': processes are in it");
	OK(cgroup_kill(&c, &e));
	OK(cgroup_remove(&c, &e)); /* not reaped yet */
	assert_killed(pidfd);
}

static void remove_goes_as_deep_and_wide_as_the_tree(void **state)
{
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host;
	int fd;

	(void)state;
	detect_or_skip(&host, 0);
	make(&host, "deep", NULL, &c);
	for (int i = 0; i < 30; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "wide%d", i);
		assert_int_equal(mkdirat(c.dir_fd, name, 0755), 0);
	}
	fd = dup(c.dir_fd);
	for (int i = 0; i < 60; i++) {
		int below;

		assert_int_equal(mkdirat(fd, "a-name-that-makes-the-path-long", 0755), 0);
		below = openat(fd, "a-name-that-makes-the-path-long", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(below >= 0);
		(void)close(fd);
		fd = below;
	}
	(void)close(fd);
	destroy(&c);
}

static void freeze_stops_and_thaw_goes_on(void **state)
{
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host;
	struct err e = { 0 };
	char text[256];
	int pidfd;

	(void)state;
	detect_or_skip(&host, 0);
	make(&host, "freeze", NULL, &c);
	(void)start_sleeper(&c, &pidfd);
	OK(cgroup_freeze(&c, true, &e));
	assert_true(cgroup_file_read(c.dir_fd, "cgroup.events", text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "frozen 1"));
	OK(cgroup_freeze(&c, false, &e));
	OK(cgroup_freeze(&c, true, &e));
	destroy(&c); /* frozen processes can be killed */
	assert_killed(pidfd);
}

static void attach_moves_a_process(void **state)
{
	cleanup_cgroup struct cgroup from = { .dir_fd = -1 }, to = { .dir_fd = -1 };
	struct cgroup_host host;
	struct err e = { 0 };
	int pidfd;
	pid_t pid;

	(void)state;
	detect_or_skip(&host, 0);
	make(&host, "from", NULL, &from);
	make(&host, "to", NULL, &to);
	pid = start_sleeper(&from, &pidfd);
	OK(cgroup_attach(&to, pid, &e));
	assert_false(cgroup_is_populated(&from));
	assert_true(cgroup_is_populated(&to));
	destroy(&from);
	destroy(&to);
	assert_killed(pidfd);
}

static void a_populated_cgroup_is_not_taken_over(void **state)
{
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 }, second = { .dir_fd = -1 };
	struct cgroup_host host;
	struct err e = { 0 };
	int pidfd;

	(void)state;
	detect_or_skip(&host, 0);
	make(&host, "taken", NULL, &c);
	OK(cgroup_create(&host, c.path, "id", NULL, &second, &e)); /* empty: taken over */
	cgroup_done(&second);
	(void)start_sleeper(&c, &pidfd);
	assert_int_equal(cgroup_create(&host, c.path, "id", NULL, &second, &e), -EBUSY);
	assert_string_equal(e.text, "cgroup '/sampan-test/taken' exists and has processes in it");
	destroy(&c);
	assert_killed(pidfd);
}

static void relative_paths_and_ids_go_below_the_default_parent(void **state)
{
	cleanup_cgroup struct cgroup by_id = { .dir_fd = -1 }, relative = { .dir_fd = -1 };
	struct cgroup_host host;
	struct err e = { 0 };

	(void)state;
	detect_or_skip(&host, 0);
	OK(cgroup_create(&host, NULL, "live-test-id", NULL, &by_id, &e));
	assert_string_equal(by_id.path, "/sampan/live-test-id");
	OK(cgroup_create(&host, "live-test/./a//b/", "id", NULL, &relative, &e));
	assert_string_equal(relative.path, "/sampan/live-test/a/b");
	destroy(&by_id);
	destroy(&relative);
}

static void bad_paths_are_refused(void **state)
{
	struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host;
	struct err e = { 0 };

	(void)state;
	detect_or_skip(&host, 0);
	assert_int_equal(cgroup_create(&host, "/a/../../b", "id", NULL, &c, &e), -EINVAL);
	assert_string_equal(e.text, "bad cgroup path '/a/../../b': '..' is not allowed in it");
	assert_int_equal(cgroup_create(&host, NULL, "a/b", NULL, &c, &e), -EINVAL);
	assert_string_equal(e.text, "bad container id 'a/b': it has a '/'");
	assert_int_equal(cgroup_create(&host, "/", "id", NULL, &c, &e), -EINVAL);
	assert_string_equal(e.text, "bad cgroup path '/': a container cannot have the root cgroup");
}

/* The rule that a cgroup has processes or hands controllers down, but not both. */
static void a_parent_with_processes_is_named(void **state)
{
	const struct spec_resources r = { .pids_limit = SET(5) };
	cleanup_cgroup struct cgroup parent = { .dir_fd = -1 };
	struct cgroup child = { .dir_fd = -1 };
	struct cgroup_host host;
	char expected[512];
	struct err e = { 0 };
	int pidfd;

	(void)state;
	detect_or_skip(&host, CGROUP_PIDS);
	make(&host, "busy", NULL, &parent);
	(void)start_sleeper(&parent, &pidfd);
	assert_int_equal(cgroup_create(&host, "/sampan-test/busy/x/y", "id", &r, &child, &e), -EOPNOTSUPP);
	(void)snprintf(expected, sizeof(expected),
		       "cannot limit pids: controller 'pids' is off in "
		       "'%s/sampan-test/busy/cgroup.subtree_control' and there are processes in "
		       "'%s/sampan-test/busy' itself (move them into a cgroup below it)",
		       host.mount_point, host.mount_point);
	assert_string_equal(e.text, expected);
	/* Nothing is left behind. */
	assert_int_equal(faccessat(parent.dir_fd, "x", F_OK, 0), -1);
	destroy(&parent);
	assert_killed(pidfd);
}

struct rootless {
	const struct cgroup_host *host;
	const struct spec_resources *r;
	const char *message; /* NULL: an empty cgroup is expected */
};

/* 0: as expected. */
static int create_as_nobody(void *arg)
{
	const struct rootless *args = (const struct rootless *)arg;
	struct cgroup c = { .dir_fd = -1 };
	struct err e = { 0 };
	int r;

	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 100;
	r = cgroup_create(args->host, NULL, "nobody-s", args->r, &c, &e);
	if (!args->message)
		return r == 0 && !c.path ? 0 : 1;
	return r == -EACCES && strncmp(e.text, args->message, strlen(args->message)) == 0 ? 0 : 2;
}

static void who_may_not_write_gets_no_cgroup_or_a_reason(void **state)
{
	const struct spec_resources limits = { .pids_limit = SET(5) };
	struct cgroup_host host;
	struct rootless args = { .host = &host };
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };

	(void)state;
	detect_or_skip(&host, 0);
	make(&host, "rootless", NULL, &c);
	assert_int_equal(run_in(&c, create_as_nobody, &args), 0);
	args.r = &limits;
	args.message =
		host.available & CGROUP_PIDS
			? "cannot limit pids (run as root, or below a unit with Delegate=yes): cannot make "
			  "cgroup '/sys/fs/cgroup/sampan-test/sampan"
			: NULL;
	if (args.message)
		assert_int_equal(run_in(&c, create_as_nobody, &args), 0);
	destroy(&c);
}

/* 0: as expected. Runs in the user's own cgroup. */
static int create_beside_own(void *arg)
{
	const struct cgroup_host *host = (const struct cgroup_host *)arg;
	struct cgroup made = { .dir_fd = -1 };
	struct err e = { 0 };

	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 100;
	if (cgroup_create(host, NULL, "an-id", NULL, &made, &e) < 0)
		return 1;
	return strcmp(made.path, "/sampan-test/delegated/sampan/an-id") == 0 ? 0 : 2;
}

/* A user to whom the cgroup around its own was given makes containers beside its own. */
static void the_default_parent_of_a_delegated_user_is_beside_its_own(void **state)
{
	cleanup_cgroup struct cgroup parent = { .dir_fd = -1 }, own = { .dir_fd = -1 };
	struct cgroup_host host;

	(void)state;
	detect_or_skip(&host, 0);
	make(&host, "delegated", NULL, &parent);
	make(&host, "delegated/own", NULL, &own);
	assert_int_equal(fchown(parent.dir_fd, 65534, 65534), 0);
	assert_int_equal(fchownat(parent.dir_fd, "cgroup.procs", 65534, 65534, 0), 0);
	assert_int_equal(run_in(&own, create_beside_own, &host), 0);
	destroy(&parent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kill_ends_everything_below),
		cmocka_unit_test(kill_works_without_cgroup_kill),
		cmocka_unit_test(remove_waits_for_processes_that_are_ending),
		cmocka_unit_test(remove_goes_as_deep_and_wide_as_the_tree),
		cmocka_unit_test(freeze_stops_and_thaw_goes_on),
		cmocka_unit_test(attach_moves_a_process),
		cmocka_unit_test(a_populated_cgroup_is_not_taken_over),
		cmocka_unit_test(relative_paths_and_ids_go_below_the_default_parent),
		cmocka_unit_test(bad_paths_are_refused),
		cmocka_unit_test(a_parent_with_processes_is_named),
		cmocka_unit_test(who_may_not_write_gets_no_cgroup_or_a_reason),
		cmocka_unit_test(the_default_parent_of_a_delegated_user_is_beside_its_own),
	};

	return cmocka_run_group_tests(tests, take_turns, remove_leftovers);
}
