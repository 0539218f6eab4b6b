/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"

#define RESOLVED_FILE "/run/systemd/resolve/resolv.conf"
#define KEPT_SUFFIX   ".written" /* what we wrote last, to see whether somebody else has changed it */

/* For a container with a loopback of its own. */
static const char HOSTS[] = "127.0.0.1\tlocalhost\n"
			    "::1\tlocalhost ip6-localhost ip6-loopback\n"
			    "fe00::\tip6-localnet\n"
			    "ff00::\tip6-mcastprefix\n"
			    "ff02::1\tip6-allnodes\n"
			    "ff02::2\tip6-allrouters\n";

/* "NAME ADDRESS" as a line; *ret_gateway: the address is the host's, whatever that is. */
static int add_host(const char *entry, const char *address, const char *mark, struct buf *out)
{
	const char *blank = strchr(entry, ' ');

	return buf_printf(out, "%s\t%.*s%s\n", address, (int)(blank - entry), entry, mark);
}

static const char *address_of(const char *entry)
{
	const char *blank = strchr(entry, ' ');

	return blank ? blank + 1 : "";
}

int network_hosts_text(const struct network_config *c, const char *host, struct buf *out)
{
	int r = buf_add_str(out, c->mode == NETWORK_HOST ? host : HOSTS);

	if (r == 0 && out->len > 0 && out->data[out->len - 1] != '\n')
		r = buf_add_char(out, '\n');
	for (size_t i = 0; r == 0 && i < c->hosts.len; i++) {
		const char *address = address_of(c->hosts.items[i]);
		bool gateway = strcmp(address, NETWORK_HOST_GATEWAY) == 0;

		if (!gateway)
			r = add_host(c->hosts.items[i], address, "", out);
		else if (c->mode == NETWORK_HOST)
			r = add_host(c->hosts.items[i], "127.0.0.1", "", out);
	}
	return r;
}

/* --- resolv.conf(5) --- */

/* Calls for each line: its keyword, and what follows. */
struct line {
	const char *keyword, *rest;
	int keyword_len, rest_len;
};

/* False at the end. */
static bool next_line(const char **text, struct line *ret)
{
	const char *p = *text;
	size_t len = strcspn(p, "\n"), keyword;

	if (!*p)
		return false;
	*text = p + len + (p[len] == '\n');
	keyword = strcspn(p, " \t\n");
	*ret = (struct line){ .keyword = p, .keyword_len = (int)keyword, .rest = p + keyword };
	while (ret->rest < p + len && (*ret->rest == ' ' || *ret->rest == '\t'))
		ret->rest++;
	ret->rest_len = (int)(p + len - ret->rest);
	return true;
}

static bool is_keyword(const struct line *l, const char *word)
{
	return (size_t)l->keyword_len == strlen(word) &&
	       strncmp(l->keyword, word, (size_t)l->keyword_len) == 0;
}

static bool is_loopback(const struct line *l)
{
	return strncmp(l->rest, "127.", 4) == 0 || (l->rest_len >= 3 && strncmp(l->rest, "::1", 3) == 0);
}

static int add_list(struct buf *out, const char *keyword, const struct strvec *items)
{
	int r = items->len ? buf_add_str(out, keyword) : 0;

	for (size_t i = 0; r == 0 && i < items->len; i++)
		r = buf_printf(out, " %s", items->items[i]);
	return r == 0 && items->len ? buf_add_char(out, '\n') : r;
}

static int add_servers(struct buf *out, const struct strvec *servers)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < servers->len; i++)
		r = buf_printf(out, "nameserver %s\n", servers->items[i]);
	return r;
}

/* Whether what the user or the network says takes the place of a line of the host's. */
static bool is_replaced(const struct line *l, const struct network_config *c, bool has_servers)
{
	if (is_keyword(l, "nameserver"))
		return has_servers || (c->mode == NETWORK_BRIDGE && is_loopback(l));
	if (is_keyword(l, "search") || is_keyword(l, "domain"))
		return c->dns_search.len > 0;
	return is_keyword(l, "options") && c->dns_options.len > 0;
}

int network_resolv_text(const struct network_config *c, const char *host, const struct strvec *resolvers,
			struct buf *out)
{
	const struct strvec *servers = resolvers && resolvers->len ? resolvers : &c->dns;
	bool no_search = c->dns_search.len == 1 && strcmp(c->dns_search.items[0], ".") == 0;
	struct line l;
	int r = add_servers(out, servers);

	if (r == 0 && !no_search)
		r = add_list(out, "search", &c->dns_search);
	if (r == 0)
		r = add_list(out, "options", &c->dns_options);
	while (r == 0 && next_line(&host, &l))
		if (!is_replaced(&l, c, servers->len > 0))
			r = buf_printf(out, "%.*s%s%.*s\n", l.keyword_len, l.keyword, l.rest_len ? " " : "",
				       l.rest_len, l.rest);
	return r == 0 ? buf_add_str(out, "") : r;
}

static bool has_usable_server(const char *text)
{
	struct line l;

	while (next_line(&text, &l))
		if (is_keyword(&l, "nameserver") && !is_loopback(&l))
			return true;
	return false;
}

static int read_optional(int dir_fd, const char *path, struct buf *out, struct err *e)
{
	int r = file_read(dir_fd, path, out, e);

	if (r == -ENOENT)
		r = 0;
	return r == 0 && buf_add_str(out, "") < 0 ? err_set(e, -ENOMEM, "out of memory") : r;
}

