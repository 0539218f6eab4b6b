/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/complete_values.h"

#include <signal.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/names.h"
#include "engine/container_view.h"
#include "engine/network.h"
#include "oci/reference.h"
#include "runtime/capabilities.h"
#include "store/image.h"
#include "store/secret.h"
#include "store/volume.h"

/* Words with blanks between them; one that begins with '@' stands for a list that is looked up. */
struct rule {
	const char *command, *option; /* command NULL: of all */
	const char *words;
};

#define PLATFORMS                                                                                  \
	"linux/amd64 linux/arm64 linux/arm/v7 linux/arm/v6 linux/386 linux/riscv64 linux/ppc64le " \
	"linux/s390x"
#define ARCHITECTURES "arm64 arm amd64 386 riscv64 ppc64le s390x mips64le loong64"
#define ULIMITS                                                                                        \
	"core= cpu= data= fsize= locks= memlock= msgqueue= nice= nofile= nproc= rss= rtprio= rttime= " \
	"sigpending= stack="

/* The first that fits counts. Those for one command come before those for all. */
static const struct rule OPTION_RULES[] = {
	{ "sampan build", "allow", "network.host security.insecure device" },
	{ "sampan build", "attest", "type=provenance type=provenance,mode=max type=sbom" },
	{ "sampan build", "build-arg", "@environment" },
	{ "sampan build", "cache-from", "type=registry,ref= type=local,src=" },
	{ "sampan build", "cache-to", "type=registry,ref= type=local,dest= type=inline" },
	{ "sampan build", "call", "build check" },
	{ "sampan build", "network", "default host none" },
	{ "sampan build", "output",
	  "type=local,dest= type=tar,dest= type=oci,dest= type=docker type=docker,dest= type=image,name= "
	  "type=registry,name= @directories" },
	{ "sampan build", "progress", "auto plain tty rawjson" },
	{ "sampan build", "provenance", "true false mode=min mode=max version=v0.2 version=v1" },
	{ "sampan build", "sbom", "true false" },
	{ "sampan build", "secret", "id=" },
	{ "sampan build", "ssh", "default" },
	{ "sampan build", "tag", "@images" },
	{ "sampan copy", "compression-format", "gzip zstd zstd: none" },
	{ "sampan copy", "dest-compress-format", "gzip zstd zstd: none" },
	{ "sampan save", "format", "docker-archive oci-archive oci-dir" },
	{ "sampan save", "compression-format", "gzip zstd zstd: none" },
	{ "sampan manifest push", "format", "oci v2s2" },
	{ "sampan network ls", "format", "table json" },
	{ "sampan network ls", "filter",
	  "name= id= driver=bridge label= type=builtin type=custom scope=local dangling=true "
	  "dangling=false" },
	{ "sampan network create", "opt", "mtu= isolate=true" },
	{ "sampan ps", "filter",
	  "name= id= label= label!= status=created status=running status=paused status=restarting "
	  "status=exited exited= "
	  "ancestor= before= since= volume= network= publish= expose= health=none health=starting "
	  "health=healthy "
	  "health=unhealthy" },
	{ "sampan ps", "format", "table json" },
	{ "sampan history", "format", "table json" },
	{ "sampan system df", "format", "table json" },
	{ "sampan images", "filter",
	  "dangling=true dangling=false label= label!= before= since= reference=" },
	{ "sampan images", "format", "table json" },
	{ "sampan events", "filter",
	  "container= event= image= label= label!= name= network= volume= type=container type=image "
	  "type=volume "
	  "type=network type=builder scope=local" },
	{ "sampan search", "filter", "stars= is-official is-automated" },
	{ "sampan builder prune", "filter", "until=" },
	{ "sampan builder prune", "keep-storage", "512m 1g 2g 5g 10g" },
	{ "sampan builder prune", "max-used-space", "512m 1g 2g 5g 10g" },
	{ "sampan builder prune", "min-free-space", "512m 1g 2g 5g 10g" },
	{ "sampan init", "type", "c-make c-cmake go python node rust" },
	{ "sampan fsck", "from", "docker:// oci: oci-archive: docker-archive:" },
	{ NULL, "attach", "stdin stdout stderr" },
	{ NULL, "cap-add", "ALL @capabilities" },
	{ NULL, "cap-drop", "ALL @capabilities" },
	{ NULL, "cdi-spec-dir", "@directories" },
	{ NULL, "cgroupns", "private host" },
	{ NULL, "change",
	  "CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR" },
	{ NULL, "compression-format", "gzip zstd zstd:" },
	{ NULL, "device", "@files" },
	{ NULL, "driver", "bridge" },
	{ NULL, "env", "@environment" },
	{ NULL, "env-file", "@files" },
	{ NULL, "filter", "until= label= label!=" },
	{ NULL, "format", "json" },
	{ NULL, "health-on-failure", "none kill restart stop" },
	{ NULL, "gpus", "all device=" },
	{ NULL, "ipc", "private shareable none host container:" },
	{ NULL, "label-file", "@files" },
	{ NULL, "log-driver", "json-file local journald none passthrough" },
	{ NULL, "log-opt", "max-size= max-file= compress= tag= labels= labels-regex= env= env-regex= mode=" },
	{ NULL, "mount", "type=bind, type=volume, type=tmpfs, type=image," },
	{ NULL, "network", "@networks bridge host none container:" },
	{ NULL, "pid", "private host container:" },
	{ NULL, "platform", PLATFORMS },
	{ NULL, "pull", "missing always never" },
	{ NULL, "restart", "no on-failure on-failure: always unless-stopped" },
	{ NULL, "sdnotify", "container conmon healthy ignore" },
	{ NULL, "secret", "@secrets" },
	{ NULL, "security-opt",
	  "no-new-privileges seccomp= seccomp=unconfined apparmor= systempaths=unconfined" },
	{ NULL, "signal", "@signals" },
	{ NULL, "stop-signal", "@signals" },
	{ NULL, "tail", "all" },
	{ NULL, "type", "image container" },
	{ NULL, "ulimit", ULIMITS },
	{ NULL, "userns", "host private auto auto:size= keep-id keep-id:uid= nomap container: ns:" },
	{ NULL, "uts", "private host" },
	{ NULL, "volume", "@volumes @files" },
	{ NULL, "volumes-from", "@containers" },
};

