/* SPDX-License-Identifier: Apache-2.0 */
/* Rust with cargo. */
#include <stdio.h>
#include <string.h>

#include "build/init_parts.h"
#include "common/cleanup.h"
#include "common/toml.h"

struct rust {
	char name[INIT_NAME_MAX];  /* of the program */
	char extra[INIT_NAME_MAX]; /* a [[bin]] whose file cargo looks for under its name; "": none */
	bool locked;
	bool simple; /* cargo can read Cargo.toml without the sources, but for empty ones */
};

static const char *string_of(const struct toml_value *table, const char *key)
{
	const struct toml_value *v = toml_get(table, key);

	return v && v->kind == TOML_STRING ? v->text : NULL;
}

/* The first of an array of tables; NULL: there is none. */
static const struct toml_value *first_of(const struct toml_value *top, const char *key)
{
	const struct toml_value *v = toml_get(top, key);

	return v && v->kind == TOML_ARRAY && v->len > 0 ? &v->items[0] : NULL;
}

/* Of a workspace without a package of its own: the first of its members that is a plain path. */
static const char *member_of(const struct toml_value *top)
{
	const struct toml_value *member = first_of(toml_get(top, "workspace"), "members");
	const char *last;

	if (!member || member->kind != TOML_STRING || !init_is_path(member->text))
		return NULL;
	last = strrchr(member->text, '/');
	return last ? last + 1 : member->text;
}

/* What cargo makes of a file below src/bin where there is no src/main.rs: "src/bin/hello.rs" and "src/bin/hello/" are hello. */
static bool find_bin(const struct init_project *p, char out[INIT_NAME_MAX])
{
	static const char FOLDER[] = "src/bin/";

	for (size_t i = 0; !init_has(p, "src/main.rs") && i < p->names.len; i++) {
		const char *name = p->names.items[i];
		size_t len;

		if (strncmp(name, FOLDER, sizeof(FOLDER) - 1) != 0)
			continue;
		name += sizeof(FOLDER) - 1;
		len = strcspn(name, "./");
		if (len >= INIT_NAME_MAX || (strcmp(name + len, ".rs") != 0 && strcmp(name + len, "/") != 0))
			continue;
		(void)snprintf(out, INIT_NAME_MAX, "%.*s", (int)len, name);
		if (init_is_name(out))
			return true;
	}
	return false;
}

static void read_manifest(const struct init_project *p, const struct toml_value *top, struct rust *ret)
{
	const struct toml_value *package = toml_get(top, "package");
	const struct toml_value *bin = first_of(top, "bin"), *bins = toml_get(top, "bin");
	const char *name = string_of(package, "default-run");
	const char *bin_name = string_of(bin, "name"), *package_name = string_of(package, "name");
	char found[INIT_NAME_MAX];

	if (!name)
		name = bin_name;
	if (!name && find_bin(p, found))
		name = found;
	if (!name)
		name = package_name;
	init_name(p, name ? name : member_of(top), ret->name);
	ret->locked = init_has(p, "Cargo.lock");
	ret->simple = package && !toml_get(top, "workspace") && !toml_get(top, "example") &&
		      !toml_get(top, "test") && !toml_get(top, "bench") && (!bins || bins->len <= 1);
	/* One that is called like the package may be src/main.rs. */
	if (bin_name && !string_of(bin, "path") && init_is_name(bin_name) &&
	    !(package_name && strcmp(package_name, bin_name) == 0))
		(void)snprintf(ret->extra, sizeof(ret->extra), " src/bin/%.*s.rs", INIT_NAME_MAX - 16,
			       bin_name);
}

/* A path in a table of dependencies: what it leads to would be missing. */
static bool has_paths(const struct toml_value *dependencies)
{
	for (size_t i = 0; dependencies && dependencies->kind == TOML_TABLE && i < dependencies->len; i++)
		if (toml_get(&dependencies->items[i], "path"))
			return true;
	return false;
}

static bool table_has_paths(const struct toml_value *table)
{
	static const char *const TABLES[] = { "dependencies", "build-dependencies", "dev-dependencies" };

	for (size_t i = 0; i < ARRAY_LEN(TABLES); i++)
		if (has_paths(toml_get(table, TABLES[i])))
			return true;
	return false;
}

static bool is_simple(const struct toml_value *top, const struct rust *rust)
{
	const struct toml_value *targets = toml_get(top, "target");

	for (size_t i = 0; targets && targets->kind == TOML_TABLE && i < targets->len; i++)
		if (table_has_paths(&targets->items[i]))
			return false;
	return rust->simple && !toml_get(top, "patch") && !table_has_paths(top);
}

static void say_build(const struct rust *rust, struct init_out *o)
{
	const char *locked = rust->locked ? " --locked" : "";

	init_say(o, "FROM " INIT_RUST_IMAGE " AS build\nWORKDIR /src\n");
	if (rust->simple)
		init_say(o,
			 "# Crates first: they are fetched again only when these files change. Cargo wants "
			 "to see "
			 "sources: empty ones do.\n"
			 "COPY Cargo.toml %s./\n"
			 "RUN --mount=type=cache,target=/usr/local/cargo/registry \\\n"
			 "    mkdir -p src/bin && touch src/main.rs src/lib.rs%s && \\\n"
			 "    cargo fetch%s && rm -r src\n",
			 rust->locked ? "Cargo.lock " : "", rust->extra, locked);
	init_say(
		o,
		"COPY . .\n"
		"ARG TARGETARCH TARGETVARIANT\n"
		"# What is compiled is kept for each architecture; the program leaves the cache in the same "
		"step.\n"
		"RUN --mount=type=cache,target=/usr/local/cargo/registry \\\n"
		"    "
		"--mount=type=cache,id=%s-target-$TARGETARCH$TARGETVARIANT,target=/src/target,sharing=locked "
		"\\\n"
		"    cargo build --release%s && \\\n"
		"    install -D target/release/%s /out/%s\n",
		rust->name, locked, rust->name, rust->name);
}

int init_rust(const struct init_project *p, struct init_out *o, struct err *e)
{
	cleanup_toml struct toml_value top = { 0 };
	const char *text = init_text(p, INIT_CARGO_TOML);
	struct rust rust = { .simple = false };

	if (toml_parse(text, strlen(text), &top, e) < 0)
		return err_wrap(e, "Cargo.toml");
	read_manifest(p, &top, &rust);
	rust.simple = is_simple(&top, &rust);
	say_build(&rust, o);
	init_say(o, "\nFROM " INIT_DEBIAN "\nCOPY --from=build /out/%s /usr/local/bin/%s\n", rust.name,
		 rust.name);
	init_say_user(o);
	init_say(o, "ENTRYPOINT [\"/usr/local/bin/%s\"]\n", rust.name);
	init_ignore(o, "# what a build leaves\n**/target\n**/*.rs.bk\n");
	return 0;
}
