"""Extensions of certificates: the common ones at once, the others by a reader of their own."""
