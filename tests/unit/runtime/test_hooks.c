/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hooks.h"

#include "tests/unit/common/scratch.h"

#include <time.h>

/* A list of shell scripts, in which "$0" is the scratch directory. */
struct fixture {
	struct scratch *scratch;
	struct spec_hook hooks[4];
	struct spec_hook_list list;
	struct err e;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	void *scratch;

	assert_non_null(f);
	assert_int_equal(scratch_setup(&scratch), 0);
	f->scratch = scratch;
	f->list.items = f->hooks;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *scratch = f->scratch;

	for (size_t i = 0; i < f->list.len; i++) {
		free(f->hooks[i].path);
		strvec_done(&f->hooks[i].args);
		strvec_done(&f->hooks[i].env);
	}
	free(f);
	return scratch_teardown(&scratch);
}

#define HOOK_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static struct spec_hook *add(struct fixture *f, const char *path)
{
	struct spec_hook *hook = &f->hooks[f->list.len++];

	hook->path = strdup(path);
	assert_non_null(hook->path);
	return hook;
}

static struct spec_hook *add_script(struct fixture *f, const char *script)
{
	const char *const args[] = { "sh", "-c", script, f->scratch->path };
	struct spec_hook *hook = add(f, "/bin/sh");

	for (size_t i = 0; i < ARRAY_LEN(args); i++)
		assert_int_equal(strvec_add(&hook->args, args[i]), 0);
	assert_int_equal(strvec_add(&hook->env, "PATH=/usr/bin:/bin"), 0);
	return hook;
}

/* qemu-user has no clone3. */
static int run(struct fixture *f, const char *kind, const char *text)
{
	int r = hooks_run(&f->list, kind, text, &f->e);

	if (r == -ENOSYS) {
		print_message("clone3 is missing here\n");
		skip();
	}
	return r;
}

static void expect_success(struct fixture *f)
{
	if (run(f, "prestart", "{}") < 0)
		fail_msg("%s", f->e.text);
}

static void expect_failure(struct fixture *f, const char *kind, const char *text)
{
	assert_int_equal(run(f, kind, "{}"), -ECANCELED);
	assert_string_equal(f->e.text, text);
}

static void no_hooks_are_a_success(void **state)
{
	struct fixture *f = *state;

	expect_success(f);
}

static void the_state_is_on_standard_input(void **state)
{
	struct fixture *f = *state;

	(void)add_script(f, "cat >$0/first");
	(void)add_script(f, "cat >$0/second");
	assert_int_equal(run(f, "poststop", "{\"id\":\"c1\"}"), 0);
	assert_true(scratch_holds(f->scratch, "first", "{\"id\":\"c1\"}"));
	assert_true(scratch_holds(f->scratch, "second", "{\"id\":\"c1\"}"));
}

static void a_state_that_nobody_reads_blocks_nobody(void **state)
{
	struct fixture *f = *state;
	cleanup_free char *text = malloc((1u << 20) + 1);

	assert_non_null(text);
	memset(text, ' ', 1u << 20);
	text[1u << 20] = '\0';
	(void)add_script(f, "exit 0");
	(void)add_script(f, "wc -c >$0/count");
	assert_int_equal(run(f, "prestart", text), 0);
	assert_true(scratch_holds(f->scratch, "count", "1048576\n"));
}

static void hooks_run_in_order_one_after_the_other(void **state)
{
	struct fixture *f = *state;

	(void)add_script(f, "sleep 0.2; echo 1 >>$0/log");
	(void)add_script(f, "sleep 0.1; echo 2 >>$0/log");
	(void)add_script(f, "echo 3 >>$0/log");
	expect_success(f);
	assert_true(scratch_holds(f->scratch, "log", "1\n2\n3\n"));
}

