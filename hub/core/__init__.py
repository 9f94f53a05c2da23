"""Pure types and decisions: standard library and msgspec only, no input or output."""
