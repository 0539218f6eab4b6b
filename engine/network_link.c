/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_link.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "common/cleanup.h"

#define ANSWER_BYTES  16384
#define REQUEST_BYTES 256

/* A request about one interface. */
struct request {
	_Alignas(struct nlmsghdr) char bytes[REQUEST_BYTES];
};

static struct nlmsghdr *begin(struct request *q, uint16_t type, uint32_t index)
{
	struct nlmsghdr *h = (void *)q->bytes;
	struct ifinfomsg *info;

	memset(q->bytes, 0, sizeof(q->bytes));
	h->nlmsg_len = NLMSG_LENGTH(sizeof(*info));
	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	info = NLMSG_DATA(h);
	info->ifi_family = AF_UNSPEC;
	info->ifi_index = (int)index;
	return h;
}

/* Of a few bytes; a request has room for some of them. */
static struct rtattr *add(struct nlmsghdr *h, unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = (void *)((char *)h + NLMSG_ALIGN(h->nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	h->nlmsg_len = NLMSG_ALIGN(h->nlmsg_len) + RTA_ALIGN(a->rta_len);
	return a;
}

static void add_name(struct nlmsghdr *h, const char *name)
{
	char text[IFNAMSIZ] = "";

	memcpy(text, name, strnlen(name, IFNAMSIZ - 1));
	(void)add(h, IFLA_IFNAME, text, sizeof(text));
}

/* The link's IFLA_LINK, or 0. */
static uint32_t link_of(const struct nlmsghdr *h)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	const struct rtattr *a = IFLA_RTA(info);
	size_t left = h->nlmsg_len - NLMSG_LENGTH(sizeof(*info));
	uint32_t index = 0;

	while (left >= sizeof(*a) && a->rta_len >= sizeof(*a) && a->rta_len <= left) {
		size_t step = RTA_ALIGN(a->rta_len);

		if (a->rta_type == IFLA_LINK && RTA_PAYLOAD(a) >= sizeof(index))
			memcpy(&index, RTA_DATA(a), sizeof(index));
		if (step >= left)
			break;
		left -= step;
		a = (const void *)((const char *)a + step);
	}
	return index;
}

#define NOT_YET 1

/* The messages of one datagram. NOT_YET, or what the acknowledgement says: 0 or -errno. */
static int read_messages(const char *data, size_t left, uint32_t *ret_link)
{
	const struct nlmsghdr *m = (const void *)data;

	while (left >= sizeof(*m) && m->nlmsg_len >= sizeof(*m) && m->nlmsg_len <= left) {
		size_t step = NLMSG_ALIGN(m->nlmsg_len);

		if (m->nlmsg_type == NLMSG_ERROR && m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)))
			return ((const struct nlmsgerr *)NLMSG_DATA(m))->error;
		if (m->nlmsg_type == RTM_NEWLINK && m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg)))
			*ret_link = link_of(m);
		if (step >= left)
			break;
		left -= step;
		m = (const void *)((const char *)m + step);
	}
	return NOT_YET;
}

/* Sends it and reads up to the acknowledgement. *ret_link: IFLA_LINK of the link that came before that. 0 or -errno. */
static int ask(int fd, const struct nlmsghdr *h, uint32_t *ret_link)
{
	_Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
	int r = NOT_YET;

	if (send(fd, h, h->nlmsg_len, 0) != (ssize_t)h->nlmsg_len)
		return -errno;
	while (r == NOT_YET) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);

		if (n <= 0)
			return n < 0 ? -errno : -EPROTO;
		r = read_messages(answer, (size_t)n, ret_link);
	}
	return r;
}

static int open_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

/* A socket stays in the namespace that it was made in; we come back. */
static int open_netlink_in(int netns_fd, int *ret, struct err *e)
{
	cleanup_fd int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	cleanup_fd int fd = -1;

	if (own < 0)
		return err_errno(e, "cannot open our network namespace");
	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return err_errno(e, "cannot enter the container's network namespace");
	fd = open_netlink();
	if (setns(own, CLONE_NEWNET) < 0)
		return err_errno(e, "cannot leave the container's network namespace");
	if (fd < 0)
		return err_errno(e, "cannot open a netlink socket");
	*ret = fd_take(&fd);
	return 0;
}

