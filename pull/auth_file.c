/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/auth_file.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_read.h"
#include "common/strvec.h"
#include "pull/auth_file_json.h"
#include "pull/auth_helper.h"

/* What docker's own tools call Docker Hub in helpers and in config.json. */
#define HUB_LEGACY_KEY "https://index.docker.io/v1/"

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void secret_done(struct secret *s)
{
	free(s->user);
	wipe(s->password);
	wipe(s->identity_token);
	*s = (struct secret){ 0 };
}

bool secret_is_set(const struct secret *s)
{
	return s->user || s->identity_token;
}

struct credentials secret_borrow(const struct secret *s)
{
	return (struct credentials){ .user = s->user,
				     .password = s->password,
				     .identity_token = s->identity_token };
}

/* --- keys and places --------------------------------------------------------------------------------- */

char *auth_key(const char *text)
{
	const char *host = text;
	size_t len;

	if (strncasecmp(text, "https://", 8) == 0)
		host = text + 8;
	else if (strncasecmp(text, "http://", 7) == 0)
		host = text + 7;
	/* A URL's path says nothing: "https://index.docker.io/v1/". */
	len = host == text ? strlen(host) : strcspn(host, "/");
	while (len > 0 && host[len - 1] == '/')
		len--;
	if ((len == 15 && strncasecmp(host, "index.docker.io", len) == 0) ||
	    (len == 20 && strncasecmp(host, "registry-1.docker.io", len) == 0))
		return strdup("docker.io");
	return strndup(host, len);
}

/* Owned; NULL where the variable is not set, or memory is out. */
static char *below_env(const char *variable, const char *file)
{
	const char *dir = getenv(variable);
	char *path = NULL;

	if (dir && *dir && asprintf(&path, "%s/%s", dir, file) < 0)
		return NULL;
	return path;
}

static char *runtime_path(void)
{
	char *path = below_env("XDG_RUNTIME_DIR", "containers/auth.json");

	if (!path && asprintf(&path, "/run/containers/%u/auth.json", (unsigned int)geteuid()) < 0)
		return NULL;
	return path;
}

char *auth_file_path(const char *given)
{
	const char *env = getenv("REGISTRY_AUTH_FILE");

	if (given)
		return strdup(given);
	return env && *env ? strdup(env) : runtime_path();
}

static int add_if_set(struct strvec *v, char *path)
{
	return path ? strvec_take(v, path) : 0;
}

static int list_places(struct strvec *out)
{
	int r = strvec_take(out, runtime_path());
	char *config = below_env("XDG_CONFIG_HOME", "containers/auth.json");
	char *docker = below_env("DOCKER_CONFIG", "config.json");

	if (!config)
		config = below_env("HOME", ".config/containers/auth.json");
	if (!docker)
		docker = below_env("HOME", ".docker/config.json");
	if (r == 0)
		r = add_if_set(out, ptr_take(config));
	if (r == 0)
		r = add_if_set(out, ptr_take(docker));
	free(config);
	free(docker);
	return r;
}

/* --- one file ---------------------------------------------------------------------------------------- */

/* "user:password" behind base64, which is no secret. */
static int decode_pair(const char *auth, struct secret *s, struct err *e)
{
	size_t len = strlen(auth);
	cleanup_free char *pair = calloc(1, len + 2); /* two NULs: one is behind a ':' that comes last */
	char *colon;

	if (!pair)
		return err_code(e, -ENOMEM, "cannot keep credentials");
	if (EVP_DecodeBlock((unsigned char *)pair, (const unsigned char *)auth, (int)len) < 0)
		return err_set(e, -EINVAL, "'auth' is no base64");
	colon = strchr(pair, ':');
	if (!colon)
		return err_set(e, -EINVAL, "'auth' is not base64 of user:password");
	*colon = '\0';
	s->user = strdup(pair);
	s->password = strdup(colon + 1);
	explicit_bzero(pair, len);
	return s->user && s->password ? 0 : err_code(e, -ENOMEM, "cannot keep credentials");
}

/* And the refresh token that may stand beside it. */
static int decode_entry(const struct auth_entry *entry, struct secret *ret, struct err *e)
{
	cleanup_secret struct secret s = { 0 };
	int r = entry->auth && *entry->auth ? decode_pair(entry->auth, &s, e) : 0;

	if (r < 0)
		return r;
	if (entry->identity_token)
		s.identity_token = strdup(entry->identity_token);
	if (entry->identity_token && !s.identity_token)
		return err_code(e, -ENOMEM, "cannot keep credentials");
	ret->user = ptr_take(s.user);
	ret->password = ptr_take(s.password);
	ret->identity_token = ptr_take(s.identity_token);
	return 0;
}

/* "docker.io" is kept under its legacy name by the helpers that docker has filled. */
static int ask_helper(const char *helper, const char *key, struct secret *ret, struct err *e)
{
	int r = auth_helper_get(helper, key, ret, e);

	if (r == 0 && !secret_is_set(ret) && strcmp(key, "docker.io") == 0)
		r = auth_helper_get(helper, HUB_LEGACY_KEY, ret, e);
	return r;
}

