/* SPDX-License-Identifier: Apache-2.0 */
/* The trees that an execution reads. */
#include "build/execution.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/tree_view.h"
#include "common/cleanup.h"

static void name_tree(struct execution *x, char ret[32])
{
	(void)snprintf(ret, 32, BUILD_VIEW_PREFIX "%zu", x->build->names_len++);
}

static void tree_close(struct tree *t)
{
	cleanup_fd_fn(&t->fd);
	free(t->path);
	*t = (struct tree){ .fd = -1 };
}

int execution_mount_tree(struct execution *x, struct tree *t, struct err *e)
{
	cleanup_fd int fd = -1;
	char name[32];
	int r;

	if (t->path)
		return 0;
	name_tree(x, name);
	r = build_stage(x->build, e);
	if (r == 0)
		r = tree_view_open(x->build->store, &x->build->staging, name, t->layers, &fd, &t->path, e);
	if (r == 0) {
		cleanup_fd_fn(&t->fd);
		t->fd = fd_take(&fd);
	}
	return r;
}

static int open_tree_of(struct execution *x, const struct strvec *layers, struct tree *t, struct err *e)
{
	int r = tree_view_open_detached(x->build->store, layers, &t->fd, e);

	t->layers = layers;
	t->layers_len = layers->len;
	return r == -EOPNOTSUPP ? execution_mount_tree(x, t, e) : r;
}

int execution_stage_tree(struct execution *x, size_t stage, struct tree **ret, struct err *e)
{
	struct stage_run *s = &x->stages[stage];
	int r = execution_begin_stage(x, stage, e); /* one without steps has not been begun by anybody */

	if (r < 0)
		return r;
	if (s->tree.fd >= 0 && s->tree.layers_len != s->layers.len)
		tree_close(&s->tree);
	if (s->tree.fd < 0)
		r = open_tree_of(x, &s->layers, &s->tree, e);
	s->tree.id = s->key;
	*ret = &s->tree;
	return r;
}

static int image_tree(struct execution *x, const struct plan_source *source, struct tree **ret, struct err *e)
{
	const struct base_image *image;
	struct image_tree *items;
	int r = base_images_get(x->bases, source->name, &source->platform, &image, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < x->images_len; i++)
		if (x->images[i].image == image) {
			*ret = &x->images[i].tree;
			return 0;
		}
	items = reallocarray(x->images, x->images_len + 1, sizeof(*items));
	if (!items)
		return err_code(e, -ENOMEM, "cannot open an image");
	x->images = items;
	items[x->images_len] = (struct image_tree){ .image = image, .tree = { .fd = -1 } };
	r = open_tree_of(x, &image->image.record.layers, &items[x->images_len].tree, e);
	if (r < 0)
		return r;
	items[x->images_len].tree.id = image->image.record.config;
	*ret = &items[x->images_len++].tree;
	return 0;
}

const struct build_folder *execution_folder(const struct execution *x, const char *name)
{
	for (size_t i = 0; i < x->params->folders_len; i++) {
		const struct build_folder *f = &x->params->folders[i];

		if (name ? f->name && strcmp(f->name, name) == 0 : !f->name)
			return f;
	}
	return NULL;
}

static int folder(const struct execution *x, const struct plan_source *source, struct tree_ref *ret,
		  struct err *e)
{
	const char *name = source->kind == PLAN_NAMED ? source->name : NULL;
	const struct build_folder *f = execution_folder(x, name);

	if (!f)
		return err_set(e, -ENOENT,
			       name ? "there is no build context '%s'" : "there is no build context", name);
	*ret = (struct tree_ref){ .context = { .fd = f->fd, .ignore = f->ignore } };
	return 0;
}

/* A stage without steps whose base is a folder is that folder. */
static const struct plan_source *folder_behind(const struct execution *x, const struct plan_source *source)
{
	while (source->kind == PLAN_STAGE && x->plan->stages[source->stage].len == 0 &&
	       (x->plan->stages[source->stage].base.kind == PLAN_STAGE ||
		x->plan->stages[source->stage].base.kind == PLAN_NAMED))
		source = &x->plan->stages[source->stage].base;
	return source;
}

int execution_source(struct execution *x, const struct plan_source *source, struct tree_ref *ret,
		     struct err *e)
{
	struct tree *tree = NULL;
	int r;

	source = folder_behind(x, source);
	switch (source->kind) {
	case PLAN_STAGE:
		r = execution_stage_tree(x, source->stage, &tree, e);
		break;
	case PLAN_IMAGE:
		r = image_tree(x, source, &tree, e);
		break;
	case PLAN_CONTEXT:
	case PLAN_NAMED:
		return folder(x, source, ret, e);
	case PLAN_SCRATCH:
	default:
		return err_set(e, -EINVAL, "there is nothing in 'scratch'");
	}
	if (r == 0 && tree)
		*ret = (struct tree_ref){ .context = { .fd = tree->fd }, .tree = tree, .owners = true };
	return r;
}
