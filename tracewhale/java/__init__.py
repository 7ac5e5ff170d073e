"""The class library of a JVM: its image file, read and written with fewer resources."""
