/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/search.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_stream.h"
#include "common/parse.h"
#include "pull/endpoint.h"
#include "pull/searcher.h"

#define HUB         "docker.io"
#define HUB_SEARCH  "index.docker.io" /* where it can be searched */
#define RESULTS_MAX 10000             /* of one answer */
#define PAGES_MAX   1000

void search_results_done(struct search_results *r)
{
	for (size_t i = 0; i < r->len; i++) {
		free(r->items[i].index);
		free(r->items[i].name);
		free(r->items[i].description);
	}
	free(r->items);
	*r = (struct search_results){ 0 };
}

/* --- filters --------------------------------------------------------------------------------------------------- */

static int read_bool(const char *text, struct opt_bool *ret)
{
	static const char *const TRUE[] = { "", "1", "t", "T", "true", "TRUE", "True" }, *const FALSE[] = {
		"0", "f", "F", "false", "FALSE", "False"
	};

	for (size_t i = 0; i < ARRAY_LEN(TRUE); i++)
		if (strcmp(text, TRUE[i]) == 0) {
			*ret = (struct opt_bool){ .set = true, .value = true };
			return 0;
		}
	for (size_t i = 0; i < ARRAY_LEN(FALSE); i++)
		if (strcmp(text, FALSE[i]) == 0) {
			*ret = (struct opt_bool){ .set = true, .value = false };
			return 0;
		}
	return -EINVAL;
}

int search_filter_add(struct search_filter *f, const char *text, struct err *e)
{
	size_t len = strcspn(text, "=");
	const char *value = text[len] ? text + len + 1 : "";
	int r = -EINVAL;

	if (len == 5 && strncmp(text, "stars", len) == 0)
		r = parse_u64(value, 0, INT64_MAX, &f->stars);
	else if (len == 11 && strncmp(text, "is-official", len) == 0)
		r = read_bool(value, &f->is_official);
	else if (len == 12 && strncmp(text, "is-automated", len) == 0)
		r = read_bool(value, &f->is_automated);
	else
		return err_set(e, -EINVAL,
			       "invalid filter '%.64s' (there are stars=N, is-official and is-automated)",
			       text);
	return r < 0 ? err_set(e, -EINVAL, "invalid filter '%.64s'", text) : 0;
}

static bool passes(const struct search_filter *f, const struct search_item *i)
{
	return i->stars >= f->stars && (!f->is_official.set || f->is_official.value == i->is_official) &&
	       (!f->is_automated.set || f->is_automated.value == i->is_automated);
}

/* --- one registry ---------------------------------------------------------------------------------------------- */

/* What is known of the registry that is asked. */
struct searching {
	const struct search_options *options;
	const char *domain;
	struct endpoints endpoints;
	struct registry_options registry;
	struct worker worker;
	struct buf body;
	bool has_more; /* the registry has said that there is more of a list */
};

static void searching_done(struct searching *s)
{
	worker_stop(&s->worker);
	endpoints_done(&s->endpoints);
	buf_done(&s->body);
}
#define cleanup_searching __attribute__((cleanup(searching_done)))

static int searching_begin(struct searching *s, const char *domain, const char *path,
			   const struct registries_conf *conf, struct err *e)
{
	const struct endpoint_options options = { .tls_verify = s->options->tls_verify,
						  .auth_file = s->options->auth_file,
						  .conf = conf,
						  .without_mirrors = true };
	cleanup_secret struct secret secret = { 0 };
	cleanup_reference struct reference ref = { 0 };
	int r;

	s->domain = domain;
	s->body = BUF_INIT(SEARCHER_BODY_MAX);
	if (path) {
		ref.domain = strdup(domain);
		ref.path = strdup(path);
		r = ref.domain && ref.path ? endpoints_find(&ref, &options, &s->endpoints, e)
					   : err_code(e, -ENOMEM, "cannot search");
	} else {
		r = auth_find(s->options->auth_file, domain, NULL, &secret, e);
		if (r == 0)
			r = endpoints_of_registry(domain, &secret, &options, &s->endpoints, e);
	}
	if (r < 0)
		return r;
	s->registry = endpoint_registry_options(&s->endpoints.items[0]);
	if (!path && strcmp(domain, HUB) == 0)
		s->registry.domain = HUB_SEARCH;
	return searcher_start(&s->registry, &s->worker, e);
}

