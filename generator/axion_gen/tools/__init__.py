"""The command `axion`: what helps with a bus beside the generated code."""
