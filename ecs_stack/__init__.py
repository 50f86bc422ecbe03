"""Amazon ECS environments as code."""
