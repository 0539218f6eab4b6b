/* SPDX-License-Identifier: Apache-2.0 */
/* A layer's tree against its files.sum: both are walked in one order, side by side. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "store/layer_facts.h"
#include "store/layer_sums.h"
#include "store/layer_sums_format.h"
#include "store/tree_path.h"
#include "store/tree_walk.h"

#define PROBLEM_MAX 128
#define READ_BYTES  65536

/* --- the frame -------------------------------------------------------------------------------------- */

int sums_total_begin(struct sums_total *t, struct err *e)
{
	t->len = 0;
	t->summer = file_summer_new();
	return t->summer ? 0 : err_code(e, -ENOMEM, "cannot sum up '%s'", LAYER_SUMS_NAME);
}

void sums_total_add(struct sums_total *t, const void *data, size_t len)
{
	file_summer_add(t->summer, t->len, data, len);
	t->len += len;
}

void sums_total_line(struct sums_total *t, char ret[SUMS_TOTAL_LEN + 1])
{
	char text[FILE_SUM_TEXT_LEN + 1];
	struct file_sum sum = { 0 };

	(void)!file_summer_finish(t->summer, t->len, &sum); /* all came in order */
	file_sum_text(&sum, text);
	(void)snprintf(ret, SUMS_TOTAL_LEN + 1, "end %s\n", text);
}

void sums_total_done(struct sums_total *t)
{
	file_summer_free(t->summer);
	t->summer = NULL;
}

/* Reads `len` bytes of the file into its total. */
static int sum_up(int fd, uint64_t len, struct sums_total *total)
{
	cleanup_free char *block = malloc(READ_BYTES);
	int r = block ? 0 : -ENOMEM;

	while (r == 0 && len > 0) {
		size_t n = len < READ_BYTES ? (size_t)len : READ_BYTES;

		r = read_exactly(fd, block, n);
		if (r == 0)
			sums_total_add(total, block, n);
		len -= n;
	}
	return r;
}

static int check_frame(int fd, struct err *e)
{
	cleanup_sums_total struct sums_total total = { 0 };
	char want[SUMS_TOTAL_LEN + 1], have[SUMS_TOTAL_LEN + 1] = "";
	struct stat st;
	int r = sums_total_begin(&total, e);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot look at '%s'", LAYER_SUMS_NAME);
	if (st.st_size < (off_t)(SUMS_TOTAL_LEN + strlen(SUMS_HEADER)))
		return err_set(e, -EBADMSG, "'%s' is truncated", LAYER_SUMS_NAME);
	r = sum_up(fd, (uint64_t)st.st_size - SUMS_TOTAL_LEN, &total);
	if (r == 0)
		r = read_exactly(fd, have, SUMS_TOTAL_LEN);
	if (r < 0)
		return err_code(e, r, "cannot read '%s'", LAYER_SUMS_NAME);
	sums_total_line(&total, want);
	if (strcmp(have, want) != 0)
		return err_set(e, -EBADMSG, "'%s' is damaged", LAYER_SUMS_NAME);
	return lseek(fd, 0, SEEK_SET) < 0 ? err_errno(e, "cannot rewind '%s'", LAYER_SUMS_NAME) : 0;
}

/* --- the two sides ---------------------------------------------------------------------------------- */

struct expected {
	FILE *file; /* files.sum */
	char *line;
	size_t cap;
	struct layer_facts facts; /* borrows `line` */
	size_t depth;
	struct tree_path path; /* escaped, so that it can be printed; "." for the root */
	bool there;            /* false at the end */
};

struct actual {
	struct tree_walk *walk;
	struct tree_entry entry;
	struct layer_facts facts;
	struct tree_path path; /* escaped, so that it can be printed; "." for the root */
	bool there;
};

struct check {
	struct expected want;
	struct actual have;
	struct file_summer *summer;
	layer_damage_fn *damage;
	void *arg;
	struct layer_sums_count count;
};

static int malformed(struct err *e)
{
	return err_set(e, -EBADMSG, "'%s' is malformed", LAYER_SUMS_NAME);
}

