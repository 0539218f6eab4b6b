/* SPDX-License-Identifier: Apache-2.0 */
/* Python: what pip installs goes into a virtual environment, and that into an image of the same Python. */
#include <stdio.h>
#include <string.h>

#include "build/init_parts.h"
#include "common/cleanup.h"
#include "common/toml.h"

#define TOMLLIB_SINCE 11 /* Python 3.11 */

struct python {
	unsigned int minor;       /* of Python 3 */
	bool package;             /* pip can install it */
	bool lists;               /* pyproject.toml has its dependencies */
	char name[INIT_NAME_MAX]; /* of the package, or of its first script */
	bool script;              /* `name` is that of a script */
};

static const char *string_of(const struct toml_value *table, const char *key)
{
	const struct toml_value *v = toml_get(table, key);

	return v && v->kind == TOML_STRING ? v->text : NULL;
}

static void read_version(const struct init_project *p, const struct toml_value *project,
			 const struct toml_value *poetry, struct python *ret)
{
	char line[64] = "";
	const char *text = init_text(p, INIT_PYTHON_VERSION), *wanted = string_of(project, "requires-python");
	unsigned int n = 0;

	if (!wanted)
		wanted = string_of(toml_get(poetry, "dependencies"), "python");
	ret->minor = wanted ? init_version(wanted, 3, INIT_PYTHON_DEFAULT) : INIT_PYTHON_DEFAULT;
	if (init_next_line(&text, line, sizeof(line)) && strncmp(line, "3.", 2) == 0)
		n = init_version(line, 3, 0);
	if (n > 0)
		ret->minor = n;
}

static const char *first_script(const struct toml_value *project, const struct toml_value *poetry)
{
	const struct toml_value *scripts = toml_get(project, "scripts");

	if (!scripts)
		scripts = toml_get(poetry, "scripts");
	return scripts && scripts->kind == TOML_TABLE && scripts->len > 0 ? scripts->items[0].key : NULL;
}

/* "my-tool" is imported as my_tool. */
static void to_module(char *name)
{
	for (; *name; name++)
		if (*name == '-' || *name == '.' || *name == '+')
			*name = '_';
}

static void read_project(const struct init_project *p, const struct toml_value *top, struct python *ret)
{
	const struct toml_value *project = toml_get(top, "project");
	const struct toml_value *poetry = toml_get(toml_get(top, "tool"), "poetry");
	const struct toml_value *list = toml_get(project, "dependencies");
	const char *script = first_script(project, poetry), *name = string_of(project, "name");

	read_version(p, project, poetry, ret);
	ret->package = project || poetry || toml_get(top, "build-system") || init_has(p, "setup.py");
	ret->lists = list && list->kind == TOML_ARRAY && list->len > 0;
	ret->script = script && init_is_name(script);
	init_name(p, ret->script ? script : name ? name : string_of(poetry, "name"), ret->name);
	if (!ret->script)
		to_module(ret->name);
}

static void say_build(const struct init_project *p, const struct python *py, struct init_out *o)
{
	bool requirements = init_has(p, "requirements.txt");

	init_say(o,
		 "FROM python:3.%u-slim AS build\n"
		 "RUN python -m venv /venv\n"
		 "ENV PATH=/venv/bin:$PATH\n"
		 "WORKDIR /src\n",
		 py->minor);
	if (requirements)
		init_say(o, "# Dependencies first: they are installed again only when this file changes.\n"
			    "COPY requirements.txt ./\n"
			    "RUN --mount=type=cache,target=/root/.cache/pip \\\n"
			    "    pip install -r requirements.txt\n");
	else if (py->lists && py->minor >= TOMLLIB_SINCE)
		init_say(
			o,
			"# Dependencies first: they are installed again only when this file changes.\n"
			"COPY pyproject.toml ./\n"
			"RUN --mount=type=cache,target=/root/.cache/pip \\\n"
			"    python -c 'import tomllib; print(*tomllib.load(open(\"pyproject.toml\", \"rb\"))"
			"[\"project\"][\"dependencies\"], sep=\"\\n\")' >/tmp/requirements.txt && \\\n"
			"    pip install -r /tmp/requirements.txt\n");
	if (py->package)
		init_say(o, "COPY . .\n"
			    "RUN --mount=type=cache,target=/root/.cache/pip \\\n"
			    "    pip install .\n");
}

/* What is not installed is run from its file, or as a module. */
static void say_command(const struct init_project *p, const struct python *py, struct init_out *o)
{
	static const char *const FILES[] = { "main.py", "app.py", "__main__.py", "server.py", "run.py" };

	if (py->script) {
		init_say(o, "ENTRYPOINT [\"%s\"]\n", py->name);
		return;
	}
	if (!py->package && init_has(p, "manage.py")) {
		init_say(o, "# Django's own server is for development: gunicorn or the like is for more.\n"
			    "EXPOSE 8000\n"
			    "CMD [\"python\", \"manage.py\", \"runserver\", \"0.0.0.0:8000\"]\n");
		return;
	}
	for (size_t i = 0; !py->package && i < ARRAY_LEN(FILES); i++)
		if (init_has(p, FILES[i])) {
			init_say(o, "CMD [\"python\", \"%s\"]\n", FILES[i]);
			return;
		}
	init_say(o, "# Nothing says what is to be run: this is a guess.\nCMD [\"python\", \"-m\", \"%s\"]\n",
		 py->name);
}

int init_python(const struct init_project *p, struct init_out *o, struct err *e)
{
	cleanup_toml struct toml_value top = { 0 };
	const char *text = init_text(p, INIT_PYPROJECT);
	struct python py = { .minor = INIT_PYTHON_DEFAULT };

	if (toml_parse(text, strlen(text), &top, e) < 0)
		return err_wrap(e, "pyproject.toml");
	read_project(p, &top, &py);
	say_build(p, &py, o);
	init_say(o,
		 "\nFROM python:3.%u-slim\n"
		 "ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1\n"
		 "WORKDIR /app\n"
		 "COPY --from=build /venv /venv\n",
		 py.minor);
	if (!py.package)
		init_say(o, "COPY . .\n");
	init_say_user(o);
	say_command(p, &py, o);
	init_ignore(o, "# what Python and its tools leave\n"
		       "**/__pycache__\n**/*.py[cod]\n**/"
		       "*.egg-info\n.venv\nvenv\n.tox\n.nox\n.coverage\n.mypy_cache\n"
		       ".pytest_cache\n.ruff_cache\nbuild\ndist\n");
	return 0;
}