static int ask(struct searching *s, enum searcher_item item, const char *text, bool is_next, struct err *e)
{
	const struct searcher_question q = {
		.item = item, .text = text, .is_next = is_next, .limit = s->options->limit
	};
	const struct json_limits limits = { .max_bytes = SEARCHER_BODY_MAX,
					    .max_depth = 16,
					    .max_values = 1000000 };
	int r;

	buf_clear(&s->body);
	r = searcher_ask(&s->worker, &q, s->options->cancel_fd, &s->body, &s->has_more, e);
	if (r == 0)
		r = json_guard_check(s->body.data ? s->body.data : "", s->body.len, &limits, e);
	return r;
}

static int add_item(struct search_results *out, struct search_item *item, struct err *e)
{
	struct search_item *more = reallocarray(out->items, out->len + 1, sizeof(*more));

	if (more)
		out->items = more;
	if (!more || !item->index || !item->name || !item->description) {
		free(item->index);
		free(item->name);
		free(item->description);
		return err_code(e, -ENOMEM, "cannot keep what was found");
	}
	out->items[out->len++] = *item;
	return 0;
}

static char *full_name(const char *domain, const char *name)
{
	bool official = strcmp(domain, HUB) == 0 && !strchr(name, '/');
	char *text;

	return asprintf(&text, "%s/%s%s", domain, official ? "library/" : "", name) < 0 ? NULL : text;
}

/* --- /v1/search -------------------------------------------------------------------------------------------------- */

struct hit {
	char *name, *description;
	uint64_t stars;
	bool is_official, is_automated;
};

static const struct json_field HIT[] = {
	{ "name", offsetof(struct hit, name), json_read_string, .required = true },
	{ "description", offsetof(struct hit, description), json_read_string },
	{ "star_count", offsetof(struct hit, stars), json_read_u64 },
	{ "is_official", offsetof(struct hit, is_official), json_read_bool },
	{ "is_automated", offsetof(struct hit, is_automated), json_read_bool },
	{ 0 },
};

struct hits {
	struct json_items results;
};

static const struct json_array HIT_ARRAY = { HIT, sizeof(struct hit), RESULTS_MAX };
static const struct json_field HITS[] = {
	{ "results", offsetof(struct hits, results), json_read_array, &HIT_ARRAY, .required = true },
	{ 0 },
};

static int take_hit(const struct searching *s, const struct hit *h, struct search_results *out, struct err *e)
{
	struct search_item item = { .stars = h->stars,
				    .is_official = h->is_official,
				    .is_automated = h->is_automated };

	if (!passes(&s->options->filter, &item))
		return 0;
	item.index = strdup(s->domain);
	item.name = full_name(s->domain, h->name);
	item.description = strdup(h->description ? h->description : "");
	return add_item(out, &item, e);
}

static int search_hub(struct searching *s, const char *term, struct search_results *out, struct err *e)
{
	struct hits hits = { 0 };
	struct hit *items;
	unsigned int taken = 0;
	int r = ask(s, SEARCHER_SEARCH, term, false, e);

	if (r == 0)
		r = json_decode(s->body.data, s->body.len, HITS, &hits, e);
	items = hits.results.items;
	for (size_t i = 0; i < hits.results.len; i++) {
		size_t before = out->len;

		if (r == 0 && taken < s->options->limit)
			r = take_hit(s, &items[i], out, e);
		taken += out->len > before;
		free(items[i].name);
		free(items[i].description);
	}
	free(items);
	return r;
}

