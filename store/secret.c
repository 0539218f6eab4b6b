/* SPDX-License-Identifier: Apache-2.0 */
#include "store/secret.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "common/timestamp.h"
#include "store/internal.h"

#define DIR          "secrets"
#define RECORD_MAX   (1u << 20) /* bytes of the line */
#define NAME_MAX_    64
#define ALPHANUMERIC "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

void secret_record_done(struct secret_record *r)
{
	free(r->name);
	free(r->id);
	free(r->created);
	free(r->updated);
	strvec_done(&r->labels);
	*r = (struct secret_record){ 0 };
}

void secret_buf_done(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_done(b);
}

static bool name_ok(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= NAME_MAX_ && strspn(name, ALPHANUMERIC "_.-") == len &&
	       strchr(ALPHANUMERIC, name[0]) && strchr(ALPHANUMERIC, name[len - 1]);
}

#define MEMBER(m) offsetof(struct secret_record, m)
static const struct json_field FIELDS[] = {
	{ "name", MEMBER(name), json_read_string, .required = true },
	{ "id", MEMBER(id), json_read_string, .required = true },
	{ "created", MEMBER(created), json_read_string, .required = true },
	{ "updated", MEMBER(updated), json_read_string, .required = true },
	{ "labels", MEMBER(labels), json_read_map },
	{ 0 },
};

/* --- reading --- */

static int decode(const char *name, const struct buf *text, struct secret_record *ret, struct buf *data,
		  struct err *e)
{
	cleanup_secret_record struct secret_record r = { 0 };
	const char *end = text->data ? memchr(text->data, '\n', text->len) : NULL;
	int rc;

	if (!end)
		return err_set(e, -EBADMSG, "it is truncated");
	rc = json_decode(text->data, (size_t)(end - text->data), FIELDS, &r, e);
	if (rc < 0)
		return rc == -ENOMEM ? rc : err_set(e, -EBADMSG, "its first line is not what it should be");
	if (strcmp(r.name, name) != 0)
		return err_set(e, -EBADMSG, "it says that it is '%.64s'", r.name);
	if (data && buf_add(data, end + 1, text->len - (size_t)(end + 1 - text->data)) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	*ret = r;
	r = (struct secret_record){ 0 };
	return 0;
}

/* -ENOENT has no text. */
static int read_secret(const struct store *s, const char *name, struct secret_record *ret, struct buf *data,
		       struct err *e)
{
	cleanup_secret_buf struct buf text = BUF_INIT(RECORD_MAX + SECRET_DATA_MAX);
	char path[SUBPATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), DIR "/%s", name);
	if (buf_reserve(&text, SECRET_DATA_MAX) < 0) /* so that it is not moved about while it grows */
		return err_code(e, -ENOMEM, "cannot read secret '%s'", name);
	r = file_read(s->root_fd, path, &text, e);
	if (r == 0)
		r = decode(name, &text, ret, data, e);
	return r < 0 && r != -ENOENT ? err_wrap(e, "secret '%s'", name) : r;
}

void secret_list_free(struct secret_record *items, size_t len)
{
	for (size_t i = 0; i < len; i++)
		secret_record_done(&items[i]);
	free(items);
}

