"""What runs inside a worker's process. Nothing here imports anything of cloudlet's but this folder:
it also runs under other interpreters than cloudlet's own.
"""
