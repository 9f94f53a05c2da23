"""The integration hub for Madrid's integral citizen position."""
