/* The credentials of a process: users, groups, capabilities. */
#ifndef SET_CREDENTIALS_H
#define SET_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { GROUP_LIMIT = 1024 };

enum capability_set { SET_PERMITTED, SET_EFFECTIVE, SET_INHERITABLE, SET_BOUNDING, SET_AMBIENT, SET_COUNT };

/* Values that are not given do not change, except that a user other than root loses the permitted and
 * effective capabilities, as after any change of user. */
struct identity {
    bool set_uid, set_gid, set_groups;
    uid_t uid;
    gid_t gid;
    unsigned group_count;
    gid_t groups[GROUP_LIMIT];
    unsigned given; /* bits 1 << enum capability_set */
    uint64_t sets[SET_COUNT];
};

/* Takes on the credentials irrevocably. Returns NULL, or the name of the step that failed, with errno. */
const char *set_credentials(const struct identity *identity);

/* Returns the effective capabilities; none if they are unknown. */
uint64_t held_capabilities(void);

/* Take on another user and groups to look at files, and restore our own. Return 0, or -1 with errno. */
int set_user_for_now(const struct identity *identity);
int restore_root(void);

#endif