/* By what --help calls a value, where no rule above says more. */
static const struct rule VALUE_RULES[] = {
	{ NULL, "dir", "@directories" }, { NULL, "file", "@files" },       { NULL, "path", "@files" },
	{ NULL, "json", "json" },        { NULL, "network", "@networks" }, { NULL, "signal", "@signals" },
};

/* By how the usage line begins what it calls an argument. */
static const struct rule ARGUMENT_RULES[] = {
	{ "sampan start", "CONTAINER", "@stopped" },
	{ "sampan stop", "CONTAINER", "@running" },
	{ "sampan kill", "CONTAINER", "@running" },
	{ "sampan attach", "CONTAINER", "@running" },
	{ "sampan exec", "CONTAINER", "@running" },
	{ "sampan top", "CONTAINER", "@running" },
	{ "sampan stats", "CONTAINER", "@running" },
	{ "sampan port", "CONTAINER", "@running" },
	{ "sampan pause", "CONTAINER", "@running" },
	{ "sampan unpause", "CONTAINER", "@paused" },
	{ "sampan rm", "CONTAINER", "@stopped" },
	{ "sampan cp", "CONTAINER", "@places @files" },
	{ "sampan cp", "DEST_PATH", "@places @files" },
	{ "sampan search", "REGISTRY", "" },
	{ "sampan build", "PATH", "@directories - https://" },
	{ "sampan init", "DIR", "@directories" },
	{ "sampan lock", "CONTEXT", "@directories" },
	{ "sampan binfmt", "ARCH", ARCHITECTURES },
	{ NULL, "CONTAINER", "@containers" },
	{ NULL, "NAME|ID", "@containers @images" },
	{ NULL, "IMAGE", "@images" },
	{ NULL, "LIST|IMAGE", "@images" },
	{ NULL, "NAME[:TAG]", "@images" },
	{ NULL, "REPOSITORY", "@images" },
	{ NULL, "NETWORK", "@networks" },
	{ "sampan volume create", "VOLUME", "" },
	{ NULL, "VOLUME", "@volumes" },
	{ NULL, "SECRET", "@secrets" },
	{ NULL, "FILE", "@files" },
	{ NULL, "SOURCE", "docker:// oci: oci-archive: docker-archive: @images" },
	{ NULL, "TARGET", "docker:// oci: oci-archive: docker-archive:" },
	{ NULL, "REF", "@images docker:// oci: oci-archive: docker-archive:" },
};

