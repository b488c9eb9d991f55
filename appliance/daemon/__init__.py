"""The processes of the box: `main` starts them, `tree` says what each is made of."""
