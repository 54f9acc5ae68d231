"""How `make docs` builds the site: Sphinx reads the Markdown with MyST, Furo gives it its looks."""

project = "Axion"
html_title = "Axion"
language = "en"

extensions = ["myst_parser"]
myst_heading_anchors = 3  # what links may name, and what the build checks
nitpicky = True
smartquotes = False  # a command is copied as it stands

html_theme = "furo"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
pygments_style = "default"
pygments_dark_style = "github-dark"
