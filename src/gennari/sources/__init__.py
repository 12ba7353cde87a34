"""All that knows a file format."""
