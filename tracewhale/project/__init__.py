"""What a repository says of its images: the project file, the lock file, traces to be used again."""
