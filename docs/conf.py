"""How `make docs` builds the site: Sphinx reads the Markdown with MyST, Furo gives it its looks."""

project = "Axion"
html_title = "Axion"
language = "en"

extensions = ["myst_parser"]
myst_heading_anchors = 3  # what links may name, and what the build checks
nitpicky = True
smartquotes = False  # a command is copied as it stands

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["axion.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
highlight_language = "text"  # diagrams
pygments_style = "default"
pygments_dark_style = "github-dark"
