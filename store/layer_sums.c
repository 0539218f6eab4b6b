/* SPDX-License-Identifier: Apache-2.0 */
#include "store/layer_sums.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "store/internal.h"
#include "store/layer_facts.h"
#include "store/layer_sums_format.h"
#include "store/tree_walk.h"

#define TEMPORARY ".files.sum"
#define OUT_BYTES 65536 /* that are written at a time */

/* --- what the writer of the files has learnt ------------------------------------------------------------ */

struct contents {
	struct layer_content
		*items; /* mapped, private: sorted by inode, and the last one of each is in front */
	size_t len;
	size_t bytes;
};

static void contents_done(struct contents *c)
{
	if (c->items)
		(void)munmap(c->items, c->bytes); /* only memory */
}
#define cleanup_contents __attribute__((cleanup(contents_done)))

/* Of one inode the one that came last is first: has_xattrs carries the position while they are sorted. */
static int compare_contents(const void *a, const void *b)
{
	const struct layer_content *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x->has_xattrs < y->has_xattrs ? 1 : -1;
}

static int load_contents(int fd, struct contents *ret, struct err *e)
{
	struct stat st;
	void *map;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot look at the list of checksums");
	ret->len = (size_t)st.st_size / sizeof(*ret->items);
	if (ret->len == 0)
		return 0;
	ret->bytes = (size_t)st.st_size;
	map = mmap(NULL, ret->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return err_errno(e, "cannot map the list of checksums");
	ret->items = map;
	for (size_t i = 0; i < ret->len; i++)
		ret->items[i].has_xattrs = (i << 1) | (ret->items[i].has_xattrs & 1);
	qsort(ret->items, ret->len, sizeof(*ret->items), compare_contents);
	return 0;
}

static const struct layer_content *find_content(const struct contents *c, uint64_t inode)
{
	size_t low = 0, high = c->items ? c->len : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->items[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return c->items && low < c->len && c->items[low].inode == inode ? &c->items[low] : NULL;
}

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
	int r = 0;

	for (size_t i = 0; r == 0 && i < LAYER_FACTS_FIELDS; i++) {
		r = buf_add_str(&o->text, f->fields[i]);
		if (r == 0)
			r = buf_add_char(&o->text, i + 1 < LAYER_FACTS_FIELDS ? ' ' : '\n');
	}
	if (r < 0)
		return err_code(e, r, "cannot write '%s'", LAYER_SUMS_NAME);
	return o->text.len >= OUT_BYTES ? flush(o, e) : 0;
}

static int put_entry(struct output *o, const struct tree_entry *entry, const struct contents *contents,
		     struct file_summer *summer, struct layer_facts *facts, struct err *e)
{
	const struct layer_content *known = NULL;
	const struct file_sum *sum = NULL;
	struct file_sum read_sum;
	int r = 0;

	if (S_ISREG(entry->st.st_mode)) {
		known = find_content(contents, entry->st.st_ino);
		sum = known ? &known->sum : NULL;
	}
	if (S_ISREG(entry->st.st_mode) && entry->st.st_size == 0)
		sum = NULL;
	else if (S_ISREG(entry->st.st_mode) && !known) {
		r = layer_facts_read(entry, summer, &read_sum, e);
		if (r == 0)
			sum = &read_sum;
		else if (r == -EACCES) /* it has no sum, then, and is not checked */
			r = 0;
	}
	if (r == 0)
		r = layer_facts_of(entry, !known || o->has_acls || (known->has_xattrs & 1), sum, facts, e);
	return r < 0 ? r : put_line(o, facts, e);
}

static int put_all(struct output *o, int tree_fd, const struct contents *contents, struct err *e)
{
	cleanup_file_summer struct file_summer *summer = file_summer_new();
	cleanup_layer_facts struct layer_facts facts = { 0 };
	cleanup_tree_walk struct tree_walk *walk = NULL;
	struct tree_entry entry;
	int r;

	if (!summer)
		return err_code(e, -ENOMEM, "cannot write '%s'", LAYER_SUMS_NAME);
	r = buf_add_str(&o->text, SUMS_HEADER) < 0
		    ? err_code(e, -ENOMEM, "cannot write '%s'", LAYER_SUMS_NAME)
		    : tree_walk_new(tree_fd, &walk, e);
	while (r == 0) {
		r = tree_walk_next(walk, &entry, e);
		if (r <= 0)
			break;
		r = put_entry(o, &entry, contents, summer, &facts, e);
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
	cleanup_contents struct contents contents = { 0 };
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
		r = load_contents(contents_fd, &contents, e);
	if (r == 0)
		r = put_all(&o, tree_fd, &contents, e);
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
