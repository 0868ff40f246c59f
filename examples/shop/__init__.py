"""A shop in English and Chinese, with searches, stock and repeat purchases."""
