"""A cloudlet for every test: a pytest plugin. ``docs/testing.md`` is its guide.

pytest loads the plugin wherever cloudlet is installed, so nothing is imported here: a session that uses no
cloudlet must not notice. For annotations: ``from cloudlet.testing.cloudlet import Cloudlet``.
"""
