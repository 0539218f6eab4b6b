/* SPDX-License-Identifier: Apache-2.0 */
/* Node with npm, yarn or pnpm. */
#include <stdio.h>
#include <string.h>

#include "build/init_parts.h"
#include "common/cleanup.h"
#include "common/json_read.h"

#define JSON_DEPTH_MAX 32
#define WORDS_MAX      16

enum manager { NPM, NPM_UNLOCKED, YARN_1, YARN, PNPM };

/* How a package manager installs what its lock file says, and drops what is not for production. */
static const struct {
	const char *locks[2]; /* the first that there is */
	const char *cache;
	const char *install, *build, *prune; /* prune NULL: there is no way */
} MANAGERS[] = {
	[NPM] = { { "package-lock.json", "npm-shrinkwrap.json" },
		  "/root/.npm",
		  "npm ci",
		  "npm run build",
		  "npm prune --omit=dev" },
	[NPM_UNLOCKED] = { { NULL }, "/root/.npm", "npm install", "npm run build", "npm prune --omit=dev" },
	[YARN_1] = { { "yarn.lock" },
		     "/usr/local/share/.cache/yarn",
		     "yarn install --frozen-lockfile",
		     "yarn run build",
		     "yarn install --frozen-lockfile --production --ignore-scripts --prefer-offline" },
	[YARN] = { { "yarn.lock" },
		   "/root/.yarn/berry/cache",
		   "corepack enable && yarn install --immutable",
		   "yarn run build",
		   NULL },
	[PNPM] = { { "pnpm-lock.yaml" },
		   "/root/.local/share/pnpm/store",
		   "corepack enable && pnpm install --frozen-lockfile",
		   "pnpm run build",
		   "CI=true pnpm prune --prod" },
};

struct node {
	enum manager manager;
	const char *lock; /* NULL: none */
	unsigned int major;
	bool build; /* there is a script of that name */
	char *start, *main, *engine, *package_manager;
};

static void node_done(struct node *n)
{
	free(n->start);
	free(n->main);
	free(n->engine);
	free(n->package_manager);
}
#define cleanup_node __attribute__((cleanup(node_done)))

/* A string that may be absent, or something else. */
static int read_string(const struct json_in *in, const char *key, char **ret, struct err *e)
{
	struct json_in value = json_get(in, key);

	return json_in_is_string(&value) ? json_read_string(&value, NULL, ret, e) : 0;
}

static int read_package(const struct init_project *p, struct node *n, struct err *e)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	const char *text = init_text(p, INIT_PACKAGE_JSON);
	struct json_in top, scripts, engines, build;
	int r = json_parse(text, strlen(text), JSON_DEPTH_MAX, &doc, e);

	if (r < 0)
		return r;
	top = json_top(doc);
	if (!json_in_is_object(&top))
		return err_set(e, -EINVAL, "expected an object");
	scripts = json_get(&top, "scripts");
	engines = json_get(&top, "engines");
	if (json_in_is_object(&scripts)) {
		build = json_get(&scripts, "build");
		n->build = json_in_is_string(&build);
		r = read_string(&scripts, "start", &n->start, e);
	}
	if (r == 0 && json_in_is_object(&engines))
		r = read_string(&engines, "node", &n->engine, e);
	if (r == 0)
		r = read_string(&top, "main", &n->main, e);
	if (r == 0)
		r = read_string(&top, "packageManager", &n->package_manager, e);
	return r;
}

static bool is_yarn_1(const struct init_project *p, const struct node *n)
{
	if (n->package_manager && strncmp(n->package_manager, "yarn@", 5) == 0)
		return n->package_manager[5] == '1' && n->package_manager[6] == '.';
	return !init_has(p, ".yarnrc.yml");
}

static void find_manager(const struct init_project *p, struct node *n)
{
	static const enum manager ORDER[] = { PNPM, YARN_1, NPM };

	n->manager = NPM_UNLOCKED;
	for (size_t i = 0; !n->lock && i < ARRAY_LEN(ORDER); i++)
		for (size_t k = 0; !n->lock && k < ARRAY_LEN(MANAGERS[0].locks); k++) {
			const char *lock = MANAGERS[ORDER[i]].locks[k];

			if (lock && init_has(p, lock)) {
				n->manager = ORDER[i];
				n->lock = lock;
			}
		}
	if (n->manager == YARN_1 && !is_yarn_1(p, n))
		n->manager = YARN;
}

