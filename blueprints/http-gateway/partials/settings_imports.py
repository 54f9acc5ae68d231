
from .routes import Routes
