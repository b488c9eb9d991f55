"""What tests are built from: fakes, tiny authorities and judges.  Imported as `kit`."""
