/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_flags.h"

#include <string.h>

#include "common/cleanup.h"

void build_flags_done(struct build_flags *f)
{
	struct strvec *const lists[] = {
		&f->tags,       &f->build_args, &f->labels,           &f->annotations,
		&f->contexts,   &f->platforms,  &f->secrets,          &f->ssh,
		&f->outputs,    &f->allow,      &f->no_cache_filters, &f->add_hosts,
		&f->cache_from, &f->cache_to
	};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		strvec_done(lists[i]);
	attest_options_done(&f->attest);
	run_flags_done(&f->limits);
}

static int set_choice(const char *text, const char *const *names, size_t len, int *member, struct err *e)
{
	for (size_t i = 0; i < len; i++)
		if (names[i] && strcmp(names[i], text) == 0) {
			*member = (int)i;
			return 0;
		}
	return err_set(e, -EINVAL, "there is no '%s'", text);
}

/* Without a value it is a bool's "true": --pull. */
static int set_pull(const char *text, void *member, struct err *e)
{
	static const char *const NAMES[] = {
		[BASE_PULL_MISSING] = "missing", [BASE_PULL_ALWAYS] = "always", [BASE_PULL_NEVER] = "never"
	};

	if (strcmp(text, "true") == 0)
		text = "always";
	else if (strcmp(text, "false") == 0)
		text = "missing";
	return set_choice(text, NAMES, ARRAY_LEN(NAMES), member, e);
}

static int set_progress(const char *text, void *member, struct err *e)
{
	static const char *const NAMES[] = { [BUILD_PROGRESS_AUTO] = "auto",
					     [BUILD_PROGRESS_PLAIN] = "plain",
					     [BUILD_PROGRESS_TTY] = "tty",
					     [BUILD_PROGRESS_RAWJSON] = "rawjson" };

	return set_choice(text, NAMES, ARRAY_LEN(NAMES), member, e);
}

static int set_provenance(const char *text, void *member, struct err *e)
{
	return attest_options_add(member, "provenance", text, e);
}

static int set_sbom(const char *text, void *member, struct err *e)
{
	return attest_options_add(member, "sbom", text, e);
}

static int set_attest(const char *text, void *member, struct err *e)
{
	return attest_options_add(member, NULL, text, e);
}

