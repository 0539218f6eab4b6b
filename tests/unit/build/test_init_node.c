/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/build/init_test.h"

static void packages_are_installed_before_sources_are_copied(void **state)
{
	cleanup_inited struct inited t;

	(void)state;
	inited_init(&t, "package.json package-lock.json");
	inited_add(&t, INIT_PACKAGE_JSON,
		   "{\"engines\": {\"node\": \">=18\"}, \"scripts\": {\"start\": \"node server.js\", "
		   "\"build\": \"tsc\"}}");
	inited_run(&t, INIT_NODE);
	assert_says(&t, "FROM node:24-slim AS build\n");
	assert_says(&t, "COPY package.json package-lock.json ./\n");
	assert_says(&t,
		    "RUN --mount=type=cache,target=/root/.npm \\\n    npm ci\nCOPY . .\nRUN npm run build\n");
	assert_says(&t, "npm prune --omit=dev\n");
	assert_says(&t, "\nUSER node\nCMD [\"node\", \"server.js\"]\n");
}

static void each_package_manager_does_it_its_way(void **state)
{
	static const struct {
		const char *names, *text, *install;
	} MANAGERS[] = {
		{ "package.json", "{}", "    npm install\n" },
		{ "package.json npm-shrinkwrap.json", "{}", "    npm ci\n" },
		{ "package.json yarn.lock", "{}", "    yarn install --frozen-lockfile\n" },
		{ "package.json yarn.lock", "{\"packageManager\": \"yarn@1.22.22\"}",
		  "    yarn install --frozen-lockfile\n" },
		{ "package.json yarn.lock .yarnrc.yml .yarn/", "{}",
		  "COPY package.json yarn.lock .yarnrc.yml ./\nCOPY .yarn/ .yarn/\n" },
		{ "package.json yarn.lock", "{\"packageManager\": \"yarn@4.1.0\"}",
		  "    corepack enable && yarn install --immutable\n" },
		{ "package.json pnpm-lock.yaml yarn.lock", "{}",
		  "    corepack enable && pnpm install --frozen-lockfile\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(MANAGERS); i++)
		assert_makes(INIT_NODE, MANAGERS[i].names, INIT_PACKAGE_JSON, MANAGERS[i].text,
			     MANAGERS[i].install);
}

static void what_is_run_is_found(void **state)
{
	static const char *const CASES[][3] = {
		{ "package.json", "{\"main\": \"./lib/a.js\"}", "CMD [\"node\", \"./lib/a.js\"]\n" },
		{ "package.json app.js", "{}", "CMD [\"node\", \"app.js\"]\n" },
		{ "package.json", "{}",
		  "# Nothing says what is to be run: this is a guess.\n"
		  "CMD [\"node\", \"index.js\"]\n" },
		{ "package.json", "{\"scripts\": {\"start\": \"next start\"}}",
		  "CMD [\"npm\", \"start\"]\n" },
		{ "package.json", "{\"scripts\": {\"start\": \"node a.js && x\"}}",
		  "CMD [\"npm\", \"start\"]\n" },
		{ "package.json", "{\"scripts\": {\"start\": \"node  --flag=1 a.js\"}}",
		  "CMD [\"node\", \"--flag=1\", \"a.js\"]\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		assert_makes(INIT_NODE, CASES[i][0], INIT_PACKAGE_JSON, CASES[i][1], CASES[i][2]);
}

static void hostile_packages_get_nothing_into_a_dockerfile(void **state)
{
	static const char *const CASES[][2] = {
		{ "{\"main\": \"a\\\"]\\nUSER root\"}", "CMD [\"node\", \"index.js\"]\n" },
		{ "{\"main\": \"../../x\"}", "CMD [\"node\", \"index.js\"]\n" },
		{ "{\"main\": 1, \"scripts\": 2, \"engines\": []}", "CMD [\"node\", \"index.js\"]\n" },
		{ "{\"scripts\": {\"start\": \"node \\\"x\\\"]\\nUSER root\"}}",
		  "CMD [\"npm\", \"start\"]\n" },
		{ "{\"scripts\": {\"start\": [], \"build\": null}}", "CMD [\"node\", \"index.js\"]\n" },
		{ "{\"engines\": {\"node\": \"20 AS x, RUN\"}}", "FROM node:20-slim\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		assert_makes(INIT_NODE, "package.json", INIT_PACKAGE_JSON, CASES[i][0], CASES[i][1]);
}

static void assert_node(const char *version, const char *says)
{
	cleanup_inited struct inited t;

	inited_init(&t, "package.json .nvmrc");
	inited_add(&t, INIT_PACKAGE_JSON, "{}");
	inited_add(&t, INIT_NODE_VERSION, version);
	inited_run(&t, INIT_NODE);
	assert_says(&t, says);
}

static void the_version_file_is_obeyed(void **state)
{
	(void)state;
	assert_node("v20.11.1\n", "FROM node:20-slim\n");
	assert_node("lts/iron\n", "FROM node:24-slim\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packages_are_installed_before_sources_are_copied),
		cmocka_unit_test(each_package_manager_does_it_its_way),
		cmocka_unit_test(what_is_run_is_found),
		cmocka_unit_test(hostile_packages_get_nothing_into_a_dockerfile),
		cmocka_unit_test(the_version_file_is_obeyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
