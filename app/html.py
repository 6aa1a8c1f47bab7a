"""HTML by the page's own templates, which lie in `app/templates`."""

from maeday_core.drawing.html import renderer

render = renderer(__package__)
