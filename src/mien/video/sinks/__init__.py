"""Where results go: tables, annotated videos, timelines, reports and the live page, all behind one protocol."""
