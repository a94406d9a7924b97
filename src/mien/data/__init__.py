"""The data sets: FER2013's pixels, FER+'s votes, the protocols that scores are measured by, and augmentation."""
