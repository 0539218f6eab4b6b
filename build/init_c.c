/* SPDX-License-Identifier: Apache-2.0 */
/* C with make or cmake. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "build/init_parts.h"
#include "common/cleanup.h"

#define LINE_MAX_BYTES 512

static void say_build_stage(struct init_out *o, const char *packages)
{
	init_say(o,
		 "FROM " INIT_DEBIAN " AS build\n"
		 "# Libraries that it is linked with, as -dev packages, go here; and without -dev into the "
		 "last stage.\n"
		 "RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\\n"
		 "    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \\\n"
		 "    rm -f /etc/apt/apt.conf.d/docker-clean && \\\n"
		 "    apt-get update && apt-get install -y --no-install-recommends %s\n"
		 "WORKDIR /src\n"
		 "COPY . .\n",
		 packages);
}

static void say_end(struct init_out *o, const char *name)
{
	init_say_user(o);
	init_say(o, "ENTRYPOINT [\"/usr/local/bin/%s\"]\n", name);
	init_ignore(o, "# what a build leaves\n**/*.o\n**/*.d\n");
}

/* --- make --- */

static bool is_one_of(const char *text, const char *const *list, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strcmp(text, list[i]) == 0)
			return true;
	return false;
}

static bool ends_in(const char *text, const char *ending)
{
	size_t len = strlen(text), n = strlen(ending);

	return len >= n && strcmp(text + len - n, ending) == 0;
}

/* Whether a target may be a program, and not a library, an object or a chore. */
static bool may_be_program(const char *target)
{
	static const char *const CHORES[] = { "all",     "build",   "check",   "clean", "debug",
					      "default", "depend",  "dirs",    "dist",  "doc",
					      "docs",    "help",    "install", "lib",   "libs",
					      "prog",    "release", "test",    "tests", "format" };
	static const char *const ENDINGS[] = { ".o", ".a", ".so", ".c", ".h", ".d" };

	if (!init_is_path(target) || is_one_of(target, CHORES, ARRAY_LEN(CHORES)))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(ENDINGS); i++)
		if (ends_in(target, ENDINGS[i]))
			return false;
	return true;
}

/* "TARGET := hello  # comment". `line` is cut. */
static bool read_variable(char *line, char out[INIT_NAME_MAX])
{
	static const char *const NAMES[] = { "TARGET", "PROG",       "PROGRAM", "BIN", "BINARY", "EXE",
					     "EXEC",   "EXECUTABLE", "NAME",    "APP", "OUTPUT" };
	char *value = strchr(line, '=');
	size_t len;

	if (!value)
		return false;
	*value++ = '\0';
	len = strcspn(line, " \t:?+!");
	line[len] = '\0';
	value += strspn(value, " \t");
	value[strcspn(value, " \t#")] = '\0';
	if (!is_one_of(line, NAMES, ARRAY_LEN(NAMES)) || !may_be_program(value))
		return false;
	(void)snprintf(out, INIT_NAME_MAX, "%.*s", INIT_NAME_MAX - 1, value);
	return true;
}

/* "all: hello" names it, else the first rule that may. */
static bool read_rule(char *line, char out[INIT_NAME_MAX])
{
	char *needs = strchr(line, ':');

	if (!needs)
		return false;
	*needs++ = '\0';
	line[strcspn(line, " \t")] = '\0';
	if (strcmp(line, "all") == 0) {
		needs += strspn(needs, " \t:");
		needs[strcspn(needs, " \t#")] = '\0';
		line = needs;
	}
	if (!may_be_program(line))
		return false;
	(void)snprintf(out, INIT_NAME_MAX, "%.*s", INIT_NAME_MAX - 1, line);
	return true;
}

/* The path of what make makes, as far as its file says so in plain words. */
static bool find_target(const char *text, char out[INIT_NAME_MAX])
{
	char line[LINE_MAX_BYTES];
	char rule[INIT_NAME_MAX] = "";

	while (*text) {
		bool recipe = *text == '\t';

		(void)init_next_line(&text, line, sizeof(line));
		if (recipe || line[0] == '#' || line[0] == '.')
			continue;
		if (strchr(line, '=')) {
			if (read_variable(line, out))
				return true;
		} else if (!rule[0]) {
			(void)read_rule(line, rule);
		}
	}
	(void)snprintf(out, INIT_NAME_MAX, "%s", rule);
	return rule[0];
}