static void the_first_failure_ends_the_list(void **state)
{
	struct fixture *f = *state;

	(void)add_script(f, "echo 1 >>$0/log");
	(void)add_script(f, "echo 2 >>$0/log; echo no luck >&2; exit 3");
	(void)add_script(f, "echo 3 >>$0/log");
	expect_failure(f, "createRuntime", "createRuntime hook 1 '/bin/sh': exit status 3: no luck");
	assert_true(scratch_holds(f->scratch, "log", "1\n2\n"));
}

static void failures_say_how_it_ended(void **state)
{
	static const struct {
		const char *script, *text;
	} CASES[] = {
		{ "exit 1", "prestart hook 0 '/bin/sh': exit status 1" },
		{ "echo to stdout >/dev/null; exit 255", "prestart hook 0 '/bin/sh': exit status 255" },
		{ "echo first >&2; echo second >&2; exit 2",
		  "prestart hook 0 '/bin/sh': exit status 2: first" },
		{ "printf partial >&2; kill -9 $$",
		  "prestart hook 0 '/bin/sh': killed by signal 9: partial" },
		{ "printf 'a b' >&2; sleep 0.1; printf ' c' >&2; exit 4",
		  "prestart hook 0 '/bin/sh': exit status 4: a b c" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		(void)add_script(f, CASES[i].script);
		expect_failure(f, "prestart", CASES[i].text);
		free(f->hooks[0].path);
		strvec_done(&f->hooks[0].args);
		strvec_done(&f->hooks[0].env);
		f->list.len = 0;
	}
}

static void what_is_written_without_end_is_cut(void **state)
{
	struct fixture *f = *state;

	(void)add_script(f, "i=0; while [ $i -lt 3000 ]; do printf 0123456789012345678901234567890123456789 "
			    ">&2; i=$((i + 1)); "
			    "done; exit 5");
	assert_int_equal(run(f, "prestart", "{}"), -ECANCELED);
	assert_memory_equal(f->e.text, "prestart hook 0 '/bin/sh': exit status 5: 01234567890123", 56);
	assert_true(strlen(f->e.text) < 350);
}

static void a_hook_that_cannot_be_executed_says_why(void **state)
{
	struct fixture *f = *state;

	(void)add(f, "/no/such/hook");
	expect_failure(f, "prestart",
		       "prestart hook 0 '/no/such/hook': exit status 127: No such file or directory");
	free(f->hooks[0].path);
	f->list.len = 0;
	(void)add(f, "/etc/passwd");
	expect_failure(f, "prestart", "prestart hook 0 '/etc/passwd': exit status 127: Permission denied");
}

static void arguments_and_environment_are_those_of_the_hook_alone(void **state)
{
	struct fixture *f = *state;
	char script[128], text[256];

	assert_int_equal(setenv("LEAK", "1", 1), 0);
	assert_int_equal(strvec_add(&add_script(f, "env | sort >$0/env; echo $0 $1 >$0/args")->args, "extra"),
			 0);
	assert_int_equal(strvec_add(&f->hooks[0].env, "MINE=2"), 0);
	/* without arguments the path is the only one, without an environment there is none */
	(void)snprintf(script, sizeof(script), "#!/bin/sh\necho \"$0 $# $LEAK\" >%s/plain\n",
		       f->scratch->path);
	scratch_write(f->scratch, "hook", script);
	assert_int_equal(fchmodat(f->scratch->fd, "hook", 0755, 0), 0);
	(void)add(f, scratch_path(f->scratch, "hook"));
	expect_success(f);
	(void)snprintf(text, sizeof(text), "MINE=2\nPATH=/usr/bin:/bin\nPWD=%s\n", getenv("PWD"));
	{
		cleanup_buf struct buf env = BUF_INIT(4096);

		assert_int_equal(file_read(f->scratch->fd, "env", &env, &f->e), 0);
		assert_non_null(strstr(env.data, "MINE=2\nPATH=/usr/bin:/bin\n"));
		assert_null(strstr(env.data, "LEAK"));
	}
	(void)snprintf(text, sizeof(text), "%s extra\n", f->scratch->path);
	assert_true(scratch_holds(f->scratch, "args", text));
	(void)snprintf(text, sizeof(text), "%s/hook 0 \n", f->scratch->path);
	assert_true(scratch_holds(f->scratch, "plain", text));
}

static time_t now_s(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return t.tv_sec;
}

static void a_hook_that_takes_too_long_is_killed(void **state)
{
	struct fixture *f = *state;
	time_t start = now_s();

	add_script(f, "echo $$ >$0/pid; exec sleep 100")->timeout_s = (struct opt_i64){ true, 1 };
	(void)add_script(f, "echo >$0/second");
	assert_int_equal(run(f, "prestart", "{}"), -ETIMEDOUT);
	assert_string_equal(f->e.text, "prestart hook 0 '/bin/sh': timed out after 1 s");
	assert_true(now_s() - start < 60);
	assert_int_equal(faccessat(f->scratch->fd, "second", F_OK, 0), -1);
	{
		cleanup_buf struct buf pid = BUF_INIT(32);
		char proc[64];

		assert_int_equal(file_read(f->scratch->fd, "pid", &pid, &f->e), 0);
		pid.data[strcspn(pid.data, "\n")] = '\0';
		(void)snprintf(proc, sizeof(proc), "/proc/%s", pid.data);
		assert_int_equal(access(proc, F_OK), -1); /* killed, and reaped */
	}
}

static void a_hook_within_its_time_is_not_touched(void **state)
{
	static const int64_t TIMEOUTS[] = { 60, INT32_MAX };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(TIMEOUTS); i++)
		add_script(f, "sleep 0.2; echo done >>$0/log")->timeout_s =
			(struct opt_i64){ true, TIMEOUTS[i] };
	expect_success(f);
	assert_true(scratch_holds(f->scratch, "log", "done\ndone\n"));
}

