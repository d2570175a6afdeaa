"""The front door: sockets, which service a request is for, and the sites of visitors."""
