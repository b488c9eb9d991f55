"""What tells of revocation: certificate lists and OCSP, read strictly and written."""
