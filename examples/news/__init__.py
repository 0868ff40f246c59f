"""A site of news: articles live for hours, and the newest finds its readers by its text alone."""
