"""Commands that work on what the pipelines wrote, one module a command."""
