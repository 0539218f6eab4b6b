/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nft_watch.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "common/cleanup.h"

#define MESSAGE_BYTES  32768
#define NEW_GENERATION ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN)

int nft_watch_open(int *ret_fd)
{
	cleanup_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK,
					     .nl_groups = 1u << (NFNLGRP_NFTABLES - 1) };

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = fd_take(&fd);
	return 0;
}

/* NFTA_GEN_PROC_PID, or 0. */
static pid_t pid_of(const struct nlmsghdr *m)
{
	const size_t start = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct nfgenmsg)));
	const struct nlattr *a = (const void *)((const char *)m + start);
	size_t left = m->nlmsg_len > start ? m->nlmsg_len - start : 0;
	uint32_t pid;

	while (left >= sizeof(*a) && a->nla_len >= sizeof(*a) && a->nla_len <= left) {
		size_t step = NLA_ALIGN(a->nla_len);

		if ((a->nla_type & NLA_TYPE_MASK) == NFTA_GEN_PROC_PID &&
		    a->nla_len == NLA_HDRLEN + sizeof(pid)) {
			memcpy(&pid, (const char *)a + NLA_HDRLEN, sizeof(pid));
			return (pid_t)ntohl(pid);
		}
		if (step >= left)
			break;
		left -= step;
		a = (const void *)((const char *)a + step);
	}
	return 0;
}

static void read_messages(const char *data, size_t left, pid_t pid, size_t *own, bool *others)
{
	const struct nlmsghdr *m = (const void *)data;

	while (left >= sizeof(*m) && m->nlmsg_len >= sizeof(*m) && m->nlmsg_len <= left) {
		size_t step = NLMSG_ALIGN(m->nlmsg_len);

		if (m->nlmsg_type == NEW_GENERATION && pid > 0 && pid_of(m) == pid)
			++*own;
		else if (m->nlmsg_type == NEW_GENERATION)
			*others = true;
		if (step >= left)
			break;
		left -= step;
		m = (const void *)((const char *)m + step);
	}
}

void nft_watch_read(int fd, pid_t pid, size_t *own, bool *others)
{
	_Alignas(struct nlmsghdr) char data[MESSAGE_BYTES];
	ssize_t n;

	do {
		n = recv(fd, data, sizeof(data), MSG_TRUNC);
		if (n > (ssize_t)sizeof(data) || (n < 0 && errno != EAGAIN && errno != EINTR))
			*others = true;
		else if (n > 0)
			read_messages(data, (size_t)n, pid, own, others);
	} while (n > 0 || (n < 0 && errno == EINTR));
}
