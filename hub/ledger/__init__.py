"""Evidence: what was asked and answered, so kept that nobody changes it unnoticed."""
