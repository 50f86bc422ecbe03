"""Pure facts and arithmetic: AWS limits, names, policies, priorities. No I/O, no Pulumi."""