static bool is_command(const struct help_text *command, const char *name)
{
	size_t len = strlen(name);

	return strncmp(command->usage, name, len) == 0 &&
	       (command->usage[len] == ' ' || !command->usage[len]);
}

/* --- what is looked up -------------------------------------------------------------------------------------- */

enum which { ALL, RUNNING, STOPPED, PAUSED };

static bool fits(const struct container_record *c, enum which which)
{
	switch (which) {
	case RUNNING:
		return container_is_up(c);
	case STOPPED:
		return !container_is_up(c);
	case PAUSED:
		return c->status == CONTAINER_PAUSED;
	default:
		return true;
	}
}

/* `sign` follows each name. */
static int add_containers(const struct cli_globals *g, enum which which, const char *sign, struct strvec *out)
{
	cleanup_store struct store *s = NULL;
	struct container_record *items = NULL;
	struct err ignored; /* there are no names then */
	size_t len = 0;
	int r = 0;

	if (store_open(g->root, &s, &ignored) < 0 ||
	    container_view_list(s, g->state_dir, &items, &len, &ignored) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < len; i++)
		if (fits(&items[i], which))
			r = strvec_addf(out, "%s%s\t%s, %s", items[i].name, sign, items[i].image_name,
					container_status_name(items[i].status));
	container_list_free(items, len);
	return r;
}

static int add_image(const char *name, struct strvec *out)
{
	cleanup_reference struct reference ref = { 0 };
	struct err ignored;

	if (reference_parse(name, &ref, &ignored) < 0)
		return 0;
	return strvec_take(out, reference_familiar(&ref));
}

static int add_images(const struct cli_globals *g, struct strvec *out)
{
	cleanup_store struct store *s = NULL;
	struct image_record *items = NULL;
	size_t len = 0, damaged = 0;
	struct err ignored;
	int r = 0;

	if (store_open(g->root, &s, &ignored) < 0 || image_list(s, &items, &len, &damaged, &ignored) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < len; i++)
		r = add_image(items[i].name, out);
	image_list_free(items, len);
	return r;
}

static int add_volumes(const struct cli_globals *g, struct strvec *out)
{
	cleanup_store struct store *s = NULL;
	struct volume_record *items = NULL;
	size_t len = 0, damaged = 0;
	struct err ignored;
	int r = 0;

	if (store_open(g->root, &s, &ignored) < 0 || volume_list(s, &items, &len, &damaged, &ignored) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < len; i++)
		r = strvec_add(out, items[i].name);
	volume_list_free(items, len);
	return r;
}

static int add_secrets(const struct cli_globals *g, struct strvec *out)
{
	cleanup_store struct store *s = NULL;
	struct secret_record *items = NULL;
	struct err ignored;
	size_t len = 0;
	int r = 0;

	if (store_open(g->root, &s, &ignored) < 0 || secret_list(s, &items, &len, &ignored) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < len; i++)
		r = strvec_add(out, items[i].name);
	secret_list_free(items, len);
	return r;
}

static int add_networks(const struct cli_globals *g, struct strvec *out)
{
	struct network *items = NULL;
	struct err ignored;
	size_t len = 0;
	int r = 0;

	if (network_list(g->root, &items, &len, &ignored) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < len; i++)
		r = strvec_add(out, items[i].name);
	network_list_free(items, len);
	return r;
}

static int add_signals(struct strvec *out)
{
	int r = 0;

	for (int i = 1; r == 0 && i < SIGNAL_RT_MIN; i++)
		if (signal_abbreviation(i))
			r = strvec_addf(out, "SIG%s\t%s", signal_abbreviation(i), signal_text(i));
	return r;
}

static int add_capabilities(struct strvec *out)
{
	const char *name;
	int r = 0;

	for (int i = 0; r == 0 && (name = capability_name(i)); i++)
		r = strvec_add(out, name + strlen("CAP_"));
	return r;
}