static int compare_names(const void *a, const void *b)
{
	const struct secret_record *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int secret_list(const struct store *s, struct secret_record **ret_items, size_t *ret_len, struct err *e)
{
	cleanup_strvec struct strvec names = { 0 };
	struct secret_record *items;
	size_t len = 0;
	int r = store_list_dir(s, DIR, &names, e);

	if (r < 0)
		return r;
	items = calloc(names.len + 1, sizeof(*items));
	if (!items)
		return err_code(e, -ENOMEM, "cannot list secrets");
	for (size_t i = 0; i < names.len; i++) {
		struct err ignored;

		if (name_ok(names.items[i]) &&
		    read_secret(s, names.items[i], &items[len], NULL, &ignored) == 0)
			len++;
	}
	qsort(items, len, sizeof(*items), compare_names);
	*ret_items = items;
	*ret_len = len;
	return 0;
}

/* The name of the one secret whose ID begins with `prefix`. -ENOENT has no text. */
static int find_by_id(const struct store *s, const char *prefix, char ret[NAME_MAX_ + 1], struct err *e)
{
	struct secret_record *items = NULL;
	size_t len = 0, found = 0;
	int r = secret_list(s, &items, &len, e);

	for (size_t i = 0; r == 0 && i < len; i++) {
		if (strncmp(items[i].id, prefix, strlen(prefix)) != 0)
			continue;
		found++;
		(void)snprintf(ret, NAME_MAX_ + 1, "%s", items[i].name);
	}
	secret_list_free(items, len);
	if (r == 0 && found > 1)
		return err_set(e, -EINVAL, "more than one result secret with prefix %s", prefix);
	return r == 0 && found == 0 ? -ENOENT : r;
}

int secret_find(const struct store *s, const char *what, struct secret_record *ret, struct buf *data,
		struct err *e)
{
	char name[NAME_MAX_ + 1];
	int r = -ENOENT;

	if (name_ok(what))
		r = read_secret(s, what, ret, data, e);
	if (r == -ENOENT && *what && strspn(what, HEX_DIGITS) == strlen(what)) {
		r = find_by_id(s, what, name, e);
		if (r == 0)
			r = read_secret(s, name, ret, data, e);
	}
	return r == -ENOENT ? err_set(e, r, "no secret with name or id \"%.128s\": no such secret", what) : r;
}

/* --- writing --- */

static int lock_dir(const struct store *s, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	int r;

	if (mkdirat(s->root_fd, DIR, DIR_MODE) < 0 && errno != EEXIST)
		return err_errno(e, "cannot make '%s/" DIR "'", s->root);
	r = store_open_dir(s, DIR, &fd, e);
	if (r < 0)
		return r;
	do
		r = flock(fd, LOCK_EX);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_errno(e, "cannot lock '%s/" DIR "'", s->root);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int write_secret(int dir_fd, const struct secret_record *r, const void *data, size_t len,
			struct err *e)
{
	cleanup_secret_buf struct buf text = BUF_INIT(RECORD_MAX + SECRET_DATA_MAX);
	cleanup_json_out struct json_out *o = json_out_new(false, RECORD_MAX);
	const char *line;
	size_t line_len;
	int rc;

	json_out_object(o, NULL);
	json_out_string(o, "name", r->name);
	json_out_string(o, "id", r->id);
	json_out_string(o, "created", r->created);
	json_out_string(o, "updated", r->updated);
	json_out_opt_map(o, "labels", &r->labels);
	json_out_end(o);
	rc = json_out_finish(o, &line, &line_len, e);
	if (rc < 0)
		return rc;
	if (buf_reserve(&text, line_len + 1 + len) < 0 || buf_add(&text, line, line_len) < 0 ||
	    buf_add_char(&text, '\n') < 0 || buf_add(&text, data, len) < 0)
		return err_code(e, -ENOMEM, "cannot write a secret");
	return file_write_durable(dir_fd, r->name, text.data, text.len, RECORD_MODE, e);
}

static int fill_in(struct secret_record *r, struct secret_record *there, struct err *e)
{
	char now[TIMESTAMP_MAX], id[SECRET_ID_LEN + 2];
	int rc = store_random_hex(id, SECRET_ID_LEN + 1);

	if (rc < 0)
		return err_code(e, rc, "cannot get random bytes");
	id[SECRET_ID_LEN] = '\0';
	timestamp_now(now);
	r->id = ptr_take(there->id);
	r->created = ptr_take(there->created);
	if (!r->id)
		r->id = strdup(id);
	if (!r->created)
		r->created = strdup(now);
	r->updated = strdup(now);
	return r->id && r->created && r->updated ? 0 : err_code(e, -ENOMEM, "cannot make a secret");
}

int secret_create(const struct store *s, struct secret_record *r, const void *data, size_t len, bool replace,
		  struct err *e)
{
	cleanup_secret_record struct secret_record there = { 0 };
	cleanup_fd int dir_fd = -1;
	int rc;

	if (!name_ok(r->name))
		return err_set(
			e, -EINVAL,
			"invalid secret name: only 64 [a-zA-Z0-9-_.] characters allowed, and the start and "
			"end character must be [a-zA-Z0-9]");
	if (len == 0 || len >= SECRET_DATA_MAX)
		return err_set(e, -EINVAL, "secret data must be larger than 0 and less than %u bytes",
			       SECRET_DATA_MAX);
	rc = lock_dir(s, &dir_fd, e);
	if (rc < 0)
		return store_explain_full(s, e);
	rc = read_secret(s, r->name, &there, NULL, e);
	if (rc == 0 && !replace)
		return err_set(e, -EEXIST, "secret name %s already in use", r->name);
	if (rc < 0 && rc != -ENOENT && !(rc == -EBADMSG && replace))
		return rc;
	rc = fill_in(r, &there, e);
	if (rc == 0)
		rc = write_secret(dir_fd, r, data, len, e);
	return rc < 0 ? store_explain_full(s, e) : 0;
}

int secret_remove(const struct store *s, const char *name, struct err *e)
{
	cleanup_fd int dir_fd = -1;
	int r = name_ok(name) ? lock_dir(s, &dir_fd, e) : -ENOENT;

	if (r == 0 && unlinkat(dir_fd, name, 0) < 0)
		r = errno == ENOENT ? -ENOENT : err_errno(e, "cannot remove secret '%s'", name);
	if (r == -ENOENT)
		return err_set(e, r, "no secret with name or id \"%.128s\": no such secret", name);
	return r < 0 ? r : dir_sync(dir_fd, e);
}
