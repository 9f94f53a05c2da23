"""What the author of a connector, or of a portal, tests with: named rules, a workbench for one
connector, builders, faults.
"""
