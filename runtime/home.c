/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/home.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"

#define PASSWD_MAX_BYTES (1u << 20) /* what the container has there is its own choice */

/* The n-th field (from 0) of a line of passwd(5), NUL-terminated in place of its colon; NULL: fewer. */
static char *field(char *line, unsigned int n)
{
	char *start = line;

	for (; n > 0 && start; n--) {
		start = strchr(start, ':');
		if (start)
			start++;
	}
	return start;
}

/* True if the line is of this user; *ret_home is then inside it. */
static bool match(char *line, uid_t uid, const char **ret_home)
{
	char *id = field(line, 2), *home = field(line, 5);
	uint64_t number;

	if (!id || !home)
		return false;
	id[strcspn(id, ":")] = '\0';
	home[strcspn(home, ":")] = '\0';
	if (parse_u64(id, 0, UINT32_MAX, &number) < 0 || number != uid || home[0] != '/')
		return false;
	*ret_home = home;
	return true;
}

static const char *look_up(char *text, uid_t uid)
{
	const char *home = "/";

	while (text && *text) {
		char *end = strchr(text, '\n');

		if (end)
			*end = '\0';
		if (match(text, uid, &home))
			break;
		text = end ? end + 1 : NULL;
	}
	return home;
}

/* We may still do what the container may not, and it chooses what lies there: a FIFO, a link to a device or to the kernel's log, which whoever
 * reads it takes away from others. So nothing is read but a file of some size on a disk. */
static int read_passwd(struct buf *out)
{
	cleanup_fd int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > PASSWD_MAX_BYTES)
		return -EINVAL;
	r = buf_reserve(out, (size_t)st.st_size);
	if (r == 0)
		r = read_exactly(fd, out->data, (size_t)st.st_size);
	if (r < 0)
		return r;
	out->len = (size_t)st.st_size;
	out->data[out->len] = '\0';
	return 0;
}

void home_find(const struct strvec *env, uid_t uid, char *out)
{
	cleanup_buf struct buf passwd = BUF_INIT(PASSWD_MAX_BYTES);
	const char *home = uid == 0 ? "/root" : "/";

	out[0] = '\0';
	if (strvec_get_env(env, "HOME"))
		return;
	if (read_passwd(&passwd) == 0 && passwd.len)
		home = look_up(passwd.data, uid);
	(void)snprintf(out, HOME_MAX, "HOME=%.*s", HOME_MAX - 6, home);
}

char *const *home_environment(const struct strvec *env, char *home)
{
	static char *const EMPTY[] = { NULL };
	char **items;

	if (!*home)
		return env->len ? env->items : EMPTY;
	items = calloc(env->len + 2, sizeof(*items));
	if (!items)
		return NULL;
	if (env->len)
		memcpy(items, env->items, env->len * sizeof(*items));
	items[env->len] = home;
	return items;
}
