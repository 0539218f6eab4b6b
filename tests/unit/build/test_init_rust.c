/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/build/init_test.h"

static void crates_are_fetched_before_sources_are_copied(void **state)
{
	cleanup_inited struct inited t;

	(void)state;
	inited_init(&t, "Cargo.toml Cargo.lock src/ src/main.rs");
	inited_add(&t, INIT_CARGO_TOML, "[package]\nname = \"hi\"\n[dependencies]\nserde = \"1\"\n");
	inited_run(&t, INIT_RUST);
	assert_says(&t, "FROM rust:1-slim-bookworm AS build\n");
	assert_says(&t, "COPY Cargo.toml Cargo.lock ./\n");
	assert_says(&t, "touch src/main.rs src/lib.rs && \\\n    cargo fetch --locked && rm -r src\n");
	assert_says(&t, "--mount=type=cache,id=hi-target-$TARGETARCH$TARGETVARIANT,target=/src/target");
	assert_says(&t, "cargo build --release --locked");
	assert_says(&t, "\nFROM debian:bookworm-slim\nCOPY --from=build /out/hi /usr/local/bin/hi\n");
}

static void the_program_has_the_name_of_its_target(void **state)
{
	(void)state;
	assert_makes(INIT_RUST, "Cargo.toml", INIT_CARGO_TOML,
		     "[package]\nname=\"a\"\n[[bin]]\nname=\"b\"\npath=\"x.rs\"\n",
		     "touch src/main.rs src/lib.rs && \\\n    cargo fetch && rm");
	assert_makes(INIT_RUST, "Cargo.toml", INIT_CARGO_TOML, "[package]\nname=\"a\"\n[[bin]]\nname=\"b\"\n",
		     "touch src/main.rs src/lib.rs src/bin/b.rs && \\\n");
	assert_makes(INIT_RUST, "Cargo.toml", INIT_CARGO_TOML,
		     "[package]\nname=\"a\"\ndefault-run=\"c\"\n[[bin]]\nname=\"b\"\n[[bin]]\nname=\"c\"\n",
		     "/out/c ");
	assert_makes(INIT_RUST, "Cargo.toml", INIT_CARGO_TOML, "[package]\nname=\"a\"\n[[bin]]\nname=\"a\"\n",
		     "touch src/main.rs src/lib.rs && \\\n");
	assert_makes(INIT_RUST, "Cargo.toml src/ src/bin/ src/bin/.x.rs src/bin/tool.rs", INIT_CARGO_TOML,
		     "[package]\nname=\"a\"\n", "/out/tool ");
	assert_makes(INIT_RUST, "Cargo.toml src/ src/bin/ src/bin/tool/ src/main.rs", INIT_CARGO_TOML,
		     "[package]\nname=\"a\"\n", "/out/a ");
	assert_makes(INIT_RUST, "Cargo.toml", INIT_CARGO_TOML, "[workspace]\nmembers=[\"crates/cli\"]\n",
		     "/out/cli ");
	assert_makes(INIT_RUST, "Cargo.toml", INIT_CARGO_TOML, "[package]\nname=\"a b\\n\"\n",
		     "/out/folder ");
	assert_makes(INIT_RUST, "Cargo.toml", INIT_CARGO_TOML, "package = 1\nbin = [1]\nworkspace = []\n",
		     "/out/folder ");
}

static void what_cargo_cannot_read_without_sources_is_not_fetched_first(void **state)
{
	static const char *const CASES[] = {
		"[workspace]\nmembers=[\"a\"]\n",
		"[package]\nname=\"a\"\n[dependencies]\nb = { path = \"../b\" }\n",
		"[package]\nname=\"a\"\n[target.'cfg(unix)'.dependencies]\nb = { path = \"b\" }\n",
		"[package]\nname=\"a\"\n[[test]]\nname=\"x\"\n",
		"[package]\nname=\"a\"\n[[bin]]\nname=\"x\"\n[[bin]]\nname=\"y\"\n",
		"[package]\nname=\"a\"\n[patch.crates-io]\nb = { path = \"b\" }\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_inited struct inited t;

		inited_init(&t, "Cargo.toml");
		inited_add(&t, INIT_CARGO_TOML, CASES[i]);
		inited_run(&t, INIT_RUST);
		assert_says_not(&t, "cargo fetch");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crates_are_fetched_before_sources_are_copied),
		cmocka_unit_test(the_program_has_the_name_of_its_target),
		cmocka_unit_test(what_cargo_cannot_read_without_sources_is_not_fetched_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
