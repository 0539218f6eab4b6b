/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "build/csv.h"
#include "cli/build_secrets.h"
#include "common/cleanup.h"
#include "common/file.h"

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot keep an ssh agent");
}

/* One socket, or files of keys. */
static int look(const char *path, size_t others, bool *ret_is_socket, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(e, "'%s'", path);
	*ret_is_socket = S_ISSOCK(st.st_mode);
	if (!*ret_is_socket)
		return ssh_agent_check_key(path, e);
	return others ? err_set(e, -EINVAL, "invalid combination of keys and sockets") : 0;
}

static int take_paths(const struct strvec *paths, struct build_ssh *ssh, struct strvec *keys, struct err *e)
{
	bool is_socket;
	int r = 0;

	for (size_t i = 0; r == 0 && i < paths->len; i++) {
		r = look(paths->items[i], paths->len - 1, &is_socket, e);
		if (r == 0 && is_socket)
			ssh->socket_path = strdup(paths->items[i]);
		if (r == 0 && (is_socket ? !ssh->socket_path : strvec_add(keys, paths->items[i]) < 0))
			r = no_memory(e);
	}
	return r;
}

static int list_paths(const char *text, struct strvec *ret, struct err *e)
{
	const char *equals = strchr(text, '=');
	const char *paths = equals && equals[1] ? equals + 1 : getenv("SSH_AUTH_SOCK");
	int r;

	if (equals == text || !*text)
		return err_set(e, -EINVAL, "invalid argument \"%s\" for \"--ssh\" flag", text);
	if (!paths || !*paths)
		return err_set(e, -EINVAL, "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set");
	if (!equals || !equals[1])
		return strvec_add(ret, paths) < 0 ? no_memory(e) : 0;
	r = csv_fields(paths, ret, e);
	return r < 0 ? err_wrap(e, "--ssh %s", text) : r;
}

static int add_ssh(const char *text, struct build_secrets *s, struct err *e)
{
	struct build_ssh *ssh = reallocarray(s->ssh, s->ssh_len + 1, sizeof(*ssh));
	struct build_agent *agents;
	cleanup_strvec struct strvec paths = { 0 };
	int r;

	if (!ssh)
		return no_memory(e);
	s->ssh = ssh;
	agents = reallocarray(s->agents, s->ssh_len + 1, sizeof(*agents));
	if (!agents)
		return no_memory(e);
	s->agents = agents;
	if (s->ssh_len == BUILD_SECRETS_MAX)
		return err_set(e, -EFBIG, "more than %d agents", BUILD_SECRETS_MAX);
	r = list_paths(text, &paths, e);
	if (r < 0)
		return r;
	ssh[s->ssh_len] = (struct build_ssh){ .id = strndup(text, strcspn(text, "=")) };
	agents[s->ssh_len] = (struct build_agent){ 0 };
	if (!ssh[s->ssh_len++].id)
		return no_memory(e);
	r = take_paths(&paths, &ssh[s->ssh_len - 1], &agents[s->ssh_len - 1].keys, e);
	return r < 0 ? err_wrap(e, "--ssh %s", text) : 0;
}

int build_ssh_read(const struct strvec *texts, struct build_secrets *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < texts->len; i++)
		r = add_ssh(texts->items[i], s, e);
	return r;
}

void build_ssh_done(struct build_secrets *s)
{
	for (size_t i = 0; i < s->ssh_len; i++) {
		ssh_agent_end(&s->agents[i].agent);
		strvec_done(&s->agents[i].keys);
		free(s->ssh[i].id);
		free(s->ssh[i].socket_path);
	}
	free(s->agents);
	free(s->ssh);
}

static int start_one(struct build *b, size_t index, struct build_ssh *ssh, struct build_agent *agent,
		     struct err *e)
{
	cleanup_fd int dir_fd = -1;
	char name[32];
	int r = build_stage(b, e);

	(void)snprintf(name, sizeof(name), "ssh-%zu", index);
	if (r == 0)
		r = dir_make_open(b->staging.fd, name, 0700, &dir_fd, e);
	if (r == 0)
		r = ssh_agent_start(dir_fd, &agent->keys, &agent->agent, e);
	if (r == 0 && asprintf(&ssh->socket_path, "%s/staging/%s/%s/" SSH_AGENT_SOCKET,
			       store_root_path(b->store), b->staging.name, name) < 0) {
		ssh->socket_path = NULL;
		return no_memory(e);
	}
	return r < 0 ? err_wrap(e, "--ssh %s", ssh->id) : 0;
}

int build_ssh_start(struct build_secrets *s, struct build *b, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->ssh_len; i++)
		if (!s->ssh[i].socket_path)
			r = start_one(b, i, &s->ssh[i], &s->agents[i], e);
	return r;
}