static int next_expected(struct expected *x, struct err *e)
{
	size_t before = x->depth;
	uint64_t depth;
	ssize_t len = getline(&x->line, &x->cap, x->file);

	x->there = false;
	if (len < 0)
		return ferror(x->file) ? err_errno(e, "cannot read '%s'", LAYER_SUMS_NAME) : malformed(e);
	if (strncmp(x->line, "end ", 4) == 0)
		return 0;
	if (x->line[len - 1] == '\n')
		x->line[len - 1] = '\0';
	/* A total that is right does not make each line right: somebody may have written it by hand. */
	if (layer_facts_split(x->line, &x->facts, e) < 0 ||
	    parse_u64(x->facts.fields[FACT_DEPTH], 0, UINT32_MAX, &depth) < 0 || depth > before + 1 ||
	    (depth == 0) != (x->path.text.len == 0))
		return malformed(e);
	x->depth = (size_t)depth;
	if (tree_path_set(&x->path, x->depth, x->facts.fields[FACT_NAME]) < 0)
		return err_code(e, -ENOMEM, "cannot read '%s'", LAYER_SUMS_NAME);
	x->there = true;
	return 0;
}

static int next_actual(struct actual *a, struct layer_sums_count *count, struct err *e)
{
	int r = tree_walk_next(a->walk, &a->entry, e);

	a->there = r > 0;
	if (r <= 0)
		return r;
	count->files++;
	r = layer_facts_of(&a->entry, true, NULL, &a->facts, e);
	if (r == 0 && tree_path_set(&a->path, a->entry.depth, a->facts.fields[FACT_NAME]) < 0)
		return err_code(e, -ENOMEM, "cannot walk a layer");
	return r;
}

/* In the order of the walk: a directory, then all below it, then what sorts behind its name. Names were escaped after they were
 * sorted, so an escaped byte counts as itself. */
