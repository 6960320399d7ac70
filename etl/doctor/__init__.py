"""Find out what would keep a run from going well: small checks, each giving one finding.

Rule 1: every check runs that can, whatever the others find.
Rule 2: nothing is written, to HubSpot or to the disk, and each thing is asked once.
"""
