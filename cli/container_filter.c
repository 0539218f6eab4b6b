/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/container_filter.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "cli/filter.h"
#include "cli/find_image.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "engine/container_spec.h"
#include "engine/network.h"
#include "engine/network_config.h"
#include "engine/network_record.h"

/* A container, and what to look it up with. */
struct subject {
	const struct container_filter *filter;
	const struct container_record *container;
};

static const struct container_record *container_of(const void *subject)
{
	return ((const struct subject *)subject)->container;
}

/* --- what the record says --- */

/* docker's names are Go's regular expressions, of which people use what POSIX has too. One that is none matches as it is. */
static bool matches(const char *pattern, const char *text)
{
	regex_t regex;
	bool found = strcmp(pattern, text) == 0;

	if (found || regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return found;
	found = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

static bool has_name(const char *value, const void *subject)
{
	return matches(value[0] == '/' ? value + 1 : value, container_of(subject)->name);
}

static bool has_id(const char *value, const void *subject)
{
	return matches(value, container_of(subject)->id);
}

static bool has_status(const char *value, const void *subject)
{
	return strcmp(container_status_name(container_of(subject)->status), value) == 0;
}

static bool has_exited_with(const char *value, const void *subject)
{
	const struct container_record *c = container_of(subject);
	int64_t code;

	return c->status == CONTAINER_EXITED && c->started &&
	       parse_i64(value, INT32_MIN, INT32_MAX, &code) == 0 && code == c->exit_code;
}

static bool has_health(const char *value, const void *subject)
{
	const char *name = status_health_name(container_of(subject)->health);

	return strcmp(*name ? name : "none", value) == 0;
}

/* --- what other files say --- */

/* Made from the image, or from one that was built on it. */
static bool has_ancestor(const char *value, const void *subject)
{
	const struct container_record *c = container_of(subject);
	cleanup_image_record struct image_record image = { 0 };
	struct err ignored; /* an image that is gone is known by its name alone */
	bool above;

	if (find_image(((const struct subject *)subject)->filter->store, value, &image, &ignored) < 0)
		return c->image_name && strcmp(c->image_name, value) == 0;
	if (digest_equal(&image.config, &c->image_id))
		return true;
	above = image.layers.len > 0 && image.layers.len <= c->layers.len;
	for (size_t i = 0; above && i < image.layers.len; i++)
		above = strcmp(image.layers.items[i], c->layers.items[i]) == 0;
	return above;
}

static bool is_mounted_at(const struct store *s, const char *id, const char *path)
{
	cleanup_runtime_spec struct runtime_spec spec = { 0 };
	cleanup_fd int dir_fd = -1;
	struct err ignored;

	if (container_open_dir(s, id, &dir_fd, &ignored) < 0 ||
	    container_spec_read(dir_fd, &spec, &ignored) < 0)
		return false;
	return spec_find_mount(&spec, path) != NULL;
}

/* By name, by the directory of the host, or by where it is. */
static bool has_volume(const char *value, const void *subject)
{
	const struct subject *s = subject;
	const struct container_record *c = s->container;

	if (strvec_has(&c->volumes, value) || strvec_has(&c->binds, value))
		return true;
	return value[0] == '/' && c->volumes.len + c->binds.len > 0 &&
	       is_mounted_at(s->filter->store, c->id, value);
}

static int load_network(const struct subject *s, struct network_config *ret)
{
	cleanup_fd int dir_fd = -1;
	struct err ignored;
	int r = container_open_dir(s->filter->store, s->container->id, &dir_fd, &ignored);

	return r < 0 ? r : network_config_load(dir_fd, ret, &ignored);
}

static bool is_network(const struct subject *s, const char *name, const char *value)
{
	cleanup_network struct network n = { 0 };
	struct err ignored;

	if (strcmp(name, value) == 0)
		return true;
	return strlen(value) >= 12 &&
	       network_load(store_root_path(s->filter->store), name, &n, &ignored) == 0 &&
	       strncmp(n.id, value, strlen(value)) == 0;
}

static bool has_network(const char *value, const void *subject)
{
	cleanup_network_config struct network_config c = { 0 };
	bool found = false;

	if (load_network(subject, &c) < 0)
		return false;
	if (c.mode == NETWORK_NONE || c.mode == NETWORK_HOST)
		return strcmp(value, c.mode == NETWORK_HOST ? "host" : "none") == 0;
	for (size_t i = 0; !found && i < c.endpoints_len; i++)
		found = is_network(subject, c.endpoints[i].network, value);
	return found;
}

/* "80", "80/udp", "8000-8010/tcp" */
struct wanted_ports {
	uint64_t first, last;
	char protocol[8];
};

static int parse_ports(const char *text, struct wanted_ports *ret)
{
	char numbers[16];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char *dash;

	if (len >= sizeof(numbers) || (slash && strlen(slash + 1) >= sizeof(ret->protocol)))
		return -EINVAL;
	memcpy(numbers, text, len);
	numbers[len] = '\0';
	(void)snprintf(ret->protocol, sizeof(ret->protocol), "%s", slash ? slash + 1 : "tcp");
	dash = strchr(numbers, '-');
	if (dash)
		*dash++ = '\0';
	if (parse_u64(numbers, 0, UINT16_MAX, &ret->first) < 0 ||
	    parse_u64(dash ? dash : numbers, ret->first, UINT16_MAX, &ret->last) < 0)
		return -EINVAL;
	return 0;
}

static bool is_port(const struct wanted_ports *w, uint32_t port, const char *protocol)
{
	return port >= w->first && port <= w->last && strcmp(protocol, w->protocol) == 0;
}

static bool any_port(const struct network_ports *ports, const struct wanted_ports *w, bool of_host)
{
	for (size_t i = 0; i < ports->len; i++) {
		const struct network_port *p = &ports->items[i];

		if (is_port(w, of_host ? p->host_port : p->container_port, p->protocol))
			return true;
	}
	return false;
}

static bool any_exposed(const struct strvec *exposed, const struct wanted_ports *w)
{
	for (size_t i = 0; i < exposed->len; i++) {
		const char *protocol;
		uint32_t port;

		if (network_private_port(exposed->items[i], &port, &protocol) == 0 &&
		    is_port(w, port, protocol))
			return true;
	}
	return false;
}

/* While it runs, as docker has it: a port that nothing listens at is not shown either. */
static bool has_port(const char *value, const struct subject *s, bool of_host)
{
	cleanup_network_record struct network_record record = { 0 };
	struct wanted_ports w;
	struct err ignored;

	if (parse_ports(value, &w) < 0 || !container_is_up(s->container) ||
	    network_record_load(s->filter->state_dir, s->container->id, &record, &ignored) < 0)
		return false;
	return any_port(&record.ports, &w, of_host) || (!of_host && any_exposed(&record.exposed, &w));
}

static bool publishes(const char *value, const void *subject)
{
	return has_port(value, subject, true);
}

static bool exposes(const char *value, const void *subject)
{
	return has_port(value, subject, false);
}

/* --- all of them --- */

static bool is_number(const char *value)
{
	int64_t n;

	return parse_i64(value, INT32_MIN, INT32_MAX, &n) == 0;
}

static bool are_ports(const char *value)
{
	struct wanted_ports w;

	return parse_ports(value, &w) == 0;
}

static bool is_one_of(const char *value, const char *const *words)
{
	while (*words && strcmp(*words, value) != 0)
		words++;
	return *words != NULL;
}

static bool is_status(const char *value)
{
	static const char *const WORDS[] = { "created", "restarting", "running", "removing",
					     "paused",  "exited",     "dead",    NULL };

	return is_one_of(value, WORDS);
}

static bool is_health(const char *value)
{
	static const char *const WORDS[] = { "none", "starting", "healthy", "unhealthy", NULL };

	return is_one_of(value, WORDS);
}

static int check_values(const struct strvec *filters, struct err *e)
{
	static const struct {
		const char *name;
		bool (*is_ok)(const char *value);
	} CHECKS[] = { { "exited", is_number },
		       { "publish", are_ports },
		       { "expose", are_ports },
		       { "status", is_status },
		       { "health", is_health } };

	for (size_t i = 0; i < filters->len; i++) {
		for (size_t n = 0; n < ARRAY_LEN(CHECKS); n++) {
			const char *value = filter_value(filters->items[i], CHECKS[n].name);

			if (value && !CHECKS[n].is_ok(value))
				return err_set(e, -EINVAL, "invalid filter '%s'", filters->items[i]);
		}
	}
	return 0;
}

/* By ID, a beginning of one, or name. */
static int find_created(const struct container_record *items, size_t len, const char *what, const char **ret,
			struct err *e)
{
	for (size_t i = 0; i < len; i++) {
		if (strcmp(items[i].name, what) != 0 &&
		    (!*what || strncmp(items[i].id, what, strlen(what)) != 0))
			continue;
		*ret = items[i].created;
		return 0;
	}
	return err_set(e, -ENOENT, "no such container: %s", what);
}

int container_filter_make(const struct strvec *filters, const struct store *s, const char *state_dir,
			  const struct container_record *items, size_t len, struct container_filter *ret,
			  struct err *e)
{
	static const char *const NAMES[] = { "ancestor", "before", "exited", "expose", "health",
					     "id",       "label",  "label!", "name",   "network",
					     "publish",  "since",  "status", "volume", NULL };
	struct container_filter f = { .filters = filters, .store = s, .state_dir = state_dir };
	int r = filter_check(filters, NAMES, e);

	if (r == 0)
		r = check_values(filters, e);
	for (size_t i = 0; r == 0 && i < filters->len; i++) {
		const char *before = filter_value(filters->items[i], "before");
		const char *since = filter_value(filters->items[i], "since");

		if (before)
			r = find_created(items, len, before, &f.before, e);
		if (r == 0 && since)
			r = find_created(items, len, since, &f.since, e);
	}
	if (r == 0)
		*ret = f;
	return r;
}

bool container_filter_match(const struct container_filter *f, const struct container_record *c)
{
	/* Those that read files come last. */
	static const struct {
		const char *name;
		bool (*match)(const char *value, const void *subject);
	} FILTERS[] = {
		{ "name", has_name },       { "id", has_id },
		{ "status", has_status },   { "exited", has_exited_with },
		{ "health", has_health },   { "volume", has_volume },
		{ "network", has_network }, { "ancestor", has_ancestor },
		{ "publish", publishes },   { "expose", exposes },
	};
	const struct subject subject = { .filter = f, .container = c };

	if ((f->before && strcmp(c->created, f->before) >= 0) ||
	    (f->since && strcmp(c->created, f->since) <= 0) || !filter_labels(f->filters, &c->labels))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(FILTERS); i++)
		if (!filter_any(f->filters, FILTERS[i].name, FILTERS[i].match, &subject))
			return false;
	return true;
}

bool container_filter_wants_all(const struct strvec *filters)
{
	return filter_has(filters, "status");
}
