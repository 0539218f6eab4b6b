/* SPDX-License-Identifier: Apache-2.0 */
#include "build/init.h"

#include <stdarg.h>
#include <string.h>

#include "build/init_parts.h"
#include "common/cleanup.h"

static bool is_go(const struct init_project *p)
{
	return init_has(p, "go.mod");
}

static bool is_rust(const struct init_project *p)
{
	return init_has(p, "Cargo.toml");
}

static bool is_python(const struct init_project *p)
{
	return init_has(p, "pyproject.toml") || init_has(p, "requirements.txt") || init_has(p, "setup.py");
}

static bool is_node(const struct init_project *p)
{
	return init_has(p, "package.json");
}

static bool is_cmake(const struct init_project *p)
{
	return init_has(p, "CMakeLists.txt");
}

/* Many projects of other languages have a Makefile too. */
static bool is_make(const struct init_project *p)
{
	return init_text_file(p, INIT_MAKEFILE) &&
	       (init_has_ending(p, "", ".c") || init_has_ending(p, "src/", ".c"));
}

static const struct {
	const char *name, *files;
	bool (*is)(const struct init_project *p);
	int (*generate)(const struct init_project *p, struct init_out *o, struct err *e);
} KINDS[INIT_KINDS] = {
	[INIT_GO] = { "go", "go.mod", is_go, init_go },
	[INIT_RUST] = { "rust", "Cargo.toml", is_rust, init_rust },
	[INIT_PYTHON] = { "python", "pyproject.toml, requirements.txt or setup.py", is_python, init_python },
	[INIT_NODE] = { "node", "package.json", is_node, init_node },
	[INIT_C_CMAKE] = { "c-cmake", "CMakeLists.txt", is_cmake, init_c_cmake },
	[INIT_C_MAKE] = { "c-make", "GNUmakefile, makefile or Makefile, with .c files beside it or in src",
			  is_make, init_c_make },
};

const char *init_kind_name(enum init_kind kind)
{
	return KINDS[kind].name;
}

const char *init_kind_files(enum init_kind kind)
{
	return KINDS[kind].files;
}

bool init_is_kind(const struct init_project *p, enum init_kind kind)
{
	return KINDS[kind].is(p);
}

int init_kind_parse(const char *text, enum init_kind *ret, struct err *e)
{
	for (size_t i = 0; i < INIT_KINDS; i++)
		if (strcmp(text, KINDS[i].name) == 0) {
			*ret = (enum init_kind)i;
			return 0;
		}
	return err_set(e, -EINVAL,
		       "'%s' is no kind of project: c-make, c-cmake, go, python, node and rust are", text);
}

void init_project_done(struct init_project *p)
{
	strvec_done(&p->names);
	for (size_t i = 0; i < INIT_TEXTS; i++)
		buf_done(&p->texts[i]);
}

const char *init_folder_at(size_t i)
{
	static const char *const FOLDERS[] = { "src/", "src/bin/", "cmd/" };

	return i < ARRAY_LEN(FOLDERS) ? FOLDERS[i] : NULL;
}

const char *init_text_file(const struct init_project *p, enum init_text which)
{
	static const char *const FILES[INIT_TEXTS][3] = {
		[INIT_GO_MOD] = { "go.mod" },
		[INIT_CARGO_TOML] = { "Cargo.toml" },
		[INIT_PYPROJECT] = { "pyproject.toml" },
		[INIT_PYTHON_VERSION] = { ".python-version" },
		[INIT_PACKAGE_JSON] = { "package.json" },
		[INIT_NODE_VERSION] = { ".nvmrc", ".node-version" },
		[INIT_CMAKELISTS] = { "CMakeLists.txt" },
		[INIT_MAKEFILE] = { "GNUmakefile", "makefile", "Makefile" },
	};

	for (size_t i = 0; i < ARRAY_LEN(FILES[which]) && FILES[which][i]; i++)
		if (init_has(p, FILES[which][i]))
			return FILES[which][i];
	return NULL;
}

/* What no image needs, and what nobody should find in one. */
static void ignore_common(struct init_out *o)
{
	init_ignore(o, "# Written by 'sampan init': what stays out of the build context.\n"
		       ".git\n"
		       ".dockerignore\n"
		       "Dockerfile\n"
		       "**/.DS_Store\n"
		       "**/*.swp\n"
		       "# secrets\n"
		       "**/.env\n"
		       "**/.env.*\n"
		       "**/*.key\n");
}

int init_generate(enum init_kind kind, const struct init_project *p, struct buf *dockerfile,
		  struct buf *ignore, struct err *e)
{
	struct init_out o = { .dockerfile = dockerfile, .ignore = ignore };
	int r;

	ignore_common(&o);
	init_say(&o,
		 "# Written by 'sampan init' for a project of the kind '%s'. It is a beginning: change what "
		 "you "
		 "like.\n\n",
		 KINDS[kind].name);
	r = KINDS[kind].generate(p, &o, e);
	if (r == 0 && o.r < 0)
		return err_code(e, o.r, "cannot write a Dockerfile");
	return r;
}