int init_c_make(const struct init_project *p, struct init_out *o, struct err *e)
{
	char target[INIT_NAME_MAX], name[INIT_NAME_MAX];
	bool known = find_target(init_text(p, INIT_MAKEFILE), target);
	const char *last;

	(void)e;
	if (!known)
		init_name(p, NULL, target);
	last = strrchr(target, '/');
	init_name(p, last ? last + 1 : target, name);
	say_build_stage(o, "build-essential");
	init_say(o, "RUN make -j\"$(nproc)\"\n\nFROM " INIT_DEBIAN "\n");
	if (!known)
		init_say(o, "# The makefile does not say what it makes: this is a guess.\n");
	init_say(o, "COPY --from=build /src/%s /usr/local/bin/%s\n", target, name);
	say_end(o, name);
	/* One that was made here would look newer than its sources, and be copied as it is. */
	(void)snprintf(name, sizeof(name), "%.*s/", (int)sizeof(name) - 2, target);
	if (known && !init_has(p, name))
		init_ignore(o, "%s\n", target);
	return 0;
}

/* --- cmake --- */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The first argument of the first call of a command, if it is a word. "${PROJECT_NAME}" is `project`. */
static bool first_argument(const char *text, const char *command, const char *project,
			   char out[INIT_NAME_MAX])
{
	size_t len = strlen(command);

	for (const char *at = text; (at = strcasestr(at, command)); at += len) {
		const char *word = at + len;

		word += strspn(word, " \t");
		if ((at > text && is_word(at[-1])) || *word != '(')
			continue;
		word++;
		word += strspn(word, " \t\r\n\"");
		if (project && strncmp(word, "${PROJECT_NAME}", strlen("${PROJECT_NAME}")) == 0)
			(void)snprintf(out, INIT_NAME_MAX, "%s", project);
		else
			(void)snprintf(out, INIT_NAME_MAX, "%.*s",
				       (int)(strcspn(word, " \t\r\n\")") % INIT_NAME_MAX), word);
		if (init_is_name(out))
			return true;
	}
	return false;
}

/* The text without comments. */
static int without_comments(const char *text, struct buf *out)
{
	int r = buf_add_str(out, "");

	while (r == 0 && *text) {
		size_t len = strcspn(text, "\n");
		size_t code = strcspn(text, "#\n");

		r = buf_printf(out, "%.*s\n", (int)code, text);
		text += len + (text[len] == '\n');
	}
	return r;
}

int init_c_cmake(const struct init_project *p, struct init_out *o, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(2 * INIT_TEXT_MAX_BYTES);
	char project[INIT_NAME_MAX] = "", name[INIT_NAME_MAX], found[INIT_NAME_MAX] = "";
	int r = without_comments(init_text(p, INIT_CMAKELISTS), &text);
	const char *code = text.data ? text.data : "";
	bool installs;

	if (r < 0)
		return err_code(e, r, "cannot read 'CMakeLists.txt'");
	(void)first_argument(code, "project", NULL, project);
	if (!first_argument(code, "add_executable", project, found))
		(void)snprintf(found, sizeof(found), "%s", project);
	init_name(p, found, name);
	installs = first_argument(code, "install", NULL, found) && strcmp(found, "TARGETS") == 0;
	say_build_stage(o, "build-essential cmake");
	init_say(o,
		 "RUN cmake -S . -B /build -DCMAKE_BUILD_TYPE=Release%s && \\\n"
		 "    cmake --build /build --parallel \"$(nproc)\"%s\n",
		 installs ? "" : " -DCMAKE_RUNTIME_OUTPUT_DIRECTORY=/out/bin",
		 installs ? " && \\\n    cmake --install /build --prefix /out --strip" : "");
	init_say(o, "\nFROM " INIT_DEBIAN "\n");
	if (installs)
		init_say(o, "COPY --from=build /out/ /usr/local/\n");
	else
		init_say(o, "COPY --from=build /out/bin/%s /usr/local/bin/%s\n", name, name);
	say_end(o, name);
	init_ignore(o, "build\ncmake-build-*\n**/CMakeCache.txt\n**/CMakeFiles\n");
	return 0;
}