/* What a hook leaves behind may hold its stderr open for ever. */
static void what_a_hook_leaves_running_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	time_t start = now_s();

	(void)add_script(f, "sleep 50 & echo $! >$0/pid");
	(void)add_script(f, "kill $(cat $0/pid)");
	expect_success(f);
	assert_true(now_s() - start < 40);
}

static void hooks_get_their_signals(void **state)
{
	struct fixture *f = *state;
	sigset_t all, old;
	int r;

	(void)add_script(f, "kill -TERM $$; exit 0");
	(void)sigfillset(&all);
	assert_int_equal(sigprocmask(SIG_SETMASK, &all, &old), 0);
	r = hooks_run(&f->list, "prestart", "{}", &f->e);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	if (r == -ENOSYS)
		skip();
	assert_int_equal(r, -ECANCELED);
	assert_string_equal(f->e.text, "prestart hook 0 '/bin/sh': killed by signal 15");
}

static void nothing_stays_open(void **state)
{
	struct fixture *f = *state;
	int before = count_open_descriptors();

	(void)add_script(f, "exit 0");
	(void)add_script(f, "exit 1");
	assert_int_equal(run(f, "prestart", "{}"), -ECANCELED);
	assert_int_equal(count_open_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOOK_TEST(no_hooks_are_a_success),
		HOOK_TEST(the_state_is_on_standard_input),
		HOOK_TEST(a_state_that_nobody_reads_blocks_nobody),
		HOOK_TEST(hooks_run_in_order_one_after_the_other),
		HOOK_TEST(the_first_failure_ends_the_list),
		HOOK_TEST(failures_say_how_it_ended),
		HOOK_TEST(what_is_written_without_end_is_cut),
		HOOK_TEST(a_hook_that_cannot_be_executed_says_why),
		HOOK_TEST(arguments_and_environment_are_those_of_the_hook_alone),
		HOOK_TEST(a_hook_that_takes_too_long_is_killed),
		HOOK_TEST(a_hook_within_its_time_is_not_touched),
		HOOK_TEST(what_a_hook_leaves_running_is_not_waited_for),
		HOOK_TEST(hooks_get_their_signals),
		HOOK_TEST(nothing_stays_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
