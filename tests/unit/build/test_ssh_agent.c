/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ssh_agent.h"

#include "tests/unit/common/scratch.h"

/* A file of a test's directory, by its path. */
static const char *file(const struct scratch *s, const char *name, char path[128])
{
	(void)snprintf(path, 128, "%s/%s", s->path, name);
	return path;
}

/* In the test's directory; its exit code. */
static int run(const struct scratch *s, const char *const *words)
{
	int status = 0, null;
	pid_t pid = fork();

	if (pid == 0) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fchdir(s->fd) == 0 && dup2(null, 1) > 0 && dup2(null, 2) > 0 &&
		    setenv("SSH_AUTH_SOCK", SSH_AGENT_SOCKET, 1) == 0)
			(void)execvp(words[0], (char *const *)(uintptr_t)words);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}
#define RUN(...) run(s, (const char *const[]){ __VA_ARGS__, NULL })

/* False: there is no OpenSSH here. */
static bool make_key(const struct scratch *s, const char *name, const char *passphrase, struct strvec *keys)
{
	char path[128];

	assert_int_equal(strvec_add(keys, file(s, name, path)), 0);
	return RUN("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", name) == 0;
}

static void an_agent_has_the_keys_and_goes(void **state)
{
	const struct scratch *s = *state;
	cleanup_strvec struct strvec keys = { 0 };
	struct ssh_agent agent = { 0 };
	struct err e = { 0 };
	struct stat st;

	if (!make_key(s, "one", "", &keys) || !make_key(s, "two", "", &keys))
		skip();
	if (ssh_agent_start(s->fd, &keys, &agent, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(RUN("ssh-add", "-T", "one.pub", "two.pub"), 0);
	assert_int_equal(fstatat(s->fd, SSH_AGENT_SOCKET, &st, 0), 0);
	assert_true(S_ISSOCK(st.st_mode) && (st.st_mode & 077) == 0);
	ssh_agent_end(&agent);
	assert_int_equal(agent.pid, 0);
	assert_int_equal(fstatat(s->fd, SSH_AGENT_SOCKET, &st, 0), -1);
	assert_int_equal(RUN("ssh-add", "-l"), 2); /* there is none */
}

static void assert_refused(const struct scratch *s, const struct strvec *keys, int code, const char *words)
{
	struct ssh_agent agent = { 0 };
	struct err e = { 0 };

	assert_int_equal(ssh_agent_start(s->fd, keys, &agent, &e), code);
	assert_string_equal(e.text, words);
	assert_int_equal(agent.pid, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void a_key_with_a_passphrase_is_named(void **state)
{
	const struct scratch *s = *state;
	cleanup_strvec struct strvec keys = { 0 };
	char words[512];

	if (!make_key(s, "plain", "", &keys) || !make_key(s, "locked", "secret", &keys))
		skip();
	(void)snprintf(words, sizeof(words),
		       "the key '%s' has a passphrase (ssh-add it to an agent, and give the agent)",
		       keys.items[1]);
	assert_refused(s, &keys, -EKEYREJECTED, words);
}

static void what_is_no_key_is_named(void **state)
{
	const struct scratch *s = *state;
	cleanup_strvec struct strvec keys = { 0 };
	cleanup_fd int fd = openat(s->fd, "junk", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct ssh_agent agent = { 0 };
	struct err e = { 0 };
	char path[128], words[512];

	if (!make_key(s, "plain", "", &keys))
		skip();
	assert_int_equal(write_all(fd, "junk\n", 5), 0);
	assert_int_equal(strvec_add(&keys, file(s, "junk", path)), 0);
	assert_int_equal(ssh_agent_start(s->fd, &keys, &agent, &e), -EINVAL);
	(void)snprintf(words, sizeof(words), "'%s' is no private key: Error loading key", path);
	assert_memory_equal(e.text, words, strlen(words));
}

static void files_that_cannot_be_keys_are_refused_before(void **state)
{
	const struct scratch *s = *state;
	cleanup_fd int fd = openat(s->fd, "large", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct err e = { 0 };
	char path[128], words[512];

	assert_int_equal(ftruncate(fd, SSH_AGENT_KEY_MAX + 1), 0);
	assert_int_equal(ssh_agent_check_key(file(s, "large", path), &e), -EINVAL);
	(void)snprintf(words, sizeof(words), "'%s' is larger than 65536 bytes, and so no key", path);
	assert_string_equal(e.text, words);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(ssh_agent_check_key(path, &e), 0);
	assert_int_equal(fchmod(fd, 0604), 0);
	assert_int_equal(ssh_agent_check_key(path, &e), -EACCES);
	assert_int_equal(ssh_agent_check_key("/nowhere", &e), -ENOENT);
	assert_string_equal(e.text, "'/nowhere': no such file or directory");
}

static void without_openssh_it_is_said_what_to_install(void **state)
{
	const struct scratch *s = *state;
	cleanup_strvec struct strvec keys = { 0 };
	const char *was = getenv("PATH");
	cleanup_free char *path = strdup(was ? was : "");

	assert_non_null(path);
	assert_int_equal(setenv("PATH", "/nowhere", 1), 0);
	assert_refused(s, &keys, -ENOENT, "ssh-agent is not installed (apt install openssh-client)");
	assert_int_equal(setenv("PATH", path, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(an_agent_has_the_keys_and_goes),
		SCRATCH_TEST(a_key_with_a_passphrase_is_named),
		SCRATCH_TEST(what_is_no_key_is_named),
		SCRATCH_TEST(files_that_cannot_be_keys_are_refused_before),
		SCRATCH_TEST(without_openssh_it_is_said_what_to_install),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
