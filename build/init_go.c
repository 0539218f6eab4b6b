/* SPDX-License-Identifier: Apache-2.0 */
/* Go: cross-compiled on the machine that builds, into an image of its own program. */
#include <stdio.h>
#include <string.h>

#include "build/init_parts.h"
#include "common/cleanup.h"

#define LINE_MAX_BYTES 512

struct go {
	char name[INIT_NAME_MAX];        /* of the program */
	char package[INIT_NAME_MAX + 8]; /* "." or "./cmd/NAME" */
	char image[32];
	char module[LINE_MAX_BYTES];
	bool vendored; /* dependencies are in the folder */
	bool local;    /* some of them are other folders of it */
};

/* What follows a word and blanks; NULL: the line begins otherwise. */
static const char *argument(const char *line, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(line, word, len) != 0 || (line[len] != ' ' && line[len] != '\t'))
		return NULL;
	return line + len + strspn(line + len, " \t");
}

static void set_image(struct go *g, const char *version)
{
	unsigned int minor = init_version(version, 1, 0);

	if (strncmp(version, "1.", 2) == 0 && minor > 0)
		(void)snprintf(g->image, sizeof(g->image), "golang:1.%u", minor);
}

static void read_mod(const struct init_project *p, struct go *g)
{
	const char *text = init_text(p, INIT_GO_MOD), *value;
	char line[LINE_MAX_BYTES];
	bool toolchain = false;

	while (init_next_line(&text, line, sizeof(line))) {
		char *comment = strstr(line, "//");

		if (strstr(line, "=> ."))
			g->local = true;
		if (comment)
			*comment = '\0';
		if ((value = argument(line, "module"))) {
			(void)snprintf(g->module, sizeof(g->module), "%.*s", (int)strcspn(value, " \t"),
				       value);
		} else if ((value = argument(line, "toolchain")) && strncmp(value, "go", 2) == 0) {
			set_image(g, value + 2);
			toolchain = true;
		} else if (!toolchain && (value = argument(line, "go"))) {
			set_image(g, value);
		}
	}
}

/* "example.com/tools/hello/v2" -> "hello" */
static const char *last_of_module(char *module)
{
	char *last = strrchr(module, '/');

	if (last && last[1] == 'v' && last[2] && !last[2 + strspn(last + 2, "0123456789")]) {
		*last = '\0';
		last = strrchr(module, '/');
	}
	return last ? last + 1 : module;
}

/* Where nothing can be run at the top, it is below cmd/: what is called like the module, or the first. */
static void find_package(const struct init_project *p, struct go *g)
{
	char first[INIT_NAME_MAX] = "", name[INIT_NAME_MAX];

	(void)snprintf(g->package, sizeof(g->package), ".");
	if (init_has(p, "main.go"))
		return;
	for (size_t i = 0; i < p->names.len; i++) {
		const char *entry = p->names.items[i];
		size_t len = strlen(entry);

		if (strncmp(entry, "cmd/", 4) != 0 || len < 6 || entry[len - 1] != '/' || len >= sizeof(name))
			continue;
		(void)snprintf(name, sizeof(name), "%.*s", (int)(len - 5), entry + 4);
		if (init_is_name(name) && (!first[0] || strcmp(name, g->name) == 0))
			(void)snprintf(first, sizeof(first), "%s", name);
	}
	if (!first[0])
		return;
	(void)snprintf(g->package, sizeof(g->package), "./cmd/%s", first);
	(void)snprintf(g->name, sizeof(g->name), "%s", first);
}

static void say_dependencies(const struct init_project *p, const struct go *g, struct init_out *o)
{
	if (g->vendored || g->local)
		return;
	init_say(o,
		 "# Modules first: they are fetched again only when these files change.\n"
		 "COPY go.mod %s./\n"
		 "RUN --mount=type=cache,target=/go/pkg/mod \\\n"
		 "    go mod download\n",
		 init_has(p, "go.sum") ? "go.sum " : "");
}

int init_go(const struct init_project *p, struct init_out *o, struct err *e)
{
	struct go g = { .image = "golang:1",
			.vendored = init_has(p, "vendor/"),
			.local = init_has(p, "go.work") };

	(void)e;
	read_mod(p, &g);
	init_name(p, last_of_module(g.module), g.name);
	find_package(p, &g);
	init_say(o,
		 "# On the machine that builds, whatever the image is for: Go cross-compiles.\n"
		 "FROM --platform=$BUILDPLATFORM %s AS build\n"
		 "WORKDIR /src\n",
		 g.image);
	say_dependencies(p, &g, o);
	init_say(o,
		 "COPY . .\n"
		 "ARG TARGETOS TARGETARCH TARGETVARIANT\n"
		 "# Without cgo the program needs no libc; with it, the last stage has to be a Debian.\n"
		 "RUN --mount=type=cache,target=/go/pkg/mod \\\n"
		 "    --mount=type=cache,target=/root/.cache/go-build \\\n"
		 "    CGO_ENABLED=0 GOOS=\"$TARGETOS\" GOARCH=\"$TARGETARCH\" GOARM=\"${TARGETVARIANT#v}\" "
		 "\\\n"
		 "    go build -trimpath -ldflags='-s -w' -o /out/%s %s\n"
		 "\n"
		 "FROM scratch\n"
		 "# For TLS to other machines.\n"
		 "COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/\n"
		 "COPY --from=build /out/%s /usr/local/bin/%s\n",
		 g.name, g.package, g.name, g.name);
	init_say_user(o);
	init_say(o, "ENTRYPOINT [\"/usr/local/bin/%s\"]\n", g.name);
	init_ignore(o, "# tests are not built\n**/*_test.go\n");
	return 0;
}
