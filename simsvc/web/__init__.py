"""The web application: JSON API and pages.

`simsvc.web.app` is not imported here: gunicorn's first process reads its settings from this package and must
not load the engines. A fork would lose their threads, and a worker that inherits them aborts when it ends.
"""
