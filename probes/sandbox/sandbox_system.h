/* The kernel's own file systems: /proc, /sys and /dev, as in a Docker container. */
#ifndef SANDBOX_SYSTEM_H
#define SANDBOX_SYSTEM_H

void mount_proc(void);
void mount_sys(void);
void mount_dev(const char *shm_options);
void mount_protection(const char *path);
void mount_mask(const char *path);

#endif
