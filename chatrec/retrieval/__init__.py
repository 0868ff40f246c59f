"""Candidates by inner products: vectors, and the FAISS index that finds them."""
