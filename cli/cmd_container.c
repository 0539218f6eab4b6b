/* SPDX-License-Identifier: Apache-2.0 */
/* sampan container: the commands about containers under one roof, as docker has them, and prune. */
#include <stdio.h>

#include "cli/confirm.h"
#include "cli/find_container.h"
#include "cli/format.h"
#include "cli/prune.h"
#include "cli/prune_filter.h"
#include "cli/remove_container.h"
#include "common/cleanup.h"
#include "common/event_log.h"

struct prune_options {
	bool force;
	struct strvec filters;
};

#define OPT(m) offsetof(struct prune_options, m)
static const struct option_def PRUNE_OPTIONS[] = {
	{ "filter", 0, OPTION_LIST, OPT(filters), "filter",
	  "until=TIME (created before), label=KEY[=VALUE], label!=KEY[=VALUE]" },
	{ "force", 'f', OPTION_BOOL, OPT(force), NULL, "Do not ask" },
	{ 0 },
};
static const struct command_def PRUNE = {
	.name = "sampan container prune",
	.usage = "[OPTIONS]",
	.summary = "Remove all containers that do not run",
	.options = PRUNE_OPTIONS,
	.max_args = 0,
};

void prune_report(uint64_t freed)
{
	char text[FORMAT_MAX];

	format_size(freed, text);
	(void)printf("Total reclaimed space: %s\n", text);
}

void prune_tell(const struct cli_globals *g, const char *type, uint64_t freed)
{
	char bytes[24];
	const char *pairs[] = { "reclaimed", bytes, NULL };

	(void)snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)freed);
	event_write(g->state_dir,
		    &(struct event){ .type = type, .action = "prune", .id = "", .attributes = pairs });
}

/* One that has been started in the meantime stays, and whoever removes it at the same time has done our work. */
static int remove_one(const struct store *s, const struct cli_globals *g, const struct container_record *c,
		      bool *ret_gone, uint64_t *freed, struct err *e)
{
	static const struct remove_options ALONE = { 0 }; /* docker leaves the volumes to `volume prune` */
	uint64_t size = usage_written_bytes(s, c->id);
	int r = remove_container(s, g, c->id, &ALONE, e);

	*ret_gone = r == 0;
	if (r == 0)
		*freed += size;
	return r == -EBUSY || r == -ENOENT ? 0 : r;
}

int prune_containers(const struct store *s, const struct cli_globals *g, const struct prune_policy *policy,
		     uint64_t *freed, struct err *e)
{
	struct container_record *items = NULL;
	size_t len = 0, removed = 0;
	uint64_t before = *freed;
	int r = list_containers(s, g, &items, &len, e);

	for (size_t i = 0; r == 0 && i < len; i++) {
		const struct container_record *c = &items[i];
		bool gone = false;

		if (container_is_up(c) || c->starting ||
		    !prune_policy_matches(policy, c->created, &c->labels))
			continue;
		r = remove_one(s, g, c, &gone, freed, e);
		if (gone)
			(void)printf("%s%s\n", removed++ ? "" : "Deleted Containers:\n", c->id);
	}
	if (removed)
		(void)putchar('\n');
	container_list_free(items, len);
	prune_tell(g, "container", *freed - before);
	return r;
}

static int run_prune(const struct prune_options *o, const struct cli_globals *g)
{
	cleanup_prune_policy struct prune_policy policy = { 0 };
	cleanup_store struct store *s = NULL;
	struct err e = { 0 };
	uint64_t freed = 0;

	if (prune_filter_parse(&o->filters, &policy, &e) < 0)
		return cli_refuse(&e);
	if (store_open(g->root, &s, &e) < 0)
		return cli_fail(&e);
	if (!o->force && !cli_confirm("all stopped containers"))
		return 0;
	if (prune_containers(s, g, &policy, &freed, &e) < 0)
		return cli_fail(&e);
	prune_report(freed);
	return 0;
}

static int container_prune(int argc, char **argv, const struct cli_globals *g)
{
	struct prune_options o = { 0 };
	int n = 0, code = 0;

	if (cli_options(&PRUNE, argc, argv, &o, &n, &code))
		code = cli_end_output(run_prune(&o, g));
	strvec_done(&o.filters);
	return code;
}

static const struct cli_subcommand COMMANDS[] = {
	{ "attach", cmd_attach, "Connect our streams to a container that runs" },
	{ "commit", cmd_commit, "Make an image of a container's changes" },
	{ "cp", cmd_cp, "Copy files between a container and the host" },
	{ "create", cmd_create, "Create a container, to be started later" },
	{ "diff", cmd_diff, "Show what a container has changed in its file system" },
	{ "exec", cmd_exec, "Run a further command in a container that runs" },
	{ "export", cmd_delegated, "Write a container's file system to a tar" },
	{ "inspect", cmd_inspect, "Show all that is known about containers, as JSON" },
	{ "kill", cmd_kill, "Send a signal to containers" },
	{ "logs", cmd_logs, "Show the output of containers" },
	{ "ls", cmd_ps, "List containers" },
	{ "pause", cmd_pause, "Freeze all processes of containers" },
	{ "port", cmd_port, "List the published ports of a container" },
	{ "prune", container_prune, "Remove all containers that do not run" },
	{ "rename", cmd_rename, "Give a container another name" },
	{ "restart", cmd_restart, "Stop containers, and start them again" },
	{ "rm", cmd_rm, "Remove containers" },
	{ "run", cmd_run, "Create a container from an image and run it" },
	{ "start", cmd_start, "Start containers" },
	{ "stats", cmd_stats, "Show what containers take up, once a second" },
	{ "stop", cmd_stop, "Stop containers" },
	{ "top", cmd_top, "Show the processes of a container" },
	{ "unpause", cmd_unpause, "Let the processes of paused containers go on" },
	{ "update", cmd_update, "Change limits and restart policy of containers" },
	{ "wait", cmd_wait, "Wait until containers have ended" },
	{ "list", cmd_ps, NULL },
	{ "ps", cmd_ps, NULL },
	{ "remove", cmd_rm, NULL },
	{ 0 },
};

int cmd_container(int argc, char **argv, const struct cli_globals *g)
{
	return cli_run_subcommand("container", "Manage containers", COMMANDS, argc, argv, g);
}
