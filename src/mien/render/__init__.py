"""Everything that turns results into pictures, pages and text."""
