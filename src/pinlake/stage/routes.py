"""Which topics and streams feed which table of stage stream: see ``pinlake.engine.routes``."""

from pinlake.engine.routes import UNROUTED, Feed, Routes, routes

__all__ = ["UNROUTED", "Feed", "Routes", "routes"]