static int find_key(const struct auth_document *d, const char *key, struct secret *ret, struct err *e)
{
	struct auth_entry entry = { 0 };
	cleanup_free char *helper = NULL;
	int r = auth_document_helper(d, key, &helper, e);

	if (r == 0 && helper)
		r = ask_helper(helper, key, ret, e);
	if (r < 0 || secret_is_set(ret))
		return r;
	r = auth_document_entry(d, key, &entry, e);
	if (r == 0 && (entry.auth || entry.identity_token)) {
		r = decode_entry(&entry, ret, e);
		if (r < 0)
			(void)err_wrap(e, "the entry of '%s'", key);
	}
	auth_entry_done(&entry);
	return r;
}

/* host/a/b, host/a, host. */
static int find_in(const struct auth_document *d, const char *domain, const char *path, struct secret *ret,
		   struct err *e)
{
	cleanup_free char *store = NULL;
	char key[AUTH_KEY_MAX];
	char *slash;
	int r;

	(void)snprintf(key, sizeof(key), "%s%s%s", domain, path ? "/" : "", path ? path : "");
	for (;;) {
		r = find_key(d, key, ret, e);
		if (r < 0 || secret_is_set(ret))
			return r;
		slash = strrchr(key, '/');
		if (!slash)
			break;
		*slash = 0;
	}
	r = auth_document_store(d, &store, e);
	return r == 0 && store ? ask_helper(store, domain, ret, e) : r;
}

int auth_file_find(const char *file, const char *domain, const char *path, struct secret *ret, struct err *e)
{
	cleanup_auth_document struct auth_document d = { 0 };
	int r = auth_document_read(file, &d, e);

	if (r < 0)
		return r;
	r = find_in(&d, domain, path, ret, e);
	return r < 0 ? err_wrap(e, "'%s'", file) : 0;
}

/* Files that are not there are passed over unless somebody asked for them. */
int auth_find(const char *given, const char *domain, const char *path, struct secret *ret, struct err *e)
{
	const char *env = getenv("REGISTRY_AUTH_FILE");
	cleanup_strvec struct strvec places = { 0 };
	int r;

	if (!given && env && *env)
		given = env;
	if (given)
		return auth_file_find(given, domain, path, ret, e);
	if (list_places(&places) < 0)
		return err_code(e, -ENOMEM, "cannot look for credentials");
	for (size_t i = 0; i < places.len; i++) {
		r = auth_file_find(places.items[i], domain, path, ret, e);
		if (r == -ENOENT && access(places.items[i], F_OK) < 0)
			continue;
		if (r < 0 || secret_is_set(ret))
			return r;
	}
	return 0;
}

/* --- changes ----------------------------------------------------------------------------------------- */

/* Two logins at once must not lose one: who changes a file holds its directory (flock), as the file itself is replaced. */
static int lock_for(const char *file, int *ret_fd, struct err *e)
{
	const char *slash = strrchr(file, '/');
	cleanup_free char *dir = slash ? strndup(file, (size_t)(slash - file) + 1) : strdup(".");
	cleanup_fd int fd = -1;
	int r;

	if (!dir)
		return err_code(e, -ENOMEM, "cannot keep credentials");
	r = dir_make_open(AT_FDCWD, dir, 0700, &fd, e);
	if (r < 0)
		return r;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_errno(e, "cannot lock '%s'", dir);
	*ret_fd = fd_take(&fd);
	return 0;
}

/* A file that is not there yet is an empty one. */
static int read_to_change(const char *file, int *ret_lock_fd, struct auth_document *ret, struct err *e)
{
	int r = lock_for(file, ret_lock_fd, e);

	if (r == 0)
		r = auth_document_read(file, ret, e);
	return r == -ENOENT ? auth_document_parse("{}", 2, ret, e) : r;
}

int auth_file_set(const char *file, const char *key, const struct secret *s, struct err *e)
{
	cleanup_auth_document struct auth_document d = { 0 };
	cleanup_free char *helper = NULL;
	cleanup_fd int lock_fd = -1;
	int r = read_to_change(file, &lock_fd, &d, e);

	if (r == 0)
		r = auth_document_helper(&d, key, &helper, e);
	if (r == 0 && helper)
		return auth_helper_store(helper, key, s, e);
	if (r == 0)
		r = auth_document_write(&d, file, key, s, e);
	return r;
}

int auth_file_remove(const char *file, const char *key, bool *ret_removed, struct err *e)
{
	cleanup_auth_document struct auth_document d = { 0 };
	cleanup_free char *helper = NULL;
	struct auth_entry entry = { 0 };
	cleanup_fd int lock_fd = -1;
	bool had = false;
	int r = read_to_change(file, &lock_fd, &d, e);

	if (r == 0 && key)
		r = auth_document_helper(&d, key, &helper, e);
	if (r == 0 && helper)
		r = auth_helper_erase(helper, key, e);
	if (r == 0 && key)
		r = auth_document_entry(&d, key, &entry, e);
	had = helper || entry.auth || entry.identity_token || (!key && auth_document_has_any(&d));
	auth_entry_done(&entry);
	if (r == 0 && had)
		r = auth_document_write(&d, file, key, NULL, e);
	if (r == 0)
		*ret_removed = had;
	return r;
}
