/* SPDX-License-Identifier: Apache-2.0 */
#include "build/packages.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/rootfd.h"
#include "common/strvec.h"

#define OPEN_FILE      (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define OS_RELEASE_MAX 65536
#define CHECKSUMS      ".md5sums" /* beside status files, in images that are made without dpkg */

static void package_done(struct package *p)
{
	free(p->name);
	free(p->version);
	free(p->architecture);
}

void packages_done(struct packages *p)
{
	for (size_t i = 0; i < p->len; i++)
		package_done(&p->items[i]);
	free(p->items);
	free(p->distro_id);
	free(p->distro_version);
	*p = (struct packages){ 0 };
}

/* --- files ---------------------------------------------------------------------------------------------- */

/* 1: it is in `out`; 0: there is none, or none that is read. */
static int read_file(struct packages *p, int dir_fd, const char *path, struct buf *out, struct err *e)
{
	cleanup_fd int fd = rootfd_try_open(dir_fd, path, OPEN_FILE);
	struct err why;
	struct stat st;
	int r;

	if (fd < 0) {
		p->has_damage |= fd != -ENOENT && fd != -ENOTDIR;
		return fd == -ENOMEM ? err_code(e, fd, "cannot open '%s'", path) : 0;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size > out->max) {
		p->has_damage = true;
		return 0;
	}
	r = read_fd(fd, out, &why);
	if (r == 0)
		return 1;
	if (r != -EFBIG) {
		*e = why;
		return err_wrap(e, "'%s'", path);
	}
	p->has_damage = true;
	return 0;
}

/* Over the limit of packages, those that are there so far are listed. */
static int note(struct packages *p, int r, struct err *e)
{
	if (r != -EFBIG)
		return r < 0 ? err_code(e, r, "cannot list packages") : 0;
	p->has_damage = true;
	return 0;
}

static int read_dpkg(struct packages *p, int root_fd, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(PACKAGES_FILE_MAX_BYTES);
	int r = read_file(p, root_fd, "var/lib/dpkg/status", &text, e);

	return r <= 0 ? r : note(p, packages_add_dpkg(p, text.data ? text.data : "", text.len, true), e);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && strcmp(text + len - n, end) == 0;
}

static int read_status_d(struct packages *p, int root_fd, struct err *e)
{
	int fd = rootfd_try_open(root_fd, "var/lib/dpkg/status.d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	cleanup_buf struct buf text = BUF_INIT(PACKAGES_FILE_MAX_BYTES);
	const struct dirent *d;
	size_t files = 0;
	int r = 0;

	if (!dir) {
		cleanup_fd_fn(&fd);
		return 0;
	}
	while (r == 0 && (d = readdir(dir))) {
		if (d->d_name[0] == '.' || ends_with(d->d_name, CHECKSUMS))
			continue;
		if (files++ == PACKAGES_FILES_MAX) {
			p->has_damage = true;
			break;
		}
		buf_clear(&text);
		r = read_file(p, dirfd(dir), d->d_name, &text, e);
		if (r > 0)
			r = note(p, packages_add_dpkg(p, text.data ? text.data : "", text.len, false), e);
	}
	return r;
}

static int read_apk(struct packages *p, int root_fd, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(PACKAGES_FILE_MAX_BYTES);
	int r = read_file(p, root_fd, "lib/apk/db/installed", &text, e);

	return r <= 0 ? r : note(p, packages_add_apk(p, text.data ? text.data : "", text.len), e);
}

static int read_os_release(struct packages *p, int root_fd, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(OS_RELEASE_MAX);
	int r = read_file(p, root_fd, "etc/os-release", &text, e);

	if (r == 0)
		r = read_file(p, root_fd, "usr/lib/os-release", &text, e);
	return r <= 0 ? r : note(p, packages_read_os_release(p, text.data ? text.data : "", text.len), e);
}

static void find_rpm(struct packages *p, int root_fd)
{
	static const char *const PLACES[] = {
		"var/lib/rpm/rpmdb.sqlite",      "var/lib/rpm/Packages",
		"var/lib/rpm/Packages.db",       "usr/lib/sysimage/rpm/rpmdb.sqlite",
		"usr/lib/sysimage/rpm/Packages", "usr/lib/sysimage/rpm/Packages.db",
	};

	for (size_t i = 0; i < ARRAY_LEN(PLACES); i++) {
		cleanup_fd int fd = rootfd_try_open(root_fd, PLACES[i], O_PATH | O_CLOEXEC);

		p->has_rpm |= fd >= 0;
	}
}

/* --- the list --------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct package *x = a, *y = b;
	int r = (int)x->kind - (int)y->kind;

	if (r == 0)
		r = strcmp(x->name, y->name);
	if (r == 0)
		r = strcmp(x->version, y->version);
	return r ? r : strcmp(x->architecture, y->architecture);
}

static void sort(struct packages *p)
{
	size_t kept = 0;

	if (p->len > 1)
		qsort(p->items, p->len, sizeof(*p->items), compare);
	for (size_t i = 0; i < p->len; i++) {
		if (kept > 0 && compare(&p->items[kept - 1], &p->items[i]) == 0)
			package_done(&p->items[i]);
		else
			p->items[kept++] = p->items[i];
	}
	p->len = kept;
}

int packages_read(int root_fd, struct packages *ret, struct err *e)
{
	cleanup_packages struct packages p = { 0 };
	int r = read_os_release(&p, root_fd, e);

	if (r == 0)
		r = read_dpkg(&p, root_fd, e);
	if (r == 0)
		r = read_status_d(&p, root_fd, e);
	if (r == 0)
		r = read_apk(&p, root_fd, e);
	if (r < 0)
		return r;
	find_rpm(&p, root_fd);
	sort(&p);
	*ret = p;
	p = (struct packages){ 0 };
	return 0;
}