static int rank(const char **p)
{
	const unsigned char *s = (const unsigned char *)*p;

	bool escaped = s[0] == '\\' && s[1] && s[2] && s[3];

	if (*s == '\0')
		return -1;
	*p += escaped ? 4 : 1;
	if (*s == '/')
		return 0;
	return escaped ? (s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0') : *s;
}

static int compare_paths(const char *a, const char *b)
{
	for (;;) {
		int x = rank(&a), y = rank(&b);

		if (x != y || x < 0)
			return x - y;
	}
}

/* --- comparing -------------------------------------------------------------------------------------- */

static void add_problem(char problem[PROBLEM_MAX], const char *text)
{
	size_t len = strlen(problem);

	(void)snprintf(problem + len, PROBLEM_MAX - len, "%s%s", len > 0 ? ", " : "", text);
}

static bool differs(const struct check *c, enum layer_fact fact)
{
	return strcmp(c->want.facts.fields[fact], c->have.facts.fields[fact]) != 0;
}

static int compare_contents(struct check *c, char problem[PROBLEM_MAX], struct err *e)
{
	char text[FILE_SUM_TEXT_LEN + 1];
	uint64_t size = (uint64_t)c->have.entry.st.st_size, want;
	struct file_sum sum;
	int r;

	if (parse_u64(c->want.facts.fields[FACT_DETAIL], 0, INT64_MAX, &want) < 0)
		return malformed(e);
	if (size != want) {
		add_problem(problem, size < want ? "truncated" : "altered");
		return 0;
	}
	if (size == 0 || strcmp(c->want.facts.fields[FACT_SUM], "-") == 0)
		return 0;
	r = layer_facts_read(&c->have.entry, c->summer, &sum, e);
	if (r == -EACCES) /* its mode keeps its unprivileged owner out: only root could tell */
		return 0;
	if (r == -EIO) { /* the disk cannot give it back */
		add_problem(problem, "unreadable");
		return 0;
	}
	if (r < 0)
		return r;
	c->count.bytes += size;
	file_sum_text(&sum, text);
	if (strcmp(text, c->want.facts.fields[FACT_SUM]) != 0)
		add_problem(problem, file_summer_all_zero(c->summer) ? "zeroed" : "altered");
	return 0;
}

/* What only some types have. */
static int compare_details(struct check *c, char problem[PROBLEM_MAX], struct err *e)
{
	switch (*c->want.facts.fields[FACT_TYPE]) {
	case 'f':
		return compare_contents(c, problem, e);
	case 'l':
		if (differs(c, FACT_DETAIL))
			add_problem(problem, "link target");
		return 0;
	case 'c':
	case 'b':
		if (differs(c, FACT_DETAIL))
			add_problem(problem, "device number");
		return 0;
	default:
		return 0;
	}
}

static int compare_facts(struct check *c, struct err *e)
{
	char problem[PROBLEM_MAX] = "";
	int r;

	if (differs(c, FACT_TYPE)) {
		tree_walk_skip(c->have.walk);
		return c->damage(c->arg, c->want.path.text.data, "another type");
	}
	r = compare_details(c, problem, e);
	if (r < 0)
		return r;
	if (differs(c, FACT_MODE))
		add_problem(problem, "mode");
	if (differs(c, FACT_UID) || differs(c, FACT_GID))
		add_problem(problem, "owner");
	if (differs(c, FACT_XATTRS))
		add_problem(problem, "extended attributes");
	return *problem ? c->damage(c->arg, c->want.path.text.data, problem) : 0;
}

/* The expected entries below the one that we are at are passed over, and it too: the tree has nothing there. */
static int pass_subtree(struct check *c, struct err *e)
{
	size_t depth = c->want.depth;
	int r;

	do
		r = next_expected(&c->want, e);
	while (r == 0 && c->want.there && c->want.depth > depth);
	return r;
}

static int step(struct check *c, struct err *e)
{
	bool same_type;
	int r, order;

	if (c->want.there && c->have.there)
		order = compare_paths(c->have.path.text.data, c->want.path.text.data);
	else
		order = c->have.there ? -1 : 1;
	if (order < 0) {
		tree_walk_skip(c->have.walk);
		r = c->damage(c->arg, c->have.path.text.data, "unexpected");
		return r ? r : next_actual(&c->have, &c->count, e);
	}
	if (order > 0) {
		r = c->damage(c->arg, c->want.path.text.data, "missing");
		return r ? r : pass_subtree(c, e);
	}
	same_type = !differs(c, FACT_TYPE);
	r = compare_facts(c, e);
	if (r == 0)
		r = next_actual(&c->have, &c->count, e);
	if (r == 0)
		r = same_type ? next_expected(&c->want, e) : pass_subtree(c, e);
	return r;
}

static int run(struct check *c, struct err *e)
{
	int r = c->summer ? 0 : err_code(e, -ENOMEM, "cannot check a layer");
	ssize_t len;

	if (r < 0)
		return r;
	len = getline(&c->want.line, &c->want.cap, c->want.file);
	if (len < 0 || strcmp(c->want.line, SUMS_HEADER) != 0)
		return malformed(e);
	r = next_expected(&c->want, e);
	if (r == 0)
		r = next_actual(&c->have, &c->count, e);
	while (r == 0 && (c->want.there || c->have.there))
		r = step(c, e);
	return r;
}

static int open_both(int dir_fd, struct check *c, int *ret_tree_fd, struct err *e)
{
	cleanup_fd int fd = openat(dir_fd, LAYER_SUMS_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r;

	if (fd < 0)
		return errno == ENOENT ? err_set(e, -ENOENT, "'%s' is missing", LAYER_SUMS_NAME)
				       : err_errno(e, "cannot open '%s'", LAYER_SUMS_NAME);
	r = check_frame(fd, e);
	if (r < 0)
		return r;
	c->want.file = fdopen(fd, "re");
	if (!c->want.file)
		return err_errno(e, "cannot open '%s'", LAYER_SUMS_NAME);
	(void)fd_take(&fd); /* the stream owns it */
	*ret_tree_fd = openat(dir_fd, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_tree_fd < 0)
		return err_errno(e, "cannot open 'tree'");
	return tree_walk_new(*ret_tree_fd, &c->have.walk, e);
}

int layer_sums_check(int dir_fd, layer_damage_fn *damage, void *arg, struct layer_sums_count *ret,
		     struct err *e)
{
	struct check c = { .damage = damage,
			   .arg = arg,
			   .want.path = TREE_PATH_INIT,
			   .have.path = TREE_PATH_INIT,
			   .summer = file_summer_new() };
	cleanup_fd int tree_fd = -1;
	int r = open_both(dir_fd, &c, &tree_fd, e);

	if (r == 0)
		r = run(&c, e);
	*ret = c.count;
	file_summer_free(c.summer);
	tree_walk_free(c.have.walk);
	layer_facts_done(&c.have.facts);
	tree_path_done(&c.have.path);
	tree_path_done(&c.want.path);
	free(c.want.line);
	cleanup_stream_fn(&c.want.file);
	return r;
}
