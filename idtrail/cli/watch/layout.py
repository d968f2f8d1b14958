"""The layout of the watch screen for each terminal size."""

from __future__ import annotations

from typing import Final

LEAST_WIDTH: Final = 60
LEAST_HEIGHT: Final = 12
WIDE: Final = 140
"""From this width on, the integrations are beside the lists."""

WIDTHS: Final = [(0, "-tiny"), (LEAST_WIDTH, "-narrow"), (WIDE, "-wide")]
HEIGHTS: Final = [(0, "-flat"), (LEAST_HEIGHT, "-tall")]

CSS: Final = """
Screen { layout: vertical; overflow: hidden; }
#headline, #status, #footer { height: 1; width: 1fr; }
#headline { text-style: bold; }
#footer { dock: bottom; }
#sizes { display: none; width: 1fr; }
#body { height: 1fr; }
#lists { height: 1fr; width: 1fr; }
#beside { height: auto; }
#ask { display: none; border: none; height: 1; padding: 0; }
.asking #ask { display: block; }
.asking #footer { display: none; }
.-narrow #body { layout: vertical; }
.-wide #body { layout: horizontal; }
.-wide #beside { width: 64; height: 1fr; margin-left: 2; }
.-tiny #body, .-tiny #headline, .-tiny #status, .-flat #body, .-flat #headline, .-flat #status { display: none; }
.-tiny #sizes, .-flat #sizes { display: block; }
VerticalScroll { scrollbar-size: 0 0; padding: 0 1; }
"""
