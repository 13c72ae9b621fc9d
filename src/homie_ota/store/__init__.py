"""The store: rows in SQLite or PostgreSQL, image bytes as files.

Rule: one verb, one statement, the connection first, no commit; the caller owns the transaction (`database.Database`).
"""
