/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/build_export.h"
#include "build/tree_move.h"
#include "common/cleanup.h"
#include "common/file.h"

#define TEMPORARY_PREFIX ".sampan-"
#define OPEN_DIR         (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define PLATFORM_NAME    (3 * PLATFORM_FIELD_MAX)

void build_place_done(struct build_place *p)
{
	struct err ignored; /* the error that matters came before */

	if (p->temporary[0])
		IGNORE_RESULT(tree_remove(p->dest_fd, p->temporary, &ignored));
	if (p->is_new)
		(void)rmdir(p->dest); /* empty now, or somebody else's as well */
	image_output_done(&p->tar);
	cleanup_fd_fn(&p->fd);
	cleanup_fd_fn(&p->dest_fd);
	free(p->dest);
	*p = BUILD_PLACE_EMPTY;
}

static int make_temporary(struct build_place *p, struct err *e)
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return err_errno(e, "cannot get random bytes");
	(void)snprintf(p->temporary, sizeof(p->temporary), TEMPORARY_PREFIX "%016llx",
		       (unsigned long long)number);
	if (mkdirat(p->dest_fd, p->temporary, 0700) < 0) {
		p->temporary[0] = '\0';
		return err_errno(e, "cannot write to '%s'", p->dest);
	}
	p->fd = openat(p->dest_fd, p->temporary, OPEN_DIR);
	return p->fd < 0 ? err_errno(e, "cannot write to '%s'", p->dest) : 0;
}

static int open_folder(const char *dest, struct build_place *p, struct err *e)
{
	int r;

	p->dest = strdup(dest);
	if (!p->dest)
		return err_code(e, -ENOMEM, "cannot write to '%s'", dest);
	p->is_new = access(dest, F_OK) < 0;
	r = dir_make_open(AT_FDCWD, dest, 0755, &p->dest_fd, e);
	if (r < 0)
		p->is_new = false;
	return r < 0 ? r : make_temporary(p, e);
}

int build_place_open(const char *dest, bool is_tar, struct build_place *ret, struct err *e)
{
	int r;

	*ret = BUILD_PLACE_EMPTY;
	ret->is_tar = is_tar;
	r = is_tar ? image_output_open(dest, &ret->tar, e) : open_folder(dest, ret, e);
	if (r < 0)
		build_place_done(ret);
	ret->is_open = r == 0;
	return r;
}

static void name_platform(const struct platform *p, char ret[PLATFORM_NAME])
{
	(void)snprintf(ret, PLATFORM_NAME, "%s_%s%s%s", p->os, p->architecture, p->variant[0] ? "_" : "",
		       p->variant);
}

static int add_folder(const struct build_place *p, struct build *b, const struct build_result *r,
		      const int64_t *epoch, const char *name, struct err *e)
{
	cleanup_fd int fd = -1;
	int n = name ? dir_make_open(p->fd, name, 0755, &fd, e) : 0;

	return n < 0 ? n : build_export_dir(b, r, epoch, name ? fd : p->fd, e);
}

int build_place_add(struct build_place *p, struct build *b, const struct build_result *r,
		    const int64_t *epoch, bool several, struct err *e)
{
	char name[PLATFORM_NAME];

	name_platform(&r->config.platform, name);
	return p->is_tar ? build_export_tar(b, r, several ? name : NULL, p->tar.fd, e)
			 : add_folder(p, b, r, epoch, several ? name : NULL, e);
}

int build_place_commit(struct build_place *p, const struct build *b, struct err *e)
{
	int r = p->is_tar ? build_export_tar_end(b, p->tar.fd, e) : tree_move(p->fd, p->dest_fd, e);

	if (r == 0 && p->is_tar)
		r = image_output_commit(&p->tar, e);
	p->is_new = p->is_new && r < 0;
	return r;
}
