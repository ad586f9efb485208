"""The supervisor's shell: the process at the root of a node, which starts and watches the others."""
