"""Commands that make the god view and read it; each module has a click command `command`."""