/* --- lists in pages -------------------------------------------------------------------------------------------- */

struct page {
	struct strvec names;
};

static int read_names(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	(void)arg;
	return json_in_is_array(in) ? json_read_strvec(in, NULL, member, e) : 0; /* null: a list of nothing */
}

static const struct json_field CATALOG[] = {
	{ "repositories", offsetof(struct page, names), read_names },
	{ 0 },
};
static const struct json_field TAGS[] = {
	{ "tags", offsetof(struct page, names), read_names },
	{ 0 },
};

struct listing {
	enum searcher_item item;
	const struct json_field *fields;
	int (*visit)(void *arg, const char *name, struct err *e); /* 1: that is enough */
	void *arg;
};

/* One page. 1: there is no more to ask for. A page that brings nothing new, as registries send which know of no pages, is the last, unless the
 * registry itself says that there are more. */
static int each_of_page(struct searching *s, const struct listing *l, bool is_next,
			char last[SEARCH_TERM_MAX], struct err *e)
{
	struct page page = { 0 };
	const char *end;
	int r = ask(s, l->item, last, is_next, e);

	if (r == 0)
		r = json_decode(s->body.data, s->body.len, l->fields, &page, e);
	end = page.names.len > 0 ? page.names.items[page.names.len - 1] : last;
	if (r == 0 && ((strcmp(end, last) == 0 && !s->has_more) || strlen(end) >= SEARCH_TERM_MAX))
		r = 1;
	for (size_t i = 0; r == 0 && i < page.names.len; i++)
		r = l->visit(l->arg, page.names.items[i], e);
	if (r == 0 && page.names.len < SEARCHER_PAGE_MIN && !s->has_more)
		r = 1;
	if (r == 0)
		(void)snprintf(last, SEARCH_TERM_MAX, "%s", end);
	strvec_done(&page.names);
	return r;
}

static int each_name(struct searching *s, const struct listing *l, struct err *e)
{
	char last[SEARCH_TERM_MAX] = "";
	int r = 0;

	for (unsigned int pages = 0; r == 0 && pages < PAGES_MAX; pages++)
		r = each_of_page(s, l, pages > 0, last, e);
	return r < 0 ? r : 0;
}

struct catalog_visit {
	const struct searching *searching;
	const char *term;
	struct search_results *out;
	size_t before;
};

static int on_repository(void *arg, const char *name, struct err *e)
{
	const struct catalog_visit *v = arg;
	struct search_item item = { 0 };
	int r;

	if (!strstr(name, v->term) || !passes(&v->searching->options->filter, &item))
		return 0;
	item.index = strdup(v->searching->domain);
	item.name = full_name(v->searching->domain, name);
	item.description = strdup("");
	r = add_item(v->out, &item, e);
	return r < 0 ? r : v->out->len - v->before >= v->searching->options->limit;
}

static int search_one(struct searching *s, const char *term, struct search_results *out, struct err *e)
{
	struct catalog_visit v = { .searching = s, .term = term, .out = out, .before = out->len };
	const struct listing catalog = {
		.item = SEARCHER_CATALOG, .fields = CATALOG, .visit = on_repository, .arg = &v
	};
	int r = *term ? search_hub(s, term, out, e) : -ENOENT;

	/* Whatever a registry has to say of a question that it does not know. */
	if (r == -ENOENT || r == -EPROTO || r == -EINVAL || r == -EACCES)
		return each_name(s, &catalog, e);
	return r;
}

/* --- what people type -------------------------------------------------------------------------------------------- */

/* How much of a term is a registry: by the rule for references, "host/" included. 0: nothing. */
static size_t registry_len(const char *term)
{
	size_t len = strcspn(term, "/");

	if (term[len] != '/')
		return 0;
	if (memchr(term, '.', len) || memchr(term, ':', len) ||
	    (len == 9 && strncmp(term, "localhost", 9) == 0))
		return len;
	return 0;
}

