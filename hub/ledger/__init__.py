"""What was asked and answered, kept so that nobody can change it unnoticed."""