static void find_version(const struct init_project *p, struct node *n)
{
	const char *text = init_text(p, INIT_NODE_VERSION);
	char line[64] = "";
	unsigned int said = 0;

	n->major = n->engine ? init_version(n->engine, 0, INIT_NODE_DEFAULT) : INIT_NODE_DEFAULT;
	if (init_next_line(&text, line, sizeof(line)) && line[strspn(line, "v0123456789.")] == '\0')
		said = init_version(line, 0, 0);
	if (said > 0)
		n->major = said;
}

/* A word that means itself to a shell, and in JSON. */
static bool is_plain_word(const char *word)
{
	return *word && word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
					  "._/@:=+,-")] == '\0';
}

/* "node --enable-source-maps server.js" as CMD. False: a shell has to read it. */
static bool say_words(const char *command, struct init_out *o)
{
	cleanup_strvec struct strvec words = { .max = WORDS_MAX };
	bool plain = strvec_split(&words, command, ' ') == 0 && words.len > 1 &&
		     strcmp(words.items[0], "node") == 0;

	for (size_t i = 0; plain && i < words.len; i++)
		plain = is_plain_word(words.items[i]);
	if (!plain)
		return false;
	init_say(o, "CMD [");
	for (size_t i = 0; i < words.len; i++)
		init_say(o, "%s\"%s\"", i > 0 ? ", " : "", words.items[i]);
	init_say(o, "]\n");
	return true;
}

static void say_command(const struct init_project *p, const struct node *n, struct init_out *o)
{
	static const char *const FILES[] = { "server.js", "index.js", "app.js", "main.js" };
	const char *file = NULL;

	if (n->start) {
		if (!say_words(n->start, o))
			init_say(o, "CMD [\"npm\", \"start\"]\n");
		return;
	}
	if (n->main && init_is_path(n->main[0] == '.' && n->main[1] == '/' ? n->main + 2 : n->main))
		file = n->main;
	for (size_t i = 0; !file && i < ARRAY_LEN(FILES); i++)
		if (init_has(p, FILES[i]))
			file = FILES[i];
	if (!file)
		init_say(o, "# Nothing says what is to be run: this is a guess.\n");
	init_say(o, "CMD [\"node\", \"%s\"]\n", file ? file : "index.js");
}

static void say_build(const struct init_project *p, const struct node *n, struct init_out *o)
{
	const char *cache = MANAGERS[n->manager].cache, *prune = MANAGERS[n->manager].prune;

	init_say(o,
		 "FROM node:%u-slim AS build\n"
		 "WORKDIR /app\n"
		 "# Dependencies first: they are installed again only when these files change.\n"
		 "COPY package.json %s%s%s./\n",
		 n->major, n->lock ? n->lock : "", n->lock ? " " : "",
		 init_has(p, ".npmrc")                              ? ".npmrc "
		 : n->manager == YARN && init_has(p, ".yarnrc.yml") ? ".yarnrc.yml "
								    : "");
	if (n->manager == YARN && init_has(p, ".yarn/"))
		init_say(o, "COPY .yarn/ .yarn/\n");
	init_say(o,
		 "RUN --mount=type=cache,target=%s \\\n"
		 "    %s\n"
		 "COPY . .\n",
		 cache, MANAGERS[n->manager].install);
	if (n->build)
		init_say(o, "RUN %s\n", MANAGERS[n->manager].build);
	if (prune)
		init_say(o,
			 "# What only the build needed stays behind.\n"
			 "RUN --mount=type=cache,target=%s \\\n"
			 "    %s\n",
			 cache, prune);
}

int init_node(const struct init_project *p, struct init_out *o, struct err *e)
{
	cleanup_node struct node n = { .lock = NULL };

	if (read_package(p, &n, e) < 0)
		return err_wrap(e, "package.json");
	find_manager(p, &n);
	find_version(p, &n);
	say_build(p, &n, o);
	init_say(o,
		 "\nFROM node:%u-slim\n"
		 "ENV NODE_ENV=production\n"
		 "WORKDIR /app\n"
		 "COPY --from=build /app ./\n"
		 "# Not root: the image has this user.\n"
		 "USER node\n",
		 n.major);
	say_command(p, &n, o);
	init_ignore(o,
		    "# what is installed and logged here\n**/node_modules\n**/npm-debug.log*\n**/yarn-*.log\n"
		    "**/pnpm-debug.log*\n");
	return 0;
}
