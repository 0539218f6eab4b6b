/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_secrets.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/common/scratch.h"

static int read_secret(const char *text, struct build_secrets *s, struct err *e)
{
	struct strvec texts = { 0 };
	int r;

	assert_int_equal(strvec_add(&texts, text), 0);
	r = build_secrets_read(&texts, s, e);
	strvec_done(&texts);
	return r;
}

static void assert_secret(const char *text, const char *id, const char *value)
{
	cleanup_build_secrets struct build_secrets s = { 0 };
	struct err e = { 0 };

	if (read_secret(text, &s, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(s.secrets_len, 1);
	assert_string_equal(s.secrets[0].id, id);
	assert_int_equal(s.secrets[0].len, strlen(value));
	assert_memory_equal(s.secrets[0].data, value, strlen(value));
}

static void assert_refused(const char *text, int code, const char *message)
{
	cleanup_build_secrets struct build_secrets s = { 0 };
	struct err e = { 0 };

	assert_int_equal(read_secret(text, &s, &e), code);
	assert_string_equal(e.text, message);
}

static void a_secret_is_a_file_or_a_variable(void **state)
{
	const struct scratch *s = *state;
	char text[256];

	scratch_write(s, "file", "of a file\n");
	assert_int_equal(setenv("BUILD_SECRET", "of a variable", 1), 0);
	(void)snprintf(text, sizeof(text), "id=a,src=%s", scratch_path(s, "file"));
	assert_secret(text, "a", "of a file\n");
	(void)snprintf(text, sizeof(text), "type=file,id=a,source=%s", scratch_path(s, "file"));
	assert_secret(text, "a", "of a file\n");
	assert_secret("id=a,env=BUILD_SECRET", "a", "of a variable");
	assert_secret("type=env,id=a,src=BUILD_SECRET", "a", "of a variable");
	assert_secret("type=env,id=BUILD_SECRET", "BUILD_SECRET", "of a variable");
	assert_secret("id=BUILD_SECRET", "BUILD_SECRET", "of a variable");
}

static void without_a_source_the_id_is_a_files_name_where_it_is_no_variables(void **state)
{
	const struct scratch *s = *state;
	char text[256];

	scratch_write(s, "file", "x");
	(void)snprintf(text, sizeof(text), "id=%s", scratch_path(s, "file"));
	assert_secret(text, scratch_path(s, "file"), "x");
}

static void an_empty_secret_is_one(void **state)
{
	const struct scratch *s = *state;
	char text[256];

	scratch_write(s, "file", "");
	(void)snprintf(text, sizeof(text), "id=a,src=%s", scratch_path(s, "file"));
	assert_secret(text, "a", "");
}

static void what_is_no_secret_is_refused_in_dockers_words(void **state)
{
	(void)state;
	assert_int_equal(unsetenv("BUILD_SECRET_NONE"), 0);
	assert_refused("src=x", -EINVAL,
		       "invalid argument \"src=x\" for \"--secret\" flag: secret missing \"id\"");
	assert_refused("id=", -EINVAL,
		       "invalid argument \"id=\" for \"--secret\" flag: secret missing \"id\"");
	assert_refused(
		"id", -EINVAL,
		"invalid argument \"id\" for \"--secret\" flag: invalid field 'id' must be a key=value pair");
	assert_refused("id=a,x=y", -EINVAL,
		       "invalid argument \"id=a,x=y\" for \"--secret\" flag: unexpected key 'x' in 'x=y'");
	assert_refused("id=a,type=x", -EINVAL,
		       "invalid argument \"id=a,type=x\" for \"--secret\" flag: unsupported secret type 'x'");
	assert_refused("id=a,env=BUILD_SECRET_NONE", -ENOENT,
		       "secret 'a': there is no variable 'BUILD_SECRET_NONE'");
	assert_refused("id=a,src=/nowhere", -ENOENT,
		       "secret 'a': cannot open '/nowhere': no such file or directory");
}

static void a_secret_that_is_too_large_is_refused(void **state)
{
	const struct scratch *s = *state;
	char text[256];

	scratch_write(s, "file", "");
	(void)snprintf(text, sizeof(text), "id=a,src=%s", scratch_path(s, "file"));
	assert_int_equal(truncate(scratch_path(s, "file"), BUILD_SECRET_MAX + 1), 0);
	assert_refused(text, -EFBIG, "secret 'a': it is larger than 512000 bytes");
}

static int read_ssh(const char *text, struct build_secrets *s, struct err *e)
{
	struct strvec texts = { 0 };
	int r;

	assert_int_equal(strvec_add(&texts, text), 0);
	r = build_ssh_read(&texts, s, e);
	strvec_done(&texts);
	return r;
}

static void an_agent_is_a_socket_by_name_or_of_the_environment(void **state)
{
	const struct scratch *s = *state;
	cleanup_build_secrets struct build_secrets all = { 0 };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct err e = { 0 };
	char text[256];

	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", scratch_path(s, "agent"));
	assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(setenv("SSH_AUTH_SOCK", name.sun_path, 1), 0);
	(void)snprintf(text, sizeof(text), "mine=%s", name.sun_path);
	assert_int_equal(read_ssh("default", &all, &e), 0);
	assert_int_equal(read_ssh(text, &all, &e), 0);
	assert_int_equal(all.ssh_len, 2);
	assert_string_equal(all.ssh[0].id, "default");
	assert_string_equal(all.ssh[1].id, "mine");
	assert_string_equal(all.ssh[0].socket_path, name.sun_path);
	assert_string_equal(all.ssh[1].socket_path, name.sun_path);
}

static void assert_ssh_refused(const char *text, int code, const char *message)
{
	cleanup_build_secrets struct build_secrets s = { 0 };
	struct err e = { 0 };

	assert_int_equal(read_ssh(text, &s, &e), code);
	assert_string_equal(e.text, message);
}

static void what_is_no_agent_is_refused(void **state)
{
	const struct scratch *s = *state;
	char text[256], message[1024];

	assert_int_equal(unsetenv("SSH_AUTH_SOCK"), 0);
	assert_ssh_refused("default", -EINVAL,
			   "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set");
	assert_ssh_refused("=x", -EINVAL, "invalid argument \"=x\" for \"--ssh\" flag");
	assert_ssh_refused("a=/nowhere", -ENOENT, "--ssh a=/nowhere: '/nowhere': no such file or directory");
	assert_ssh_refused("a=/dev/null", -EINVAL,
			   "--ssh a=/dev/null: '/dev/null' is neither a file nor the socket of an agent");
	scratch_write(s, "key", "x");
	assert_int_equal(chmod(scratch_path(s, "key"), 0640), 0);
	(void)snprintf(text, sizeof(text), "a=%s", scratch_path(s, "key"));
	(void)snprintf(message, sizeof(message), "--ssh %s: the key '%s' is open to others (chmod 600 it)",
		       text, text + 2);
	assert_ssh_refused(text, -EACCES, message);
}

static void keys_are_one_or_more_files(void **state)
{
	const struct scratch *s = *state;
	cleanup_build_secrets struct build_secrets all = { 0 };
	struct err e = { 0 };
	char text[256], path[128];

	scratch_write(s, "one", "x");
	scratch_write(s, "two", "x");
	(void)snprintf(path, sizeof(path), "%s", scratch_path(s, "one"));
	assert_int_equal(chmod(path, 0600) | chmod(scratch_path(s, "two"), 0600), 0);
	(void)snprintf(text, sizeof(text), "default=%s,%s", path, scratch_path(s, "two"));
	assert_int_equal(read_ssh(text, &all, &e), 0);
	assert_int_equal(all.ssh_len, 1);
	assert_null(all.ssh[0].socket_path);
	assert_int_equal(all.agents[0].keys.len, 2);
	assert_string_equal(all.agents[0].keys.items[0], path);
}

static void a_key_and_a_socket_are_no_agent(void **state)
{
	const struct scratch *s = *state;
	cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char text[300], message[512];

	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", scratch_path(s, "agent"));
	assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	scratch_write(s, "key", "x");
	assert_int_equal(chmod(scratch_path(s, "key"), 0600), 0);
	(void)snprintf(text, sizeof(text), "a=%s,%s", scratch_path(s, "key"), name.sun_path);
	(void)snprintf(message, sizeof(message), "--ssh %s: invalid combination of keys and sockets", text);
	assert_ssh_refused(text, -EINVAL, message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(a_secret_is_a_file_or_a_variable),
		SCRATCH_TEST(without_a_source_the_id_is_a_files_name_where_it_is_no_variables),
		SCRATCH_TEST(an_empty_secret_is_one),
		SCRATCH_TEST(what_is_no_secret_is_refused_in_dockers_words),
		SCRATCH_TEST(a_secret_that_is_too_large_is_refused),
		SCRATCH_TEST(an_agent_is_a_socket_by_name_or_of_the_environment),
		SCRATCH_TEST(what_is_no_agent_is_refused),
		SCRATCH_TEST(keys_are_one_or_more_files),
		SCRATCH_TEST(a_key_and_a_socket_are_no_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
