#ifndef BARE_H
#define BARE_H

/* Detaches the mounts below "/", the deepest first, so that the directories below them are visible. A mount
 * that cannot be detached stays. Only for process 1 of a container. */
void bare(void);

#endif
