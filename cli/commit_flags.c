/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commit_flags.h"

void commit_flags_done(struct commit_flags *f)
{
	strvec_done(&f->changes);
}

#define FLAG(member) offsetof(struct commit_flags, member)
static const struct option_def OPTIONS[] = {
	{ "author", 'a', OPTION_STRING, FLAG(author), "string",
	  "Who has made it: \"Jane <jane@example.com>\"" },
	{ "change", 'c', OPTION_LIST, FLAG(changes), "list",
	  "Instruction of a Dockerfile for the image: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, "
	  "ONBUILD, "
	  "STOPSIGNAL, USER, VOLUME, WORKDIR" },
	{ "message", 'm', OPTION_STRING, FLAG(message), "string", "Say this in the image's history" },
	{ "no-pause", 0, OPTION_BOOL, FLAG(no_pause), NULL, "Let the container go on meanwhile" },
	{ "pause", 'p', OPTION_BOOL, FLAG(pause), NULL, "Pause the container meanwhile (default true)" },
	{ 0 },
};

const struct command_def COMMIT_COMMAND = {
	.name = "sampan commit",
	.usage = "[OPTIONS] CONTAINER [NAME[:TAG]]",
	.summary = "Make an image of a container's changes",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 2,
};
