"""The web application: JSON API and pages."""

from simsvc.web.app import create_app

__all__ = ["create_app"]
