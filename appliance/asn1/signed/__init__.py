"""SignedData: of tokens, fast and narrow (`cms`), and of anybody (`signed_data`)."""
