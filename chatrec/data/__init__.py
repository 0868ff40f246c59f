"""Arrays and interactions, as all models take them."""