#define FLAG(member)  offsetof(struct build_flags, member)
#define LIMIT(member) offsetof(struct build_flags, limits.member)
static const struct option_def OPTIONS[] = {
	{ "add-host", 0, OPTION_LIST, FLAG(add_hosts), "list", "Lines of /etc/hosts of RUN: HOST:IP" },
	{ "allow", 0, OPTION_LIST, FLAG(allow), "list",
	  "Allow RUN what it may not do else: network.host, security.insecure, device" },
	{ "annotation", 0, OPTION_LIST, FLAG(annotations), "list", "Annotations of the manifest: KEY=VALUE" },
	{ "attest", 0, OPTION_CALL, FLAG(attest), "string",
	  "Say something of the image, in its index: type=provenance[,mode=max], type=sbom", set_attest },
	{ "authfile", 0, OPTION_STRING, FLAG(auth_file), "path",
	  "Take credentials from here (default $REGISTRY_AUTH_FILE, or auth.json and docker's config.json)" },
	{ "build-arg", 0, OPTION_LIST, FLAG(build_args), "list",
	  "Values of ARGs: NAME=VALUE, or NAME for that of our environment" },
	{ "build-context", 0, OPTION_LIST, FLAG(contexts), "list",
	  "Further contexts: NAME=DIR, NAME=docker-image://REF, NAME=oci-layout://DIR, NAME=URL" },
	{ "cache-from", 0, OPTION_LIST, FLAG(cache_from), "list",
	  "Take steps from here: REF, type=registry,ref=REF, type=local,src=DIR" },
	{ "cache-to", 0, OPTION_LIST, FLAG(cache_to), "list",
	  "Bring steps there: REF, type=registry,ref=REF[,mode=max], type=local,dest=DIR, type=inline" },
	{ "call", 0, OPTION_STRING, FLAG(call), "string", "What to do: build (default), check" },
	{ "cgroup-parent", 0, OPTION_STRING, LIMIT(cgroup_parent), "string", "Where the cgroups of RUN go" },
	{ "check", 0, OPTION_BOOL, FLAG(check), NULL, "Check the Dockerfile, and build nothing" },
	{ "compress", 0, OPTION_BOOL, FLAG(ignored), NULL, NULL },
	{ "cpu-period", 0, OPTION_I64, LIMIT(cpu_period), "int", "Period of the limit on CPU time, in us" },
	{ "cpu-quota", 0, OPTION_I64, LIMIT(cpu_quota), "int", "CPU time of RUN in a period, in us" },
	{ "cpu-shares", 'c', OPTION_U64, LIMIT(cpu_shares), "int", "Relative weight of RUN" },
	{ "cpuset-cpus", 0, OPTION_STRING, LIMIT(cpuset_cpus), "list", "CPUs that RUN may use (0-3, 0,1)" },
	{ "cpuset-mems", 0, OPTION_STRING, LIMIT(cpuset_mems), "list", "NUMA nodes of RUN's memory" },
	{ "file", 'f', OPTION_STRING, FLAG(file), "path",
	  "The Dockerfile (default CONTEXT/Dockerfile, or CONTEXT/Containerfile); -: standard input" },
	{ "force-rm", 0, OPTION_BOOL, FLAG(ignored), NULL, NULL },
	{ "iidfile", 0, OPTION_STRING, FLAG(iidfile), "path", "Write the image's ID there" },
	{ "jobs", 0, OPTION_U64, FLAG(jobs), "int",
	  "Steps at a time (default as many as CPUs and memory allow)" },
	{ "label", 0, OPTION_LIST, FLAG(labels), "list", "Labels of the image: KEY=VALUE" },
	{ "load", 0, OPTION_BOOL, FLAG(load), NULL, "Keep the image in the store, as is done anyway" },
	{ "locked", 0, OPTION_BOOL, FLAG(locked), NULL,
	  "Use the images that the lock file beside the Dockerfile has, and no others" },
	{ "memory", 'm', OPTION_SIZE, LIMIT(memory), "bytes", "Memory limit of RUN" },
	{ "memory-swap", 0, OPTION_CALL, LIMIT(memory_swap), "bytes",
	  "Limit of memory and swap together; -1: no limit", run_flags_set_memory_swap },
	{ "metadata-file", 0, OPTION_STRING, FLAG(metadata_file), "path",
	  "Write what was built there, as JSON" },
	{ "network", 0, OPTION_STRING, FLAG(network), "string",
	  "Network of RUN: default or host (this machine's), none" },
	{ "no-cache", 0, OPTION_BOOL, FLAG(no_cache), NULL, "Make all steps anew" },
	{ "no-cache-filter", 0, OPTION_LIST, FLAG(no_cache_filters), "list",
	  "Make the steps of these stages anew" },
	{ "output", 'o', OPTION_LIST, FLAG(outputs), "list",
	  "Where the result goes: type=local|tar|oci|docker|image|registry, dest=PATH; or a directory" },
	{ "platform", 0, OPTION_LIST, FLAG(platforms), "list",
	  "Build for these platforms: OS/ARCH[/VARIANT]" },
	{ "progress", 0, OPTION_CALL, FLAG(progress), "string",
	  "How to show what is done: auto, plain, tty, rawjson", set_progress },
	{ "provenance", 0, OPTION_BOOL, FLAG(attest), "string",
	  "Say how the image was made: true, mode=max, version=v1 (default false)", set_provenance },
	{ "pull", 0, OPTION_BOOL, FLAG(pull), "string",
	  "When to pull bases: missing (default), always (--pull alone), never", set_pull },
	{ "push", 0, OPTION_BOOL, FLAG(push), NULL, "Push the image to the registries of its names" },
	{ "quiet", 'q', OPTION_BOOL, FLAG(quiet), NULL, "Print the image's ID alone" },
	{ "rm", 0, OPTION_BOOL, FLAG(ignored), NULL, NULL },
	{ "sbom", 0, OPTION_BOOL, FLAG(attest), "string",
	  "List the packages in the image: true (default false)", set_sbom },
	{ "secret", 0, OPTION_LIST, FLAG(secrets), "list",
	  "Secrets for RUN: id=ID[,src=PATH][,env=VARIABLE]" },
	{ "shm-size", 0, OPTION_SIZE, LIMIT(shm_size), "bytes", "Size of /dev/shm of RUN (default 64m)" },
	{ "squash", 0, OPTION_BOOL, FLAG(squash), NULL,
	  "Make one layer of all that the build adds to its base" },
	{ "ssh", 0, OPTION_LIST, FLAG(ssh), "list", "Agents for RUN: default, ID=SOCKET, or ID=KEY,..." },
	{ "tag", 't', OPTION_LIST, FLAG(tags), "list", "Names of the image: NAME[:TAG]" },
	{ "target", 0, OPTION_STRING, FLAG(target), "stage", "Build this stage (default the last one)" },
	{ "timestamp", 0, OPTION_I64, FLAG(timestamp), "seconds",
	  "The time of the image and of its files (default $SOURCE_DATE_EPOCH, or now)" },
	{ "tls-verify", 0, OPTION_BOOL, FLAG(tls_verify), NULL,
	  "Insist on HTTPS and a valid certificate (default true)" },
	{ "ulimit", 0, OPTION_LIST, LIMIT(ulimits), "list", "Limits of processes: NAME=SOFT[:HARD]" },
	{ 0 },
};

const struct command_def BUILD_COMMAND = {
	.name = "sampan build",
	.usage = "[OPTIONS] PATH | URL | -",
	.summary = "Build an image from a Dockerfile",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};
