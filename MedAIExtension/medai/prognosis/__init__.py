"""Published clinical scores of pneumonia, computed exactly, with what is missing said."""
