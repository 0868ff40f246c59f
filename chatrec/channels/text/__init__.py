"""What texts say of items, known and new: learned maps from the features of a text to behaviour."""