static int search_in(const char *domain, const char *term, const struct registries_conf *conf,
		     const struct search_options *options, struct search_results *out, struct err *e)
{
	cleanup_searching struct searching s = { .options = options };
	int r;

	if (strcmp(domain, HUB) == 0 && strncmp(term, "library/", 8) == 0)
		term += 8; /* Docker Hub does not know its own images by that name */
	r = searching_begin(&s, domain, NULL, conf, e);
	if (r == 0)
		r = search_one(&s, term, out, e);
	return r < 0 && r != -EINTR ? err_wrap(e, "cannot search '%s'", domain) : r;
}

static int search_everywhere(const char *term, const struct registries_conf *conf,
			     const struct search_options *options, struct search_results *out, struct err *e)
{
	struct err first = { 0 };
	int r = 0;

	if (conf->search.len == 0)
		return search_in(HUB, term, conf, options, out, e);
	for (size_t i = 0; r != -EINTR && r != -ENOMEM && i < conf->search.len; i++) {
		r = search_in(conf->search.items[i], term, conf, options, out, e);
		if (r < 0 && first.code == 0)
			first = *e;
	}
	if (r == -EINTR || r == -ENOMEM || out->len > 0 || first.code == 0)
		return r == -EINTR || r == -ENOMEM ? r : 0;
	*e = first;
	return e->code;
}

int search_images(const char *term, const struct search_options *options, struct search_results *ret,
		  struct err *e)
{
	cleanup_registries_conf struct registries_conf conf = { 0 };
	cleanup_search_results struct search_results found = { 0 };
	size_t len = registry_len(term);
	cleanup_free char *domain = strndup(term, len);
	int r;

	if (strlen(term) >= SEARCH_TERM_MAX)
		return err_set(e, -EINVAL, "what is searched for is longer than %d bytes",
			       SEARCH_TERM_MAX - 1);
	if (!domain)
		return err_code(e, -ENOMEM, "cannot search");
	r = registries_conf_load(&conf, e);
	if (r < 0)
		return r;
	if (len > 0)
		r = search_in(domain, term + len + 1, &conf, options, &found, e);
	else
		r = search_everywhere(term, &conf, options, &found, e);
	if (r < 0)
		return r;
	*ret = found;
	found = (struct search_results){ 0 };
	return 0;
}

struct tags_visit {
	const struct search_options *options;
	struct strvec *out;
};

static int on_tag(void *arg, const char *name, struct err *e)
{
	const struct tags_visit *v = arg;

	if (strvec_add(v->out, name) < 0)
		return err_code(e, -ENOMEM, "cannot list tags");
	return v->out->len >= v->options->limit;
}

int search_tags(const char *name, const struct search_options *options, char **ret_name,
		struct strvec *ret_tags, struct err *e)
{
	cleanup_registries_conf struct registries_conf conf = { 0 };
	cleanup_searching struct searching s = { .options = options };
	cleanup_reference struct reference ref = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	struct tags_visit v = { .options = options, .out = ret_tags };
	const struct listing list = { .item = SEARCHER_TAGS, .fields = TAGS, .visit = on_tag, .arg = &v };
	int r = registries_conf_load(&conf, e);

	if (r == 0)
		r = registries_conf_expand(&conf, name, &names, e);
	if (r < 0)
		return r;
	r = reference_parse(names.len > 0 ? names.items[0] : name, &ref, e);
	if (r < 0)
		return err_wrap(e, "invalid reference '%s'", name);
	r = searching_begin(&s, ref.domain, ref.path, &conf, e);
	if (r == 0)
		r = each_name(&s, &list, e);
	if (r < 0)
		return r == -EINTR ? r : err_wrap(e, "cannot list the tags of '%s'", name);
	if (asprintf(ret_name, "%s/%s", ref.domain, ref.path) < 0)
		return err_code(e, -ENOMEM, "cannot list tags");
	return 0;
}
