"""Reports about a data set and its models as one page: every plot and table of the capstone's report, made anew."""
