#ifndef BARE_H
#define BARE_H

/* Detaches what is mounted below "/", the deepest first, so that the directories beneath show. What cannot
 * be detached stays. Only for process 1 of a container. */
void bare(void);

#endif
