/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/iptables_programs.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "engine/nft_watch.h"

#define TRIES       3 /* of writing what others change meanwhile */
#define INPUT_BYTES (4u << 20)

static const char *const PROGRAMS[IPTABLES_FAMILIES] = { "iptables", "ip6tables" };

const char *iptables_program(size_t family)
{
	return PROGRAMS[family];
}

void iptables_changes_done(struct iptables_changes *c)
{
	for (size_t i = 0; i < c->len; i++)
		iptables_call_done(&c->items[i]);
	free(c->items);
	*c = (struct iptables_changes){ 0 };
}

int iptables_changes_add(struct iptables_changes *c, struct iptables_call *call)
{
	struct iptables_call *items;

	if (c->len == IPTABLES_CHANGES_MAX)
		return -EFBIG;
	items = realloc(c->items, (c->len + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	c->items = items;
	items[c->len++] = *call;
	*call = (struct iptables_call){ 0 };
	return 0;
}

/* --- running them --- */

/* `suffix`: "", "-save" or "-restore". */
static int start(size_t family, const char *suffix, const struct strvec *args, const struct buf *input,
		 int watch_fd, struct network_helper *ret, struct err *e)
{
	const struct network_helper_extra extra = { .fd = watch_fd };
	cleanup_strvec struct strvec argv = { 0 };
	cleanup_free char *path = NULL;
	char name[32];
	int r;

	(void)snprintf(name, sizeof(name), "%s%s", PROGRAMS[family], suffix);
	r = network_helper_find(name, &path, e);
	if (r < 0)
		return r;
	if (strvec_add(&argv, path) < 0 || (args && strvec_add_all(&argv, args) < 0))
		return err_set(e, -ENOMEM, "out of memory");
	return network_helper_start(&argv, input ? input->data : "", input ? input->len : 0, &extra, ret, e);
}

static int finish(size_t family, const char *suffix, const struct network_helper *h,
		  struct network_helper_result *ret, struct err *e)
{
	int r = network_helper_finish(h, ret, e);

	if (r == 0 && ret->exit_code != 0)
		r = err_set(e, -EPROTO, "%s%s: %.300s", PROGRAMS[family], suffix,
			    ret->error.len > 0 ? ret->error.data : "it failed");
	return r;
}

int iptables_start_reading(size_t family, struct network_helper *ret, struct err *e)
{
	return start(family, "-save", NULL, NULL, -1, ret, e);
}

int iptables_finish_reading(size_t family, const struct network_helper *h, struct iptables_tables *ret,
			    struct err *e)
{
	cleanup_network_helper_result struct network_helper_result result = { 0 };
	int r = finish(family, "-save", h, &result, e);

	if (r < 0)
		return r;
	r = iptables_tables_read(result.out.data, result.out.len, family == 1, ret);
	return r < 0 ? err_code(e, r, "cannot understand the answer of %s-save", PROGRAMS[family]) : 0;
}

/* --- all at once --- */

static int write_table(const struct iptables_changes *c, size_t table, size_t *written, struct buf *out)
{
	bool begun = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->len; i++) {
		if (c->items[i].table != table)
			continue;
		if (!begun)
			r = buf_printf(out, "*%s\n", iptables_table_name(table));
		begun = true;
		if (r == 0)
			r = iptables_call_write(&c->items[i], out);
	}
	*written += begun;
	return r == 0 && begun ? buf_add_str(out, "COMMIT\n") : r;
}

static bool has_removals(const struct iptables_changes *c, size_t table)
{
	for (size_t i = 0; i < c->len; i++)
		if (c->items[i].table == table && strchr("DX", c->items[i].verb))
			return true;
	return false;
}

/* Asks for what is removed from the tables after the first before anything is removed. iptables-restore asks the kernel once about each kind of match, with a socket of its own, and closing
 * one after something was removed takes as long as the kernel takes to dispose of it. Nothing changes by it. */
static int write_questions(const struct iptables_changes *c, struct buf *out)
{
	int r = 0;

	if (!has_removals(c, 0))
		return 0;
	for (size_t table = 1; r == 0 && table < IPTABLES_TABLES; table++) {
		if (has_removals(c, table))
			r = buf_printf(out, "*%s\n", iptables_table_name(table));
		for (size_t i = 0; r == 0 && i < c->len; i++) {
			struct iptables_call question = c->items[i];

			question.verb = 'C';
			if (c->items[i].table == table && c->items[i].verb == 'D')
				r = iptables_call_write(&question, out);
		}
		if (r == 0 && has_removals(c, table))
			r = buf_add_str(out, "COMMIT\n");
	}
	return r;
}

/* Until the kernel has made each table's changes, or the program has ended: it takes its time with that, as closing its sockets waits until the kernel
 * has disposed of what was removed. True: they are made. */
static bool wait_until_made(const struct network_helper *h, int watch_fd, size_t tables)
{
	struct pollfd fds[] = { { .fd = h->pidfd, .events = POLLIN }, { .fd = watch_fd, .events = POLLIN } };
	bool ignored = false;
	size_t made = 0;

	while (made < tables) {
		fds[0].revents = fds[1].revents = 0;
		if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
			return false;
		if (fds[1].revents)
			nft_watch_read(watch_fd, h->pid, &made, &ignored);
		else if (fds[0].revents)
			return false;
	}
	return true;
}

static int write_all_at_once(size_t family, const struct iptables_changes *c, int watch_fd, struct err *e)
{
	cleanup_network_helper_result struct network_helper_result result = { 0 };
	cleanup_network_helper struct network_helper h = NETWORK_HELPER_EMPTY;
	cleanup_strvec struct strvec args = { 0 };
	cleanup_buf struct buf text = BUF_INIT(INPUT_BYTES);
	size_t tables = 0;
	int r = write_questions(c, &text);

	for (size_t i = 0; r == 0 && i < IPTABLES_TABLES; i++)
		r = write_table(c, i, &tables, &text);
	if (r == 0)
		r = strvec_add(&args, "--noflush");
	if (r == 0)
		r = strvec_add(&args, "--wait");
	if (r < 0)
		return err_code(e, r, "cannot write the rules of the packet filter");
	if (tables == 0)
		return 0;
	r = start(family, "-restore", &args, &text, watch_fd, &h, e);
	if (r < 0 || wait_until_made(&h, watch_fd, tables))
		return r;
	return finish(family, "-restore", &h, &result, e);
}

/* Leaves what has still to be done after what others have done. */
static int keep_due(size_t family, struct iptables_changes *c, struct err *e)
{
	cleanup_network_helper struct network_helper h = NETWORK_HELPER_EMPTY;
	cleanup_iptables_tables struct iptables_tables now = { 0 };
	struct iptables_answer ignored;
	size_t kept = 0;
	int r = iptables_start_reading(family, &h, e);

	if (r == 0)
		r = iptables_finish_reading(family, &h, &now, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->len; i++) {
		struct iptables_call call = c->items[i];

		c->items[i] = (struct iptables_call){ 0 };
		if (iptables_is_due(&now, &call)) {
			/* The next ones build upon it. What fails here fails there, and is told. */
			IGNORE_RESULT(iptables_answer(&now, &call, NULL, &ignored));
			c->items[kept++] = call;
		} else {
			iptables_call_done(&call);
		}
	}
	c->len = kept;
	return 0;
}

/* What iptables-restore refuses for a reason that is not known to us: iptables says which one it is. */
static int write_one_by_one(size_t family, const struct iptables_changes *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->len; i++) {
		cleanup_network_helper_result struct network_helper_result result = { 0 };
		cleanup_network_helper struct network_helper h = NETWORK_HELPER_EMPTY;
		cleanup_buf struct buf line = BUF_INIT(2 * IPTABLES_RULE_BYTES);
		cleanup_strvec struct strvec args = { 0 };

		r = buf_printf(&line, "-t %s ", iptables_table_name(c->items[i].table));
		if (r == 0)
			r = iptables_call_write(&c->items[i], &line);
		if (r == 0) {
			line.data[--line.len] = '\0'; /* it is no line */
			r = iptables_split(line.data, &args);
		}
		if (r == 0)
			r = strvec_add(&args, "--wait");
		if (r < 0)
			return err_code(e, r, "cannot run %s", PROGRAMS[family]);
		r = start(family, "", &args, NULL, -1, &h, e);
		if (r == 0)
			r = finish(family, "", &h, &result, e);
		if (r < 0)
			return err_wrap(e, "cannot do '%s'", line.data);
	}
	return r;
}

int iptables_commit(size_t family, struct iptables_changes *c, int watch_fd, bool stale, struct err *e)
{
	int r = stale ? keep_due(family, c, e) : 0;

	if (r == 0)
		r = write_all_at_once(family, c, watch_fd, e);
	for (int i = 1; r < 0 && i < TRIES; i++) {
		r = keep_due(family, c, e);
		if (r == 0)
			r = write_all_at_once(family, c, watch_fd, e);
	}
	return r < 0 ? write_one_by_one(family, c, e) : 0;
}
