/* SPDX-License-Identifier: Apache-2.0 */
/* --secret: bytes that come from the store at each start, and go to memory only. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "engine/launch_mounts.h"
#include "engine/secret_use.h"
#include "store/secret.h"

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot hand a secret to a container");
}

static int set_variable(struct spec_process *p, const struct secret_use *u, const struct buf *data,
			struct err *e)
{
	cleanup_free char *text = NULL;

	if (memchr(data->data, '\0', data->len))
		return err_set(e, -EINVAL, "secret '%s' has a NUL byte: it cannot be an environment variable",
			       u->name);
	if (asprintf(&text, "%s=%s", u->target, data->data) < 0)
		text = NULL;
	return !text || strvec_set_env(&p->env, text) < 0 ? no_memory(e) : 0;
}

static int write_file(const char *path, const struct spec_linux *l, const struct secret_use *u,
		      const struct buf *data, struct err *e)
{
	uid_t uid = spec_host_id(l->uid_mappings, l->uid_mappings_len, u->uid);
	gid_t gid = spec_host_id(l->gid_mappings, l->gid_mappings_len, u->gid);
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_errno(e, "cannot make '%s'", path);
	r = write_all(fd, data->data, data->len);
	if (r < 0)
		return err_code(e, r, "cannot write '%s'", path);
	if (fchown(fd, uid, gid) < 0 || fchmod(fd, u->mode) < 0)
		return err_errno(e, "cannot set the owner and mode of '%s'", path);
	return 0;
}

static int add_mount(struct runtime_spec *s, const char *path, const struct secret_use *u, struct err *e)
{
	static const char *const OPTIONS[] = { "bind", "ro", "rprivate", "nosuid", "nodev", "noexec" };
	struct spec_mount *m;
	int r = 0;

	spec_remove_mount(s, u->target);
	m = spec_add_mount(s, u->target, "bind", path);
	for (size_t i = 0; m && r == 0 && i < ARRAY_LEN(OPTIONS); i++)
		r = strvec_add(&m->options, OPTIONS[i]);
	return !m || r < 0 ? no_memory(e) : 0;
}

/* `top`: where the files are, made for the first one. */
static int add_file(struct launch_additions *a, const struct secret_use *u, const struct buf *data,
		    size_t index, char **top, struct err *e)
{
	cleanup_free char *path = NULL;
	int r = *top ? 0 : launch_mount_tmpfs(a, CONTAINER_SECRETS, "mode=0700", top, e);

	if (r < 0)
		return r;
	if (asprintf(&path, "%s/%zu", *top, index) < 0) {
		path = NULL;
		return no_memory(e);
	}
	r = write_file(path, &a->spec->linux_, u, data, e);
	return r == 0 ? add_mount(a->spec, path, u, e) : r;
}

static int add_one(struct launch_additions *a, size_t index, char **top, struct err *e)
{
	cleanup_secret_use struct secret_use u = { 0 };
	cleanup_secret_record struct secret_record record = { 0 };
	cleanup_secret_buf struct buf data = BUF_INIT(SECRET_DATA_MAX);
	int r = secret_use_parse(a->life->secrets.items[index], &u, e);

	if (r == 0 && buf_reserve(&data, SECRET_DATA_MAX) < 0)
		return no_memory(e);
	if (r == 0)
		r = secret_find(a->store, u.name, &record, &data, e);
	if (r < 0)
		return r;
	return u.env && a->spec->process ? set_variable(a->spec->process, &u, &data, e)
					 : add_file(a, &u, &data, index, top, e);
}

int launch_add_secrets(struct launch_additions *a, struct err *e)
{
	cleanup_free char *top = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->life->secrets.len; i++)
		r = add_one(a, i, &top, e);
	return r;
}
