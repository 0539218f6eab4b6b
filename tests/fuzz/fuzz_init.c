/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a project's files say, its Dockerfile is one of two stages whose user is not root, and its .dockerignore can be read; or there is an
 * error. The first byte is the kind, the second which other files there are; then comes the file that the kind is known by, and behind a NUL
 * its second one, which is the folder's name too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/dockerfile.h"
#include "build/ignore.h"
#include "build/init.h"
#include "common/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *names;     /* the first is what it is known by */
	const char *others[8]; /* by the bits of the second byte */
	enum init_text first, second;
} KINDS[INIT_KINDS] = {
	[INIT_GO] = { "go.mod",
		      { "go.sum", "main.go", "vendor/", "go.work", "cmd/x/", "cmd/-y/", "cmd/z z/" },
		      INIT_GO_MOD,
		      INIT_TEXTS },
	[INIT_RUST] = { "Cargo.toml", { "Cargo.lock" }, INIT_CARGO_TOML, INIT_TEXTS },
	[INIT_PYTHON] = { "pyproject.toml .python-version",
			  { "requirements.txt", "setup.py", "main.py", "manage.py" },
			  INIT_PYPROJECT,
			  INIT_PYTHON_VERSION },
	[INIT_NODE] = { "package.json .nvmrc",
			{ "package-lock.json", "yarn.lock", "pnpm-lock.yaml", ".yarnrc.yml", ".yarn/",
			  ".npmrc", "app.js" },
			INIT_PACKAGE_JSON,
			INIT_NODE_VERSION },
	[INIT_C_CMAKE] = { "CMakeLists.txt", { NULL }, INIT_CMAKELISTS, INIT_TEXTS },
	[INIT_C_MAKE] = { "Makefile a.c", { "hello/" }, INIT_MAKEFILE, INIT_TEXTS },
};

static void check_dockerfile(const struct buf *text)
{
	cleanup_dockerfile struct dockerfile f = { 0 };
	const char *user = "";
	struct err e = { 0 };
	size_t stages = 0;

	if (dockerfile_parse(text->data, text->len, "Dockerfile", &f, &e) < 0)
		abort();
	for (size_t i = 0; i < f.len; i++) {
		stages += f.items[i].op == DOCKERFILE_FROM;
		if (f.items[i].op == DOCKERFILE_ADD || f.items[i].op == DOCKERFILE_ONBUILD)
			abort();
		if (f.items[i].op == DOCKERFILE_USER)
			user = f.items[i].words.items[0].text;
	}
	if (stages != 2 || (strcmp(user, "65532:65532") != 0 && strcmp(user, "node") != 0))
		abort();
}

static void check_ignore(const struct buf *text)
{
	cleanup_ignore struct ignore ignore = { 0 };
	struct err e = { 0 };

	if (ignore_read(text->data, text->len, &ignore, &e) < 0 || ignore.exceptions)
		abort();
}

static int make_project(enum init_kind kind, uint8_t others, const char *first, const char *second,
			struct init_project *p)
{
	int r = strvec_split(&p->names, KINDS[kind].names, ' ');

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(KINDS[kind].others); i++)
		if ((others & 1U << i) && KINDS[kind].others[i])
			r = strvec_add(&p->names, KINDS[kind].others[i]);
	for (size_t i = 0; i < INIT_TEXTS; i++)
		p->texts[i] = BUF_INIT(INIT_TEXT_MAX_BYTES);
	if (r == 0)
		r = buf_add_str(&p->texts[KINDS[kind].first], first);
	if (r == 0 && KINDS[kind].second < INIT_TEXTS)
		r = buf_add_str(&p->texts[KINDS[kind].second], second);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_buf struct buf dockerfile = BUF_INIT(INIT_OUT_MAX_BYTES);
	cleanup_buf struct buf ignore = BUF_INIT(INIT_OUT_MAX_BYTES);
	cleanup_init_project struct init_project p = { 0 };
	cleanup_free char *first = NULL;
	enum init_kind kind;
	struct err e = { 0 };
	size_t len;
	int r;

	if (size < 2 || size > 65536)
		return 0;
	kind = (enum init_kind)(data[0] % INIT_KINDS);
	first = calloc(1, size + 2);
	if (!first)
		return 0;
	memcpy(first, data + 2, size - 2);
	len = strlen(first);
	p.folder = first + len + 1; /* there are two NULs behind the input */
	if (make_project(kind, data[1], first, p.folder, &p) < 0)
		return 0;
	if (!init_is_kind(&p, kind))
		abort();
	r = init_generate(kind, &p, &dockerfile, &ignore, &e);
	if (r < 0) {
		if (r != e.code || !e.text[0])
			abort();
		return 0;
	}
	check_dockerfile(&dockerfile);
	check_ignore(&ignore);
	return 0;
}
