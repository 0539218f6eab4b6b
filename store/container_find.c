/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and listing containers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "store/container.h"
#include "store/container_name.h"
#include "store/container_record.h"
#include "store/internal.h"

#define SHORT_ID_LEN 12

/* Stands for a damaged record, so that `ps` shows it and `rm` removes it. */
static int make_placeholder(const char *id, const struct err *why, struct container_record *ret,
			    struct err *e)
{
	struct container_record c = { .status = CONTAINER_EXITED, .exit_code = 137 };

	(void)snprintf(c.id, sizeof(c.id), "%s", id);
	c.name = strndup(id, SHORT_ID_LEN);
	c.error = strdup(why->text);
	if (!c.name || !c.error) {
		container_record_done(&c);
		return err_code(e, -ENOMEM, "cannot read container '%.12s'", id);
	}
	*ret = c;
	return 0;
}

static int load_or_placeholder(const struct store *s, const char *id, struct container_record *ret,
			       struct err *e)
{
	struct err why = { 0 };
	int r = container_record_load(s, id, ret, &why);

	if (r == -EBADMSG)
		return make_placeholder(id, &why, ret, e);
	if (r < 0)
		*e = why;
	return r;
}

static int read_or_placeholder(const struct store *s, const char *id, struct container_record *ret,
			       struct err *e)
{
	int r = load_or_placeholder(s, id, ret, e);

	if (r == 0)
		container_check(s, ret);
	return r;
}

static int list_ids(const struct store *s, struct strvec *ret, struct err *e)
{
	int r = store_list_dir(s, "containers", ret, e);

	for (size_t i = ret->len; r == 0 && i > 0; i--)
		if (!store_key_ok(ret->items[i - 1]))
			strvec_remove(ret, i - 1); /* on its way out */
	return r;
}

/* By the record, where the link is lost. */
static int find_by_recorded_name(const struct store *s, const struct strvec *ids, const char *name,
				 struct container_record *ret, struct err *e)
{
	for (size_t i = 0; i < ids->len; i++) {
		cleanup_container_record struct container_record c = { 0 };
		struct err ignored;

		if (container_record_read(s, ids->items[i], &c, &ignored) < 0 || strcmp(c.name, name) != 0)
			continue;
		*ret = c;
		c = (struct container_record){ 0 };
		return 0;
	}
	return err_set(e, -ENOENT, "no such container: %.128s", name);
}

static int find_by_prefix(const struct store *s, const char *what, struct container_record *ret,
			  struct err *e)
{
	cleanup_strvec struct strvec ids = { 0 };
	size_t len = strlen(what);
	const char *found = NULL;
	int r = list_ids(s, &ids, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ids.len && len > 0; i++) {
		if (strncmp(ids.items[i], what, len) != 0)
			continue;
		if (found)
			return err_set(
				e, -EINVAL,
				"more than one container ID starts with '%s': %.16s and %.16s (write more "
				"digits)",
				what, found, ids.items[i]);
		found = ids.items[i];
	}
	if (found)
		return read_or_placeholder(s, found, ret, e);
	return find_by_recorded_name(s, &ids, what, ret, e);
}

int container_find(const struct store *s, const char *what, struct container_record *ret, struct err *e)
{
	char id[CONTAINER_ID_LEN + 1];
	int r;

	if (store_key_ok(what)) {
		r = read_or_placeholder(s, what, ret, e);
		if (r != -ENOENT)
			return r;
	}
	if (container_name_resolve(s, what, id) == 0) {
		r = read_or_placeholder(s, id, ret, e);
		if (r != -ENOENT)
			return r;
	}
	return find_by_prefix(s, what, ret, e);
}

/* Newest first; those whose creation nobody knows come last. */
static int compare_created(const void *a, const void *b)
{
	const struct container_record *x = a, *y = b;
	int r = strcmp(y->created ? y->created : "", x->created ? x->created : "");

	return r ? r : strcmp(x->id, y->id);
}

int container_list_unchecked(const struct store *s, struct container_record **ret_items, size_t *ret_len,
			     struct err *e)
{
	cleanup_strvec struct strvec ids = { 0 };
	struct container_record *items;
	size_t len = 0;
	int r = list_ids(s, &ids, e);

	if (r < 0)
		return r;
	items = calloc(ids.len + 1, sizeof(*items));
	if (!items)
		return err_code(e, -ENOMEM, "cannot list containers");
	for (size_t i = 0; i < ids.len; i++) {
		r = load_or_placeholder(s, ids.items[i], &items[len], e);
		if (r == 0) {
			len++;
		} else if (r != -ENOENT) { /* that one was removed meanwhile */
			container_list_free(items, len);
			return r;
		}
	}
	qsort(items, len, sizeof(*items), compare_created);
	*ret_items = items;
	*ret_len = len;
	return 0;
}

int container_list(const struct store *s, struct container_record **ret_items, size_t *ret_len, struct err *e)
{
	int r = container_list_unchecked(s, ret_items, ret_len, e);

	for (size_t i = 0; r == 0 && i < *ret_len; i++)
		container_check(s, &(*ret_items)[i]);
	return r;
}

void container_list_free(struct container_record *items, size_t len)
{
	for (size_t i = 0; i < len; i++)
		container_record_done(&items[i]);
	free(items);
}
