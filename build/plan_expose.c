/* SPDX-License-Identifier: Apache-2.0 */
/* EXPOSE, with all that BuildKit takes for a port: [ADDRESS:][HOST-PORT:]PORT[-PORT][/PROTOCOL]. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "build/plan_parts.h"
#include "common/cleanup.h"
#include "common/parse.h"

struct range {
	uint64_t first, last;
};

/* One word, cut into its parts. */
struct port {
	char *text;                                   /* owned; the others are parts of it */
	const char *address, *host, *port, *protocol; /* "" where they are not there */
};

static bool is_address(char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	size_t len = strlen(text);

	if (text[0] == '[') {
		if (len < 2 || text[len - 1] != ']')
			return false;
		text[len - 1] = '\0';
		text++;
	}
	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static int read_range(const char *text, struct range *ret)
{
	cleanup_free char *first = strndup(text, strcspn(text, "-"));
	const char *dash = strchr(text, '-');

	if (!first)
		return -ENOMEM;
	if (parse_u64(first, 0, UINT16_MAX, &ret->first) < 0)
		return -EINVAL;
	if (parse_u64(dash ? dash + 1 : first, ret->first, UINT16_MAX, &ret->last) < 0)
		return -EINVAL;
	return 0;
}

/* Cuts `text` behind the last `mark` in it; "" where there is none: *rest is all of it then. */
static const char *cut_last(char *text, char mark, const char **rest)
{
	char *at = strrchr(text, mark);

	*rest = at ? at + 1 : text;
	if (!at)
		return "";
	*at = '\0';
	return text;
}

static void cut(struct port *p)
{
	const char *front = cut_last(p->text, ':', &p->port);
	char *slash;

	p->address = p->host = "";
	if (*front || p->port != p->text)
		p->address = cut_last(p->text, ':', &p->host);
	slash = strchr(p->port, '/');
	p->protocol = slash ? slash + 1 : "";
	if (slash)
		*slash = '\0';
	if (!*p->protocol)
		p->protocol = "tcp";
}

static bool is_protocol(const char *text)
{
	return strcasecmp(text, "tcp") == 0 || strcasecmp(text, "udp") == 0 || strcasecmp(text, "sctp") == 0;
}

static int check_host(const struct port *p, const struct range *ports, struct err *e)
{
	struct range host = { 0 };

	if (!*p->host)
		return 0;
	if (read_range(p->host, &host) < 0)
		return err_set(e, -EINVAL, "invalid hostPort: %s", p->host);
	if (ports->last != ports->first && ports->last - ports->first != host.last - host.first)
		return err_set(e, -EINVAL, "invalid ranges specified for container and host Ports: %s and %s",
			       p->port, p->host);
	return 0;
}

static int read_port(struct port *p, const char *whole, struct range *ret, struct err *e)
{
	cleanup_free char *address = NULL;

	cut(p);
	if (!*p->port)
		return err_set(e, -EINVAL, "no port specified: %s<empty>", whole);
	if (!is_protocol(p->protocol))
		return err_set(e, -EINVAL, "invalid proto: %s", p->protocol);
	address = strdup(p->address);
	if (!address)
		return plan_no_memory(e);
	if (*address && !is_address(address))
		return err_set(e, -EINVAL, "invalid IP address: %s", p->address);
	if (read_range(p->port, ret) < 0)
		return err_set(e, -EINVAL, "invalid containerPort: %s", p->port);
	return check_host(p, ret, e);
}

static int add_range(struct plan_state *s, const char *protocol, const struct range *range,
		     struct strvec *added, struct err *e)
{
	struct strvec *all = &s->out->config.exposed_ports;
	char lower[sizeof("sctp")] = "";
	int r = 0;

	for (size_t i = 0; protocol[i] && i + 1 < sizeof(lower); i++)
		lower[i] = (char)(protocol[i] | 0x20); /* letters only */
	for (uint64_t port = range->first; r == 0 && port <= range->last; port++) {
		r = strvec_addf(added, "%u/%s", (unsigned int)port, lower);
		if (r == 0 && !strvec_has(all, added->items[added->len - 1]))
			r = strvec_add(all, added->items[added->len - 1]);
	}
	return r < 0 ? err_code(e, r, "cannot keep the ports of EXPOSE") : 0;
}

static int one(struct plan_state *s, const char *word, struct strvec *added, struct err *e)
{
	cleanup_free char *text = strdup(word);
	struct port p = { .text = text };
	struct range range = { 0 };
	struct err cause = { 0 };
	int r;

	if (!text)
		return plan_no_memory(e);
	if (check_expose_proto_case(word))
		plan_warn(s, CHECK_EXPOSE_PROTO_CASING, word, NULL);
	if (check_expose_has_host(word))
		plan_warn(s, CHECK_EXPOSE_INVALID_FORMAT, word, NULL);
	r = read_port(&p, word, &range, &cause);
	if (r < 0)
		return plan_place(s, s->i->words.items[0].at, &cause, e);
	return add_range(s, p.protocol, &range, added, e);
}

struct sorted {
	const struct dockerfile_word *word;
};

static int compare(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	return strcmp(x->word->text, y->word->text);
}

/* BuildKit sorts the words before it looks at them: the history shows it. */
static int expand_sorted(struct plan_state *s, struct strvec *ret, struct err *e)
{
	const struct dockerfile_words *words = &s->i->words;
	cleanup_free struct sorted *sorted = calloc(words->len + 1, sizeof(*sorted));
	int r = 0;

	if (!sorted)
		return plan_no_memory(e);
	for (size_t i = 0; i < words->len; i++)
		sorted[i].word = &words->items[i];
	qsort(sorted, words->len, sizeof(*sorted), compare);
	for (size_t i = 0; r == 0 && i < words->len; i++)
		r = plan_expand_list(s, sorted[i].word->text, sorted[i].word->at, ret, e);
	return r;
}

int plan_expose(struct plan_state *s, struct err *e)
{
	cleanup_strvec struct strvec ports = { 0 }, added = { .max = PLAN_PORTS_MAX };
	int r = expand_sorted(s, &ports, e);

	for (size_t i = 0; r == 0 && i < ports.len; i++)
		r = one(s, ports.items[i], &added, e);
	return r < 0 ? r : plan_history_list(s, "EXPOSE", &added, false, e);
}
