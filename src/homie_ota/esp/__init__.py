"""What Espressif's chips say of themselves: in a firmware file, and in the headers of an update request."""
