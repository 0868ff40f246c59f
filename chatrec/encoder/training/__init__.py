"""Training an encoder: to foresee the next token, and to put near each other what the same people take."""