static int add_environment(struct strvec *out)
{
	int r = 0;

	for (char **entry = environ; r == 0 && *entry; entry++) {
		size_t len = strcspn(*entry, "=");

		r = strvec_addf(out, "%.*s", (int)len, *entry);
	}
	return r;
}

static int add_list(const struct cli_globals *g, const char *list, struct strvec *out)
{
	static const struct {
		const char *name;
		enum which which;
		const char *sign;
	} CONTAINERS[] = { { "containers", ALL, "" },
			   { "running", RUNNING, "" },
			   { "stopped", STOPPED, "" },
			   { "paused", PAUSED, "" },
			   { "places", ALL, ":" } };

	for (size_t i = 0; i < ARRAY_LEN(CONTAINERS); i++)
		if (strcmp(list, CONTAINERS[i].name) == 0)
			return add_containers(g, CONTAINERS[i].which, CONTAINERS[i].sign, out);
	if (strcmp(list, "images") == 0)
		return add_images(g, out);
	if (strcmp(list, "networks") == 0)
		return add_networks(g, out);
	if (strcmp(list, "volumes") == 0)
		return add_volumes(g, out);
	if (strcmp(list, "secrets") == 0)
		return add_secrets(g, out);
	if (strcmp(list, "signals") == 0)
		return add_signals(out);
	if (strcmp(list, "capabilities") == 0)
		return add_capabilities(out);
	if (strcmp(list, "environment") == 0)
		return add_environment(out);
	return strvec_add(out, strcmp(list, "files") == 0 ? COMPLETE_FILES : COMPLETE_DIRECTORIES);
}

/* --- rules --------------------------------------------------------------------------------------------------- */

static int add_word(const struct cli_globals *g, const char *word, struct strvec *out)
{
	if (word[0] == '@')
		return add_list(g, word + 1, out);
	return strvec_has(out, word) ? 0 : strvec_add(out, word); /* "bridge" is a network as well */
}

/* Words that `separator` keeps apart. */
static int add_words(const struct cli_globals *g, const char *words, size_t len, char separator,
		     struct strvec *out)
{
	cleanup_free char *copy = strndup(words, len);
	char *rest = copy, *word;
	const char separators[] = { separator, '\0' };
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (word = strsep(&rest, separators)))
		if (*word)
			r = add_word(g, word, out);
	return r;
}

static const struct rule *find_rule(const struct rule *rules, size_t len, const struct help_text *command,
				    const char *name)
{
	for (size_t i = 0; i < len; i++)
		if (strcmp(rules[i].option, name) == 0 &&
		    (!rules[i].command || is_command(command, rules[i].command)))
			return &rules[i];
	return NULL;
}

int complete_option_value(const struct cli_globals *g, const struct help_text *command,
			  const struct help_entry *option, struct strvec *out)
{
	const struct rule *rule;

	if (!option->value)
		return 0;
	rule = find_rule(OPTION_RULES, ARRAY_LEN(OPTION_RULES), command, option->name);
	if (!rule)
		rule = find_rule(VALUE_RULES, ARRAY_LEN(VALUE_RULES), command, option->value);
	return rule ? add_words(g, rule->words, strlen(rule->words), ' ', out) : 0;
}

int complete_argument(const struct cli_globals *g, const struct help_text *command, size_t n,
		      struct strvec *out)
{
	size_t len = 0;
	const char *argument = help_text_argument(command, n, &len);

	if (!argument)
		return 0;
	for (; len > 0 && *argument == '['; len--)
		argument++;
	if (*argument >= 'a' && *argument <= 'z' && memchr(argument, '|', len)) /* "bash|zsh|fish" */
		return add_words(g, argument, len, '|', out);
	for (size_t i = 0; i < ARRAY_LEN(ARGUMENT_RULES); i++) {
		const struct rule *rule = &ARGUMENT_RULES[i];

		if (strlen(rule->option) <= len &&
		    memcmp(rule->option, argument, strlen(rule->option)) == 0 &&
		    (!rule->command || is_command(command, rule->command)))
			return add_words(g, rule->words, strlen(rule->words), ' ', out);
	}
	return 0;
}