int network_link_peer(int netns_fd, const char *interface, uint32_t *ret_index, char ret_name[IFNAMSIZ],
		      struct err *e)
{
	cleanup_fd int fd = -1;
	struct nlmsghdr *h;
	struct request q;
	uint32_t index = 0;
	int r = open_netlink_in(netns_fd, &fd, e);

	if (r < 0)
		return r;
	h = begin(&q, RTM_GETLINK, 0);
	add_name(h, interface);
	r = ask(fd, h, &index);
	if (r < 0)
		return err_code(e, r, "cannot look at interface '%s'", interface);
	if (index == 0 || !if_indextoname(index, ret_name))
		return err_set(e, -ENODEV, "interface '%s' has no other end here", interface);
	*ret_index = index;
	return 0;
}

static int change_link(struct nlmsghdr *h, uint32_t index, const char *name, struct err *e)
{
	cleanup_fd int fd = -1;
	char now[IFNAMSIZ];
	uint32_t ignored = 0;
	int r;

	if (index == 0 || !if_indextoname(index, now) || strcmp(now, name) != 0)
		return 0;
	fd = open_netlink();
	if (fd < 0)
		return err_errno(e, "cannot open a netlink socket");
	r = ask(fd, h, &ignored);
	return r < 0 && r != -ENODEV ? err_code(e, r, "cannot remove interface '%s'", name) : 0;
}

int network_link_detach(uint32_t index, const char *name, struct err *e)
{
	static const uint32_t NONE;
	struct request q;
	struct nlmsghdr *h = begin(&q, RTM_SETLINK, index);

	(void)add(h, IFLA_MASTER, &NONE, sizeof(NONE));
	return change_link(h, index, name, e);
}

int network_link_remove(uint32_t index, const char *name, struct err *e)
{
	struct request q;

	return change_link(begin(&q, RTM_DELLINK, index), index, name, e);
}

/* Cables, as the real ones: netavark has not got far where the kernel does not know these. Of all kinds they are the ones that are removed in the shortest time; the other end is
 * called veth0 and so on. */
static int make_interfaces(const struct strvec *names, struct err *e)
{
	cleanup_fd int fd = open_netlink();

	if (fd < 0)
		return err_errno(e, "cannot open a netlink socket");
	for (size_t i = 0; i < names->len; i++) {
		struct request q;
		struct nlmsghdr *h = begin(&q, RTM_NEWLINK, 0);
		struct rtattr *info;
		uint32_t ignored = 0;
		size_t start;
		int r;

		h->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
		add_name(h, names->items[i]);
		start = h->nlmsg_len;
		info = add(h, IFLA_LINKINFO, "", 0);
		(void)add(h, IFLA_INFO_KIND, "veth", sizeof("veth"));
		info->rta_len = (unsigned short)(h->nlmsg_len - start);
		r = ask(fd, h, &ignored);
		if (r < 0)
			return err_code(e, r, "cannot make the interface '%s'", names->items[i]);
	}
	return 0;
}

int network_namespace_stand_in(const struct strvec *interfaces, int *ret_fd, struct err *e)
{
	cleanup_fd int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	cleanup_fd int fd = -1;
	int r;

	if (own < 0)
		return err_errno(e, "cannot open our network namespace");
	if (unshare(CLONE_NEWNET) < 0)
		return err_errno(e, "cannot make a network namespace");
	r = make_interfaces(interfaces, e);
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0 && r == 0)
		r = err_errno(e, "cannot open a network namespace");
	if (setns(own, CLONE_NEWNET) < 0)
		return err_errno(e, "cannot return to our network namespace");
	if (r < 0)
		return r;
	*ret_fd = fd_take(&fd);
	return 0;
}
