"""A shop in English and Chinese: search words, stock, and things that are bought again and again."""
