/* SPDX-License-Identifier: Apache-2.0 */
#include "store/layer_sums.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "store/internal.h"
#include "store/layer_contents.h"
#include "store/layer_facts.h"
#include "store/layer_sums_format.h"
#include "store/tree_path.h"
#include "store/tree_walk.h"

#define TEMPORARY ".files.sum"
#define OUT_BYTES 65536 /* that are written at a time */

/* --- the file ------------------------------------------------------------------------------------------- */

struct output {
	int fd;
	bool has_acls;   /* files may have ACLs that nobody set: inherited from a directory above the store */
	struct buf text; /* not written yet */
	struct sums_total total;
};

static int flush(struct output *o, struct err *e)
{
	int r;

	if (o->text.len == 0)
		return 0;
	sums_total_add(&o->total, o->text.data, o->text.len);
	r = write_all(o->fd, o->text.data, o->text.len);
	buf_clear(&o->text);
	return r < 0 ? err_code(e, r, "cannot write '%s'", LAYER_SUMS_NAME) : 0;
}

static int put_line(struct output *o, const struct layer_facts *f, struct err *e)
{
	size_t at = o->text.len;
	int r = buf_add(&o->text, f->text.data, f->text.len);

	if (r == 0)
		r = buf_add_char(&o->text, '\n');
	if (r < 0)
		return err_code(e, r, "cannot write '%s'", LAYER_SUMS_NAME);
	for (; at + 1 < o->text.len; at++) /* as the line was before it was split */
		if (o->text.data[at] == '\0')
			o->text.data[at] = ' ';
	return o->text.len >= OUT_BYTES ? flush(o, e) : 0;
}

/* What walks along. */
struct sealing {
	const struct layer_contents *contents;
	struct file_summer *summer;
	struct layer_facts facts;
	struct tree_path path;
};

static void sealing_done(struct sealing *s)
{
	file_summer_free(s->summer);
	layer_facts_done(&s->facts);
	tree_path_done(&s->path);
}
#define cleanup_sealing __attribute__((cleanup(sealing_done)))

/* What the writer of the file has told us does for looking at it. An ACL that nobody set changes the mode. */
static int learn(const struct output *o, const struct layer_content *known, struct tree_entry *entry,
		 struct err *e)
{
	if (!known || !(known->flags & LAYER_CONTENT_FACTS) || o->has_acls)
		return tree_entry_look(entry, e);
	entry->st.st_mode = S_IFREG | (known->mode & 07777);
	entry->st.st_uid = known->uid;
	entry->st.st_gid = known->gid;
	entry->st.st_size = (off_t)known->size_bytes;
	return 0;
}

static int put_file(struct output *o, struct tree_entry *entry, struct sealing *s, struct err *e)
{
	const struct layer_content *known = layer_contents_find(s->contents, s->path.text.data);
	const struct file_sum *sum = known && (known->flags & LAYER_CONTENT_SUM) ? &known->sum : NULL;
	struct file_sum read_sum;
	int r = learn(o, known, entry, e);

	if (r == 0 && !S_ISREG(entry->st.st_mode))
		return err_set(e, -ESTALE, "'%s' changes while it is looked at", s->path.text.data);
	if (r == 0 && entry->st.st_size == 0) {
		sum = NULL;
	} else if (r == 0 && !sum) {
		r = layer_facts_read(entry, s->summer, &read_sum, e);
		if (r == 0)
			sum = &read_sum;
		else if (r == -EACCES) /* it has no sum, then, and is not checked */
			r = 0;
	}
	if (r == 0)
		r = layer_facts_of(entry,
				   !known || known->flags == 0 || o->has_acls ||
					   (known->flags & LAYER_CONTENT_XATTRS),
				   sum, &s->facts, e);
	return r < 0 ? r : put_line(o, &s->facts, e);
}

static int put_entry(struct output *o, struct tree_entry *entry, struct sealing *s, struct err *e)
{
	int r = tree_path_set(&s->path, entry->depth, entry->name);

	if (r < 0)
		return err_code(e, r, "cannot walk a layer");
	if (S_ISREG(entry->st.st_mode))
		return put_file(o, entry, s, e);
	r = layer_facts_of(entry, false, NULL, &s->facts, e);
	return r < 0 ? r : put_line(o, &s->facts, e);
}

static int put_all(struct output *o, int tree_fd, struct sealing *s, struct err *e)
{
	cleanup_tree_walk struct tree_walk *walk = NULL;
	struct tree_entry entry;
	int r;

	if (!s->summer)
		return err_code(e, -ENOMEM, "cannot write '%s'", LAYER_SUMS_NAME);
	r = buf_add_str(&o->text, SUMS_HEADER) < 0
		    ? err_code(e, -ENOMEM, "cannot write '%s'", LAYER_SUMS_NAME)
		    : tree_walk_new(tree_fd, &walk, e);
	if (r == 0)
		tree_walk_spare_files(walk);
	while (r == 0) {
		r = tree_walk_next(walk, &entry, e);
		if (r <= 0)
			break;
		r = put_entry(o, &entry, s, e);
	}
	return r;
}

static int put_total(struct output *o, struct err *e)
{
	char line[SUMS_TOTAL_LEN + 1];
	int r;

	sums_total_line(&o->total, line);
	r = write_all(o->fd, line, SUMS_TOTAL_LEN);
	return r < 0 ? err_code(e, r, "cannot write '%s'", LAYER_SUMS_NAME) : 0;
}

static int write_sums(int dir_fd, int contents_fd, struct err *e)
{
	cleanup_layer_contents struct layer_contents *contents = NULL;
	cleanup_sealing struct sealing s = { .summer = file_summer_new(), .path = TREE_PATH_INIT };
	struct output o = { .text = BUF_INIT(4 * OUT_BYTES) };
	cleanup_fd int tree_fd = openat(dir_fd, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_fd int fd = -1;
	int r;

	if (tree_fd < 0)
		return err_errno(e, "cannot open 'tree'");
	fd = openat(dir_fd, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, RECORD_MODE);
	if (fd < 0)
		return err_errno(e, "cannot make '%s'", LAYER_SUMS_NAME);
	o.fd = fd;
	o.has_acls = fgetxattr(dir_fd, "system.posix_acl_default", NULL, 0) > 0;
	r = sums_total_begin(&o.total, e);
	if (r == 0)
		r = layer_contents_load(contents_fd, &contents, e);
	s.contents = contents;
	if (r == 0)
		r = put_all(&o, tree_fd, &s, e);
	if (r == 0)
		r = flush(&o, e);
	if (r == 0)
		r = put_total(&o, e);
	sums_total_done(&o.total);
	buf_done(&o.text);
	return r;
}

int layer_sums_write(int dir_fd, int contents_fd, struct err *e)
{
	int r = write_sums(dir_fd, contents_fd, e);

	if (r == 0 && renameat(dir_fd, TEMPORARY, dir_fd, LAYER_SUMS_NAME) < 0)
		r = err_errno(e, "cannot rename '%s'", LAYER_SUMS_NAME);
	if (r < 0)
		(void)unlinkat(dir_fd, TEMPORARY, 0); /* it may not be there */
	return r < 0 ? err_wrap(e, "cannot keep a layer's checksums") : 0;
}
