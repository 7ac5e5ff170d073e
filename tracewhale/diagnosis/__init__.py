"""Diagnosis: why a command fails in an image, from its files, its look-ups and its output. Pure."""

from tracewhale.diagnosis.contents import Contents
from tracewhale.diagnosis.model import Case, Diagnosis, Finding, Sure, User
from tracewhale.diagnosis.ranking import before_running, diagnose
from tracewhale.diagnosis.remedy import Remedy

__all__ = ["Case", "Contents", "Diagnosis", "Finding", "Remedy", "Sure", "User", "before_running", "diagnose"]
