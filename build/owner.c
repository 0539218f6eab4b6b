/* SPDX-License-Identifier: Apache-2.0 */
#include "build/owner.h"

#include <fcntl.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/rootfd.h"
#include "common/strvec.h"
#include "oci/image_user.h"

/* "" where there is no such file. */
static int read_etc(int root_fd, const char *path, struct buf *out, struct err *e)
{
	cleanup_fd int fd = -1;
	int r = buf_add_str(out, "");

	if (r < 0)
		return err_code(e, r, "cannot read '%s'", path);
	if (root_fd < 0)
		return 0;
	fd = rootfd_try_open(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR ? 0 : err_code(e, fd, "cannot open '%s'", path);
	r = read_fd(fd, out, e);
	return r < 0 ? err_wrap(e, "cannot read '%s'", path) : 0;
}

int owner_of_process(int root_fd, const char *who, struct spec_user *ret, char **ret_home, struct err *e)
{
	cleanup_buf struct buf passwd = BUF_INIT(OWNER_FILE_MAX), group = BUF_INIT(OWNER_FILE_MAX);
	const struct strvec none = { 0 };
	int r = read_etc(root_fd, "/etc/passwd", &passwd, e);

	if (r == 0)
		r = read_etc(root_fd, "/etc/group", &group, e);
	return r < 0 ? r : image_user_resolve(who, passwd.data, group.data, &none, ret, ret_home, e);
}

static bool is_number(const char *text, size_t len)
{
	return len > 0 && strspn(text, "0123456789") >= len;
}

/* As BuildKit has it, a name that is not there is root's, or its user's group. -EINVAL of owner_of_process is that, and nothing else. */
static int find(int root_fd, const char *who, struct spec_user *ret, bool *ret_unknown, struct err *e)
{
	cleanup_free char *home = NULL;
	int r = owner_of_process(root_fd, who, ret, &home, e);

	free(ret->additional_gids);
	if (r != -EINVAL)
		return r;
	*ret_unknown = true;
	return 0;
}

int owner_of_chown(int root_fd, const char *text, uid_t *ret_uid, gid_t *ret_gid, bool *ret_unknown,
		   struct err *e)
{
	cleanup_free char *name = strdup(text);
	cleanup_free char *group = NULL;
	struct spec_user user = { 0 }, other = { 0 };
	char *colon = name ? strchr(name, ':') : NULL;
	int r;

	*ret_unknown = false;
	if (!name)
		return err_code(e, -ENOMEM, "--chown=%s", text);
	if (colon)
		*colon = '\0';
	r = find(root_fd, name, &user, ret_unknown, e);
	if (r == 0 && is_number(name, strlen(name)))
		user.gid = user.uid;
	if (r == 0 && colon && colon[1]) {
		bool unknown = false;

		if (asprintf(&group, "0:%s", colon + 1) < 0) {
			group = NULL;
			return err_code(e, -ENOMEM, "--chown=%s", text);
		}
		r = find(root_fd, group, &other, &unknown, e);
		if (r == 0 && !unknown)
			user.gid = other.gid;
		*ret_unknown = *ret_unknown || unknown;
	}
	if (r < 0)
		return err_wrap(e, "--chown=%s", text);
	*ret_uid = user.uid;
	*ret_gid = user.gid;
	return 0;
}
