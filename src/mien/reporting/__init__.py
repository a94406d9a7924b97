"""The story of a data set and its models as one page: every figure and table of the capstone's report, made anew."""
