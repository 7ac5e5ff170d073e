"""Files of a repository about its images: the project file, the lock file, cached traces."""
