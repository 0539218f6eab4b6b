/* SPDX-License-Identifier: Apache-2.0 */
/* Containers of an ordinary user: all of sampan runs in a user namespace in which he is root and his subordinate IDs (subuid(5)) are the others', and in
 * a mount namespace of it. All of a state directory's commands and monitors share one, so that they may look after each other's containers and see the
 * same mounts. It lives as long as a process is in it: one that does nothing else, and whichever monitors run. */
#ifndef SAMPAN_ENGINE_ROOTLESS_H
#define SAMPAN_ENGINE_ROOTLESS_H

#include "common/err.h"

/* Joins the namespaces of a state directory, which is made, or makes them; the working directory stays where it is. Nobody has to leave: this process and
 * its children are in there, root of it, but for /proc/self/exe, which is of the mount namespace that it was started in. -ENOENT no subordinate IDs, no newuidmap; -EPERM: each with the cure. */
int rootless_enter(const char *state_dir, struct err *e) MUST_CHECK;

/* Where a user's things are: $XDG_DATA_HOME/sampan or ~/.local/share/sampan, and $XDG_RUNTIME_DIR/sampan, or below /run/user/UID. *ret is owned.
 * -ENOENT with the cure. */
int rootless_root(char **ret, struct err *e) MUST_CHECK;
int rootless_state_dir(char **ret, struct err *e) MUST_CHECK;

#endif
