"""The integration hub for Madrid's integral citizen position."""

__version__ = "0.1.0"