int network_host_resolv(struct buf *out, struct err *e)
{
	cleanup_buf struct buf resolved = BUF_INIT(NETWORK_FILE_BYTES);
	int r = read_optional(AT_FDCWD, "/etc/resolv.conf", out, e);

	if (r < 0 || has_usable_server(out->data))
		return r;
	r = read_optional(AT_FDCWD, RESOLVED_FILE, &resolved, e);
	if (r < 0 || !has_usable_server(resolved.data))
		return r;
	buf_clear(out);
	return buf_add(out, resolved.data, resolved.len) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

/* --- at the start --- */

static bool is_ours(const char *line, size_t len)
{
	size_t mark = strlen(NETWORK_HOSTS_MARK);

	return len >= mark && strncmp(line + len - mark, NETWORK_HOSTS_MARK, mark) == 0;
}

static int copy_foreign(const char *old, struct buf *out)
{
	int r = 0;

	while (r == 0 && *old) {
		size_t len = strcspn(old, "\n");

		if (!is_ours(old, len)) {
			r = buf_add(out, old, len);
			if (r == 0)
				r = buf_add_char(out, '\n');
		}
		old += len + (old[len] == '\n');
	}
	return r;
}

/* Where the host is for the container; NULL: nowhere. */
static const char *host_gateway(const struct network_record *record)
{
	for (size_t i = 0; i < record->attachments_len; i++)
		if (record->attachments[i].gateway)
			return record->attachments[i].gateway;
	return record->pasta_ip;
}

static int add_own(const char *ip, const struct network_config *c, const struct network_record *record,
		   const char *hostname, struct buf *out)
{
	int r = ip ? buf_printf(out, "%s\t", ip) : 0;

	if (!ip)
		return 0;
	if (r == 0 && c->domainname)
		r = buf_printf(out, "%s.%s ", hostname, c->domainname);
	if (r == 0)
		r = buf_add_str(out, hostname);
	if (r == 0 && record->name && strcmp(record->name, hostname) != 0)
		r = buf_printf(out, " %s", record->name);
	return r == 0 ? buf_add_str(out, NETWORK_HOSTS_MARK "\n") : r;
}

int network_hosts_update_text(const char *old, const struct network_config *c,
			      const struct network_record *record, const char *hostname, struct buf *out)
{
	const char *gateway = host_gateway(record);
	int r = copy_foreign(old, out);

	for (size_t i = 0; r == 0 && gateway && i < c->hosts.len; i++)
		if (strcmp(address_of(c->hosts.items[i]), NETWORK_HOST_GATEWAY) == 0)
			r = add_host(c->hosts.items[i], gateway, NETWORK_HOSTS_MARK, out);
	for (size_t i = 0; r == 0 && i < record->attachments_len; i++) {
		r = add_own(record->attachments[i].ip, c, record, hostname, out);
		if (r == 0)
			r = add_own(record->attachments[i].ip6, c, record, hostname, out);
	}
	if (r == 0)
		r = add_own(record->pasta_ip, c, record, hostname, out);
	return r == 0 ? buf_add_str(out, "") : r;
}

/* Not a new file in its place: the old one is what the container has mounted. */
static int rewrite(int dir_fd, const char *name, const struct buf *text, struct err *e)
{
	cleanup_fd int fd = openat(dir_fd, name, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
	int r = fd < 0 ? -errno : write_all(fd, text->data, text->len);

	return r < 0 ? err_code(e, r, "cannot write the container's '%s'", name) : 0;
}

static int update_hosts(int dir_fd, const struct network_config *c, const struct network_record *record,
			const char *hostname, struct err *e)
{
	cleanup_buf struct buf old = BUF_INIT(NETWORK_FILE_BYTES);
	cleanup_buf struct buf text = BUF_INIT(2 * NETWORK_FILE_BYTES);
	int r = file_read(dir_fd, NETWORK_HOSTS_FILE, &old, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = network_hosts_update_text(old.data ? old.data : "", c, record, hostname, &text);
	return r < 0 ? err_code(e, r, "cannot make '" NETWORK_HOSTS_FILE "'")
		     : rewrite(dir_fd, NETWORK_HOSTS_FILE, &text, e);
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static int update_resolv(int dir_fd, const struct network_config *c, const struct network_record *record,
			 struct err *e)
{
	cleanup_buf struct buf now = BUF_INIT(NETWORK_FILE_BYTES);
	cleanup_buf struct buf written = BUF_INIT(NETWORK_FILE_BYTES);
	cleanup_buf struct buf host = BUF_INIT(NETWORK_FILE_BYTES);
	cleanup_buf struct buf text = BUF_INIT(2 * NETWORK_FILE_BYTES);
	int r = file_read(dir_fd, NETWORK_RESOLV_FILE, &now, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = file_read(dir_fd, NETWORK_RESOLV_FILE KEPT_SUFFIX, &written, e);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0 && !same(&now, &written))
		return 0;
	r = network_host_resolv(&host, e);
	if (r < 0)
		return r;
	r = network_resolv_text(c, host.data, &record->resolvers, &text);
	if (r < 0)
		return err_code(e, r, "cannot make '" NETWORK_RESOLV_FILE "'");
	r = file_write_atomic(dir_fd, NETWORK_RESOLV_FILE KEPT_SUFFIX, text.data, text.len, 0600, e);
	return r == 0 ? rewrite(dir_fd, NETWORK_RESOLV_FILE, &text, e) : r;
}

int network_files_update(int dir_fd, const struct network_config *c, const struct network_record *record,
			 const char *hostname, struct err *e)
{
	int r = 0;

	if (c->mode != NETWORK_BRIDGE) /* they are as they were made */
		return 0;
	r = update_hosts(dir_fd, c, record, hostname, e);
	return r == 0 ? update_resolv(dir_fd, c, record, e) : r;
}
